"""No function stumbles: finite answers without a warning, whatever the series. (Warnings are errors here.)"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.trends import Series, anomalies, change_points, forecast, reaches, trend
from tests.analytics.trends.samples import NASTY, STEPS, series


def _numbers(answer: object) -> Iterable[float]:
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        for field in dataclasses.fields(answer):
            yield from _numbers(getattr(answer, field.name))
    elif isinstance(answer, list | tuple):
        for each in answer:
            yield from _numbers(each)
    elif isinstance(answer, int | float):
        assert type(answer) in (int, float, bool), "an answer is made of plain numbers, for JSON"
        yield float(answer)
    else:
        assert answer is None or type(answer) is str


def _all_answers(of: Series) -> Iterable[object]:
    with np.errstate(all="raise", under="ignore"):
        yield trend(of)
        yield anomalies(of)
        yield change_points(of)
        yield forecast(of, 50 * of.step_s)
        yield reaches(of, 0.0, 50 * of.step_s)
        yield reaches(of, 1e300, 50 * of.step_s)


@pytest.mark.parametrize("step_s", STEPS)
@pytest.mark.parametrize("name", NASTY)
def test_r153_every_answer_is_made_of_finite_numbers(name: str, step_s: int) -> None:
    for answer in _all_answers(series(NASTY[name], step_s)):
        assert all(map(math.isfinite, _numbers(answer))), answer


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=120),
    step_s=st.sampled_from([60, 3600, 10_000]),
)
def test_r153_also_of_any_floats_at_all(values: list[float], step_s: int) -> None:
    for answer in _all_answers(series(np.array(values, dtype=np.float64), step_s)):
        assert all(map(math.isfinite, _numbers(answer))), answer


@pytest.mark.parametrize("name", ["empty", "one", "two", "nothing measured", "one of many"])
def test_r153_of_too_little_nothing_is_said(name: str) -> None:
    few = series(NASTY[name])
    assert trend(few) is None
    assert anomalies(few) == []
    assert change_points(few) == []
    assert forecast(few, 3600) is None
    assert reaches(few, 10.0, 3600) is None


@pytest.mark.parametrize("name", ["zeros", "short zeros", "constant"])
def test_r154_in_a_constant_nothing_is_unusual_and_nothing_changes(name: str) -> None:
    same = series(NASTY[name])
    found = trend(same)
    assert found is None or (found.direction, found.per_hour) == ("flat", 0.0)
    assert anomalies(same) == []
    assert change_points(same) == []
    told = forecast(same, 3600)
    assert told is not None
    for point in told.points:
        assert (point.low, point.value, point.high) == pytest.approx((same.values[0],) * 3, rel=1e-12, abs=0)
    assert told.error_share < 1e-12


@pytest.mark.parametrize("function", [trend, anomalies, change_points])
@pytest.mark.parametrize("floor", [-1.0, math.nan])
def test_a_floor_below_nothing_is_refused(function, floor: float) -> None:
    with pytest.raises(ValueError, match=r"floor: .*; want 0 or more"):
        function(series([1.0]), floor)
