"""Steps whose figure is far from what is usual.

seasonal   with three days or more: usual is the median of the same time of day plus the level of the day around it; the
           spread is that of the hour of the day (median absolute deviation), because nights are quieter than days
trailing   with less: usual is the median of the steps before; the spread is that of its own earlier errors
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analytics.trends.robust import OF_NORMAL, TINY, back, filled, medians, scaled, spread
from analytics.trends.season import Days, by_phase, days_of, level
from analytics.trends.series import Floats, Series

WARNING, CRITICAL = 5.0, 8.0
"""Standard deviations of normal noise."""
MIN_BEFORE = 12
"""Measured steps that must lie before one that is judged without a season."""
_BEFORE = 24
_ERRORS = 96
"""Of the trailing median, that its spread is told from."""
_QUIET = 1 / 3
"""The spread of an hour is at least this share of that of the whole series."""
_LARGEST_SCORE = 1000.0


@dataclass(frozen=True, slots=True)
class Anomaly:
    at_us: int
    """Begin of the step, microseconds since 1970."""
    value: float
    expected: float
    severity: Literal["warning", "critical"]
    score: float
    """Distance in standard deviations of the usual noise, 1000 at most; negative below what is expected."""


def anomalies(series: Series, floor: float = 0.0) -> list[Anomaly]:
    """In order of time. `floor`, in the unit of the series: nearer to what is expected is never unusual.

    Empty where too little is there to judge: with less than three days the first steps are not judged. Raises
    ValueError for a negative floor.
    """
    if not floor >= 0:
        raise ValueError(f"floor: {floor}; want 0 or more")
    values, exponent = scaled(series.values)
    days = days_of(series)
    expected, noise = _trailing(values) if days is None else _seasonal(values, days)
    apart = values - expected
    usual, told = back(expected, exponent), np.abs(apart) > np.maximum(WARNING * noise, TINY)
    with np.errstate(over="ignore"):  # infinite is above any floor
        told &= np.abs(series.values - usual) > floor
    return [
        Anomaly(
            at_us=series.start_us + int(place) * series.step_us,
            value=float(series.values[place]),
            expected=float(usual[place]),
            severity="critical" if abs(apart[place]) > CRITICAL * noise[place] else "warning",
            score=_score(float(apart[place]), float(noise[place])),
        )
        for place in np.flatnonzero(told)
    ]


def lasting(found: Iterable[Anomaly], step_s: int, at_least: int = 2, of: int = 3) -> list[Anomaly]:
    """Those with which, of the last `of` steps, `at_least` are unusual on the same side: what is worth an alert.

    `found` as `anomalies` gives it. Raises ValueError where `at_least` is not within 1 and `of`.
    """
    if not 1 <= at_least <= of:
        raise ValueError(f"at_least: {at_least}; want 1 to {of}")
    lasts: list[Anomaly] = []
    sides: dict[bool, list[int]] = {True: [], False: []}
    for one in found:
        recent = sides[one.score > 0]
        recent.append(one.at_us)
        if len(recent) >= at_least and one.at_us - recent[-at_least] < of * step_s * 1_000_000:
            lasts.append(one)
    return lasts


def _score(apart: float, noise: float) -> float:
    size = abs(apart)
    score = size / noise if size < noise * _LARGEST_SCORE else _LARGEST_SCORE
    return score if apart > 0 else -score


def _seasonal(values: Floats, days: Days) -> tuple[Floats, Floats]:
    """(expected, standard deviation of the noise), shape of `values`; NaN where it is not known."""
    known = ~np.isnan(values)
    whole = filled(values, known)
    # The level is told without the season, the season without the level: twice is enough for both.
    usual = by_phase(values, days)
    for _ in range(2):
        around = level(whole - np.nan_to_num(usual)[days.phase], days.period)
        usual = by_phase(values - around, days)
    expected = around + usual[days.phase]
    return expected, _by_hour(values - expected, days)[days.phase]


def _by_hour(apart: Floats, days: Days) -> Floats:
    """(period,): the noise of each time of day: of its hour and the two beside it, made good for few days."""
    least = _QUIET * spread(apart)
    beside = [
        apart[np.isin(days.hour, [(hour + step) % days.hours for step in (-1, 0, 1)])] for hour in range(days.hours)
    ]
    found = np.array([max(spread(part), least) for part in beside])
    often = np.count_nonzero(~np.isnan(days.grid(apart)), axis=0)
    return days.over_day(found) * _few(float(np.median(often[often > 0])))


def _few(many: float) -> float:
    """By how much deviations from a median of so many values (three or more) are too small, for being among them.

    Fitted to simulated normal noise: 2.14 for 3, 1.37 for 5, 1.22 for 7, 1.10 for 14.
    """
    return 1 + 1.14 / (max(many, 3) - 2)


def _trailing(values: Floats) -> tuple[Floats, Floats]:
    """As `_seasonal`."""
    expected = _behind(values, _BEFORE, MIN_BEFORE)
    wrong = np.abs(values - expected)
    noise = OF_NORMAL * _behind(wrong, _ERRORS, MIN_BEFORE)
    # Errors that are mostly nothing say little about the next: the root of their mean square says more.
    nothing = noise <= TINY
    squares = _windows(wrong, _ERRORS) ** 2
    many = np.count_nonzero(~np.isnan(squares), axis=1)
    rough = np.sqrt(np.nansum(squares, axis=1) / np.maximum(many, 1))
    return expected, np.where(nothing, rough, noise)


def _windows(values: Floats, size: int) -> Floats:
    """(steps, size): what lies before each step, NaN before the first."""
    return sliding_window_view(np.concatenate([np.full(size, np.nan), values[:-1]]), size)[: len(values)]


def _behind(values: Floats, size: int, least: int) -> Floats:
    """Median of the `size` steps before each; NaN where fewer than `least` of them are known."""
    windows = _windows(values, size)
    enough = np.count_nonzero(~np.isnan(windows), axis=1) >= least
    found: Floats = np.where(enough, medians(windows), np.nan)
    return found
