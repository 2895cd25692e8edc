"""Readings as columns: each value in its own, and whether it was measured beside it."""

from __future__ import annotations

from typing import Any

from extender.cluster.load_columns import blank_load, show_load
from extender.cluster.readings import Reading
from extender.model.columns import NodeTable

READING = Reading(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)


def row_of(nodes: NodeTable, row: int) -> dict[str, Any]:
    return {name: getattr(nodes, name)[row].item() for name, _k, _m in nodes.COLUMNS if name.startswith("load_")}


def a_table() -> NodeTable:
    nodes = NodeTable()
    for name in ("a", "b", "c"):
        nodes.add(name)
    return nodes


def test_every_value_stands_in_its_own_column() -> None:
    nodes = a_table()
    show_load(nodes, [1], [READING])
    told = row_of(nodes, 1)
    for field, value in READING._asdict().items():
        assert told.pop(f"load_{field}") == value
    assert set(told.values()) == {True}
    assert not any(row_of(nodes, 0).values())


def test_what_was_not_measured_is_zero_and_not_known() -> None:
    nodes = a_table()
    show_load(nodes, [0, 2], [READING, Reading(cpu_avg_pct=8.0, cpu_std_pct=0.0)])
    told = {name for name, value in row_of(nodes, 2).items() if value}
    assert told == {"load_known", "load_cpu_valid", "load_cpu_avg_pct"}


def test_blank_is_as_before_the_first_document() -> None:
    nodes = a_table()
    before = row_of(nodes, 0)
    show_load(nodes, [0], [READING])
    blank_load(nodes)
    assert row_of(nodes, 0) == before
