"""Which pods should leave their nodes, so that load is even again: a pure decision.

    LoadBalancing          the fullest node is far above the emptiest, by cpu
    PodCountBalancing      one node has many more pods than another
    ResourceOptimization   a node is over a threshold
    NodeMaintenance        a node is to be emptied
    LowNodeUtilization     utilization.py

Each looks at the cluster as the moves before it leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from extender.framework import Pod
from extender.plugins.rescheduler.book import RUNNING
from extender.plugins.rescheduler.movable import excluded
from extender.plugins.rescheduler.plan import Place, Plan
from extender.plugins.rescheduler.scene import Move, Scene
from extender.plugins.rescheduler.utilization import low_node_utilization

LOAD_PODS_MAX = 2
COUNT_PODS_MAX = 3


def balance(scene: Scene) -> Sequence[Move]:
    """The moves of one round, in the order in which they should be made."""
    plan = Plan(scene)
    for strategy in scene.args.enabled_strategies:
        if plan.full:
            break
        _STRATEGIES[strategy](plan)
    return plan.moves


def load_balancing(plan: Plan) -> None:
    def evens(pod: Pod, source: Place, target: Place) -> bool:
        """It takes cpu along, and does not make the target what the source was."""
        cpu = target.with_pod(pod)[0]
        return target.cpu < cpu < source.cpu and not _turns_over(plan, pod, source, target)

    places = [place for place in plan.places if place.takes_pods]
    for _ in range(LOAD_PODS_MAX):
        if len(places) <= 1:
            return
        fullest, emptiest = max(places, key=_cpu), min(places, key=_cpu)
        if fullest.cpu - emptiest.cpu < plan.args.imbalance_threshold:
            return
        reason = (
            f"node {fullest.name} is used to {fullest.cpu:.1f}% of cpu, node {emptiest.name} to {emptiest.cpu:.1f}%: "
            f"{plan.args.imbalance_threshold:.1f} points or more apart"
        )
        if not _move(plan, fullest, _Aim("LoadBalancing", reason, _cpu, evens)):
            return


def pod_count_balancing(plan: Plan) -> None:
    def count(place: Place) -> int:
        return pods_counted(plan, place)

    def evens(pod: Pod, source: Place, target: Place) -> bool:
        return count(target) + 1 < count(source) and not _turns_over(plan, pod, source, target)

    for _ in range(COUNT_PODS_MAX):
        places = [place for place in plan.places if place.takes_pods and count(place)]
        if not places:
            return
        most, fewest = max(places, key=count), min(places, key=count)
        if count(most) - count(fewest) < plan.args.imbalance_threshold:
            return
        reason = (
            f"node {most.name} has {count(most)} pods, node {fewest.name} {count(fewest)}: "
            f"{plan.args.imbalance_threshold:g} or more apart"
        )
        if not _move(plan, most, _Aim("PodCountBalancing", reason, count, evens)):
            return


def resource_optimization(plan: Plan) -> None:
    for place in plan.places:
        over = _over(place, plan)
        if over and place.known and not place.machine.node.unschedulable:
            reason = f"node {place.name} is overloaded: {over}"
            if _move(plan, place, _Aim("ResourceOptimization", reason, _worst(plan))):
                return


def node_maintenance(plan: Plan) -> None:
    for place in plan.places:
        if place.machine.maintenance:
            reason = f"node {place.name} is in maintenance mode"
            _move(plan, place, _Aim("NodeMaintenance", reason, _worst(plan)), most=plan.args.max_reschedule_pods)


def _anywhere(_pod: Pod, _source: Place, _target: Place) -> bool:
    return True


def pods_counted(plan: Plan, place: Place) -> int:
    """Running pods outside excluded namespaces."""
    apart = excluded(plan.args)
    return sum(1 for pod in place.pods if pod.phase == RUNNING and pod.namespace not in apart)


def _turns_over(plan: Plan, pod: Pod, source: Place, target: Place) -> bool:
    """What evens one measure must not upset the other so far that the next round undoes it."""
    far = plan.args.imbalance_threshold
    cpu = target.with_pod(pod)[0] - (source.cpu - (source.with_pod(pod)[0] - source.cpu))
    return cpu >= far or pods_counted(plan, target) - pods_counted(plan, source) + 2 >= far


@dataclass(frozen=True, slots=True)
class _Aim:
    """Why pods are moved, and where they would best go: the target with the lowest value, if it is `worth` it."""

    strategy: str
    reason: str
    prefer: Callable[[Place], float]
    worth: Callable[[Pod, Place, Place], bool] = _anywhere


def _move(plan: Plan, source: Place, aim: _Aim, most: int = 1) -> int:
    """The first pods that may leave and have somewhere to go; how many."""
    moved = 0
    for pod in plan.movable(source):
        if plan.full or moved == most:
            break
        target = plan.target(pod, source, aim.prefer)
        if target is not None and aim.worth(pod, source, target):
            plan.add(pod, source, target, aim.strategy, aim.reason)
            moved += 1
    return moved


def _over(place: Place, plan: Plan) -> str:
    args = plan.args
    pairs = (("cpu", place.cpu, args.cpu_threshold), ("memory", place.memory, args.memory_threshold))
    return ", ".join(f"{name} usage {has:.1f}% over threshold {most:.1f}%" for name, has, most in pairs if has > most)


def _worst(plan: Plan) -> Callable[[Place], float]:
    """The best score first."""
    return lambda place: -plan.score(place)


def _cpu(place: Place) -> float:
    return place.cpu


_STRATEGIES: dict[str, Callable[[Plan], None]] = {
    "LoadBalancing": load_balancing,
    "PodCountBalancing": pod_count_balancing,
    "ResourceOptimization": resource_optimization,
    "NodeMaintenance": node_maintenance,
    "LowNodeUtilization": low_node_utilization,
}
