"""Forecasts against what came, their bounds, and when a limit is reached."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.trends import Forecast, Series, forecast, reaches
from analytics.trends.forecast import MIN_POINTS, MOST_AHEAD
from tests.analytics.trends.samples import DAY, DAY_US, STEP_S, daily, noisy, series

DAY_S = 86_400
HOUR = 3600


def made(of: Series, ahead_s: int) -> Forecast:
    found = forecast(of, ahead_s)
    assert found is not None
    return found


def values_of(found: Forecast) -> np.ndarray:
    return np.array([point.value for point in found.points])


def within(found: Forecast, actual: np.ndarray) -> float:
    return float(np.mean([p.low <= value <= p.high for p, value in zip(found.points, actual, strict=True)]))


def error(found: Forecast, actual: np.ndarray) -> float:
    return float(np.median(np.abs(values_of(found) - actual) / actual))


def test_r153_a_day_with_a_season_is_foretold_within_its_noise() -> None:
    for seed in range(5):
        values = daily(7, seed)
        found = made(series(values[: 6 * DAY]), DAY_S)
        assert found.method == "fourier"
        assert error(found, values[6 * DAY :]) < 0.06
        assert found.error_share == pytest.approx(0.05, abs=0.01)
        assert within(found, values[6 * DAY :]) > 0.8


def test_r153_the_points_are_the_steps_behind_the_series() -> None:
    known = series(daily(4))
    found = made(known, 1000)
    assert [point.at_us for point in found.points] == [known.end_us + step * known.step_us for step in range(4)]


def test_r153_spikes_do_not_bend_a_forecast() -> None:
    values = daily(7)
    values[:: DAY // 3] *= 50
    assert error(made(series(values[: 6 * DAY + 1]), 50 * STEP_S), daily(7)[6 * DAY + 1 :][:50]) < 0.08


def test_r153_edges_of_a_day_are_foretold_by_times_of_day() -> None:
    day = np.arange(7 * DAY) % DAY
    values = np.where((day > 108) & (day < 204), 140.0, 40.0) * daily(7, noise=0.05) / daily(7, noise=0)
    found = made(series(values[: 6 * DAY]), DAY_S)
    assert found.method == "profile"
    assert error(found, values[6 * DAY :]) < 0.06


def test_r153_weekends_are_foretold_after_three_weeks() -> None:
    weekend = np.arange(28 * DAY) % (7 * DAY) >= 5 * DAY
    values = daily(28) * np.where(weekend, 0.4, 1)
    found = made(series(values[: 26 * DAY]), 2 * DAY_S)
    assert error(found, values[26 * DAY :]) < 0.1
    # After fewer, a Friday is followed by another one.
    assert error(made(series(values[: 12 * DAY]), 2 * DAY_S), values[12 * DAY : 14 * DAY]) > 0.2


def test_r153_after_a_shift_the_new_level_is_foretold() -> None:
    values = daily(7, noise=0.03) * np.where(np.arange(7 * DAY) < 4 * DAY, 1, 2)
    found = made(series(values[: 6 * DAY]), DAY_S)
    assert error(found, values[6 * DAY :]) < 0.1


def test_r153_with_less_than_three_days_a_line_bends_into_a_level() -> None:
    values = 50 + np.arange(200) * 0.1 + 0.2 * np.random.default_rng(0).standard_normal(200)
    found = made(series(values[:150]), 50 * STEP_S)
    assert found.method == "linear"
    told = values_of(found)
    assert error(found, values[150:]) < 0.03
    steps = np.diff(values_of(made(series(values[:150]), 2000 * STEP_S)))
    assert (np.diff(steps) < 1e-12).all()
    assert steps[0] == pytest.approx(0.1, rel=0.1)
    assert steps[-1] < 0.001
    assert told[0] == pytest.approx(65, abs=0.5)


@given(values=noisy, ahead=st.integers(1, 300))
def test_r153_bounds_hold_the_value_and_never_close_again(values, ahead: int) -> None:
    found = made(series(values), ahead * STEP_S)
    width = np.array([point.high - point.low for point in found.points])
    assert all(point.low <= point.value <= point.high for point in found.points)
    assert (np.diff(width) >= -1e-9).all()
    assert len(found.points) == ahead


def test_r153_bounds_hold_what_comes_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(40):
        values = 100 + 5 * np.random.default_rng(seed).standard_normal(300)
        held.append(within(made(series(values[:250]), 50 * STEP_S), values[250:]))
    assert 0.8 < np.mean(held) < 0.97


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    power=st.integers(-300, 300),
    days=st.sampled_from([1, 4]),
)
def test_r153_another_unit_scales_the_forecast(seed: int, power: int, days: int) -> None:
    values = daily(days, seed)
    before, after = made(series(values), HOUR), made(series(np.ldexp(values, power)), HOUR)
    assert after.method == before.method
    assert after.error_share == pytest.approx(before.error_share)
    for one, other in zip(before.points, after.points, strict=True):
        scaled = np.ldexp([one.low, one.value, one.high], power)
        assert (other.low, other.value, other.high) == pytest.approx(tuple(scaled), rel=1e-6, abs=0)


def test_r153_what_was_never_negative_is_not_foretold_to_be() -> None:
    falling = np.maximum(100 - np.arange(200.0), 1)
    assert all(p.low >= 0 for p in made(series(falling[:98]), 100 * STEP_S).points)
    debts = -np.arange(200.0)
    assert made(series(debts), 100 * STEP_S).points[-1].value < -200


def test_r153_the_error_of_nothing_is_measured_against_what_is_usual() -> None:
    mostly = np.where(np.arange(200) % 4 == 0, 8.0, 0.0)
    found = made(series(mostly), 20 * STEP_S)
    assert 0 <= found.error_share < 10


def test_r153_too_little_is_not_foretold() -> None:
    values = np.full(200, np.nan)
    values[1 - MIN_POINTS :] = 1
    assert forecast(series(values), HOUR) is None
    values[150] = 1
    assert forecast(series(values), HOUR) is not None
    # What ended long ago cannot be tried on what came last.
    assert forecast(series(np.append(values, np.full(400, np.nan))), HOUR) is None


@pytest.mark.parametrize("ahead_s", [0, -1, (MOST_AHEAD + 1) * STEP_S])
def test_a_time_ahead_that_makes_no_sense_is_refused(ahead_s: int) -> None:
    for function in (lambda: forecast(series([]), ahead_s), lambda: reaches(series([]), 1.0, ahead_s)):
        with pytest.raises(ValueError, match=f"ahead_s: {ahead_s}; want"):
            function()


def test_r342_days_until_full_are_told_with_bounds() -> None:
    # 40 % and 2 % more each day, with a little of a day in it: full 30 days after the begin.
    where = np.arange(14 * 24)
    used = 40 + 2 * where / 24 + 0.5 * np.sin(where * 2 * np.pi / 24)
    used += 0.3 * np.random.default_rng(1).standard_normal(len(where))
    found = reaches(series(used, HOUR), 100.0, 60 * DAY_S)
    assert found is not None
    assert found.at_us is not None
    assert found.earliest_us is not None
    assert found.latest_us is not None
    begin = series(used, HOUR).start_us
    assert (found.at_us - begin) / DAY_US == pytest.approx(30, abs=1)
    assert found.earliest_us <= found.at_us <= found.latest_us
    assert reaches(series(used, HOUR), 100.0, 5 * DAY_S) is None


def test_r342_a_limit_below_is_reached_from_above() -> None:
    free = 60 - 2 * np.arange(14 * 24) / 24
    found = reaches(series(free, HOUR), 10.0, 30 * DAY_S)
    assert found is not None
    assert found.at_us is not None
    assert (found.at_us - series(free, HOUR).start_us) / DAY_US == pytest.approx(25, abs=0.2)


def test_r342_a_limit_that_only_a_bound_reaches_has_an_earliest_time_alone() -> None:
    values = 50 + 10 * np.random.default_rng(0).standard_normal(200)
    found = reaches(series(values), 60.0, 50 * STEP_S)
    assert found is not None
    assert found.earliest_us is not None
    assert (found.at_us, found.latest_us) == (None, None)


@settings(max_examples=60)
@given(values=noisy, limit=st.floats(-5, 5))
def test_r342_the_time_is_the_first_step_of_the_forecast_beyond_the_limit(values, limit: float) -> None:
    values = values + np.linspace(0, 3, len(values))
    told = made(series(values), 50 * STEP_S)
    found = reaches(series(values), limit, 50 * STEP_S)
    rising = told.points[0].value < limit
    beyond = [p.at_us for p in told.points if (p.value >= limit if rising else p.value <= limit)]
    assert (found.at_us if found else None) == (beyond[0] if beyond else None)
