"""Points become even steps; what was not measured is NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.trends import Series
from analytics.trends.series import MOST_STEPS

MINUTE_US = 60_000_000


def test_r153_points_land_in_their_steps_and_gaps_are_nan() -> None:
    points = [(5 * MINUTE_US, 1.0), (7 * MINUTE_US + 59, 3.0)]
    made = Series.of(points, 60, 5 * MINUTE_US, 9 * MINUTE_US)
    assert np.array_equal(made.values, [1.0, np.nan, 3.0, np.nan], equal_nan=True)
    assert made.at_us.tolist() == [5 * MINUTE_US, 6 * MINUTE_US, 7 * MINUTE_US, 8 * MINUTE_US]
    assert made.known.tolist() == [True, False, True, False]
    assert made.end_us == 9 * MINUTE_US


def test_r153_a_range_that_begins_within_a_step_has_that_step_and_the_last_is_begun() -> None:
    made = Series.of([(60, 1.0)], 60, 30_000_000, MINUTE_US + 1)
    assert (made.start_us, len(made), made.values[0]) == (0, 2, 1.0)


def test_r153_of_several_in_a_step_the_last_given_wins() -> None:
    made = Series.of([(10, 1.0), (5, 2.0)], 60, 0, MINUTE_US)
    assert made.values.tolist() == [2.0]


@given(
    points=st.lists(st.tuples(st.integers(-(10**10), 10**10), st.floats(allow_nan=True)), max_size=30),
    step_s=st.integers(1, 10_000),
    since=st.integers(-(10**10), 10**10),
    span=st.integers(-(10**9), 10**10),
)
def test_r153_every_step_holds_a_point_of_its_own_time_or_nothing(points, step_s, since, span) -> None:
    made = Series.of(points, step_s, since, since + span)
    if span <= 0:
        assert len(made) == 0
        return
    step_us = step_s * 1_000_000
    assert made.start_us <= since < made.start_us + step_us
    assert made.end_us - step_us < since + span <= made.end_us
    assert not np.isinf(made.values).any()
    last = {at_us // step_us: value for at_us, value in points}
    wanted = [last.get(at_us // step_us, np.nan) for at_us in made.at_us.tolist()]
    assert np.array_equal(made.values, np.where(np.isfinite(wanted), wanted, np.nan), equal_nan=True)


@pytest.mark.parametrize("step_s", [0, -60])
def test_a_step_that_is_no_time_is_refused(step_s: int) -> None:
    with pytest.raises(ValueError, match="step_s"):
        Series(0, step_s, np.array([1.0]))
    with pytest.raises(ValueError, match="step_s"):
        Series.of([], step_s, 0, 1)


def test_too_long_a_range_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(ValueError, match=rf"step_s: .*{MOST_STEPS} at most"):
        Series.of([], 1, 0, 10**18)


def test_a_table_is_no_series() -> None:
    with pytest.raises(ValueError, match="want one"):
        Series(0, 1, np.zeros((2, 2)))
