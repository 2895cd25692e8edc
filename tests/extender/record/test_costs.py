"""Times in buckets keep their order and their percentiles, within the width of a bucket."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.record.costs import LAST, PER_OCTAVE, bucket_of, percentile, time_of

WIDTH = 2 ** (0.5 / PER_OCTAVE)
"""From the middle of a bucket to its edge."""
TIMES = st.floats(1.0, 1e8)


@given(TIMES)
def test_a_bucket_stands_for_its_times_within_five_percent(us: float) -> None:
    assert us / WIDTH * 0.999999 <= time_of(bucket_of(us)) <= us * WIDTH * 1.000001
    assert WIDTH < 1.05


@given(st.lists(TIMES, min_size=1, max_size=50), st.integers(1, 100))
def test_a_percentile_of_buckets_is_that_of_the_times(times: list[float], percent: int) -> None:
    ordered = sorted(times)
    wanted = next(us for i, us in enumerate(ordered, start=1) if i >= percent / 100 * len(ordered))
    assert percentile(Counter(map(bucket_of, times)), percent / 100) == time_of(bucket_of(wanted))


def test_what_is_out_of_range_counts_at_its_end_and_nothing_has_no_percentile() -> None:
    assert (bucket_of(0.0), bucket_of(-1.0), bucket_of(1e30)) == (0, 0, LAST)
    assert percentile({}, 0.5) is None
    assert percentile({3: 0}, 0.5) is None
    assert time_of(0) == pytest.approx(1.0)
