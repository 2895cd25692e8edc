"""The seeded series of the benchmark: what was put into them is found. Times are not judged here."""

from __future__ import annotations

import numpy as np

from benchmarks import budgets
from benchmarks.trends import (
    SHIFTED,
    SHIFTS,
    SPIKES,
    WEEK,
    foretold,
    found_anomalies,
    found_changes,
    seasonal,
    shifted,
    spiked,
    timed,
)


def test_r153_r154_every_figure_but_the_time_reaches_its_goal() -> None:
    part = {"anomalies": found_anomalies(), "changes": found_changes(), "forecast": foretold()}
    judged = {
        budget.id: budgets.judge(budget, {"trends": part}).word
        for budget in budgets.load()
        if budget.at[0].startswith("trends.") and budget.unit == "share"
    }
    assert len(judged) == 5
    assert set(judged.values()) <= {"goal", "moonshot"}, judged


def test_the_bounds_of_a_forecast_hold_what_came() -> None:
    assert 0.8 < foretold()["within"] <= 1


def test_every_method_is_timed() -> None:
    times = timed(1)
    assert {"anomalies", "changes", "forecast", "trend", "sketch"} <= set(times)
    assert all(took >= 0 for took in times.values())


def test_series_are_the_same_for_a_seed_and_hold_what_was_put_there() -> None:
    values, where = spiked(3)
    usual = seasonal(3)
    assert len(values) == WEEK
    assert len(where) == SPIKES
    assert set(np.flatnonzero(values != usual)) == where
    assert np.array_equal(seasonal(3), usual)
    assert not np.array_equal(seasonal(4), usual)
    levels = shifted(3)
    assert len(levels) == SHIFTED
    for place in SHIFTS:
        assert abs(np.median(levels[place : place + 300]) / np.median(levels[place - 300 : place]) - 1) > 0.1
