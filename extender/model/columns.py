"""The node table: one row per node, one numpy column per fact.

Columns are changed in place by one writer (cluster/state.py) on the event loop. A row is reused after its
node is gone. `generation` rises with every change; `names_version` only when the set of nodes changes, so
that the name index of the hot path knows when it is stale; `layout_version` only when arrays are replaced by longer or
wider ones, so that whoever remembers where a column stands knows when to look again.

`allocatable` is two-dimensional: row x resource, in the order of `resources` (cpu in millicores, memory and
ephemeral-storage in bytes, pods in units, then every extended resource that any node ever had, in units).
`requested` has the same shape and order: what the pods on the node request (REQ-K8S), `pods` being their number.
`objects` holds each row's Node for what no column says: labels, annotations, taints.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.model.node import Node

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

CPU, MEMORY, EPHEMERAL, PODS = 0, 1, 2, 3
FIXED_RESOURCES = ("cpu", "memory", "ephemeral-storage", "pods")

_ROWS_FIRST = 64


class NodeTable:
    """All nodes, in columns. Arrays may be longer than the number of nodes: ask `rows`, not `len(column)`."""

    # One line per column: name, kind, unit and meaning. The framework binds `node_<name>` to it.
    COLUMNS: tuple[tuple[str, type, str], ...] = (
        ("present", np.bool_, "a node stands in this row"),
        ("unschedulable", np.bool_, "cordoned: spec.unschedulable"),
        ("ready", np.bool_, "its condition Ready is True, or absent"),
        ("capacity_cpu_milli", np.int64, "status.capacity cpu, millicores"),
        ("capacity_memory_bytes", np.int64, "status.capacity memory, bytes"),
        (
            "requested_cpu_milli",
            np.int64,
            "requests of its pods (REQ-K8S), millicores; own binds included at once",
        ),
        ("requested_memory_bytes", np.int64, "requests of its pods, bytes"),
        ("pod_count", np.int64, "non-terminal pods on it"),
        ("terminating_count", np.int64, "non-terminal pods on it with a deletionTimestamp"),
        ("nominated_count", np.int64, "unassigned pods nominated to it"),
        ("load_known", np.bool_, "the load metrics say anything about it, and are not stale"),
        ("load_cpu_pct", np.float64, "last CPU metric with operator AVG or Latest, percent of capacity"),
        ("load_cpu_known", np.bool_, "load_cpu_pct and load_cpu_first_pct hold measurements that are not stale"),
        ("load_cpu_first_pct", np.float64, "first CPU metric with operator AVG or Latest, percent of capacity"),
        ("load_cpu_avg_pct", np.float64, "last CPU metric with operator AVG, else Latest or none; a lone STD: 0"),
        ("load_cpu_std_pct", np.float64, "last CPU metric with operator STD, else 0"),
        ("load_cpu_valid", np.bool_, "load_cpu_avg_pct and load_cpu_std_pct come from a CPU metric of any operator"),
        (
            "load_memory_pct",
            np.float64,
            "last memory metric with operator AVG or Latest, percent of capacity",
        ),
        ("load_memory_known", np.bool_, "load_memory_pct holds a measurement that is not stale"),
        ("load_memory_avg_pct", np.float64, "last memory metric with operator AVG, else Latest or none; a lone STD: 0"),
        ("load_memory_std_pct", np.float64, "last memory metric with operator STD, else 0"),
        ("load_memory_valid", np.bool_, "the two before come from a memory metric of any operator"),
    )

    present: Bools
    unschedulable: Bools
    ready: Bools
    capacity_cpu_milli: Int64s
    capacity_memory_bytes: Int64s
    requested_cpu_milli: Int64s
    requested_memory_bytes: Int64s
    pod_count: Int64s
    terminating_count: Int64s
    nominated_count: Int64s
    load_known: Bools
    load_cpu_pct: Float64s
    load_cpu_known: Bools
    load_cpu_first_pct: Float64s
    load_cpu_avg_pct: Float64s
    load_cpu_std_pct: Float64s
    load_cpu_valid: Bools
    load_memory_pct: Float64s
    load_memory_known: Bools
    load_memory_avg_pct: Float64s
    load_memory_std_pct: Float64s
    load_memory_valid: Bools
    allocatable: Int64s
    requested: Int64s

    def __init__(self) -> None:
        self.generation = 0
        self.names_version = 0
        self.layout_version = 0
        self.resources: list[str] = list(FIXED_RESOURCES)
        self.names: list[str] = []
        """Name by row; an empty string where no node stands."""
        self.objects: list[Node | None] = []
        """Node by row; None where no node stands."""
        self.objects_version = 0
        """Rises with every change in `objects`: what is derived from labels and annotations is then stale."""
        self._row_of: dict[str, int] = {}
        self._free: list[int] = []
        for name, kind, _meaning in self.COLUMNS:
            setattr(self, name, np.zeros(_ROWS_FIRST, kind))
        self.allocatable = np.zeros((_ROWS_FIRST, len(FIXED_RESOURCES)), np.int64)
        self.requested = np.zeros((_ROWS_FIRST, len(FIXED_RESOURCES)), np.int64)

    def __len__(self) -> int:
        return len(self._row_of)

    @property
    def rows(self) -> int:
        """Rows in use, free ones between them included."""
        return len(self.names)

    def row(self, name: str) -> int:
        """The row of a node, or -1."""
        return self._row_of.get(name, -1)

    def items(self) -> list[tuple[str, int]]:
        """(name, row) of every node."""
        return list(self._row_of.items())

    def touch(self) -> None:
        """A column changed."""
        self.generation += 1

    def add(self, name: str) -> int:
        """Give a node a row (its old one if it has one); every column of a new row is zero."""
        found = self._row_of.get(name)
        if found is not None:
            return found
        if self._free:
            row = self._free.pop()
            self.names[row] = name
        else:
            row = len(self.names)
            self.names.append(name)
            self.objects.append(None)
            if row == len(self.present):
                self._grow()
        self._row_of[name] = row
        self.present[row] = True
        self.names_version += 1
        self.touch()
        return row

    def remove(self, name: str) -> int:
        """Free a node's row and zero its columns; -1 if it has none."""
        row = self._row_of.pop(name, -1)
        if row < 0:
            return row
        for column, _kind, _meaning in self.COLUMNS:
            getattr(self, column)[row] = 0
        self.allocatable[row] = 0
        self.requested[row] = 0
        self.names[row] = ""
        self.set_object(row, None)
        self._free.append(row)
        self.names_version += 1
        self.touch()
        return row

    def set_object(self, row: int, node: Node | None) -> None:
        """Keep the Node of a row."""
        self.objects[row] = node
        self.objects_version += 1

    def resource_index(self, name: str) -> int:
        """The column of a resource in `allocatable`, or -1."""
        try:
            return self.resources.index(name)
        except ValueError:
            return -1

    def add_resource(self, name: str) -> int:
        """The column of a resource, made if it is new."""
        found = self.resource_index(name)
        if found >= 0:
            return found
        self.resources.append(name)
        for table in ("allocatable", "requested"):
            wider = np.zeros((len(self.present), len(self.resources)), np.int64)
            wider[:, :-1] = getattr(self, table)
            setattr(self, table, wider)
        self.layout_version += 1
        self.touch()
        return len(self.resources) - 1

    def _grow(self) -> None:
        rows = 2 * len(self.present)
        for name, kind, _meaning in self.COLUMNS:
            longer: NDArray[Any] = np.zeros(rows, kind)
            longer[: rows // 2] = getattr(self, name)
            setattr(self, name, longer)
        for table in ("allocatable", "requested"):
            taller = np.zeros((rows, len(self.resources)), np.int64)
            taller[: rows // 2] = getattr(self, table)
            setattr(self, table, taller)
        self.layout_version += 1
