"""What gangs have been promised, as amounts on nodes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from extender.framework import NodeTable
from extender.plugins.coscheduling.gang import Gang
from extender.plugins.coscheduling.shape import Shape, shape_of, vector

Int64s = NDArray[np.int64]


def reserved_for(gangs: Iterable[Gang], table: NodeTable, priority: int | None = None) -> Int64s:
    """int64[row, resource]; `priority`: places that are only planned count if their gang's is at least that."""
    rows: list[int] = []
    amounts: list[Int64s] = []
    for gang in gangs:
        for node, shape in _promised(gang, obeyed=priority is None or gang.priority >= priority):
            row, request = table.row(node), vector(shape.request, table)
            if row >= 0 and request is not None:
                rows.append(row)
                amounts.append(request)
    reserved = np.zeros((table.rows, len(table.resources)), np.int64)
    if rows:
        np.add.at(reserved, rows, np.array(amounts))
    return reserved


def fits(gang: Gang, table: NodeTable, others: Int64s | None) -> bool:
    """Whether every node with a slot that nobody stands on yet has room for all of the gang's slots there."""
    open_rows = {table.row(slot.node) for slot in gang.slots if slot.uid not in gang.placed}
    if not open_rows:
        return True
    if -1 in open_rows:
        return False
    rows = sorted(open_rows)
    own = reserved_for((gang,), table)
    left = table.allocatable[rows] - table.requested[rows] - own[rows]
    if others is not None:
        left = left - others[rows]
    return bool((left[own[rows] > 0] >= 0).all())


def _promised(gang: Gang, *, obeyed: bool) -> Iterable[tuple[str, Shape]]:
    """(node, shape) of each place that counts."""
    with_slot = set()
    for slot in gang.slots:
        with_slot.add(slot.uid)
        if obeyed or slot.uid in gang.placed:
            yield slot.node, slot.shape
    for uid, node in gang.placed.items():
        if uid not in with_slot and uid in gang.members:
            yield node, shape_of(gang.members[uid])
