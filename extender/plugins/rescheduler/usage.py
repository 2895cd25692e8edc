"""How much of each node is used, row by row, from the source that the arguments name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework import CPU, MEMORY, NodeTable
from extender.plugins.rescheduler.book import Amount, UsageBook
from extender.plugins.rescheduler.kernel import percent

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Usage:
    """Columns by row. `used` is counted in requests, `load` measured in percent; one of both is zero."""

    used_cpu_milli: Int64s
    used_memory_bytes: Int64s
    load_cpu_pct: Float64s
    load_memory_pct: Float64s
    known: Bools

    def at(self, nodes: NodeTable, row: int, more: Amount = (0, 0)) -> tuple[float, float] | None:
        """(cpu %, memory %) of one node with so much more on it; None without a measurement."""
        if nodes.unschedulable[row]:
            return 0.0, 0.0
        if not self.known[row]:
            return None
        cpu = percent(
            int(self.used_cpu_milli[row]) + more[0], int(nodes.capacity_cpu_milli[row]), float(self.load_cpu_pct[row])
        )
        memory = percent(
            int(self.used_memory_bytes[row]) + more[1],
            int(nodes.capacity_memory_bytes[row]),
            float(self.load_memory_pct[row]),
        )
        return cpu, memory


def usage_of(nodes: NodeTable, book: UsageBook, source: str, slots: NDArray[np.intp]) -> Usage:
    """`slots`: the book's slot of each row."""
    rows = nodes.rows
    nothing, zero = np.zeros(rows, np.int64), np.zeros(rows, np.float64)
    match source:
        case "measured":
            known = nodes.load_cpu_known[:rows] & nodes.load_memory_known[:rows]
            return Usage(nothing, nothing, nodes.load_cpu_pct[:rows], nodes.load_memory_pct[:rows], known)
        case "requests":
            coming = book.binding[slots]
            cpu = nodes.requested[:rows, CPU] + coming[:, 0]
            memory = nodes.requested[:rows, MEMORY] + coming[:, 1]
        case _:
            running = book.running[slots]
            cpu, memory = running[:, 0], running[:, 1]
    return Usage(cpu, memory, zero, zero, np.ones(rows, np.bool_))


def percents(nodes: NodeTable, usage: Usage) -> tuple[Float64s, Float64s]:
    """(cpu %, memory %) by row, cordoned nodes as they are."""
    rows = nodes.rows
    cpu = _percents(usage.used_cpu_milli, nodes.capacity_cpu_milli[:rows], usage.load_cpu_pct)
    return cpu, _percents(usage.used_memory_bytes, nodes.capacity_memory_bytes[:rows], usage.load_memory_pct)


def _percents(used: Int64s, capacity: Int64s, load_pct: Float64s) -> Float64s:
    counted = np.divide(used, capacity, out=np.zeros(len(used)), where=capacity != 0)
    found: Float64s = load_pct + counted * 100.0
    return found


def slots_of(nodes: NodeTable, book: UsageBook, memo: dict[str, Any]) -> NDArray[np.intp]:
    """The book's slot of each row; worked out anew only when nodes or slots have changed."""
    versions = (nodes.names_version, book.version)
    if memo.get("versions") != versions:
        memo["versions"] = versions
        memo["slots"] = np.array([book.slot(name) if name else 0 for name in nodes.names], np.intp)
    slots: NDArray[np.intp] = memo["slots"]
    return slots


def held(book: UsageBook, source: str, node: str, uid: str) -> Amount:
    """What pods on their way to the node will use and `usage_of` does not count yet, the pod itself left out."""
    own = book.promised(uid, node)
    if source == "requests":
        return -own[0], -own[1]
    slot = book.slot(node)
    coming = book.binding[slot] + book.starting[slot]
    return int(coming[0]) - own[0], int(coming[1]) - own[1]
