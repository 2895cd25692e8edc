"""What one round of the balance looks at: every node with its use, its room and its pods, at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from extender.framework import Node, Pod
from extender.plugins.rescheduler.args import ReschedulerArgs
from extender.plugins.rescheduler.movable import group_of

Percents = tuple[float, float]
"""(cpu, memory) in percent of capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One node. Amounts are by resource, in the order of `Scene.resources`."""

    node: Node
    used: Percents | None
    """None: nobody knows; such a node is neither source nor target, except that it may be drained."""
    capacity: tuple[int, int]
    """(millicores, bytes)"""
    allocatable: Sequence[int]
    requested: Sequence[int]
    """What all pods on it request, as the scheduler counts; under `pods` their number."""
    pods: Sequence[Pod]
    """Non-terminal pods assigned to it."""
    maintenance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    machines: Sequence[Machine]
    """In order of their names."""
    resources: Sequence[str]
    args: ReschedulerArgs
    now_s: float
    governed: Collection[str] | None = None
    """UIDs of the pods that may be moved as far as their scheduler goes; None: all."""
    leaving: Collection[str] = frozenset()
    """UIDs of pods that were asked to leave and have not left."""
    cooling: Collection[tuple[str, str]] = frozenset()
    """(owner UID, node): no other pod of the owner may leave, or come to, that node now."""
    min_members: Mapping[str, int] = field(default_factory=dict)
    """namespace/name of a pod group -> how many of its members must stay."""

    def is_leaving(self, pod: Pod) -> bool:
        return pod.terminating or pod.uid in self.leaving

    def members_staying(self) -> Counter[str]:
        """Pod group -> members that are assigned and stay."""
        return Counter(group for pod in self._all_pods() if (group := group_of(pod)) and not self.is_leaving(pod))

    def owners_with_leaving(self) -> set[str]:
        return {pod.owner_uid for pod in self._all_pods() if pod.owner_uid and self.is_leaving(pod)}

    def _all_pods(self) -> Iterable[Pod]:
        return (pod for machine in self.machines for pod in machine.pods)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One pod that should leave its node, and why."""

    pod: Pod
    source: str
    target: str
    """Where it would fit best now; the scheduler decides. Empty if nobody looked (nodeFit off)."""
    strategy: str
    reason: str
    after: Percents | None = None
    """Use of the source once the pod, and those moved before it, are gone."""
