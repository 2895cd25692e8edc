"""What is unusual is found, what is usual is not told, whatever the unit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.trends import Anomaly, anomalies, lasting
from analytics.trends.anomalies import MIN_BEFORE
from tests.analytics.trends.samples import DAY, START_US, STEP_S, at, daily, noisy, series

STEP_US = STEP_S * 1_000_000


def test_r154_spikes_and_dips_in_a_week_with_a_season_are_found_and_nothing_else() -> None:
    values = daily(7)
    put = {100: 2.0, 555: 0.3, 1000: 1.7, 1700: 0.4, 2015: 2.5, 0: 0.2}
    for place, times in put.items():
        values[place] *= times
    found = anomalies(series(values))
    assert {at(one.at_us) for one in found} == set(put)
    for one in found:
        place = at(one.at_us)
        assert one.value == values[place]
        assert one.expected == pytest.approx(values[place] / put[place], rel=0.2)
        assert (one.score > 0) == (put[place] > 1)
        assert one.severity == ("critical" if abs(one.score) > 8 else "warning")
    assert {one.severity for one in found} == {"critical", "warning"} or all(
        one.severity == "critical" for one in found
    )


def test_r154_the_same_figure_is_usual_at_noon_and_unusual_at_night() -> None:
    values = daily(7, noise=0.03)
    noon, night = 3 * DAY + DAY // 4, 3 * DAY + 3 * DAY // 4
    values[night] = values[noon]
    assert [at(one.at_us) for one in anomalies(series(values))] == [night]


def test_r154_a_climb_and_a_new_level_are_not_unusual_for_long() -> None:
    climbing = daily(7) + np.arange(7 * DAY) / 20
    assert anomalies(series(climbing)) == []
    moved = daily(7) + np.where(np.arange(7 * DAY) >= 4 * DAY, 200, 0)
    assert all(abs(at(one.at_us) - 4 * DAY) <= DAY // 2 for one in anomalies(series(moved)))


def test_r154_with_less_than_three_days_the_steps_before_say_what_is_usual() -> None:
    values = 100 + 5 * np.random.default_rng(3).standard_normal(400)
    values[200], values[300] = 200, 20
    found = anomalies(series(values))
    assert [at(one.at_us) for one in found] == [200, 300]
    assert [one.score > 0 for one in found] == [True, False]
    assert all(one.expected == pytest.approx(100, abs=5) for one in found)


def test_r154_nothing_is_unusual_before_enough_was_seen() -> None:
    values = np.ones(2 * MIN_BEFORE)
    values[:MIN_BEFORE] = np.geomspace(1, 1e9, MIN_BEFORE)
    assert all(at(one.at_us) >= MIN_BEFORE for one in anomalies(series(values)))


def test_r154_what_is_known_later_does_not_change_what_was_told_of_a_short_series() -> None:
    values = 100 + 5 * np.random.default_rng(4).standard_normal(500)
    values[[150, 350]] = 300, 1000
    whole = anomalies(series(values))
    early = anomalies(series(values[:300]))
    assert early == [one for one in whole if at(one.at_us) < 300]


@settings(max_examples=50)
@given(power=st.integers(-300, 300), mirrored=st.booleans(), seed=st.integers(0, 1000), days=st.sampled_from([1, 4]))
def test_r154_another_unit_changes_no_anomaly(power: int, mirrored, seed: int, days: int) -> None:
    values = daily(days, seed)
    random = np.random.default_rng(seed)
    values[random.choice(len(values), 8)] *= random.uniform(0, 3, 8)
    other = np.ldexp(-values if mirrored else values, power)
    before, after = anomalies(series(values), 4.0), anomalies(series(other), float(np.ldexp(4.0, power)))
    assert [one.at_us for one in before] == [one.at_us for one in after]
    assert [one.severity for one in before] == [one.severity for one in after]
    assert [abs(one.score) for one in before] == pytest.approx([abs(one.score) for one in after])


@given(values=noisy, floor=st.floats(0, 20))
def test_r154_nothing_within_the_floor_is_told_and_the_floor_hides_nothing_beyond_it(values, floor: float) -> None:
    values[::29] *= 9
    whole = anomalies(series(values))
    assert anomalies(series(values), floor) == [one for one in whole if abs(one.value - one.expected) > floor]


def test_r154_what_happens_now_and_then_is_not_unusual() -> None:
    seldom = (np.random.default_rng(8).random(7 * DAY) < 0.1).astype(float)
    assert anomalies(series(seldom)) == []
    once = np.zeros(7 * DAY)
    once[1000] = 1
    assert [at(one.at_us) for one in anomalies(series(once))] == [1000]


def test_r154_gaps_are_not_unusual_and_hide_nothing() -> None:
    values = daily(7)
    values[[500, 1500]] *= 3
    values[600:900], values[::5] = np.nan, np.nan
    values[1501] = np.nan
    kept = [place for place in (500, 1500) if np.isfinite(values[place])]
    values[502] *= 3
    assert [at(one.at_us) for one in anomalies(series(values))] == sorted([*kept, 502])


@pytest.mark.parametrize(("days", "most"), [(1, 6), (7, 2)])
def test_r154_of_ordinary_noise_hardly_anything_is_told(days: int, most: int) -> None:
    told = sum(len(anomalies(series(daily(days, seed, noise=0.05)))) for seed in range(10))
    assert told <= most


def _one(step: int, score: float) -> Anomaly:
    return Anomaly(START_US + step * STEP_US, 1.0, 0.0, "warning", score)


@pytest.mark.parametrize(
    ("told", "lasts"),
    [
        ([(1, 9), (2, 9)], [2]),
        ([(1, 9), (3, 9)], [3]),
        ([(1, 9), (4, 9)], []),
        ([(1, 9), (2, -9)], []),
        ([(1, 9), (2, -9), (3, 9), (4, -9)], [3, 4]),
        ([(1, 9), (2, 9), (3, 9)], [2, 3]),
        ([], []),
    ],
)
def test_r177_an_alert_is_worth_two_of_three_steps_on_one_side(told, lasts: list[int]) -> None:
    found = lasting([_one(step, score) for step, score in told], STEP_S)
    assert [at(one.at_us) for one in found] == lasts


def test_r177_how_many_of_how_many_can_be_said() -> None:
    found = [_one(step, 9) for step in (1, 2, 3)]
    assert lasting(found, STEP_S, at_least=1, of=1) == found
    assert lasting(found, STEP_S, at_least=3, of=3) == found[2:]
    with pytest.raises(ValueError, match="at_least: 4; want 1 to 3"):
        lasting(found, STEP_S, at_least=4)
