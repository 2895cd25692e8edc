"""The endpoints of the heatmap (R-141 to R-150), and its worker: samples and metrics."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any, Final

from analytics.cluster import ClusterView
from analytics.store.decisions import DecisionFilter, Decisions
from analytics.store.joined import rfc3339
from analytics.store.node_samples import MINUTE_US, NodeSamples
from analytics.views.declaration import Endpoint, Kind, NotHere, NotValid, Parameter, View, Worker
from analytics.views.heatmap import metrics
from analytics.views.heatmap.figures import (
    VALUES,
    ZONE,
    NodeFigures,
    figures_of,
    known,
    mean,
    problems_of,
    sample_of,
    sampled,
    spread,
    status_of,
)
from analytics.views.heatmap.fragmentation import report, shape_of
from analytics.views.sources import Sources
from extender.tenancy import told

STALE_INTERVALS: Final = 3
PENDING_MAX: Final = 200
REJECTIONS_US: Final = 15 * MINUTE_US
REJECTIONS_OF: Final = 200
MEBI: Final = 1 << 20
"""A measure is told no finer."""
GROUPS: Final = ("zone", "pool", "none")
_LABEL: Final = "label:"


def heatmap(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    view = _seen(sources)
    nodes = figures_of(view)
    answer = {
        "time": rfc3339(view.at_us),
        "cluster": _cluster(nodes),
        "nodes": [_node(one) for one in nodes],
        "distribution": {name: spread(known(nodes, f"{name}_used")) for name in ("cpu", "memory")},
    }
    if given["validate"] == "true":
        problems = problems_of(nodes, view.at_us, _stale_us(sources))
        answer["validation"] = {"valid": not problems, "problems": problems}
    return answer


def columns(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the page draws, in columns: 5,000 nodes are a few hundred kilobytes."""
    view = sources.cluster.view()
    group = _grouped_by(given["group"])
    if given["at"] is not None:
        rows = NodeSamples(sources.store).at(given["at"])
        if not rows:
            raise NotHere("There is no sample of that time or before: samples are kept for 30 days.")
        labels = {name: node.labels for name, node in view.nodes.items()}
        nodes, at_us = [sampled(row, labels.get(row.node, {})) for row in rows], rows[0].at_us
        rejected: Mapping[str, int] = {}
    else:
        nodes, at_us = figures_of(_seen(sources)), view.at_us
        rejected = _rejections(sources, at_us)
    stale_us = _stale_us(sources)
    return {
        "time": rfc3339(at_us),
        "live": given["at"] is None,
        "cluster": _cluster(nodes),
        "nodes": {
            "name": [one.name for one in nodes],
            "group": [group(one) for one in nodes],
            "ready": [one.ready for one in nodes],
            "schedulable": [one.schedulable for one in nodes],
            "stale": [one.measured_us is None or at_us - one.measured_us > stale_us for one in nodes],
            "rejections": [rejected.get(one.name, 0) for one in nodes],
            **{value: [_rounded(one.share(value)) for one in nodes] for value in VALUES},
        },
        "distribution": {value: spread(known(nodes, value)) for value in VALUES},
        "groups": _groups(nodes, group),
        "labels": sorted(
            {label for one in nodes for label in one.labels if label not in ("kubernetes.io/hostname", ZONE)}
        ),
    }


