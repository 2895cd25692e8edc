"""What would fit on one node if some of its pods were gone: the scheduler's NodeResourcesFit, on exact integers, and
its NodePorts.

Pods request what the scheduler counts for them (REQ-K8S). Pods nominated to the node with at least the
preemptor's priority are on it already, as the scheduler assumes them; the pod must fit with and without them, and it is
never narrower without. Only what the preemptor asks for is looked at, and a place among the node's pods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from extender.framework.declaration import Cycle, Status
from extender.framework.preemption.ports import clash
from extender.model.columns import PODS
from extender.model.pod import Pod
from extender.model.resources import Resources
from extender.model.verdict import Code

Amounts = tuple[int, ...]
"""1 for the place among the pods; of each asked resource so much; 1 for having one of the asked host ports."""
_PORTS_TAKEN = "node(s) didn't have free ports for the requested pod ports"
_PLAIN = {"cpu": "cpu_milli", "memory": "memory_bytes", "ephemeral-storage": "ephemeral_bytes"}
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
        self._ports = cycle.pod.placement.host_ports
        request = cycle.requested(cycle.pod)
        named = [(name, amount) for name, field in _PLAIN.items() if (amount := getattr(request, field))]
        named += [(name, amount) for name, amount in request.scalars.items() if amount]
        self._names = [name for name, _amount in named]
        self._asked: Amounts = (1, *(amount for _name, amount in named), 0)
        self._columns = [PODS, *map(cycle.nodes.resource_index, self._names)]
        self._reads = [_reader(name, at) for name, at in zip(self._names, self._columns[1:], strict=True)]
        self._amounts: dict[str, Amounts] = {}
        """By UID, of the pods that were moved in mind."""
        self._nominated: dict[str, list[Pod]] = {}
        for other in cycle.nominated.values():
            if other.priority >= cycle.pod.priority and other.uid != cycle.pod.uid:
                self._nominated.setdefault(other.nominated_node_name, []).append(other)

    def on(self, row: int) -> list[Pod]:
        """The pods on a node; the preemptor itself, should it stand there already, is none of them."""
        pods = self._pods
        here = [pods[uid] for uid in self._pods_on(self._nodes.names[row]) if uid in pods]
        return here if self._pod.uid not in pods else [pod for pod in here if pod.uid != self._pod.uid]

    def room(self, row: int) -> Room:
        """A node with all its pods, to take pods away from in mind."""
        nodes = self._nodes
        offered = self._of(nodes.allocatable[row])
        taken = self._of(nodes.requested[row])
        room = Room(self._asked, self._names, offered, taken, self.amounts_of)
        if self._ports:
            room.occupy(self.on(row))
        if self._pod.uid in self._pods_on(nodes.names[row]):
            room.remove(self._pod)
        room.expect(self._nominated.get(nodes.names[row], ()))
        return room

    def as_they_are(self, rows: NDArray[np.int32]) -> Iterator[int]:
        """Those of the rows where the pod fits beside all pods that are there."""
        if _NOWHERE in self._columns:
            return
        nodes, columns = self._nodes, self._columns
        free = nodes.allocatable[rows][:, columns] - nodes.requested[rows][:, columns]
        for row in rows[(free >= np.array(self._asked[:-1], np.int64)).all(axis=1)].tolist():
            if self.room(row).fits:
                yield row

    def amounts_of(self, pod: Pod) -> Amounts:
        """What the pod takes of what the preemptor asks for."""
        found = self._amounts.get(pod.uid)
        if found is None:
            request = self._requested(pod)
            in_the_way = 1 if self._ports and clash(self._ports, pod.placement.host_ports) else 0
            found = self._amounts[pod.uid] = (1, *[read(request) for read in self._reads], in_the_way)
        return found

    def _of(self, amounts: NDArray[np.int64]) -> list[int]:
        return [0 if at == _NOWHERE else int(amounts[at]) for at in self._columns] + [0]


class Room:
    """One node, as it would be."""

    def __init__(
        self,
        asked: Amounts,
        names: list[str],
        offered: list[int],
        taken: list[int],
        amounts: Callable[[Pod], Amounts],
    ) -> None:
        """`names`: of the asked resources. No host port counts as taken before `occupy`."""
        self._asked = asked
        self._names = names
        self._offered = offered
        self._amounts = amounts
        self.left = [has - held - want for has, held, want in zip(offered, taken, asked, strict=True)]
        """What would be left with the preemptor on it, in the order of Amounts; negative: so much is missing."""

    def remove(self, pod: Pod) -> None:
        """The pod is gone."""
        self.left = [left + amount for left, amount in zip(self.left, self._amounts(pod), strict=True)]

    def empty_of(self, pods: Iterable[Pod]) -> None:
        """All of these pods are gone."""
        given = [sum(column) for column in zip(*map(self._amounts, pods), strict=True)]
        self.left = [left + amount for left, amount in zip(self.left, given, strict=True)]

    def add(self, pod: Pod) -> None:
        """The pod is back."""
        self.left = [left - amount for left, amount in zip(self.left, self._amounts(pod), strict=True)]

    def occupy(self, pods: Iterable[Pod]) -> None:
        """The ports of these pods are taken; all else of theirs is counted."""
        self.left[-1] -= sum(self._amounts(pod)[-1] for pod in pods)

    def expect(self, nominated: Iterable[Pod]) -> None:
        """These pods have the room promised before the preemptor."""
        for pod in nominated:
            self.add(pod)

    @property
    def fits(self) -> bool:
        """Whether the preemptor would fit now."""
        return min(self.left) >= 0

    def misfit(self) -> Misfit | None:
        """None if the preemptor would fit, else why not, in the scheduler's words."""
        short = [i for i, left in enumerate(self.left) if left < 0]
        if not short:
            return None
        words = ["Too many pods", *(f"Insufficient {name}" for name in self._names), _PORTS_TAKEN]
        resources = range(1, len(self.left) - 1)
        never = any(i in resources and self._asked[i] > self._offered[i] for i in short)
        return Misfit(tuple(words[i] for i in short), unresolvable=never)


def _reader(name: str, at: int) -> Callable[[Resources], int]:
    """How much of one resource is in a request; what no node has, nobody gives back."""
    if at == _NOWHERE:
        return lambda _request: 0
    if name in _PLAIN:
        return attrgetter(_PLAIN[name])
    return lambda request: request.scalars.get(name, 0)


def hopeless(cycle: Cycle) -> bool:
    """Whether the pod's nominated node could not take it even if it were empty."""
    row = cycle.nodes.row(cycle.pod.nominated_node_name)
    if row < 0:
        return False
    misfit = Rooms(cycle).room(row).misfit()
    return misfit is not None and misfit.unresolvable
