"""Is there room for a group's minResources in the cluster as a whole? (plugins.md §4.5, step 7)"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework import CPU, EPHEMERAL, MEMORY, PODS, NodeTable, Pod, Quantities, milli, request_k8s, value

_SAFE = 2**62


def resource_gap(
    needed: Quantities, table: NodeTable, rows: NDArray[np.int32], own: Iterable[Pod]
) -> dict[str, str] | None:
    """What is still needed after all of `rows`, in their order; None: nothing.

    A need ends at the first node after which it is covered, so an overcommitted node (which adds to it) counts only
    if it comes before. Pods in `own` count as not there. Needs are rounded up; what nodes have left is whole, so the
    comparison is exact all the same.
    """
    back = _given_back(own, table)
    gap = {}
    for name, amount in needed.items():
        need = milli(amount) if name == "cpu" else value(amount)
        covered = np.cumsum(_summable(_left(name, table, rows, back)))
        if not len(covered) or int(covered.max()) < need:
            lacking = need - (int(covered[-1]) if len(covered) else 0)
            gap[name] = f"{lacking}m" if name == "cpu" else str(lacking)
    return gap or None


def _summable(left: NDArray[np.int64]) -> NDArray[Any]:
    """The same, as Python's own numbers where the sum might not fit into 64 bits."""
    largest = int(np.abs(left).max(initial=0))
    return left.astype(object) if largest * len(left) >= _SAFE else left


def _left(
    name: str, table: NodeTable, rows: NDArray[np.int32], back: Mapping[str, Mapping[int, int]]
) -> NDArray[np.int64]:
    column = table.resource_index(name)
    if column < 0:
        return np.zeros(len(rows), np.int64)
    allocatable, requested = table.allocatable[rows, column], table.requested[rows, column]
    returned = back.get(name, {})
    left: NDArray[np.int64] = allocatable - requested
    if returned:
        left = left + np.array([returned.get(row, 0) for row in rows.tolist()], np.int64)
    if column not in (CPU, MEMORY, EPHEMERAL, PODS):
        # Requests of an extended resource count only where the node names it.
        unnamed = [i for i in np.flatnonzero(allocatable == 0).tolist() if not _names(table, int(rows[i]), name)]
        left[unnamed] = 0
    return left


def _names(table: NodeTable, row: int, resource: str) -> bool:
    node = table.objects[row]
    return node is not None and resource in node.allocatable


def _given_back(own: Iterable[Pod], table: NodeTable) -> dict[str, dict[int, int]]:
    """Resource -> row -> what the group's own pods take there."""
    back: dict[str, dict[int, int]] = {}
    for pod in own:
        row = table.row(pod.node_name)
        if row < 0:
            continue
        request = request_k8s(pod)
        taken = {
            "cpu": request.cpu_milli,
            "memory": request.memory_bytes,
            "ephemeral-storage": request.ephemeral_bytes,
            "pods": 1,
            **request.scalars,
        }
        for name, amount in taken.items():
            rows = back.setdefault(name, {})
            rows[row] = rows.get(row, 0) + amount
    return back
