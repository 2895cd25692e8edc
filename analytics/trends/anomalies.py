"""Steps whose figure is far from what is usual.

seasonal   with three days or more: usual is the median of the same time of day plus the level of the day around it; the
           spread is that of the hour of the day (median absolute deviation), because nights are quieter than days, and
           that of its side, because latencies reach farther up than down
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
_AT_ONCE = 8192
_MIN_SIDE = 20
"""Values that noise above and below are told apart from: latencies reach far up and not far down."""
_RARE = 1.6
"""What happens now and then is no normal noise: more standard deviations of it are usual."""
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
    whole = filled(values, ~np.isnan(values))
    # The level is told without the season, the season without the level: twice is enough for both.
    usual = by_phase(values, days)
    for _ in range(2):
        around = level(whole - np.nan_to_num(usual)[days.phase], days.period)
        usual = by_phase(values - around, days)
    expected = around + usual[days.phase]
    apart = values - expected
    often = np.count_nonzero(~np.isnan(days.grid(apart)), axis=0)
    above, below = _by_hour(apart, days) * _few(float(np.median(often[often > 0])))
    return expected, np.where(apart > 0, above[days.phase], below[days.phase])


def _by_hour(apart: Floats, days: Days) -> Floats:
    """(2, period): noise above and below at each time of day, of its hour and the two beside it."""
    hour = days.hour
    hours = [apart[hour == each] for each in range(days.hours)]
    near = [
        np.concatenate([hours[each - 1], hours[each], hours[(each + 1) % len(hours)]]) for each in range(len(hours))
    ]
    least = _QUIET * _noise(apart)
    found = np.array([_sides(part) for part in near])
    return np.stack([days.over_day(np.maximum(side, least)) for side in found.T])


def _noise(apart: Floats) -> float:
    """As `spread`, wider where most of it is nothing."""
    found = spread(apart)
    return found * _RARE if np.count_nonzero(np.abs(apart) > TINY) < np.count_nonzero(~np.isnan(apart)) / 2 else found


def _sides(apart: Floats) -> tuple[float, float]:
    """Noise above and below; the same where too few values are there to tell them apart."""
    # A value that is the median of its time of day lies on neither side: half of them count on each.
    nothing = np.zeros(np.count_nonzero(np.abs(apart) <= TINY) // 2)
    above = np.concatenate([nothing, apart[apart > TINY]])
    below = np.concatenate([nothing, apart[apart < -TINY]])
    if min(len(above), len(below)) < _MIN_SIDE:
        return (_noise(apart),) * 2
    return _noise(above), _noise(below)


def _few(many: float) -> float:
    """By how much deviations from a median of so many values (three or more) are too small, for being among them.

    Fitted to simulated normal noise: 2.14 for 3, 1.37 for 5, 1.22 for 7, 1.10 for 14.
    """
    return 1 + 1.14 / (max(many, 3) - 2)


def _trailing(values: Floats) -> tuple[Floats, Floats]:
    """As `_seasonal`."""
    expected = _behind(values, _BEFORE)
    apart = values - expected
    whole = _behind(np.abs(apart), _ERRORS)
    one_sided = np.where(
        apart > 0,
        _behind(np.where(apart >= 0, apart, np.nan), _ERRORS),
        _behind(np.where(apart <= 0, -apart, np.nan), _ERRORS),
    )
    noise = OF_NORMAL * np.where(np.isnan(one_sided), whole, one_sided)
    # Errors that are mostly nothing say little about the next: the root of the mean square of all before says more.
    known = ~np.isnan(apart)
    squares, many = np.cumsum(np.where(known, apart, 0.0) ** 2), np.cumsum(known)
    rough = _RARE * np.sqrt(np.append(0.0, squares[:-1]) / np.maximum(np.append(0, many[:-1]), 1))
    return expected, np.where(noise > TINY, noise, np.where(np.isnan(noise), np.nan, rough))


def _behind(values: Floats, size: int) -> Floats:
    """Median of the `size` steps before each; NaN where fewer than MIN_BEFORE of them are known."""
    padded = np.concatenate([np.full(size, np.nan), values[:-1]])
    found = np.empty(len(values))
    for begin in range(0, len(values), _AT_ONCE):  # a long series should not be there `size` times
        windows = sliding_window_view(padded[begin : begin + _AT_ONCE + size - 1], size)
        enough = np.count_nonzero(~np.isnan(windows), axis=1) >= MIN_BEFORE
        found[begin : begin + _AT_ONCE] = np.where(enough, medians(windows), np.nan)
    return found
