"""Clusters, pods and records out of which cases are made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from analytics.cluster import ClusterView
from analytics.cluster.detail import read_pod
from analytics.why.facts import Facts, Record, Rejected
from extender.model.node import Node
from extender.model.pod import Pod
from tests.analytics.cluster.clusters import a_node, a_view

NOW_S = 1_767_323_045.0
"""2026-01-02T03:04:05Z"""
TRIED = "0/{} nodes are available: {}. preemption: 0/{} nodes are available: no victims."


def pod(name: str = "web-0", node: str = "", message: str = "", **more: Any) -> Pod:
    """In team-a, a hundred seconds old. `more`: requests, labels, spec, status, metadata, reason, tried."""
    reason, labels = more.pop("reason", "Unschedulable"), more.pop("labels", {})
    tried = more.pop("tried", False) or message
    metadata = {
        "name": name,
        "namespace": "team-a",
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-01-02T03:02:25Z",
        "labels": labels,
        **more.pop("metadata", {}),
    }
    container = {"name": "app", "resources": {"requests": more.pop("requests", {"cpu": "1", "memory": "1Gi"})}}
    spec = {"containers": [container], **({"nodeName": node} if node else {}), **more.pop("spec", {})}
    status: dict[str, Any] = {"phase": "Running" if node else "Pending", **more.pop("status", {})}
    if tried:
        condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        status["conditions"] = [{**condition, "lastTransitionTime": "2026-01-02T03:02:30Z"}]
    assert not more, more
    return read_pod(json.dumps({"metadata": metadata, "spec": spec, "status": status}).encode())


def nodes(count: int = 3, **more: Any) -> list[Node]:
    """n1, n2, ... of 4 CPUs and 16Gi."""
    sized = {"cpu": "4", "memory": "16Gi", **more}
    return [a_node(f"n{at}", **sized) for at in range(1, count + 1)]


def filled(count: int, cpu: str = "3500m", memory: str = "1Gi", each: int = 1) -> list[Pod]:
    """Pods that leave half a CPU free on each of so many nodes."""
    return [
        pod(f"busy-{at}-{n}", f"n{at}", requests={"cpu": cpu, "memory": memory})
        for at in range(1, count + 1)
        for n in range(each)
    ]


def cluster(one: Pod | None, some: Iterable[Node], others: Iterable[Pod] = (), **objects: Any) -> ClusterView:
    return a_view(some, [*([one] if one else []), *others], **objects)


def facts(view: ClusterView, name: str = "web-0", **more: Any) -> Facts:
    schedulers = more.pop("schedulers", frozenset({"default-scheduler"}))
    return Facts("team-a", name, NOW_S, view, schedulers=schedulers, **more)


def refused(*rejected: Rejected, nodes_in: int = 3, **more: Any) -> Record:
    """A decision in which no node passed."""
    kept: Mapping[str, Any] = {"outcome": "unschedulable", "filtered": True, **more}
    return Record("d1", "2026-01-02T03:04:00Z", nodes_in=nodes_in, rejected=rejected, **kept)


def by(plugin: str, reason: str, message: str = "", count: int = 3, **more: Any) -> Rejected:
    return Rejected(plugin, reason, message, count, tuple(f"n{at}" for at in range(1, count + 1)), **more)
