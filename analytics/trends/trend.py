"""Where a series is going: Theil-Sen slope, Mann-Kendall significance.

slope         median of the slopes of all pairs (Theil 1950, Sen 1968), of hourly medians, without the daily season
              where three days are there
significance  Mann-Kendall S with ties and continuity correction; its variance grows with the lag-1 correlation r of
              what the slope leaves, by 1 + 2 sum (1 - k/n) r^k (Yue and Wang 2004): neighbours that move together are
              not as many witnesses
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analytics.trends.robust import TINY, back, median, medians, ratio, scaled
from analytics.trends.season import days_of, without_season
from analytics.trends.series import Floats, Series

MIN_POINTS = 8
"""Medians that must be there: of hours, or of shorter times where less than a day was measured."""
SIGNIFICANT = 0.01
"""A trend is told where chance alone would show it in less than this share of series."""
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S
_PARTS = 24
"""Of a span below a day."""
_MOST_POINTS = 400
"""Longer spans get medians of more hours: all pairs are compared."""
_LESS_CORRELATED = 0.99


@dataclass(frozen=True, slots=True)
class Trend:
    direction: Literal["rising", "falling", "flat"]
    per_hour: float
    """Slope in the unit of the series, also where it is not significant."""
    p_value: float
    """Of Mann-Kendall, two-sided: how likely a series without a trend shows as much."""
    share_per_day: float | None
    """Change within a day, as a share of the median; None where the median is 0."""


def trend(series: Series, floor: float = 0.0) -> Trend | None:
    """None: fewer than MIN_POINTS medians. Flat: not significant, or `floor` (unit of the series) is not passed in all.

    Raises ValueError for a negative floor.
    """
    if not floor >= 0:
        raise ValueError(f"floor: {floor}; want 0 or more")
    hourly = _by_hour(series)
    known = hourly.known
    if np.count_nonzero(known) < MIN_POINTS:
        return None
    values, exponent = scaled(hourly.values)
    if (days := days_of(hourly)) is not None:
        values = without_season(values, days)
    places, values = np.flatnonzero(known).astype(np.float64), values[known]
    slope = theil_sen(places, values)
    p_value = mann_kendall(values, values - slope * places)
    change = abs(slope) * float(places[-1] - places[0])
    level = median(values)
    told = p_value < SIGNIFICANT and change > TINY and float(back(change, exponent)) > floor
    hours = hourly.step_s / _HOUR_S
    share = ratio(slope / hours * 24, abs(level)) if abs(level) > TINY else None
    direction: Literal["rising", "falling"] = "rising" if slope > 0 else "falling"
    return Trend(direction if told else "flat", float(back(slope / hours, exponent)), p_value, share)


def theil_sen(places: Floats, values: Floats) -> float:
    """Median slope of all pairs; places must differ and be at least two."""
    first, second = np.triu_indices(len(places), k=1)
    return float(np.median((values[second] - values[first]) / (places[second] - places[first])))


def mann_kendall(values: Floats, left: Floats) -> float:
    """Two-sided p of no trend in `values`; `left` is what the slope leaves of them, in the same order."""
    n = len(values)
    score = float(np.sum(np.triu(np.sign(values[None, :] - values[:, None]), k=1)))
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18
    if score == 0 or variance <= 0:
        return 1.0
    variance *= _witnesses(left)
    z = (abs(score) - 1) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def _witnesses(left: Floats) -> float:
    """1 and above: by how much the variance of S grows."""
    n = len(left)
    apart = left - left.mean()
    power = float(np.sum(apart**2))
    if power <= n * TINY**2:
        return 1.0
    correlation = min(float(np.sum(apart[1:] * apart[:-1])) / power, _LESS_CORRELATED)
    if correlation <= 1 / math.sqrt(n):
        return 1.0
    lags = np.arange(1, n)
    return 1 + 2 * float(np.sum((1 - lags / n) * correlation**lags))


def _by_hour(series: Series) -> Series:
    """Medians of hours, of more hours, or of parts of a span below a day."""
    known = np.flatnonzero(series.known)
    if len(known) == 0:
        return series
    first, last = int(known[0]), int(known[-1])
    span_s = (last - first + 1) * series.step_s
    wanted_s = _width(span_s) if span_s >= _DAY_S else span_s // _PARTS
    steps = max(1, wanted_s // series.step_s)
    values = series.values[first : last + 1]
    values = np.concatenate([values, np.full(-len(values) % steps, np.nan)]).reshape(-1, steps)
    return Series(series.start_us + first * series.step_us, steps * series.step_s, medians(values))


def _width(span_s: int) -> int:
    """An hour, or what keeps the number of points down: parts of a day that still show the season, else whole days."""
    least = span_s / _MOST_POINTS / _HOUR_S
    hours = next((hours for hours in (1, 2, 3, 4, 6) if hours >= least), 24 * math.ceil(least / 24))
    return hours * _HOUR_S
