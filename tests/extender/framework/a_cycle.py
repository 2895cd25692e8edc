"""Builders for tests: say only what matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from extender.framework import Cycle, NodeTable, Pod


def a_pod(name: str = "p", **fields: Any) -> Pod:
    return Pod(**{"namespace": "ns", "name": name, "uid": f"uid-{name}", **fields})


def a_table(count: int, **columns: list[Any]) -> NodeTable:
    """Nodes n0 ... with these values in these columns."""
    table = NodeTable()
    for i in range(count):
        table.add(f"n{i}")
    for name, values in columns.items():
        getattr(table, name)[:count] = values
    return table


def a_cycle(table: NodeTable, rows: list[int] | None = None, **fields: Any) -> Cycle:
    wanted = list(range(table.rows)) if rows is None else rows
    given: dict[str, Any] = {
        "pod": a_pod(),
        "nodes": table,
        "rows": np.array(wanted, np.int32),
        "args": None,
        "book": None,
        "memo": {},
        "pods": {},
        "nominated": {},
        "objects": {},
        "assignments": (),
        **fields,
    }
    return Cycle(**given)
