"""Views of clusters for tests, made of what the API server would send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analytics.cluster import ClusterView, Usage
from extender.model.node import Node, node_of
from extender.model.pod import Pod, pod_of

AT_US = 1_767_323_045_000_000
"""2026-01-02T03:04:05Z"""
GIB = 1 << 30


def a_node(name: str, cpu: str = "8", memory: str = "32Gi", pods: str = "110", **more: Any) -> Node:
    """`more`: labels, taints, unschedulable, ready, and further resources."""
    labels, taints = more.pop("labels", {}), more.pop("taints", [])
    unschedulable, ready = more.pop("unschedulable", False), more.pop("ready", True)
    offered = {"cpu": cpu, "memory": memory, "pods": pods, **more.pop("resources", {})}
    assert not more
    return node_of(
        {
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": taints, "unschedulable": unschedulable},
            "status": {
                "allocatable": offered,
                "capacity": offered,
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            },
        }
    )


def a_pod(key: str, node: str = "", requests: Mapping[str, str] | None = None, **more: Any) -> Pod:
    """`key`: namespace/name; `more`: parts of metadata, spec or status by those names."""
    namespace, _, name = key.rpartition("/")
    metadata = {"name": name, "namespace": namespace or "default", "uid": f"uid-{key}"} | more.pop("metadata", {})
    containers = [{"name": "c", "resources": {"requests": dict(requests or {}), "limits": more.pop("limits", {})}}]
    spec = {"containers": containers, **({"nodeName": node} if node else {})} | more.pop("spec", {})
    status = {"phase": "Running" if node else "Pending"} | more.pop("status", {})
    assert not more
    return pod_of({"metadata": metadata, "spec": spec, "status": status})


def a_view(
    nodes: Iterable[Node] = (), pods: Iterable[Pod] = (), usage: Mapping[str, Usage] | None = None, **objects: Any
) -> ClusterView:
    """`objects`: plural -> objects as JSON, in the kind that the plural stands for."""
    return ClusterView(
        at_us=AT_US,
        known=True,
        nodes={node.name: node for node in nodes},
        pods={pod.uid: pod for pod in pods},
        usage=usage or {},
        objects={kind: _keyed(found) for kind, found in objects.items()},
    )


def _keyed(found: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    def key(metadata: Mapping[str, Any]) -> str:
        return f"{metadata['namespace']}/{metadata['name']}" if "namespace" in metadata else str(metadata["name"])

    return {key(one["metadata"]): one for one in found}
