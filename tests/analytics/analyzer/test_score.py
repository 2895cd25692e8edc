"""R-194: the score keeps its bounds, and better is never worse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.views.analyzer.score import WEIGHTS, falling, parts_of, score_of

counts = st.integers(0, 10_000)
times = st.one_of(st.none(), st.floats(0, 1e7))


def outcomes(scheduled, unschedulable, error):
    return {"scheduled": scheduled, "unschedulable": unschedulable, "error": error, "unknown": 0}


@given(counts, counts, counts, times, times)
def test_r194_it_lies_between_0_and_100_or_is_unknown(scheduled, unschedulable, error, latency, own):
    score = score_of(parts_of(outcomes(scheduled, unschedulable, error), latency, own))
    known = scheduled + unschedulable + error > 0 or latency is not None or own is not None
    assert (score is not None) == known
    assert score is None or 0 <= score <= 100 + 1e-9


@given(counts, counts, counts, st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1, 10))
def test_r194_slower_or_failing_more_never_scores_higher(scheduled, unschedulable, error, latency, own, factor):
    base = score_of(parts_of(outcomes(scheduled, unschedulable, error), latency, own))
    slower = score_of(parts_of(outcomes(scheduled, unschedulable, error), latency * factor, own * factor))
    assert base is not None
    assert slower is not None
    assert slower <= base + 1e-9
    if scheduled:
        worse = score_of(parts_of(outcomes(scheduled - 1, unschedulable, error + 1), latency, own))
        assert worse is not None
        assert worse <= base + 1e-9


def test_r194_the_weights_are_a_hundred_together_and_the_example_of_the_readme_holds():
    assert sum(WEIGHTS.values()) == 100
    parts = parts_of(outcomes(90, 9, 1), 1000.0, 50.0)
    assert parts == {"success": 0.9, "latency": pytest.approx(0.5), "errors": 0.9, "own_time": pytest.approx(0.5)}
    assert score_of(parts) == pytest.approx(40 * 0.9 + 30 * 0.5 + 15 * 0.9 + 15 * 0.5)


def test_between_good_and_bad_it_falls_with_the_logarithm():
    assert [falling(x, 0.1, 10) for x in (0.0, 0.1, 1.0, 10.0, 99.0)] == pytest.approx([1, 1, 0.5, 0, 0])
