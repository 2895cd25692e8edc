"""LowNodeUtilization, as the descheduler has it: from nodes above a target to nodes below a threshold.

Percent of a resource: requests of the pods of a node over its allocatable amount; with `usage: measured` cpu and memory
are what is measured, over capacity. A node below every threshold is a destination, one above any target a source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from extender.framework import Pod
from extender.plugins.rescheduler.plan import Place, Plan, wanted

ALWAYS = ("cpu", "memory", "pods")
"""Their headroom counts even where no threshold names them; all of a node's capacity is then the target."""
_MEASURABLE = ("cpu", "memory")


@dataclass(slots=True)
class _Node:
    place: Place
    capacity: dict[str, int]
    used: dict[str, int]
    low: dict[str, float]
    high: dict[str, float]

    def percent(self, name: str) -> float:
        return self.used[name] / self.capacity[name] * 100.0 if self.capacity[name] else 0.0

    @property
    def under(self) -> bool:
        return not self.place.machine.node.unschedulable and all(self.percent(n) <= low for n, low in self.low.items())

    @property
    def over(self) -> list[str]:
        """The resources that are above their target."""
        return [name for name, high in self.high.items() if self.percent(name) > high]

    def headroom(self, name: str) -> int:
        return int(self.high.get(name, 100.0) * 0.01 * self.capacity[name]) - self.used[name]

    def lose(self, pod: Pod) -> None:
        for name, amount in wanted(pod).items():
            if name in self.used:
                self.used[name] -= amount


def low_node_utilization(plan: Plan) -> None:
    if not plan.args.thresholds:
        return
    nodes = _nodes(plan)
    under = [node for node in nodes if node.under]
    over = [node for node in nodes if not node.under and node.over]
    if not under or len(under) <= plan.args.number_of_nodes or len(under) == len(nodes) or not over:
        return
    headroom = {name: sum(node.headroom(name) for node in under) for name in under[0].used}
    destinations = [node.place for node in under]
    for node in sorted(over, key=lambda node: -sum(node.used.values())):
        _relieve(plan, node, destinations, headroom)


def _relieve(plan: Plan, node: _Node, destinations: Sequence[Place], headroom: dict[str, int]) -> None:
    for pod in plan.movable(node.place):
        over = node.over
        if plan.full or not over or any(left <= 0 for left in headroom.values()):
            return
        target = plan.target(pod, node.place, lambda place: -plan.score(place), destinations, soft_taints=True)
        if target is None:
            continue
        told = ", ".join(f"{name} {node.percent(name):.1f}% over {node.high[name]:.1f}%" for name in over)
        plan.add(pod, node.place, target, "LowNodeUtilization", f"node {node.place.name} is used above target: {told}")
        node.lose(pod)
        for name, amount in wanted(pod).items():
            if name in headroom:
                headroom[name] -= amount


def _nodes(plan: Plan) -> list[_Node]:
    args = plan.args
    names = list(dict.fromkeys((*ALWAYS, *args.thresholds)))
    found = [_node(place, names, plan) for place in plan.places if place.known]
    low, high = dict(args.thresholds), dict(args.target_thresholds)
    if args.use_deviation_thresholds and found:
        average = {name: fsum(node.percent(name) for node in found) / len(found) for name in low}
        low = {name: _percent(average[name] - far) for name, far in low.items()}
        high = {name: _percent(average[name] + far) for name, far in high.items()}
    for node in found:
        node.low, node.high = low, high
    return found


def _node(place: Place, names: Sequence[str], plan: Plan) -> _Node:
    allocatable: Mapping[str, int] = place.allocatable
    if not any(allocatable.values()):
        allocatable = dict(zip(_MEASURABLE, place.machine.capacity, strict=True))
    capacity = {name: allocatable.get(name, 0) for name in names}
    used = {name: place.requested.get(name, 0) for name in names}
    for pod in place.machine.pods:
        if plan.scene.is_leaving(pod):
            for name, amount in wanted(pod).items():
                if name in used:
                    used[name] -= amount
    if plan.args.usage == "measured":
        for name, has, share in zip(_MEASURABLE, place.machine.capacity, place.used, strict=True):
            capacity[name], used[name] = has, round(has * share / 100)
    return _Node(place, capacity, used, {}, {})


def _percent(value: float) -> float:
    return min(100.0, max(0.0, value))
