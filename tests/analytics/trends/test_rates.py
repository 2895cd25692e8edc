"""Shares: bounds against the definition, the test against its own distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.trends import rate_change, wilson

trials = st.integers(1, 10_000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(trials, st.floats(0.1, 5))
def test_r153_wilson_bounds_are_the_shares_that_lie_z_deviations_away(of: tuple[int, int], z: float) -> None:
    successes, total = of
    share = successes / total
    low, high = wilson(successes, total, z)
    assert 0 <= low <= share <= high <= 1
    for bound in (low, high):
        if 1e-9 < bound < 1 - 1e-9:
            deviation = math.sqrt(bound * (1 - bound) / total)
            assert abs(share - bound) == pytest.approx(z * deviation, rel=1e-6, abs=1e-9)


def test_r153_known_bounds() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


@given(trials)
def test_r153_failures_have_the_mirrored_bounds_and_more_trials_narrower_ones(of: tuple[int, int]) -> None:
    low, high = wilson(*of)
    other = wilson(of[1] - of[0], of[1])
    assert (1 - other[1], 1 - other[0]) == pytest.approx((low, high), abs=1e-12)
    more = wilson(of[0] * 4, of[1] * 4)
    assert more[1] - more[0] < high - low


@given(trials, trials)
def test_r153_a_change_has_no_direction_and_failures_tell_the_same(one: tuple[int, int], two: tuple[int, int]) -> None:
    found = rate_change(*one, *two)
    assert 0 <= found <= 1
    # Near 1 the root of what rounding leaves counts.
    assert rate_change(*two, *one) == pytest.approx(found, abs=1e-4)
    assert rate_change(one[1] - one[0], one[1], two[1] - two[0], two[1]) == pytest.approx(found, abs=1e-4)


@given(trials, st.integers(1, 50))
def test_r153_equal_shares_are_no_change(of: tuple[int, int], times: int) -> None:
    assert rate_change(*of, of[0] * times, of[1] * times) == pytest.approx(1, abs=1e-4)


def test_r153_a_known_change() -> None:
    # G = 2 sum(observed ln(observed / expected)); chi-squared with one degree of freedom.
    observed = [(90, 82.5), (10, 17.5), (75, 82.5), (25, 17.5)]
    g = 2 * sum(seen * math.log(seen / expected) for seen, expected in observed)
    assert rate_change(90, 100, 75, 100) == pytest.approx(math.erfc(math.sqrt(g / 2)))
    assert rate_change(90, 100, 75, 100) < 0.01
    assert rate_change(990, 1000, 9, 10) > 0.02


def test_r153_where_nothing_changed_a_change_is_told_as_often_as_p_says() -> None:
    random = np.random.default_rng(0)
    told = [
        rate_change(int(one), 500, int(two), 300) < 0.05 for one, two in random.binomial([500, 300], 0.9, (2000, 2))
    ]
    assert 0.03 < np.mean(told) < 0.07


def test_r153_nothing_tried_and_nothing_but_success() -> None:
    assert rate_change(0, 0, 5, 10) == 1
    assert rate_change(10, 10, 1000, 1000) == 1
    assert rate_change(0, 10**6, 10**6, 10**6) == 0
    assert 0 <= rate_change(10**18 - 1, 10**18, 10**18, 10**18) <= 1


@pytest.mark.parametrize("wrong", [(-1, 5), (6, 5), (0, -1)])
def test_more_successes_than_trials_are_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(*wrong)
    with pytest.raises(ValueError, match="successes"):
        rate_change(1, 2, *wrong)
