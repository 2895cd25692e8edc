"""Numbers of nodes, out of a view of the cluster. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analytics.cluster import ClusterView, Usage
from analytics.store.tables import NodeSampleRow
from extender.model.node import Node
from extender.model.resources import Resources, resources_of
from extender.quantity import QuantityError

POOL_LABELS: Final = (
    "node.kubernetes.io/pool",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "trimtab.dev/pool",
    "pool",
)
ZONE: Final = "topology.kubernetes.io/zone"
_UNMEASURED: Final = -1


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One node. Amounts in millicores, bytes and pods; `used` None: not measured."""

    name: str
    ready: bool
    schedulable: bool
    offered: Resources
    requested: Resources
    cpu_used: int | None
    memory_used: int | None
    measured_us: int | None
    labels: Mapping[str, str]
    problem: str = ""
    """Why its amounts cannot be read."""

    @property
    def zone(self) -> str:
        return self.labels.get(ZONE, "")

    @property
    def pool(self) -> str:
        return next((self.labels[name] for name in POOL_LABELS if name in self.labels), "")

    @property
    def open(self) -> bool:
        """The scheduler may place pods there."""
        return self.ready and self.schedulable

    def share(self, value: str) -> float | None:
        """What the README's table says, mostly 0 to 1; None: not known."""
        offered, requested = self.offered, self.requested
        match value:
            case "cpu_allocated":
                return ratio(requested.cpu_milli, offered.cpu_milli)
            case "memory_allocated":
                return ratio(requested.memory_bytes, offered.memory_bytes)
            case "cpu_used":
                return ratio(self.cpu_used, offered.cpu_milli)
            case "memory_used":
                return ratio(self.memory_used, offered.memory_bytes)
            case "cpu_efficiency":
                return ratio(self.cpu_used, requested.cpu_milli)
            case "memory_efficiency":
                return ratio(self.memory_used, requested.memory_bytes)
            case "pods":
                return ratio(requested.pods, offered.pods)
            case "stranded":
                return self._stranded()
        raise ValueError(value)

    def _stranded(self) -> float | None:
        taken = [self.share(name) for name in ("cpu_allocated", "memory_allocated", "pods")]
        free = [max(0.0, 1 - share) for share in taken if share is not None]
        return max(free) - min(free) if free else None


VALUES: Final = (
    "cpu_allocated",
    "memory_allocated",
    "cpu_used",
    "memory_used",
    "cpu_efficiency",
    "memory_efficiency",
    "pods",
    "stranded",
)


def ratio(part: int | None, whole: int) -> float | None:
    return None if part is None or whole <= 0 else part / whole


def figures_of(view: ClusterView) -> list[NodeFigures]:
    """By name."""
    return [
        _figures(node, view.requested_on(node.name), view.usage.get(node.name))
        for _, node in sorted(view.nodes.items())
    ]


def _figures(node: Node, requested: Resources, usage: Usage | None) -> NodeFigures:
    problem = ""
    try:
        offered = resources_of(node.allocatable)
    except QuantityError as wrong:
        offered, problem = Resources(), f"its allocatable cannot be read: {wrong}"
    return NodeFigures(
        name=node.name,
        ready=node.ready,
        schedulable=not node.unschedulable,
        offered=offered,
        requested=requested,
        cpu_used=usage.cpu_milli if usage else None,
        memory_used=usage.memory_bytes if usage else None,
        measured_us=usage.at_us if usage else None,
        labels=node.labels,
        problem=problem,
    )


def sampled(row: NodeSampleRow, labels: Mapping[str, str]) -> NodeFigures:
    """As a sample has it; labels are those that the node has now."""
    return NodeFigures(
        name=row.node,
        ready=row.ready,
        schedulable=row.schedulable,
        offered=Resources(row.cpu_allocatable, row.memory_allocatable, 0, row.pods_allocatable),
        requested=Resources(row.cpu_requested, row.memory_requested, 0, row.pods),
        cpu_used=None if row.cpu_used == _UNMEASURED else row.cpu_used,
        memory_used=None if row.memory_used == _UNMEASURED else row.memory_used,
        measured_us=None if row.cpu_used == _UNMEASURED else row.at_us,
        labels=labels,
    )


def sample_of(one: NodeFigures, at_us: int) -> NodeSampleRow:
    return NodeSampleRow(
        at_us,
        one.name,
        one.ready,
        one.schedulable,
        one.offered.cpu_milli,
        one.requested.cpu_milli,
        _UNMEASURED if one.cpu_used is None else one.cpu_used,
        one.offered.memory_bytes,
        one.requested.memory_bytes,
        _UNMEASURED if one.memory_used is None else one.memory_used,
        one.offered.pods,
        one.requested.pods,
    )


def spread(values: Sequence[float]) -> dict[str, float] | None:
    """min, p50, p95, max, stddev (of the whole, not of a sample); None without values."""
    if not values:
        return None
    p50, p95 = np.percentile(values, (50, 95))
    return {
        "min": min(values),
        "p50": float(p50),
        "p95": float(p95),
        "max": max(values),
        "stddev": float(np.std(values)),
    }


def mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def known(nodes: Sequence[NodeFigures], value: str) -> list[float]:
    return [share for one in nodes if (share := one.share(value)) is not None]


def status_of(nodes: Sequence[NodeFigures]) -> str:
    """healthy: all nodes are ready; unhealthy: none is; degraded: some are not."""
    ready = sum(one.ready for one in nodes)
    return "healthy" if nodes and ready == len(nodes) else "degraded" if ready else "unhealthy"


def problems_of(nodes: Sequence[NodeFigures], now_us: int, stale_us: int) -> list[dict[str, str]]:
    """What makes the picture wrong, or less than the cluster (R-149)."""
    found: list[dict[str, str]] = []

    def tell(node: str, problem: str) -> None:
        found.append({"node": node, "problem": problem})

    for one in nodes:
        if one.problem:
            tell(one.name, one.problem)
        elif one.offered.cpu_milli <= 0 or one.offered.memory_bytes <= 0:
            tell(one.name, "allocatable CPU or memory is 0")
        elif one.requested.cpu_milli > one.offered.cpu_milli or one.requested.memory_bytes > one.offered.memory_bytes:
            tell(one.name, "more is requested than it can allocate")
        if one.measured_us is None:
            tell(one.name, "no metrics")
        elif (age_us := now_us - one.measured_us) > stale_us:
            tell(one.name, f"no metrics for {_span(age_us)}")
    return found


def _span(microseconds: int) -> str:
    seconds = microseconds // 1_000_000
    return f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"  # noqa: PLR2004 - two minutes


Rejected = Mapping[str, int]
"""Node -> how often it was rejected."""
Answer = dict[str, Any]
