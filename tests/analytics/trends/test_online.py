"""One value at a time: spikes are unusual, shifts are told once, noise is neither."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.trends import Seen, Watch


def told(values, **options) -> list[Seen]:
    watch = Watch(**options)
    return [watch.see(float(value)) for value in values]


def noise(seed: int, size: int = 2000) -> np.ndarray:
    return 100 + 5 * np.random.default_rng(seed).standard_normal(size)


def test_r154_of_noise_nothing_is_unusual_and_nothing_moves() -> None:
    for seed in range(10):
        seen = told(noise(seed))
        assert sum(one.unusual for one in seen) <= 1
        assert not any(one.moved for one in seen)


@pytest.mark.parametrize(("times", "sign"), [(2.0, 1), (0.2, -1)])
def test_r154_a_spike_is_unusual_moves_nothing_and_hides_no_other(times: float, sign: int) -> None:
    values = noise(0)
    values[[500, 520]] *= times
    seen = told(values)
    assert [place for place, one in enumerate(seen) if one.unusual] == [500, 520]
    assert math.copysign(1, seen[500].score) == sign
    assert seen[500].expected == pytest.approx(100, abs=4)
    assert not any(one.moved for one in seen)


@pytest.mark.parametrize(("by", "side"), [(20, "up"), (-20, "down")])
def test_r154_a_shift_of_some_deviations_is_told_once_and_soon(by: int, side: str) -> None:
    for seed in range(10):
        values = noise(seed)
        values[1000:] += by
        moved = [(place, one.moved) for place, one in enumerate(told(values)) if one.moved]
        assert [where for _, where in moved] == [side]
        assert 1000 <= moved[0][0] < 1020


def test_r154_after_a_shift_the_new_level_is_usual() -> None:
    values = noise(1)
    values[1000:] += 50
    seen = told(values)
    assert not any(one.unusual for one in seen[1050:])
    assert seen[-1].expected == pytest.approx(150, abs=5)


def test_r154_while_learning_there_is_no_verdict() -> None:
    values = [1.0, 1000.0, -5.0, 1e9] * 3
    assert not any(one.unusual or one.moved or one.score for one in told(values, settle=12))


def test_r154_nothing_within_the_floor_counts() -> None:
    values = np.concatenate([np.full(100, 5.0), np.full(100, 5.9)])
    assert not any(one.unusual or one.moved for one in told(values, floor=1.0))
    assert any(one.unusual for one in told(values, floor=0.5))


def test_r154_a_constant_that_becomes_another_has_moved() -> None:
    moved = [one.moved for one in told([3.0] * 100 + [4.0] * 100)]
    assert moved.count("up") == 1
    assert "up" in moved[100:110]


@given(values=st.lists(st.integers(-(10**6), 10**6), max_size=80), power=st.integers(-100, 100))
def test_r154_another_unit_changes_no_verdict(values: list[int], power: int) -> None:
    scaled = [math.ldexp(value, power) for value in values]
    before, after = told(values, settle=5), told(scaled, settle=5)
    assert [(one.unusual, one.moved) for one in before] == [(one.unusual, one.moved) for one in after]
    assert [one.score for one in before] == pytest.approx([one.score for one in after])


@given(values=st.lists(st.floats(), max_size=100))
def test_r154_any_floats_leave_finite_answers(values: list[float]) -> None:
    for one in told(values, settle=3):
        assert math.isfinite(one.expected)
        assert -1000 <= one.score <= 1000


def test_r154_what_is_no_number_changes_nothing() -> None:
    plain, holed = Watch(), Watch()
    for value in noise(2, 100).tolist():
        holed.see(math.nan)
        assert plain.see(value) == holed.see(value)
    assert holed.see(math.inf).score == 0


@pytest.mark.parametrize(
    "wrong", [{"share": 0.0}, {"share": 1.0}, {"limit": 0.0}, {"floor": -1.0}, {"settle": 0}, {"slack": math.nan}]
)
def test_options_that_make_no_sense_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Watch(**wrong)