def one_node(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    view = _seen(sources)
    found = next((one for one in figures_of(view) if one.name == given["name"]), None)
    if found is None:
        raise NotHere(f"No node {given['name']}.")
    pods = sorted(view.on(found.name), key=lambda pod: (-pod.priority, pod.key))
    return _node(found) | {
        "zone": found.zone,
        "pool": found.pool,
        "measured_at": "" if found.measured_us is None else rfc3339(found.measured_us),
        "taints": [{"key": t.key, "value": t.value, "effect": t.effect} for t in view.nodes[found.name].taints],
        "placed": [
            {
                "namespace": pod.namespace,
                "name": pod.name,
                "priority": pod.priority,
                "owner": pod.owner,
                "shape": str(shape_of(pod) or ""),
                "terminating": pod.terminating,
            }
            for pod in pods
        ],
    }


def fragmentation(sources: Sources, _given: Mapping[str, Any]) -> dict[str, Any]:
    view = _seen(sources)
    return {"time": rfc3339(view.at_us), **report(view, figures_of(view)), "pending": _pending(view)}


def times(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    now_us = time.time_ns() // 1000
    since = given["since"] if given["since"] is not None else now_us - 24 * 60 * MINUTE_US
    until = given["until"] if given["until"] is not None else now_us
    return {"times": [rfc3339(at_us) for at_us in NodeSamples(sources.store).times(since, until)]}


def _seen(sources: Sources) -> ClusterView:
    """Raises NotHere where there is no cluster, or its lists are not there yet."""
    view = sources.cluster.view()
    if not view.known:
        raise NotHere(f"The cluster is not known: {view.why_not}.")
    return view


def _stale_us(sources: Sources) -> int:
    return int(STALE_INTERVALS * sources.settings().interval_s * 1e6)


def _cluster(nodes: Sequence[NodeFigures]) -> dict[str, Any]:
    return {
        "status": status_of(nodes),
        "nodes": len(nodes),
        "ready_nodes": sum(one.ready for one in nodes),
        "cpu_utilization_ratio": _rounded(mean(known(nodes, "cpu_used"))),
        "memory_utilization_ratio": _rounded(mean(known(nodes, "memory_used"))),
    }


def _node(one: NodeFigures) -> dict[str, Any]:
    return {
        "name": one.name,
        "ready": one.ready,
        "schedulable": one.schedulable,
        "cpu": _resource("cpu", one.offered.cpu_milli, one.requested.cpu_milli, one.cpu_used),
        "memory": _resource("memory", one.offered.memory_bytes, one.requested.memory_bytes, one.memory_used),
        "pods": {"allocatable": one.offered.pods, "running": one.requested.pods},
    }


def _resource(name: str, offered: int, requested: int, used: int | None) -> dict[str, Any]:
    return {
        "allocatable": told(name, offered),
        "requested": told(name, requested),
        "used": None if used is None else told(name, used if name == "cpu" else used // MEBI * MEBI),
        "utilization_ratio": None if used is None or offered <= 0 else _rounded(used / offered),
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _grouped_by(text: str) -> Any:
    if text == "zone":
        return lambda one: one.zone
    if text == "pool":
        return lambda one: one.pool
    if text == "none":
        return lambda _one: ""
    label = text.removeprefix(_LABEL)
    if label == text or not label:
        raise NotValid("group", f"must be one of {', '.join(GROUPS)}, or {_LABEL}NAME")
    return lambda one: one.labels.get(label, "")


def _groups(nodes: Sequence[NodeFigures], group: Any) -> list[dict[str, Any]]:
    by_group: dict[str, list[NodeFigures]] = {}
    for one in nodes:
        by_group.setdefault(group(one), []).append(one)
    return [
        {"name": name, "nodes": len(members), **{v: _rounded(mean(known(members, v))) for v in VALUES}}
        for name, members in sorted(by_group.items())
    ]


def _rejections(sources: Sources, now_us: int) -> Mapping[str, int]:
    """Node -> how often it stands among the rejected ones of the newest decisions."""
    newest = Decisions(sources.store).find(DecisionFilter(since_us=now_us - REJECTIONS_US), limit=REJECTIONS_OF)
    return Counter(entry["node"] for decision in newest.decisions for entry in decision["filtered"])


def _pending(view: ClusterView) -> dict[str, Any]:
    shown = view.pending[:PENDING_MAX]
    return {
        "total": len(view.pending),
        "pods": [
            {
                "namespace": pod.namespace,
                "name": pod.name,
                "since": rfc3339(pod.created_at_s * 1_000_000),
                "reason": pod.unscheduled_reason,
                "gated": bool(pod.gates),
                "shape": str(shape_of(pod) or ""),
                "nominated_node": pod.nominated_node_name,
            }
            for pod in shown
        ],
    }


def work(sources: Sources, stop: Event) -> None:
    """Samples once a minute, metrics each interval."""
    samples = NodeSamples(sources.store)
    shown: set[str] = set()
    sampled_us = samples.newest_us() or 0
    while not stop.is_set():
        began = time.perf_counter()
        view = sources.cluster.view()
        if view.known:
            nodes = figures_of(view)
            shown = _show(nodes, shown)
            metrics.UPDATE.observe(time.perf_counter() - began)
            minute_us = time.time_ns() // 1000 // MINUTE_US * MINUTE_US
            if minute_us != sampled_us:  # also where the clock has been set back
                samples.add([sample_of(one, minute_us) for one in nodes])
                samples.forget(minute_us)
                sampled_us = minute_us
        stop.wait(min(sources.settings().interval_s, MINUTE_US / 1e6))


def _show(nodes: Sequence[NodeFigures], before: set[str]) -> set[str]:
    """Tell the metrics; nodes that are gone have none."""
    metrics.NODES.set(len(nodes))
    now: set[str] = set()
    for one in nodes:
        cpu, memory = one.share("cpu_used"), one.share("memory_used")
        if cpu is not None and memory is not None:
            metrics.CPU.labels(one.name).set(cpu)
            metrics.MEMORY.labels(one.name).set(memory)
            now.add(one.name)
    for gone in before - now:
        metrics.CPU.remove(gone)
        metrics.MEMORY.remove(gone)
    return now


_VALIDATE: Final = Parameter(
    "validate", "true: also what is wrong with the data.", Kind.CHOICE, "false", choices=("true", "false")
)
VIEW: Final = View(
    slug="heatmap",
    title="Heatmap",
    tool="heatmap-generator",
    endpoints=(
        Endpoint("/api/heatmap", "How much of their resources the nodes use.", heatmap, (_VALIDATE,)),
        Endpoint(
            "/api/v1/heatmap",
            "The same in columns, with every value that the page can show, grouped.",
            columns,
            (
                Parameter("at", "The newest sample that is not younger; default: this moment.", Kind.TIME),
                Parameter("group", "zone, pool, none, or label:NAME.", default="zone"),
            ),
        ),
        Endpoint(
            "/api/v1/heatmap/nodes/{name}",
            "One node, with the pods on it.",
            one_node,
            (Parameter("name", "Name of the node.", length_max=253),),
        ),
        Endpoint(
            "/api/v1/heatmap/fragmentation", "How many more pods fit, what is stranded, who waits.", fragmentation
        ),
        Endpoint(
            "/api/v1/heatmap/times",
            "When samples were taken.",
            times,
            (
                Parameter("since", "Default: a day ago.", Kind.TIME),
                Parameter("until", "Default: now.", Kind.TIME),
            ),
        ),
    ),
    workers=(Worker("heatmap", work),),
    collectors=metrics.COLLECTORS,
    answers_page="/api/heatmap",
)
