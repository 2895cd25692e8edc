"""Series for the tests, and those that no function may stumble over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from analytics.trends import Series
from analytics.trends.series import Floats

STEP_S = 300
DAY = 288
DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US

LARGEST = float(np.finfo(np.float64).max)


def series(values: Sequence[float] | Floats, step_s: int = STEP_S, start_us: int = START_US) -> Series:
    return Series(start_us, step_s, np.asarray(values, dtype=np.float64))


def at(found: int, step_s: int = STEP_S) -> int:
    """Microseconds -> place in the series."""
    return (found - START_US) // (step_s * 1_000_000)


def daily(days: float, seed: int = 0, noise: float = 0.07) -> Floats:
    """Level 100, a day of 30, noise in proportion, a value each five minutes."""
    where = np.arange(round(days * DAY))
    usual = 100 + 30 * np.sin(2 * np.pi * where / DAY)
    made: Floats = usual * (1 + noise * np.random.default_rng(seed).standard_normal(len(where)))
    return made


def _gaps(values: Floats) -> Floats:
    holed = values.copy()
    holed[100:700] = np.nan
    holed[::7] = np.nan
    return holed


NASTY: dict[str, Floats] = {
    "empty": np.array([]),
    "one": np.array([3.0]),
    "two": np.array([3.0, -3.0]),
    "nothing measured": np.full(2000, np.nan),
    "one of many": np.where(np.arange(2000) == 1234, 5.0, np.nan),
    "zeros": np.zeros(2000),
    "short zeros": np.zeros(40),
    "constant": np.full(2000, 0.1),
    "one thing once": np.where(np.arange(2000) == 1500, 1.0, 0.0),
    "now and then": (np.random.default_rng(5).random(2000) < 0.05).astype(np.float64),
    "negative": -daily(7),
    "about zero": daily(7) - 100,
    "huge": daily(7) * 1e306,
    "largest of both signs": np.where(np.arange(2000) % 2 == 0, LARGEST, -LARGEST),
    "largest once": np.where(np.arange(2000) == 1500, LARGEST, 1.0),
    "of all sizes": np.exp(np.random.default_rng(3).uniform(-700, 700, 500)),
    "ones, then the largest among them": np.where((np.arange(94) > 45) & (np.arange(94) % 5 != 0), LARGEST, 1.0),
    "smallest": np.full(2000, 5e-324) * np.where(np.arange(2000) > 1000, 1, 2),
    "tiny noise": daily(7) * 1e-310,
    "infinite here and there": np.where(np.arange(2000) % 50 == 0, np.inf, 1.0),
    "gaps": _gaps(daily(7)),
    "only nights": np.where(np.arange(2016) % DAY < 60, daily(7), np.nan),
    "begins late": np.where(np.arange(2016) < 1900, np.nan, daily(7)),
    "ends early": np.where(np.arange(2016) > 300, np.nan, daily(7)),
    "a step": np.where(np.arange(2000) < 1000, 1.0, 2.0),
    "a line": np.arange(2000.0),
    "growing without bounds": np.exp2(np.linspace(0, 1023, 2000)),
}
STEPS = (1, 60, 300, 420, 3600, 86_400, 10**7)

noisy = st.builds(
    lambda seed, size, step: step * np.random.default_rng(seed).standard_normal(size),
    st.integers(0, 2**32 - 1),
    st.integers(30, 400),
    st.sampled_from([1.0, 7.5, 1e-3]),
)
"""White noise of 30 to 400 values."""
