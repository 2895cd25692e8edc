"""Ratios and percentiles out of times of calls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.samples import RARE_CALLS, Samples, Times, at_percent, milliseconds, ratio, spread, typical

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 8))


def times(shape: tuple[int, int]) -> st.SearchStrategy[Times]:
    return arrays(np.float64, shape, elements=st.floats(1, 1e5, width=32))


@st.composite
def runs(draw: st.DrawFn, count: int) -> list[tuple[Times, Times]]:
    shape = draw(SHAPES)
    return [(draw(times(shape)), draw(times(shape))) for _ in range(count)]


@given(times=SHAPES.flatmap(times), percent=st.floats(0, 100))
def test_a_percentile_is_a_time_that_was_measured_and_enough_of_them_are_not_above_it(
    times: Times, percent: float
) -> None:
    found = at_percent(times, percent)
    assert found in times
    assert np.count_nonzero(times <= found) >= percent / 100 * times.size - 1e-9


def test_a_percentile_takes_the_nearest_rank() -> None:
    hundred = np.arange(100.0, 0.0, -1).reshape(10, 10)
    assert [at_percent(hundred, percent) for percent in (50, 99, 99.9, 100)] == [50, 99, 100, 100]


@settings(max_examples=40)
@given(pairs=runs(3), percent=st.sampled_from([50, 99]))
def test_the_ratio_is_the_median_of_the_runs_ratios(pairs: list[tuple[Times, Times]], percent: float) -> None:
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    single = sorted(at_percent(a, percent) / at_percent(b, percent) for a, b in pairs)
    found = ratio(ours, theirs, percent)
    assert found["value"] == pytest.approx(single[1], abs=6e-4)
    assert sorted(found["runs"]) == pytest.approx(single, abs=6e-4)
    assert found["low"] <= found["high"]


@settings(max_examples=40)
@given(pairs=runs(1), factor=st.sampled_from([2.0, 4.0, 8.0]))
def test_whoever_takes_twice_as_long_has_twice_the_ratio(pairs: list[tuple[Times, Times]], factor: float) -> None:
    once, more = ratio([pairs[0][0]], [pairs[0][1]], 50), ratio([factor * pairs[0][0]], [pairs[0][1]], 50)
    for key in ("value", "low", "high"):
        assert more[key] == pytest.approx(factor * once[key], abs=6e-4 * (1 + factor))


@given(of=SHAPES.flatmap(times))
def test_a_server_beside_itself_is_exactly_level(of: Times) -> None:
    assert ratio([of], [of], 99) == {"value": 1.0, "low": 1.0, "high": 1.0, "runs": [1.0]}


def test_bounds_hold_the_true_ratio_and_are_wider_where_rounds_differ_more() -> None:
    chance = np.random.default_rng(5)

    def drawn(middle: float, unrest: float) -> Times:
        return middle * np.exp(chance.normal(0, unrest, (20, 1)) + chance.normal(0, 0.05, (20, 40)))

    calm = ratio([drawn(100, 0.01)], [drawn(200, 0.01)], 50)
    wild = ratio([drawn(100, 0.3)], [drawn(200, 0.3)], 50)
    assert calm["low"] < 0.5 < calm["high"]
    assert wild["high"] - wild["low"] > 3 * (calm["high"] - calm["low"])


def test_the_same_times_have_the_same_bounds() -> None:
    of = np.random.default_rng(1).uniform(1, 9, (6, 20))
    assert ratio([of], [of[::-1]], 50) == ratio([of], [of[::-1]], 50)


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([(2, 3)], [(2, 3), (2, 3)]), ([(2, 3)], [(3, 3)])])
def test_runs_that_do_not_match_are_refused(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="ours"):
        ratio([np.ones(shape) for shape in ours], [np.ones(shape) for shape in theirs], 50)


def test_a_cycle_is_both_calls_of_a_pod_and_calls_are_each_on_its_own() -> None:
    found = Samples(np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]]))
    assert found.of("cycle").tolist() == [[11.0, 22.0]]
    assert sorted(found.of("calls")[0].tolist()) == [1.0, 2.0, 10.0, 20.0]


def test_rare_percentiles_are_told_only_of_many_calls() -> None:
    assert spread([np.ones((1, RARE_CALLS - 1))])["p999_us"] is None
    assert spread([np.ones((1, RARE_CALLS - 1)), np.ones((1, 1))])["p999_us"] == 1.0


def test_what_is_done_few_times_is_told_in_milliseconds_and_what_has_one_value_a_run_by_its_median() -> None:
    assert milliseconds([3.0, 1.0, 2.0]) == {"count": 3, "p50_ms": 2.0, "p99_ms": 3.0, "max_ms": 3.0}
    assert typical([5.0, 1.0, 2.0]) == {"value": 2.0, "runs": [5.0, 1.0, 2.0]}
