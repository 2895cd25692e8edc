"""What gangs have been promised, as amounts on nodes: kept up to date gang by gang, because every filter call asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extender.framework import NodeTable
from extender.plugins.coscheduling.gang import Gang
from extender.plugins.coscheduling.shape import Shape, vector

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Places:
    """Some places: the row of each node, -1 if it is gone, and what each takes, int64[place, resource]."""

    nodes: Sequence[str]
    rows: NDArray[np.int64]
    amounts: Int64s

    @property
    def adrift(self) -> bool:
        """Some node is gone."""
        return len(self.rows) > 0 and int(self.rows.min()) < 0

    def on(self, table: NodeTable) -> Places:
        return Places(self.nodes, _rows(self.nodes, table), self.amounts)


@dataclass(frozen=True, slots=True)
class Promise:
    """To one gang: what its placed members take, and what is only planned for it."""

    gang: Gang
    priority: int
    placed: Places
    planned: Places

    def on(self, table: NodeTable) -> Promise:
        """The same where the set of nodes has changed."""
        return Promise(self.gang, self.priority, self.placed.on(table), self.planned.on(table))

    def taken_from(self, total: Int64s, priority: int | None = None) -> None:
        """Less what a pod of that priority has to obey of it; None: all."""
        obeyed = priority is None or self.priority >= priority
        _add(total, [self.placed, self.planned] if obeyed else [self.placed], -1)


class Promises:
    """The sum over all gangs. `note` every change of slots or placed members; what follows is computed when asked."""

    def __init__(self) -> None:
        self._known: dict[str, Promise] = {}
        self._noted: dict[str, Gang] = {}
        self._placed: Int64s = np.zeros((0, 0), np.int64)
        self._planned: dict[int, Int64s] = {}
        """By priority of the gangs."""
        self._gangs: Counter[int] = Counter()
        """How many have a promise, by priority."""
        self._totals: dict[int | None, Int64s] = {}
        self._nodes: tuple[int, int, int] = (-1, 0, 0)

    def note(self, gang: Gang) -> None:
        self._noted[gang.key] = gang

    def total(self, table: NodeTable, priority: int | None = None) -> Int64s | None:
        """int64[row, resource], not to be changed; None: nothing is promised. `priority`: of the pod that has to obey
        it: placed members always count, places that are only planned if their gang's is at least that."""
        self._catch_up(table)
        if not self._known:
            return None
        total = self._totals.get(priority)
        if total is None:
            total = self._placed.copy()
            for of, planned in self._planned.items():
                if priority is None or of >= priority:
                    total += planned
            self._totals[priority] = total
        return total

    def beside(self, gang: Gang, table: NodeTable, priority: int | None) -> Int64s | None:
        """The same without what is `gang`'s own."""
        total, own = self.total(table, priority), self._known.get(gang.key)
        if total is None or own is None:
            return total
        rest = total.copy()
        own.taken_from(rest, priority)
        return rest

    def fits(self, gang: Gang, table: NodeTable) -> bool:
        """Whether all places that are planned for it have room still, beside pods and what it has to obey."""
        total, own = self.total(table, gang.priority), self._known.get(gang.key)
        if total is None or own is None:
            return True
        rows, amounts = own.planned.rows, own.planned.amounts
        if own.planned.adrift:
            return False
        left = table.allocatable[rows] - table.requested[rows] - total[rows]
        return bool((left[amounts > 0] >= 0).all())

    def misfits(self, table: NodeTable, below: int | None = None) -> list[Gang]:
        """Every gang (of a priority `below`) that does not fit: one look at the nodes for each priority, then at the
        gangs that have places on those that are short."""
        self._catch_up(table)
        short = {of: self._short(table, of) for of in self._planned if below is None or of < below}
        suspect = {of for of, rows in short.items() if rows.any()}
        found = []
        for promise in list(self._known.values()) if short else ():
            of, planned = promise.priority, promise.planned
            moved = of in short and planned.adrift
            if (moved or (of in suspect and short[of][planned.rows].any())) and not self.fits(promise.gang, table):
                found.append(promise.gang)
        return found

    def _short(self, table: NodeTable, priority: int) -> Bools:
        """bool[row]: more is promised there than is left."""
        total = self.total(table, priority)
        if total is None:
            return np.zeros(table.rows, np.bool_)
        left = table.allocatable[: table.rows] - table.requested[: table.rows] - total
        return np.asarray(((left < 0) & (total > 0)).any(axis=1), np.bool_)

    def _catch_up(self, table: NodeTable) -> None:
        nodes = table.names_version, table.rows, len(table.resources)
        if nodes != self._nodes:
            self._begin_anew(table, nodes)
        if self._noted:
            self._totals.clear()
            noted, self._noted = self._noted, {}
            self._count([before for gang in noted if (before := self._known.pop(gang, None))], -1)
            self._know([promise_to(gang, table) for gang in noted.values() if gang.slots or gang.placed])

    def _know(self, promises: Sequence[Promise]) -> None:
        self._known.update((promise.gang.key, promise) for promise in promises)
        self._count(promises, 1)

    def _count(self, promises: Sequence[Promise], times: int) -> None:
        """All at once: adding up costs by the call."""
        _add(self._placed, [promise.placed for promise in promises], times)
        planned: dict[int, list[Places]] = {}
        for promise in promises:
            planned.setdefault(promise.priority, []).append(promise.planned)
        for of, places in planned.items():
            _add(self._planned_of(of), places, times)
            self._gangs[of] += times * len(places)
            if not self._gangs[of]:
                del self._gangs[of], self._planned[of]

    def _planned_of(self, priority: int) -> Int64s:
        if priority not in self._planned:
            self._planned[priority] = np.zeros_like(self._placed)
        return self._planned[priority]

    def _begin_anew(self, table: NodeTable, nodes: tuple[int, int, int]) -> None:
        """The set of nodes or of resources is another one."""
        widened = nodes[2] != self._nodes[2]
        self._nodes = nodes
        self._placed = np.zeros((table.rows, len(table.resources)), np.int64)
        self._planned.clear()
        self._gangs.clear()
        self._totals.clear()
        known = list(self._known.values())
        self._know([promise_to(p.gang, table) if widened else p.on(table) for p in known])


