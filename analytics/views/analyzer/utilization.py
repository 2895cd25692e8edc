"""What the nodes offer, what is requested of it and what is really used (R-163, R-168)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics.cluster import ClusterView
from extender.model.node import Node
from extender.model.pod import Quantities
from extender.quantity import QuantityError, milli, value, written

BILLION: Final = 1_000_000_000
MILLION: Final = 1_000_000
EXTREMES: Final = 5
"""So many of the fullest and of the emptiest nodes are named."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """One resource over all nodes, in millicores or bytes. `used` and what is requested on the nodes that were
    measured are None where nobody measures."""

    allocatable: int
    requested: int
    used: int | None
    requested_where_used: int
    allocatable_where_used: int

    @property
    def utilization(self) -> float | None:
        """Used of allocatable, over the nodes that were measured."""
        return None if self.used is None else _ratio(self.used, self.allocatable_where_used)

    @property
    def requested_ratio(self) -> float | None:
        return _ratio(self.requested, self.allocatable)

    @property
    def efficiency(self) -> float | None:
        """Used of requested, over the nodes that were measured; more than all of it counts as all."""
        if self.used is None or not self.requested_where_used:
            return None
        return min(1.0, self.used / self.requested_where_used)


@dataclass(frozen=True, slots=True)
class Utilization:
    known: bool
    why_not: str
    cpu: Amounts
    memory: Amounts
    nodes: Mapping[str, Mapping[str, float | None]]
    """Node -> requested of allocatable for cpu and memory."""
    unschedulable: tuple[str, ...]
    not_ready: tuple[str, ...]
    pods: int
    pending: int

    @property
    def efficiency_percent(self) -> float | None:
        """R-196: the smaller of the two resources' efficiencies, in percent."""
        found = [each.efficiency for each in (self.cpu, self.memory) if each.efficiency is not None]
        return 100.0 * min(found) if found else None

    def told(self) -> dict[str, Any]:
        return {
            "cpu": _told(self.cpu, lambda amount: written(amount * MILLION, "decimal")) if self.known else _UNKNOWN,
            "memory": _told(self.memory, _bytes) if self.known else _UNKNOWN,
            "efficiency_percent": _rounded(self.efficiency_percent, 1),
            "known": self.known,
            "why_not": self.why_not,
            "nodes": {
                "total": len(self.nodes),
                "unschedulable": list(self.unschedulable)[:EXTREMES],
                "not_ready": list(self.not_ready)[:EXTREMES],
                "fullest": self._extremes(-1),
                "emptiest": self._extremes(1),
                "imbalance": {name: _rounded(self.imbalance(name), 3) for name in ("cpu", "memory")},
            },
            "pods": {"running": self.pods - self.pending, "pending": self.pending},
        }

    def imbalance(self, resource: str) -> float | None:
        """Standard deviation of requested/allocatable over the nodes that take pods, 0 to 0.5."""
        found = [
            ratio
            for name, ratios in self.nodes.items()
            if (ratio := ratios[resource]) is not None and name not in self.unschedulable
        ]
        if len(found) < 2:  # noqa: PLR2004
            return None
        mean = sum(found) / len(found)
        return float((sum((each - mean) ** 2 for each in found) / len(found)) ** 0.5)

    def _extremes(self, sign: int) -> list[dict[str, Any]]:
        def weight(item: tuple[str, Mapping[str, float | None]]) -> tuple[float, str]:
            return sign * max(item[1]["cpu"] or 0.0, item[1]["memory"] or 0.0), item[0]

        return [
            {"node": name, "cpu_requested_ratio": ratios["cpu"], "memory_requested_ratio": ratios["memory"]}
            for name, ratios in sorted(self.nodes.items(), key=weight)[:EXTREMES]
        ]


def utilization_of(view: ClusterView) -> Utilization:
    """Nodes whose quantities cannot be read count with nothing."""
    offered = {
        name: {"cpu": _read(milli, node, "cpu"), "memory": _read(value, node, "memory")}
        for name, node in view.nodes.items()
    }
    requested = {
        name: {"cpu": sums.cpu_milli, "memory": sums.memory_bytes}
        for name in view.nodes
        for sums in (view.requested_on(name),)
    }
    used = {
        name: {"cpu": usage.cpu_milli, "memory": usage.memory_bytes}
        for name, usage in view.usage.items()
        if name in view.nodes
    }
    nodes = list(view.nodes.values())
    return Utilization(
        known=view.known,
        why_not=view.why_not,
        cpu=_amounts("cpu", offered, requested, used),
        memory=_amounts("memory", offered, requested, used),
        nodes={
            name: {each: _rounded(_ratio(requested[name][each], offered[name][each]), 4) for each in ("cpu", "memory")}
            for name in offered
        },
        unschedulable=_names(nodes, lambda node: node.unschedulable),
        not_ready=_names(nodes, lambda node: not node.ready),
        pods=len(view.pods),
        pending=len(view.pending),
    )


_Sums = Mapping[str, Mapping[str, int]]
_UNKNOWN: Final[dict[str, Any]] = {
    "allocatable": None,
    "requested": None,
    "used": None,
    "utilization_ratio": None,
    "requested_ratio": None,
}


def _amounts(resource: str, offered: _Sums, requested: _Sums, used: _Sums) -> Amounts:
    return Amounts(
        allocatable=sum(each[resource] for each in offered.values()),
        requested=sum(each[resource] for each in requested.values()),
        used=sum(each[resource] for each in used.values()) if used else None,
        requested_where_used=sum(requested[name][resource] for name in used),
        allocatable_where_used=sum(offered[name][resource] for name in used),
    )


def _told(amounts: Amounts, text: Callable[[int], str]) -> dict[str, Any]:
    return {
        "allocatable": text(amounts.allocatable),
        "requested": text(amounts.requested),
        "used": None if amounts.used is None else text(amounts.used),
        "utilization_ratio": _rounded(amounts.utilization, 4),
        "requested_ratio": _rounded(amounts.requested_ratio, 4),
    }


def _bytes(amount: int) -> str:
    """Whole MiB read better than the last byte; less than that stays as it is."""
    mebibyte = 1 << 20
    return written((amount // mebibyte * mebibyte if amount >= mebibyte else amount) * BILLION, "binary")


def _read(unit: Callable[[str | float], int], node: Node, resource: str) -> int:
    listed: Quantities = node.allocatable
    try:
        return max(0, unit(listed.get(resource, 0)))
    except QuantityError:
        return 0


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def _names(nodes: Sequence[Node], wanted: Callable[[Node], bool]) -> tuple[str, ...]:
    return tuple(sorted(node.name for node in nodes if wanted(node)))
