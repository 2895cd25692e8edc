"""What Go's arithmetic does and Python's does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework.arithmetic import rounded, truncated_quotient, within


@pytest.mark.parametrize(
    ("x", "nearest"),
    [(0.5, 1), (1.5, 2), (2.5, 3), (-0.5, -1), (-2.5, -3), (0.49999999999999994, 0), (2.4, 2), (-2.6, -3), (0.0, 0)],
)
def test_rounding_is_half_away_from_zero(x: float, nearest: int) -> None:
    assert rounded(x) == nearest


@given(a=st.integers(-(10**9), 10**9), b=st.integers(-1000, 1000).filter(bool))
def test_division_truncates_toward_zero(a: int, b: int) -> None:
    assert truncated_quotient(a, b) == int(a / b)


@pytest.mark.parametrize(("x", "inside"), [(-1.0, 0.0), (0.5, 0.5), (2.0, 1.0)])
def test_what_is_beyond_an_end_becomes_the_end(x: float, inside: float) -> None:
    assert within(x, 0.0, 1.0) == inside
