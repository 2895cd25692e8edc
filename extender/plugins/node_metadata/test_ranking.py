"""NodeMetadata: which nodes have a value, and how they rank, whatever happens to the nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Cycle, Node, NodeTable, Pod
from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins.node_metadata import PLUGIN
from extender.plugins.node_metadata.layout import Layout
from extender.plugins.node_metadata.values import Values
from tests.thorough import thorough

NUMBER = {"metadataKey": "k", "metadataSource": "Label", "metadataType": "Number", "scoringStrategy": "Highest"}
TIME = {"metadataKey": "k", "metadataSource": "Annotation", "metadataType": "Timestamp", "scoringStrategy": "Newest"}
NOW_S = 1_790_000_000.25
NOTHING = -(2**63)


@pytest.fixture(scope="module")
def compiled(kernels: Path) -> CompiledPlugin:
    return compile_all([PLUGIN], kernels)["NodeMetadata"]


def a_table(*written: str | None, source: str = "Label") -> NodeTable:
    table = NodeTable()
    for i, text in enumerate(written):
        notes = {} if text is None else {"k": text}
        where: dict[str, Any] = {"labels": notes} if source == "Label" else {"annotations": notes}
        table.set_object(table.add(f"n{i}"), Node(name=f"n{i}", **where))
    return table


def asked(compiled: CompiledPlugin, table: NodeTable, raw_args: dict[str, Any]) -> tuple[list[int], list[int]]:
    args, problems = args_of(PLUGIN, raw_args)
    assert problems == []
    cycle = Cycle(
        pod=Pod(namespace="ns", name="p", uid="u"),
        nodes=table,
        rows=np.arange(table.rows, dtype=np.int32),
        args=args,
        book=None,
        memo={},
        pods={},
        nominated={},
        objects={},
        assignments=(),
        now_s=NOW_S,
    )
    raw = np.zeros(table.rows, np.int64)
    compiled.score_rows(cycle, raw)
    return raw.tolist(), compiled.normalize(raw).tolist()


def test_the_highest_number_gets_100_and_the_lowest_1(compiled: CompiledPlugin) -> None:
    assert asked(compiled, a_table("10", "50", "100"), NUMBER) == ([10, 50, 100], [1, 45, 100])
    lowest = {**NUMBER, "scoringStrategy": "Lowest"}
    assert asked(compiled, a_table("10", "50", "100"), lowest) == ([-10, -50, -100], [100, 56, 1])


def test_a_node_without_a_readable_value_gets_0_and_moves_no_end(compiled: CompiledPlugin) -> None:
    raw, normal = asked(compiled, a_table(None, "5", "x", "7", "1e400"), NUMBER)
    assert raw == [NOTHING, 5, NOTHING, 7, NOTHING]
    assert normal == [0, 1, 0, 100, 0]


def test_times_are_ages_at_one_moment(compiled: CompiledPlugin) -> None:
    table = a_table("2026-09-21T14:13:20Z", "2026-09-21T14:13:20.5Z", source="Annotation")
    age = int(NOW_S) - known_seconds("2026-09-21T14:13:20Z")
    raw, _normal = asked(compiled, table, TIME)
    assert raw == [-age, -(age - (1 if age > 0 else 0))]
    oldest, _normal = asked(compiled, table, {**TIME, "scoringStrategy": "Oldest"})
    assert oldest == [-a for a in raw]


def known_seconds(text: str) -> int:
    moment = Layout("2006-01-02T15:04:05Z07:00").parse(text)
    assert moment is not None
    return moment[0]


def test_a_key_counts_only_where_the_policy_looks_for_it(compiled: CompiledPlugin) -> None:
    assert asked(compiled, a_table("5", source="Annotation"), NUMBER)[0] == [NOTHING]


def test_a_node_is_read_again_only_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    args, _problems = args_of(PLUGIN, NUMBER)
    values, table, read = Values(args), a_table("1", "2", "3"), list[int]()  # type: ignore[arg-type]
    original = Values._read

    def noted(self: Values, row: int, node: Node | None) -> None:
        read.append(row)
        original(self, row, node)

    monkeypatch.setattr(Values, "_read", noted)
    values.follow(table)
    values.follow(table)
    assert read == [0, 1, 2]
    table.set_object(1, Node(name="n1", labels={"k": "9"}))
    values.follow(table)
    assert read == [0, 1, 2, 1]
    assert values.whole.tolist() == [1, 9, 3]


def test_a_row_that_another_node_takes_over_shows_that_nodes_value() -> None:
    args, _problems = args_of(PLUGIN, NUMBER)
    values, table = Values(args), a_table("1", "2")  # type: ignore[arg-type]
    values.follow(table)
    table.remove("n0")
    values.follow(table)
    assert values.known.tolist() == [False, True]
    table.set_object(table.add("new"), Node(name="new", labels={"k": "7"}))
    values.follow(table)
    assert values.whole.tolist() == [7, 2]


TEXTS = (
    st.none()
    | st.integers(-(10**6), 10**6).map(str)
    | st.floats(-1e6, 1e6).map(repr)
    | st.sampled_from(["x", "NaN", ""])
)


@thorough
@given(written=st.lists(TEXTS, max_size=8), lowest=st.booleans())
def test_the_compiled_plugin_equals_a_plain_reading_of_its_page(
    compiled: CompiledPlugin,
    written: list[str | None],
    lowest: bool,  # noqa: FBT001
) -> None:
    args = {**NUMBER, "scoringStrategy": "Lowest" if lowest else "Highest"}
    found = [plainly(text) for text in written]
    ranked = [None if n is None else -n if lowest else n for n in found]
    there = [n for n in ranked if n is not None]
    normal = [0 if n is None else place(n, min(there), max(there)) for n in ranked]
    assert asked(compiled, a_table(*written), args) == ([NOTHING if n is None else n for n in ranked], normal)


def plainly(text: str | None) -> int | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return int(number) if number == number else None  # noqa: PLR0124 - NaN


def place(number: int, low: int, high: int) -> int:
    return 1 if low == high else (number - low) * 99 // (high - low) + 1


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"metadataKey": ""}, "metadataKey"),
        ({"metadataSource": "Taint"}, "metadataSource"),
        ({"metadataType": "number"}, "metadataType"),
        ({"scoringStrategy": "Best"}, "scoringStrategy"),
        ({"scoringStrategy": "Newest"}, "scoringStrategy"),
        ({"metadataType": "Timestamp"}, "scoringStrategy"),
    ],
)
def test_arguments_that_say_nothing_are_refused_where_they_are(changed: dict[str, str], path: str) -> None:
    args, problems = args_of(PLUGIN, {**NUMBER, **changed})
    assert args is None
    assert [p for p, _message in problems] == [path]
