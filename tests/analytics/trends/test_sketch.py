"""The error bound of quantiles holds after any merge; merging is adding counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.trends.sketch import ALPHA, SMALLEST, bucket_of, merged, quantile, sketch, value_of
from tests.analytics.trends.samples import LARGEST

any_value = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False) | st.floats(-10, 10)
lists = st.lists(st.lists(any_value, max_size=60), min_size=1, max_size=6)
quantiles = st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]) | st.floats(0, 1)


def _both(parts):
    """Rows of several sketches, one after the other."""
    sketches = [sketch(part) for part in parts]
    return np.concatenate([one[0] for one in sketches]), np.concatenate([one[1] for one in sketches])


def _near(found: float, exact: float) -> bool:
    return found == 0 if abs(exact) < SMALLEST else abs(found - exact) <= (ALPHA + 1e-9) * abs(exact)


@given(parts=lists, q=quantiles)
def test_r153_a_quantile_is_within_the_bound_after_any_merge(parts, q: float) -> None:
    values = sorted(value for part in parts for value in part)
    buckets, counts = _both(parts)
    found = quantile(buckets, counts, q)
    assert quantile(*merged(buckets, counts), q) == found
    if not values:
        assert found is None
        return
    assert found is not None
    assert _near(found, values[max(0, math.ceil(q * len(values)) - 1)])


@given(one=st.lists(any_value), two=st.lists(any_value), three=st.lists(any_value))
def test_r153_merging_is_associative_commutative_and_the_sketch_of_all(one, two, three) -> None:
    def add(*sketches):
        return merged(np.concatenate([each[0] for each in sketches]), np.concatenate([each[1] for each in sketches]))

    a, b, c = sketch(one), sketch(two), sketch(three)
    whole = sketch(one + two + three)
    for merge in (add(add(a, b), c), add(a, add(b, c)), add(c, b, a)):
        assert [part.tolist() for part in merge] == [part.tolist() for part in whole]


@given(values=st.lists(any_value, min_size=1))
def test_r153_each_value_is_told_within_the_bound_and_in_its_order(values) -> None:
    values.sort()
    buckets = bucket_of(values)
    assert buckets.tolist() == sorted(buckets.tolist())
    assert all(_near(told, value) for told, value in zip(value_of(buckets).tolist(), values, strict=True))
    assert bucket_of(-np.array(values)).tolist() == (-buckets).tolist()


def test_r153_the_middle_of_a_bucket_is_in_it() -> None:
    buckets = bucket_of(np.geomspace(1e-299, 1e300, 5000))
    assert bucket_of(value_of(buckets)).tolist() == buckets.tolist()
    assert len(np.unique(bucket_of(np.geomspace(1e-6, 1e3, 100_000)))) < 530


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, SMALLEST, 1.0, -1.0])
def test_r153_the_largest_and_the_smallest_have_buckets(value: float) -> None:
    assert value_of(bucket_of([value]))[0] == pytest.approx(value, rel=ALPHA + 1e-9)


def test_r153_nothing_below_nothing_and_infinity_have_buckets_of_their_own() -> None:
    assert bucket_of([0.0, -0.0, 1e-301, 5e-324]).tolist() == [0, 0, 0, 0]
    assert bucket_of([-1.0])[0] < 0 < bucket_of([1e-12])[0] < bucket_of([1.0])[0]
    assert bucket_of([math.inf, -math.inf]).tolist() == bucket_of([LARGEST, -LARGEST]).tolist()
    assert quantile(*sketch([-5.0, 0.0, 0.0, 0.0, 7.0]), 0.5) == 0


def test_r153_of_nothing_there_is_no_quantile() -> None:
    assert quantile([], [], 0.5) is None
    assert quantile([3 + 20_000], [0], 0.5) is None


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        bucket_of([1.0, math.nan])
    with pytest.raises(ValueError, match=r"q: 1.5"):
        quantile([0], [1], 1.5)
    with pytest.raises(ValueError, match="counts"):
        quantile([0], [-1], 0.5)
    with pytest.raises(ValueError, match="counts: 2 for 1"):
        quantile([0], [1, 1], 0.5)
    for wrong in (1, -1, 40_000):
        with pytest.raises(ValueError, match="buckets"):
            value_of([wrong])
