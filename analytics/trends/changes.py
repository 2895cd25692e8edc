"""Steps from which on the level of a series is another one.

Binary segmentation on logarithms (Scott and Knott 1974), by cumulative sums: a segment is cut where that takes most off
its squared error, while it takes more than 3 ln n s^2. s^2 is the long-run variance of the noise, told from differences
between neighbours, which a few shifts do not disturb, and from their correlation. Before that the daily season is taken
off, where three days are there, and what stands alone (a spike) is drawn to its neighbours. A cut is kept where a step
takes as much off what a straight line leaves, and has half its height beside it: a climb is no staircase.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analytics.trends.robust import TINY, back, median, medians, ratio, scaled, spread
from analytics.trends.season import days_of, without_season
from analytics.trends.series import Floats, Series

MIN_POINTS = 12
"""Measured steps without which nothing is said."""
MIN_STEPS = 6
"""Measured steps that a level must hold."""
_PENALTY = 3.0
_AROUND = 7
_ALONE = 3.0
"""Standard deviations from the median of the steps around."""
_MOST_CORRELATED = 0.9
_MORE_THAN_LINE = 0.5
"""Share of its height that a step must have beside a straight line."""
_SMALL = 0.1
"""Share of the usual size below which values are told apart by their difference, where some are not above 0."""


@dataclass(frozen=True, slots=True)
class Change:
    at_us: int
    """Begin of the first step of the new level, microseconds since 1970."""
    before: float
    after: float
    """Medians up to the neighbouring changes, without the daily season where that was taken off."""
    share: float | None
    """(after - before) / |before|; None where that is no number."""


def change_points(series: Series, floor: float = 0.0) -> list[Change]:
    """In order of time. `floor`, in the unit of the series: smaller changes of the median are not told.

    Empty with fewer than MIN_POINTS measured steps. Raises ValueError for a negative floor.
    """
    if not floor >= 0:
        raise ValueError(f"floor: {floor}; want 0 or more")
    known = np.flatnonzero(series.known)
    if len(known) < MIN_POINTS:
        return []
    values, exponent = scaled(series.values)
    log = _Logarithm(values)
    level = log.of(values)
    days = days_of(series)
    if days is not None:
        level = without_season(level, days)
    level = level[known]
    cuts = [0, *_cuts(level), len(level)]
    middle = [float(back(log.undone(median(level[begin:end])), exponent)) for begin, end in pairwise(cuts)]
    return [
        Change(series.start_us + int(known[cut]) * series.step_us, before, after, _share(before, after))
        for cut, (before, after) in zip(cuts[1:-1], pairwise(middle), strict=True)
        if abs(after / 2 - before / 2) > floor / 2
    ]


def _share(before: float, after: float) -> float | None:
    found = ratio(after / 2 - before / 2, abs(before))
    return None if found is None else min(max(found * 2, -_LARGEST), _LARGEST)


_LARGEST = float(np.finfo(np.float64).max)


class _Logarithm:
    """Of positive values the logarithm; else asinh(v / s), which is nearly that for large values of either sign."""

    def __init__(self, values: Floats) -> None:
        known = values[~np.isnan(values)]
        sizes = np.abs(known[known != 0])
        self._small = _SMALL * float(np.median(sizes)) if len(sizes) and known.min() <= 0 else 0.0
        self._plain = bool(known.min() > 0)
        if self._small < np.finfo(np.float64).tiny:
            self._small = 1.0

    def of(self, values: Floats) -> Floats:
        if self._plain:
            return np.log(values)
        with np.errstate(over="ignore"):
            return np.arcsinh(np.clip(values / self._small, -_LARGEST, _LARGEST))

    def undone(self, value: float) -> float:
        return float(np.exp(value) if self._plain else np.sinh(value) * self._small)


def _cuts(values: Floats) -> list[int]:
    """Where new levels begin, in order; `values` without gaps."""
    values = values - values[0]
    noise, long_run = _noise(values)
    if not np.any(np.abs(values) > TINY):
        return []
    values = _joined(values, noise)
    apart = values - values.mean()
    sums, turned = (np.concatenate([[0.0], np.cumsum(each)]) for each in (apart, apart * np.arange(len(apart))))
    least = max(_PENALTY * float(np.log(len(values))) * long_run**2, TINY**2 * len(values))
    cuts, todo = list[int](), [(0, len(values))]
    while todo:
        begin, end = todo.pop()
        cut, gain = best_cut(sums, begin, end)
        if gain > least:
            cuts.append(cut)
            todo += [(begin, cut), (cut, end)]
    return _settled(sums, turned, sorted(cuts), least)


def best_cut(sums: Floats, begin: int, end: int) -> tuple[int, float]:
    """The cut of values `begin` to before `end` that takes most off the squared error, and how much; (end, 0): none.

    `sums` are cumulative, from 0: one more than values.
    """
    places = np.arange(begin + MIN_STEPS, end - MIN_STEPS + 1)
    if len(places) == 0:
        return end, 0.0
    before, after = places - begin, end - places
    left, right = (sums[places] - sums[begin]) / before, (sums[end] - sums[places]) / after
    gains = before * after / (end - begin) * (left - right) ** 2
    best = int(np.argmax(gains))
    return int(places[best]), float(gains[best])


def beyond_line(sums: Floats, turned: Floats, begin: int, cut: int, end: int) -> tuple[float, float]:
    """(gain, share) of a step at `cut` beside a straight line through values `begin` to before `end`.

    gain: what the step takes off the squared error that the line leaves; share: its height beside the line, of the
    difference between the means before and after. `turned` are cumulative sums of each value times its place, as `sums`
    are of the values.
    """
    many, before, after = end - begin, cut - begin, end - cut
    along = turned[end] - turned[begin] - (begin + end - 1) / 2 * (sums[end] - sums[begin])
    both = before * after / many
    apart = (sums[end] - sums[cut]) / after - (sums[cut] - sums[begin]) / before
    slope, step_slope = many * (many**2 - 1) / 12, before * after / 2
    left, free = both * apart - step_slope * along / slope, both - step_slope**2 / slope
    return float(left**2 / free), float(left / free / apart) if apart else 0.0


def _holds(sums: Floats, turned: Floats, begin: int, cut: int, end: int, least: float) -> bool:
    gain, share = beyond_line(sums, turned, begin, cut, end)
    return gain > least and share > _MORE_THAN_LINE


def _settled(sums: Floats, turned: Floats, cuts: list[int], least: float) -> list[int]:
    """Each cut again where it is best between its neighbours; left out where it is not needed, or a line does."""
    place = 0
    while place < len(cuts):
        begin = cuts[place - 1] if place else 0
        end = cuts[place + 1] if place + 1 < len(cuts) else len(sums) - 1
        cut, gain = best_cut(sums, begin, end)
        if gain > least and _holds(sums, turned, begin, cut, end, least):
            cuts[place] = cut
            place += 1
        else:
            del cuts[place]
            place = max(0, place - 1)
    return cuts


def _noise(values: Floats) -> tuple[float, float]:
    """(standard deviation, long-run standard deviation) of the noise, as that of a first-order autoregression."""
    steps, leaps = np.diff(values), values[2:] - values[:-2]
    one, two = spread(steps) ** 2, spread(leaps) ** 2
    # Where most steps are nothing, what is left are the changes themselves: they say nothing of neighbours.
    moving = np.count_nonzero(np.abs(steps) > TINY) > len(steps) / 2
    correlation = min(max(two / one - 1, 0.0), _MOST_CORRELATED) if moving and one > 0 else 0.0
    variance = one / (2 * (1 - correlation))
    return float(np.sqrt(variance)), float(np.sqrt(variance * (1 + correlation) / (1 - correlation)))


def _joined(values: Floats, noise: float) -> Floats:
    """Drawn to within the usual noise of the median of the steps around, which keeps the edges of levels."""
    around = medians(sliding_window_view(np.pad(values, _AROUND // 2, mode="reflect"), _AROUND))
    return np.clip(values, around - _ALONE * noise, around + _ALONE * noise)
