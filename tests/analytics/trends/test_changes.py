"""Levels that changed are found where they changed; noise, seasons, spikes and climbs are no change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.trends import change_points
from analytics.trends.changes import MIN_POINTS, MIN_STEPS, best_cut, beyond_line
from tests.analytics.trends.samples import DAY, at, daily, noisy, series


def _squares(values) -> float:
    return float(np.sum((values - np.mean(values)) ** 2))


def _sums(values):
    return np.concatenate([[0.0], np.cumsum(values)])


@given(values=noisy, data=st.data())
def test_r153_the_best_cut_is_the_best_of_all_cuts(values, data) -> None:
    begin = data.draw(st.integers(0, len(values) - 2 * MIN_STEPS))
    end = data.draw(st.integers(begin + 2 * MIN_STEPS, len(values)))
    part = values[begin:end]
    gains = [
        _squares(part) - _squares(part[:cut]) - _squares(part[cut:])
        for cut in range(MIN_STEPS, len(part) - MIN_STEPS + 1)
    ]
    cut, gain = best_cut(_sums(values), begin, end)
    assert gain == pytest.approx(max(gains), abs=1e-6 * _squares(part))
    assert gains[cut - begin - MIN_STEPS] == pytest.approx(max(gains), abs=1e-6 * _squares(part))


@given(values=noisy, data=st.data())
def test_r153_a_step_beside_a_line_is_what_least_squares_say(values, data) -> None:
    begin = data.draw(st.integers(0, len(values) - 12))
    end = data.draw(st.integers(begin + 12, len(values)))
    cut = data.draw(st.integers(begin + 1, end - 1))
    part, where = values[begin:end], np.arange(begin, end)
    line = np.stack([np.ones(len(part)), where - where.mean()], axis=1)
    step = np.concatenate([line, (where >= cut)[:, None]], axis=1)
    left = [part - fit @ np.linalg.lstsq(fit, part, rcond=None)[0] for fit in (line, step)]
    height = np.linalg.lstsq(step, part, rcond=None)[0][2]
    gain, share = beyond_line(_sums(values), _sums(values * np.arange(len(values))), begin, cut, end)
    assert gain == pytest.approx(np.sum(left[0] ** 2) - np.sum(left[1] ** 2), abs=1e-6 * (1e-9 + np.sum(part**2)))
    assert share * (part[cut - begin :].mean() - part[: cut - begin].mean()) == pytest.approx(height, rel=1e-5)


def test_r153_levels_are_found_where_they_change_with_their_medians() -> None:
    levels = [100.0, 140.0, 90.0, 130.0, 160.0]
    noise = 1 + 0.07 * np.random.default_rng(2).standard_normal(1600)
    found = change_points(series(np.repeat(levels, 320) * noise))
    assert [at(one.at_us) for one in found] == pytest.approx([320, 640, 960, 1280], abs=6)
    for one, before, after in zip(found, levels, levels[1:], strict=False):
        assert one.before == pytest.approx(before, rel=0.03)
        assert one.after == pytest.approx(after, rel=0.03)
        assert one.share == pytest.approx((one.after - one.before) / one.before)


@pytest.mark.parametrize("place", [MIN_STEPS, 50, 100 - MIN_STEPS])
def test_r153_a_clean_step_is_found_exactly(place: int) -> None:
    values = np.where(np.arange(100) < place, 2.0, 3.0)
    found = change_points(series(values))
    assert [at(one.at_us) for one in found] == [place]
    assert (found[0].before, found[0].after, found[0].share) == pytest.approx((2, 3, 0.5))


def test_r153_a_change_below_a_season_is_found() -> None:
    values = daily(7) * np.where(np.arange(7 * DAY) < 1300, 1, 1.5)
    found = change_points(series(values))
    assert [at(one.at_us) for one in found] == pytest.approx([1300], abs=4)
    assert found[0].share == pytest.approx(0.5, rel=0.15)


@given(value=st.floats(-1e300, 1e300), size=st.integers(0, 500))
def test_r153_a_constant_has_no_change(value: float, size: int) -> None:
    assert change_points(series(np.full(size, value))) == []


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
def test_r153_noise_seldom_has_a_change_also_when_neighbours_move_together(correlation: float) -> None:
    told = 0
    for seed in range(60):
        noise = np.random.default_rng(seed).standard_normal(1000)
        for place in range(1, len(noise)):
            noise[place] += correlation * noise[place - 1]
        told += len(change_points(series(100 + 5 * noise)))
    assert told <= 4


@pytest.mark.parametrize(
    "values",
    [
        daily(7),
        daily(7) * (1 + np.arange(7 * DAY) / (7 * DAY)),
        (100 + np.arange(2000) / 20) * (1 + 0.07 * np.random.default_rng(0).standard_normal(2000)),
        np.where(np.arange(1000) % 200 == 0, 1000.0, 100 + np.random.default_rng(1).standard_normal(1000)),
        np.where((np.arange(7 * DAY) % DAY > 108) & (np.arange(7 * DAY) % DAY < 204), 140.0, 40.0) * (daily(7) / 100),
        np.random.default_rng(2).poisson(3 * (1 + 0.6 * np.sin(2 * np.pi * np.arange(7 * DAY) / DAY))).astype(float),
        np.arange(500.0),
    ],
    ids=["season", "season that grows", "climb", "spikes", "office hours", "counts with a season", "clean line"],
)
def test_r153_what_is_no_change_of_level_is_not_told(values) -> None:
    assert change_points(series(values)) == []


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), power=st.integers(-300, 300), mirrored=st.booleans())
def test_r153_another_unit_changes_no_change(seed: int, power: int, mirrored) -> None:
    random = np.random.default_rng(seed)
    values = np.repeat(random.uniform(50, 200, 4), 100) * (1 + 0.05 * random.standard_normal(400))
    if mirrored:
        values[::17] = 0  # no logarithm
    before = change_points(series(values))
    after = change_points(series(np.ldexp(-values if mirrored else values, power)))
    assert [one.at_us for one in before] == [one.at_us for one in after]
    sign = -1 if mirrored else 1
    assert [one.after for one in after] == pytest.approx([sign * float(np.ldexp(one.after, power)) for one in before])


def test_r153_a_change_from_nothing_has_no_share() -> None:
    values = np.where(np.arange(200) < 100, 0.0, 5.0)
    found = change_points(series(values))
    assert [(at(one.at_us), one.before, one.share) for one in found] == [(100, 0.0, None)]
    assert found[0].after == pytest.approx(5)


def test_r153_a_change_within_the_floor_is_not_told_and_gaps_are_stepped_over() -> None:
    values = np.where(np.arange(200) < 100, 10.0, 12.0)
    assert len(change_points(series(values), floor=1.9)) == 1
    assert change_points(series(values), floor=2.1) == []
    values[95:110] = np.nan
    assert [at(one.at_us) for one in change_points(series(values))] == [110]


def test_r153_too_few_values_have_no_change() -> None:
    values = np.where(np.arange(MIN_POINTS) < MIN_POINTS // 2, 1.0, 9.0)
    assert len(change_points(series(values))) == 1
    assert change_points(series(values[1:])) == []
