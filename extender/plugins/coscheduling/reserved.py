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
    reserved = np.zeros((table.rows, len(table.resources)), np.int64)
    for gang in gangs:
        if priority is None or gang.priority >= priority:
            rows, amounts = _all_of(gang, table)
        else:
            rows, amounts = _amounts(gang, table, obeyed=False)
        if len(rows):
            np.add.at(reserved, rows, amounts)
    return reserved


def _all_of(gang: Gang, table: NodeTable) -> tuple[NDArray[np.int64], Int64s]:
    """What all its places take; kept until the gang or the set of nodes changes."""
    key = gang.changes, table.names_version, len(table.resources)
    if gang.amounts is None or gang.amounts[0] != key:
        gang.amounts = key, *_amounts(gang, table, obeyed=True)
    return gang.amounts[1], gang.amounts[2]


def _amounts(gang: Gang, table: NodeTable, *, obeyed: bool) -> tuple[NDArray[np.int64], Int64s]:
    rows: list[int] = []
    amounts: list[Int64s] = []
    vectors: dict[Shape, Int64s | None] = {}
    for node, shape in _promised(gang, obeyed=obeyed):
        if shape not in vectors:
            vectors[shape] = vector(shape.request, table)
        row, request = table.row(node), vectors[shape]
        if row >= 0 and request is not None:
            rows.append(row)
            amounts.append(request)
    return np.array(rows, np.int64), np.array(amounts, np.int64).reshape(len(rows), len(table.resources))


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