def _add(total: Int64s, listed: Sequence[Places], times: int) -> None:
    if listed:
        rows = np.concatenate([places.rows for places in listed])
        amounts = np.concatenate([places.amounts for places in listed])
        there = rows >= 0
        np.add.at(total, rows[there], amounts[there] * times)


def promise_to(gang: Gang, table: NodeTable) -> Promise:
    """As the gang stands now."""
    with_slot = {slot.uid for slot in gang.slots}
    placed = [(slot.node, slot.shape) for slot in gang.slots if slot.uid in gang.placed]
    placed += [
        (node, gang.shape_of(gang.members[uid]))
        for uid, node in gang.placed.items()
        if uid not in with_slot and uid in gang.members
    ]
    planned = [(slot.node, slot.shape) for slot in gang.slots if slot.uid not in gang.placed]
    return Promise(gang, gang.priority, _places(placed, table), _places(planned, table))


def _places(listed: Iterable[tuple[str, Shape]], table: NodeTable) -> Places:
    """Shapes that want a resource which no node has stand nowhere."""
    vectors: dict[Shape, Int64s | None] = {}
    nodes: list[str] = []
    amounts: list[Int64s] = []
    for node, shape in listed:
        if shape not in vectors:
            vectors[shape] = vector(shape.request, table)
        request = vectors[shape]
        if request is not None:
            nodes.append(node)
            amounts.append(request)
    return Places(nodes, _rows(nodes, table), np.array(amounts, np.int64).reshape(len(nodes), len(table.resources)))


def _rows(nodes: Sequence[str], table: NodeTable) -> NDArray[np.int64]:
    return np.fromiter(map(table.row, nodes), np.int64, len(nodes))
