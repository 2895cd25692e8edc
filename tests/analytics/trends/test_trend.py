"""Theil-Sen and Mann-Kendall against all pairs by hand; what a trend may not depend on."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.trends import trend
from analytics.trends.trend import MIN_POINTS, mann_kendall, theil_sen
from tests.analytics.trends.samples import DAY, daily, noisy, series

HOUR = 3600
few = st.lists(st.integers(-20, 20), min_size=8, max_size=40)


@given(values=few)
def test_r153_theil_sen_is_the_median_slope_of_all_pairs(values: list[int]) -> None:
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in itertools.combinations(enumerate(values), 2)]
    found = theil_sen(np.arange(len(values), dtype=float), np.array(values, dtype=float))
    assert found == pytest.approx(statistics.median(slopes), abs=1e-12)


@given(values=few)
def test_r153_mann_kendall_counts_pairs_and_ties(values: list[int]) -> None:
    n = len(values)
    score = sum((b > a) - (b < a) for a, b in itertools.combinations(values, 2))
    ties = [values.count(value) for value in set(values)]
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    z = (abs(score) - 1) / math.sqrt(variance) if score and variance else 0.0
    wanted = math.erfc(z / math.sqrt(2)) if score else 1.0
    # Nothing left by the slope: neighbours tell nothing of each other.
    assert mann_kendall(np.array(values, dtype=float), np.zeros(n)) == pytest.approx(wanted)


def test_r153_of_hourly_values_below_three_days_the_slope_is_that_of_all_pairs() -> None:
    values = np.random.default_rng(1).standard_normal(60) + np.arange(60) * 0.1
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in itertools.combinations(enumerate(values), 2)]
    found = trend(series(values, HOUR))
    assert found is not None
    assert found.per_hour == pytest.approx(statistics.median(slopes))


@pytest.mark.parametrize("sign", [1, -1])
def test_r153_a_climb_below_noise_and_season_is_told_with_its_slope(sign: int) -> None:
    values = daily(7) + sign * 0.25 * np.arange(7 * DAY) / 12
    found = trend(series(values))
    assert found is not None
    assert found.direction == ("rising" if sign > 0 else "falling")
    assert found.per_hour == pytest.approx(sign * 0.25, rel=0.1)
    assert found.share_per_day == pytest.approx(24 * found.per_hour / np.median(values), rel=0.02)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize("season", [0.0, 1.0])
def test_r153_noise_is_seldom_held_for_a_trend_also_when_neighbours_move_together(correlation, season) -> None:
    told = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        values = random.standard_normal(168)
        for place in range(1, 168):
            values[place] += correlation * values[place - 1]
        found = trend(series(values + season * 5 * np.sin(np.arange(168) * 2 * np.pi / 24), HOUR))
        assert found is not None
        told += found.direction != "flat"
    assert told <= 4


@given(values=noisy, shift=st.integers(-1000, 1000), slope=st.integers(-3, 3))
def test_r153_a_shift_changes_nothing_and_a_slope_adds_to_the_slope(values, shift: int, slope: int) -> None:
    values = values[:70]
    before = trend(series(values, HOUR))
    shifted = trend(series(values + shift, HOUR))
    steeper = trend(series(values + slope * np.arange(len(values)), HOUR))
    assert before is not None
    assert shifted is not None
    assert steeper is not None
    near = 1e-9 * (1 + abs(shift) + np.abs(values).max())
    assert shifted.per_hour == pytest.approx(before.per_hour, abs=near)
    assert shifted.p_value == pytest.approx(before.p_value, abs=1e-4)
    assert steeper.per_hour == pytest.approx(before.per_hour + slope, abs=1e-6)


@given(values=noisy, power=st.integers(-200, 200), mirrored=st.booleans())
def test_r153_another_unit_scales_the_slope_and_nothing_else(values, power: int, mirrored) -> None:
    sign = -1 if mirrored else 1
    before = trend(series(values, HOUR))
    after = trend(series(np.ldexp(sign * values, power), HOUR))
    assert before is not None
    assert after is not None
    assert after.per_hour == pytest.approx(sign * math.ldexp(before.per_hour, power), rel=1e-12, abs=0)
    assert after.p_value == pytest.approx(before.p_value)
    mirror = {"rising": "falling", "falling": "rising", "flat": "flat"}
    assert after.direction == (mirror[before.direction] if mirrored else before.direction)


def test_r153_a_change_within_the_floor_is_flat_and_keeps_its_slope() -> None:
    line = series(np.arange(48.0), HOUR)
    told = trend(line)
    assert told is not None
    assert told.direction == "rising"
    assert trend(line, floor=46.9) == told
    assert trend(line, floor=47.1) == dataclasses.replace(told, direction="flat")


def test_r153_fewer_medians_than_needed_are_no_trend() -> None:
    values = np.full(48, np.nan)
    values[: 2 * MIN_POINTS - 2 : 2] = np.arange(MIN_POINTS - 1)
    assert trend(series(values, HOUR)) is None
    values[40] = 40
    found = trend(series(values, HOUR))
    assert found is not None
    assert found.per_hour == pytest.approx(1.0, rel=0.6)


def test_r153_below_a_day_shorter_steps_than_hours_are_compared() -> None:
    found = trend(series(np.arange(24.0)))
    assert found is not None
    assert found.direction == "rising"
    assert found.per_hour == pytest.approx(12.0)


def test_r153_a_spike_does_not_bend_the_slope() -> None:
    values = np.arange(100.0)
    values[50] = 1e12
    found = trend(series(values, HOUR))
    assert found is not None
    assert found.per_hour == pytest.approx(1.0, rel=0.05)


def test_r153_of_a_level_of_nothing_there_is_no_share() -> None:
    found = trend(series(np.linspace(-5, 5, 41), HOUR))
    assert found is not None
    assert (found.direction, found.share_per_day) == ("rising", None)


@pytest.mark.parametrize("days", [10, 40, 90, 200])
def test_r153_however_long_the_series_its_season_is_no_trend_and_its_slope_is_told(days: int) -> None:
    where = np.arange(days * 24)
    season = 30 * np.sin(where * 2 * np.pi / 24) + np.random.default_rng(1).standard_normal(len(where))
    flat, rising = trend(series(100 + season, HOUR)), trend(series(100 + season + where / 24, HOUR))
    assert flat is not None
    assert rising is not None
    assert (flat.direction, rising.direction) == ("flat", "rising")
    assert rising.per_hour == pytest.approx(1 / 24, rel=0.1)
