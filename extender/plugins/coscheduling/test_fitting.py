"""Places for many pods at once: all or none, and never more than there is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extender.plugins.coscheduling.fitting import Want, fitted, most
from tests.thorough import thorough

ROWS = 4
amounts = st.lists(st.integers(0, 5), min_size=2, max_size=2)
frees = st.lists(st.lists(st.integers(-3, 12), min_size=2, max_size=2), min_size=ROWS, max_size=ROWS)


@st.composite
def wants(draw: st.DrawFn) -> Want:
    return Want(
        np.array(draw(amounts), np.int64),
        draw(st.integers(1, 6)),
        np.array(draw(st.lists(st.booleans(), min_size=ROWS, max_size=ROWS)), np.bool_),
        one_per_node=draw(st.booleans()),
        spread=draw(st.booleans()),
    )


def rooms_by_hand(free: Sequence[Sequence[int]], want: Want) -> int:
    """Put pods of one shape down one at a time until no node takes another."""
    left = [list(row) for row in free]
    placed = 0
    for row in range(ROWS):
        here = 0
        while (
            want.allowed[row]
            and here < want.count
            and not (want.one_per_node and here)
            and all(a == 0 or a <= have for a, have in zip(want.request.tolist(), left[row], strict=True))
        ):
            left[row] = [have - a for a, have in zip(want.request.tolist(), left[row], strict=True)]
            here += 1
        placed += here
    return placed


@thorough
@given(frees, st.lists(wants(), min_size=1, max_size=3))
def test_a_plan_is_whole_and_never_exceeds_what_is_free(free: list[list[int]], asked: list[Want]) -> None:
    found = fitted(np.array(free, np.int64), asked)
    if found is None:
        return
    left = np.array(free, np.int64)
    for want, rows in zip(asked, found, strict=True):
        assert len(rows) == want.count
        assert want.allowed[rows].all()
        assert not want.one_per_node or len(set(rows.tolist())) == len(rows)
        for row in rows.tolist():
            left[row] -= want.request
    used = left != np.array(free, np.int64)
    assert (left[used] >= 0).all()


@thorough
@given(frees, wants())
def test_pods_of_one_shape_find_room_exactly_if_they_do_by_hand(free: list[list[int]], want: Want) -> None:
    room = rooms_by_hand(free, want)
    assert most(np.array(free, np.int64), want) == room
    assert (fitted(np.array(free, np.int64), [want]) is not None) == (room >= want.count)


def want(request: list[int], count: int, rows: int, **more: bool) -> Want:
    return Want(np.array(request, np.int64), count, np.ones(rows, np.bool_), **more)


def test_the_tightest_node_is_filled_first_so_that_large_pods_find_room() -> None:
    free = np.array([[4], [2]], np.int64)
    small, large = want([2], 1, 2), want([4], 1, 2)
    found = fitted(free, [small, large])
    assert found is not None
    assert [rows.tolist() for rows in found] == [[1], [0]]


def test_pods_that_dislike_each_other_are_spread_if_there_are_nodes_enough() -> None:
    free = np.array([[4], [4]], np.int64)
    found = fitted(free, [want([1], 2, 2, spread=True)])
    assert found is not None
    assert sorted(found[0].tolist()) == [0, 1]
    crowded = fitted(free, [want([1], 3, 2, spread=True)])
    assert crowded is not None
    assert len(crowded[0]) == 3
