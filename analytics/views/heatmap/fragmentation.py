"""How much more fits, what is stranded, and why: for the shapes of pods that the cluster has most of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics.cluster import ClusterView
from analytics.views.heatmap.figures import NodeFigures
from extender.model.pod import Pod
from extender.model.resources import Resources, request_k8s
from extender.quantity import QuantityError
from extender.tenancy import told

SHAPES: Final = 5
_ENDLESS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Shape:
    """Pods that ask for the same."""

    cpu_milli: int
    memory_bytes: int
    scalars: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        more = "".join(f", {name} {amount}" for name, amount in self.scalars)
        return f"cpu {told('cpu', self.cpu_milli)}, memory {told('memory', self.memory_bytes)}{more}"


def shape_of(pod: Pod) -> Shape | None:
    """None: it asks for nothing, or for what cannot be read."""
    try:
        asked = request_k8s(pod)
    except QuantityError:
        return None
    scalars = tuple(sorted((name, amount) for name, amount in asked.scalars.items() if amount))
    return (
        Shape(asked.cpu_milli, asked.memory_bytes, scalars)
        if asked.cpu_milli or asked.memory_bytes or scalars
        else None
    )


def report(view: ClusterView, nodes: Sequence[NodeFigures], most: int = SHAPES) -> dict[str, Any]:
    """shapes: how many have it, wait, still fit, and would fit if all room were one piece; largest: free room."""
    shapes = Counter(shape for pod in view.pods.values() if (shape := shape_of(pod)) is not None)
    waiting = Counter(shape for pod in view.pending if (shape := shape_of(pod)) is not None)
    free = [(one, _free(one)) for one in nodes if one.open]
    whole = _sum([left for _one, left in free])
    return {
        "shapes": [_told(shape, count, waiting[shape], free, whole) for shape, count in shapes.most_common(most)],
        "largest": _largest(free),
        "free": {"cpu": told("cpu", whole.cpu_milli), "memory": told("memory", whole.memory_bytes), "pods": whole.pods},
    }


def fits(shape: Shape, left: Resources) -> tuple[int, str]:
    """(how many more, the resource that ends it)."""
    room = {"pods": left.pods}
    if shape.cpu_milli:
        room["cpu"] = left.cpu_milli // shape.cpu_milli
    if shape.memory_bytes:
        room["memory"] = left.memory_bytes // shape.memory_bytes
    for name, amount in shape.scalars:
        room[name] = left.scalars.get(name, 0) // amount
    ends = min(room, key=lambda name: room[name])
    return max(0, room[ends]), ends


def _told(
    shape: Shape, count: int, waiting: int, free: Sequence[tuple[NodeFigures, Resources]], whole: Resources
) -> dict[str, Any]:
    more, ends = 0, Counter[str]()
    for _one, left in free:
        room, why = fits(shape, left)
        more += room
        ends[why] += 1
    together, _why = fits(shape, whole)
    return {
        "shape": str(shape),
        "cpu": told("cpu", shape.cpu_milli),
        "memory": told("memory", shape.memory_bytes),
        "pods": count,
        "pending": waiting,
        "fit": more,
        "fit_in_one_piece": together,
        "stranded": max(0, together - more),
        "ended_by": dict(ends.most_common()),
    }


def _free(one: NodeFigures) -> Resources:
    left = one.offered.plus(one.requested, -1)
    left.cpu_milli, left.memory_bytes, left.pods = (max(0, n) for n in (left.cpu_milli, left.memory_bytes, left.pods))
    left.scalars = {name: max(0, amount) for name, amount in left.scalars.items()}
    return left


def _sum(parts: Sequence[Resources]) -> Resources:
    total = Resources()
    for part in parts:
        total = total.plus(part)
    return total


def _largest(free: Sequence[tuple[NodeFigures, Resources]]) -> dict[str, Any]:
    """The node with most free CPU, and with most free memory, that has a place for a pod."""
    rooms = [(one.name, left) for one, left in free if left.pods]
    if not rooms:
        return {}
    return {
        "cpu": _room(*max(rooms, key=lambda room: room[1].cpu_milli)),
        "memory": _room(*max(rooms, key=lambda room: room[1].memory_bytes)),
    }


def _room(node: str, left: Resources) -> dict[str, str]:
    return {"node": node, "cpu": told("cpu", left.cpu_milli), "memory": told("memory", left.memory_bytes)}
