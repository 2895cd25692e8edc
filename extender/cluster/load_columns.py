"""What was read of node load, as columns of the node table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from extender.cluster.readings import Reading, table_of
from extender.model.columns import NodeTable

# (field of a Reading and column `load_<field>`, column that says whether it was measured)
_MEASURED = (
    ("cpu_pct", "load_cpu_known"),
    ("cpu_first_pct", "load_cpu_known"),
    ("cpu_avg_pct", "load_cpu_valid"),
    ("cpu_std_pct", "load_cpu_valid"),
    ("memory_pct", "load_memory_known"),
    ("memory_avg_pct", "load_memory_valid"),
    ("memory_std_pct", "load_memory_valid"),
)


def blank_load(nodes: NodeTable) -> None:
    """No node has a measurement."""
    nodes.load_known[:] = False
    for field, known in _MEASURED:
        getattr(nodes, f"load_{field}")[:] = 0.0
        getattr(nodes, known)[:] = False


def show_load(nodes: NodeTable, rows: Sequence[int], readings: Sequence[Reading]) -> None:
    """Write one reading per row."""
    show_table(nodes, np.asarray(rows, np.intp), table_of(readings))


def show_table(nodes: NodeTable, rows: NDArray[np.intp], table: NDArray[np.float64]) -> None:
    """Write one line of the table (row x field of a Reading) per row."""
    if not len(rows):
        return
    nodes.load_known[rows] = True
    # What is no measurement is NaN here, and 0 beside a False there.
    have = ~np.isnan(table)
    for (field, known), values, measured in zip(_MEASURED, np.where(have, table, 0.0).T, have.T, strict=True):
        getattr(nodes, f"load_{field}")[rows] = values
        getattr(nodes, known)[rows] = measured
