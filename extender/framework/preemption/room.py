"""What would fit on one node if some of its pods were gone: the scheduler's NodeResourcesFit, on exact integers, and
its NodePorts.

Pods request what the scheduler counts for them (REQ-K8S). Pods nominated to the node with at least the
preemptor's priority are on it already, as the scheduler assumes them; the pod must fit with and without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from extender.framework.declaration import Cycle, Status
from extender.framework.preemption.ports import Port, clash
from extender.model.columns import PODS, NodeTable
from extender.model.pod import Pod
from extender.model.resources import Resources
from extender.model.verdict import Code

_Amounts = tuple[tuple[int, int, str], ...]
"""(index of the resource in the node table, amount, name) of everything that is not 0."""
_PORTS_TAKEN = "node(s) didn't have free ports for the requested pod ports"
_NOWHERE = -1
"""Index of a resource that no node has."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a pod does not fit."""

    reasons: tuple[str, ...]
    unresolvable: bool
    """It asks for more than the node has, whoever leaves."""

    @property
    def status(self) -> Status:
        code = Code.UNRESOLVABLE if self.unresolvable else Code.UNSCHEDULABLE
        return Status(code, ", ".join(self.reasons), self.reasons[0])


class Rooms:
    """The nodes as one preemptor sees them. Valid as long as its cycle."""

    def __init__(self, cycle: Cycle) -> None:
        self._nodes = cycle.nodes
        self._requested = cycle.requested
        self._pods, self._pods_on = cycle.pods, cycle.pods_on
        self._pod = cycle.pod
        self._asked = amounts_of(cycle.nodes, cycle.requested(cycle.pod))
        self._ports = cycle.pod.placement.host_ports
        self._nominated: dict[str, list[Pod]] = {}
        for other in cycle.nominated.values():
            if other.priority >= cycle.pod.priority and other.uid != cycle.pod.uid:
                self._nominated.setdefault(other.nominated_node_name, []).append(other)

    def on(self, row: int) -> list[Pod]:
        """The pods on a node; the preemptor itself, should it stand there already, is none of them."""
        return [
            pod
            for uid in self._pods_on(self._nodes.names[row])
            if (pod := self._pods.get(uid)) is not None and uid != self._pod.uid
        ]

    def room(self, row: int) -> Room:
        """A node with all its pods, to take pods away from in mind."""
        nodes = self._nodes
        offered, held = nodes.allocatable[row].tolist(), nodes.requested[row].tolist()
        free = [a - b for a, b in zip(offered, held, strict=True)]
        room = Room(offered, free, self._asked, self._amounts, self._ports)
        if self._ports:
            room.occupy(self.on(row))
        if self._pod.uid in self._pods_on(nodes.names[row]):
            room.remove(self._pod)
        room.expect(self._nominated.get(nodes.names[row], ()))
        return room

    def _amounts(self, pod: Pod) -> _Amounts:
        return amounts_of(self._nodes, self._requested(pod))


class Room:
    """One node, as it would be."""

    def __init__(
        self,
        offered: list[int],
        free: list[int],
        asked: _Amounts,
        amounts: Callable[[Pod], _Amounts],
        ports: tuple[Port, ...],
    ) -> None:
        self._offered = offered
        self._free = free
        self._asked = asked
        self._amounts = amounts
        self._ports = ports
        self._clashes = 0
        """Pods there, or expected there, that have one of the preemptor's host ports."""
        self._expected: list[int] | None = None
        """What nominated pods will take; None: there are none."""

    def remove(self, pod: Pod) -> None:
        """The pod is gone."""
        self._move(pod, 1)

    def add(self, pod: Pod) -> None:
        """The pod is back."""
        self._move(pod, -1)

    def takes_back(self, pod: Pod) -> bool:
        """Put the pod back if the preemptor still fits then."""
        self.add(pod)
        if not self.fits:
            self.remove(pod)
            return False
        return True

    def occupy(self, pods: Iterable[Pod]) -> None:
        """The ports of these pods are taken; all else of theirs is counted."""
        self._clashes += sum(map(self._has_a_port_of, pods))

    def expect(self, nominated: Iterable[Pod]) -> None:
        """These pods have the room promised before the preemptor."""
        for pod in nominated:
            self._clashes += self._has_a_port_of(pod)
            expected = self._expected = self._expected or [0] * len(self._free)
            expected[PODS] += 1
            for index, amount, _name in self._amounts(pod):
                if index != _NOWHERE:
                    expected[index] += amount

    @property
    def fits(self) -> bool:
        """Whether the preemptor would fit now."""
        free = self._free if self._expected is None else self._narrowest()
        if free[PODS] < 1 or self._clashes:
            return False
        return all(index != _NOWHERE and amount <= free[index] for index, amount, _name in self._asked)

    def misfit(self) -> Misfit | None:
        """None if the preemptor would fit, else why not, in the scheduler's words."""
        if self.fits:
            return None
        free = self._free if self._expected is None else self._narrowest()
        short = [asked for asked in self._asked if asked[0] == _NOWHERE or asked[1] > free[asked[0]]]
        reasons = ["Too many pods"] if free[PODS] < 1 else []
        reasons += [f"Insufficient {name}" for _index, _amount, name in short]
        reasons += [_PORTS_TAKEN] if self._clashes else []
        return Misfit(tuple(reasons), any(i == _NOWHERE or amount > self._offered[i] for i, amount, _name in short))

    def _narrowest(self) -> list[int]:
        """With the nominated pods there; without them it is only wider."""
        return [free - taken for free, taken in zip(self._free, self._expected or (), strict=True)]

    def _move(self, pod: Pod, sign: int) -> None:
        free = self._free
        free[PODS] += sign
        self._clashes -= sign * self._has_a_port_of(pod)
        for index, amount, _name in self._amounts(pod):
            if index != _NOWHERE:
                free[index] += sign * amount

    def _has_a_port_of(self, pod: Pod) -> bool:
        return bool(self._ports) and clash(self._ports, pod.placement.host_ports)


def amounts_of(nodes: NodeTable, request: Resources) -> _Amounts:
    fixed = (request.cpu_milli, request.memory_bytes, request.ephemeral_bytes)
    amounts = [(i, amount, nodes.resources[i]) for i, amount in enumerate(fixed) if amount]
    amounts += [(nodes.resource_index(name), amount, name) for name, amount in request.scalars.items() if amount]
    return tuple(amounts)


def hopeless(cycle: Cycle) -> bool:
    """Whether the pod's nominated node could not take it even if it were empty."""
    row = cycle.nodes.row(cycle.pod.nominated_node_name)
    if row < 0:
        return False
    misfit = Rooms(cycle).room(row).misfit()
    return misfit is not None and misfit.unresolvable
