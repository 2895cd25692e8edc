"""Could this node hold the pod, now or ever? As kube-scheduler judges it, as far as the sidecar can.

Judged: node selector and required node affinity, taints, cordons, requests (REQ-K8S) against allocatable and against
what is left, the number of pods, host ports. Formula of room: missing = requested + asked - allocatable, per resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from extender.model.node import Node, Taint
from extender.model.pod import NodeTerm, Pod, Requirement, Toleration
from extender.model.resources import Resources, resources_of

CPU, MEMORY, EPHEMERAL, PODS = "cpu", "memory", "ephemeral-storage", "pods"
_CONDITIONS: Final = "node.kubernetes.io/"
UNSCHEDULABLE: Final = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")
_NOTHING_SMALL: Final[dict[str, tuple[int, int]]] = {}
_NOTHING_SHORT: Final[dict[str, int]] = {}
_HARD: Final = ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class Place:
    """One node, seen by one pod."""

    node: Node
    labels: str = ""
    """The selector or expression that does not hold."""
    taint: str = ""
    """A taint of the operator's that is not tolerated."""
    pressure: str = ""
    """A taint that stands for a condition of the node, which passes: pressure, not-ready, unreachable."""
    cordoned: bool = False
    small: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Resource -> (asked, allocatable): more than the node could ever give."""
    short: Mapping[str, int] = field(default_factory=dict)
    """Resource -> how much is missing now, on a node that is large enough."""
    ports: tuple[str, ...] = ()
    """Host ports that somebody has."""

    @property
    def never(self) -> bool:
        """Not even empty."""
        return bool(self.labels or self.taint or self.small)

    @property
    def open(self) -> bool:
        return not (self.never or self.pressure or self.cordoned)

    @property
    def fits(self) -> bool:
        return self.open and not (self.short or self.ports)


def judged(pod: Pod, asked: Resources, node: Node, used: Resources, others: Sequence[Pod]) -> Place:
    """`used`: what the pods on the node request. Quantities of the node that cannot be read count as nothing."""
    offered = Resources()
    with suppress(ValueError):
        offered = resources_of(node.allocatable)
    taints = [taint for taint in node.taints if taint.effect in _HARD and not tolerates(pod, taint)]
    own = next((taint for taint in taints if not taint.key.startswith(_CONDITIONS)), None)
    passing = next((t for t in taints if t.key.startswith(_CONDITIONS) and t.key != UNSCHEDULABLE.key), None)
    small, short = _lacking(asked, offered, used)
    return Place(
        node,
        unmet(pod, node),
        taint_text(own) if own else "",
        passing.key.removeprefix(_CONDITIONS) if passing else "",
        node.unschedulable and not tolerates(pod, UNSCHEDULABLE),
        small,
        short,
        _taken(pod, others) if pod.placement.host_ports else (),
    )


def _lacking(
    asked: Resources, offered: Resources, used: Resources
) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    small: dict[str, tuple[int, int]] = {}
    short: dict[str, int] = {}
    for name, amount, most, taken in _rows(asked, offered, used):
        if amount > most:
            small[name] = (amount, most)
        elif taken + amount > most:
            short[name] = taken + amount - most
    return small or _NOTHING_SMALL, short or _NOTHING_SHORT


def _rows(asked: Resources, offered: Resources, used: Resources) -> Iterable[tuple[str, int, int, int]]:
    """Only what is asked for: a node that has more requested than it offers still takes pods that ask for nothing."""
    yield PODS, 1, offered.pods, used.pods
    if asked.cpu_milli:
        yield CPU, asked.cpu_milli, offered.cpu_milli, used.cpu_milli
    if asked.memory_bytes:
        yield MEMORY, asked.memory_bytes, offered.memory_bytes, used.memory_bytes
    if asked.ephemeral_bytes:
        yield EPHEMERAL, asked.ephemeral_bytes, offered.ephemeral_bytes, used.ephemeral_bytes
    for name, amount in asked.scalars.items():
        if amount:
            yield name, amount, offered.scalars.get(name, 0), used.scalars.get(name, 0)


def unmet(pod: Pod, node: Node) -> str:
    """The part of node selector or required node affinity that the node does not meet; empty: it meets all."""
    placement = pod.placement
    for key, value in placement.node_selector.items():
        if node.labels.get(key) != value:
            return f"{key}={value}"
    if placement.node_terms is None or any(_holds(term, node) for term in placement.node_terms):
        return ""
    return " or ".join(filter(None, map(term_text, placement.node_terms))) or "no term"


def _holds(term: NodeTerm, node: Node) -> bool:
    if not (term.labels or term.fields):
        return False
    return all(met(one, node.labels) for one in term.labels) and all(
        met(one, {"metadata.name": node.name}) for one in term.fields
    )


def met(wanted: Requirement, labels: Mapping[str, str]) -> bool:
    """One expression about labels; an operator that nobody knows never holds."""
    found = labels.get(wanted.key)
    match wanted.operator:
        case "In":
            return found is not None and found in wanted.values
        case "NotIn":
            return found is None or found not in wanted.values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt" if found is not None and wanted.values:
            with suppress(ValueError):
                left, right = int(found), int(wanted.values[0])
                return left > right if wanted.operator == "Gt" else left < right
    return False


def tolerates(pod: Pod, taint: Taint) -> bool:
    return any(_tolerated(one, taint) for one in pod.placement.tolerations)


def _tolerated(by: Toleration, taint: Taint) -> bool:
    if by.effect and by.effect != taint.effect:
        return False
    if by.key and by.key != taint.key:
        return False
    if by.operator == "Exists":
        return True
    return bool(by.key) and by.value == taint.value


def _taken(pod: Pod, others: Sequence[Pod]) -> tuple[str, ...]:
    held = [port for other in others for port in other.placement.host_ports]
    return tuple(
        f"{wanted[2]}/{wanted[0]}" for wanted in pod.placement.host_ports if any(_clash(wanted, one) for one in held)
    )


def _clash(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    anywhere = "0.0.0.0"
    same = one[1] == other[1] or anywhere in (one[1], other[1])
    return one[0] == other[0] and one[2] == other[2] and same


def term_text(term: NodeTerm) -> str:
    return ", ".join(map(requirement_text, (*term.labels, *term.fields)))


def requirement_text(one: Requirement) -> str:
    """As kubectl writes it."""
    match one.operator:
        case "In" | "NotIn":
            if one.operator == "In" and len(one.values) == 1:
                return f"{one.key}={one.values[0]}"
            return f"{one.key} {'in' if one.operator == 'In' else 'notin'} ({','.join(one.values)})"
        case "Exists":
            return one.key
        case "DoesNotExist":
            return f"!{one.key}"
        case "Gt" | "Lt":
            return f"{one.key}{'>' if one.operator == 'Gt' else '<'}{''.join(one.values)}"
    return f"{one.key} {one.operator}"


def taint_text(taint: Taint) -> str:
    return f"{taint.key}{f'={taint.value}' if taint.value else ''}:{taint.effect}"


_BINARY: Final = (("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def amount(resource: str, units: int) -> str:
    """Millicores, bytes or units, for people; bytes are rounded to three digits."""
    if resource == CPU:
        return str(units // 1000) if units % 1000 == 0 else f"{units}m"
    if resource in (MEMORY, EPHEMERAL) or resource.startswith("hugepages-"):
        for name, size in _BINARY:
            if units >= size:
                return f"{units / size:.3g}{name}" if units < 1000 * size else f"{units // size}{name}"
    return str(units)
