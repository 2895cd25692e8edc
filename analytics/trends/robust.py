"""Medians and spreads that gaps, outliers and large numbers do not disturb."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.trends.series import Floats

OF_NORMAL = 1.4826
"""Median absolute deviation to standard deviation, for normal noise."""
TINY = 1e-9
"""Differences below this share of the largest value are rounding."""
_LARGEST = float(np.finfo(np.float64).max)


def medians(rows: Floats) -> Floats:
    """Of each row (last axis) without its NaN; NaN for a row that has nothing else."""
    ordered = np.sort(rows, axis=-1)  # NaN go to the end
    count = np.count_nonzero(~np.isnan(ordered), axis=-1)
    if ordered.shape[-1] == 0:
        return np.full(rows.shape[:-1], np.nan)
    low = np.maximum(count - 1, 0) // 2
    high = np.minimum(count // 2, ordered.shape[-1] - 1)
    lower = np.take_along_axis(ordered, low[..., None], axis=-1)[..., 0]
    upper = np.take_along_axis(ordered, high[..., None], axis=-1)[..., 0]
    middle: Floats = np.where(count > 0, lower / 2 + upper / 2, np.nan)
    return middle


def median(values: Floats) -> float:
    """Of what is not NaN; NaN for nothing."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def spread(deviations: Floats) -> float:
    """Standard deviation of normal noise around zero, by the median of absolute deviations.

    Where more than half of them are nothing (a count that is mostly 0) the root of the mean square instead, so that
    what happens often is not held for unusual; 0 only where all are 0.
    """
    sizes = np.abs(deviations[~np.isnan(deviations)])
    if len(sizes) == 0:
        return 0.0
    found = OF_NORMAL * float(np.median(sizes))
    return found if found > TINY * float(sizes.max()) else float(np.sqrt(np.mean(sizes**2)))


def scaled(values: Floats) -> tuple[Floats, int]:
    """The values divided by a power of two, which is exact, so that all are within -1 and 1; and its exponent."""
    known = values[~np.isnan(values)]
    exponent = int(np.frexp(np.abs(known).max())[1]) if len(known) else 0
    return np.ldexp(values, -exponent), exponent


def back(values: Floats | float, exponent: int) -> Floats:
    """`scaled` undone; what no float can hold becomes the largest float."""
    with np.errstate(over="ignore", under="ignore"):
        grown = np.ldexp(np.asarray(values, dtype=np.float64), exponent)
    return np.clip(grown, -_LARGEST, _LARGEST)


def ratio(above: float, below: float) -> float | None:
    """None where the divisor is 0 or the quotient no float."""
    if below == 0:
        return None
    with np.errstate(over="ignore", under="ignore"):
        found = float(np.float64(above) / np.float64(below))
    return found if np.isfinite(found) else None


def filled(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Gaps bridged by straight lines, ends prolonged; there must be one known value."""
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])
