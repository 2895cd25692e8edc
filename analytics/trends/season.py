"""The daily season of a series: whether enough days are there, and what each time of day adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analytics.trends.robust import filled, median, medians
from analytics.trends.series import SECOND_US, Floats, Series

DAY_S = 86_400
MIN_SEASONS = 3
"""Days that a time of day must have been measured on before it is said what is usual then."""
_MIN_PHASES = 4
_COVERED = 0.75
"""Share of the times of day that must have so many days."""
_HOURS = 24
_BY_CHANCE = 2.0
_STRONG = 0.97
"""A season is taken off where the mean deviation falls to this share, or lower, where hours have few values: by chance
alone a median takes a part off that falls with their number."""


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """Where each step of a series lies in its day. `phase` and `day` have the shape of the series."""

    period: int
    """Steps of a day, the last of which may be cut short."""
    phase: NDArray[np.int64]
    day: NDArray[np.int64]

    @property
    def hours(self) -> int:
        """Parts of a day for what needs many values of each."""
        return min(_HOURS, self.period)

    @property
    def hour(self) -> NDArray[np.int64]:
        return self.phase * self.hours // self.period

    def grid(self, values: Floats) -> Floats:
        """(days, period), NaN where there is nothing."""
        table = np.full((int(self.day[-1]) + 1, self.period), np.nan)
        table[self.day, self.phase] = values
        return table

    def over_day(self, by_hour: Floats) -> Floats:
        """Figures of the middle of each hour (NaN: unknown) -> (period,), lines between them, around midnight too."""
        known = ~np.isnan(by_hour)
        if not known.any():
            return np.zeros(self.period)
        middles = (np.arange(self.hours) + 0.5) * self.period / self.hours - 0.5
        return np.interp(np.arange(self.period), middles[known], by_hour[known], period=self.period)


def days_of(series: Series) -> Days | None:
    """None: the steps are too coarse to tell times of day, or fewer than three days are there."""
    period = -(-DAY_S // series.step_s)
    if period < _MIN_PHASES or len(series) < MIN_SEASONS * (DAY_S / series.step_s):
        return None
    since_day = series.start_us // SECOND_US + np.arange(len(series), dtype=np.int64) * series.step_s
    day, second = np.divmod(since_day, DAY_S)
    days = Days(period, second // series.step_s, day - day[0])
    often = np.bincount(days.phase[series.known], minlength=period) >= MIN_SEASONS
    return days if np.mean(often) >= _COVERED else None


def level(values: Floats, period: int) -> Floats:
    """Median of the day around each step, of the first or last whole day at the ends; shape of `values`.

    Worked out for every hour, lines between. A shift of less than half a day does not move it. There must be a day.
    """
    every = max(1, period // _HOURS)
    days = sliding_window_view(values, period)[::every]
    middle = medians(days)
    known = ~np.isnan(middle)
    if not known.any():
        return np.zeros(len(values))
    places = np.arange(len(middle)) * every + (period - 1) / 2
    return np.interp(np.arange(len(values)), places[known], middle[known])


def by_phase(values: Floats, days: Days) -> Floats:
    """(period,): the median of each time of day, NaN where fewer than three days have it."""
    table = days.grid(values).T
    often = np.count_nonzero(~np.isnan(table), axis=1) >= MIN_SEASONS
    found: Floats = np.where(often, medians(table), np.nan)
    return found


def without_season(values: Floats, days: Days) -> Floats:
    """The values without what each hour of the day adds, where that explains something; else as they are."""
    known = ~np.isnan(values)
    apart = values - level(filled(values, known), days.period)
    usual = np.array([median(apart[days.hour == hour]) for hour in range(days.hours)])
    added = days.over_day(usual)
    added -= np.median(added)
    many = np.count_nonzero(known) / days.hours
    return values - added[days.phase] if explained(apart, added[days.phase], many) else values


def explained(apart: Floats, added: Floats, many: float) -> bool:
    """Whether `added`, medians of `many` values each, takes more off `apart` than medians of noise would.

    Judged by mean deviations; NaN does not count.
    """
    with_it, without = np.nanmean(np.abs(apart)), np.nanmean(np.abs(apart - added))
    return bool(without < min(_STRONG, 1 - _BY_CHANCE / many) * with_it)
