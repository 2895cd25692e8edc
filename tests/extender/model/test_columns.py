"""The node table says when its arrays are others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extender.model.columns import NodeTable

NAMES = st.integers(0, 200).map(lambda i: f"n{i}")
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "remove"]), NAMES)
    | st.tuples(st.just("add_resource"), st.sampled_from(["gpu", "fpga"]))
    | st.tuples(st.just("add_many"), st.integers(1, 150)),
    max_size=12,
)


def arrays(table: NodeTable) -> list[int]:
    columns = [name for name, _kind, _meaning in NodeTable.COLUMNS]
    return [id(getattr(table, name)) for name in (*columns, "allocatable", "requested")]


@given(STEPS)
def test_the_layout_version_changes_exactly_when_arrays_are_replaced(steps: list[tuple[str, str | int]]) -> None:
    table = NodeTable()
    for step, what in steps:
        # Held, so that no new array can have the place of an old one.
        held = vars(table).copy()
        before, version = arrays(table), table.layout_version
        if step == "add_many":
            for i in range(int(what)):
                table.add(f"many-{i}")
        else:
            getattr(table, step)(what)
        assert (table.layout_version != version) == (arrays(table) != before)
        assert held
