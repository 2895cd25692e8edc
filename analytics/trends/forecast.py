"""What comes next, with bounds, and how wrong the same method was on what is known.

fourier  with three days or more: four harmonics of the day and a line, fitted by least squares that are weighted anew a
         few times (Huber 1964), so that spikes have no say; or the harmonics and the level of the last day, where that
         was right more often: a shift is no line
profile  the latter, and what each time of day adds to it by its median: office hours have edges
         with three weeks or more, and where that explains something, what each hour of the week adds is part of both
linear   with less than three days: a robust line (Theil-Sen) that bends into a level, over the time that is known

All are tried on the end of what is known, from several origins (back-test), and the best is told. The bounds are
quantiles of its errors by how far ahead they were made, and grow in proportion beyond that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.trends.robust import TINY, back, median, medians, scaled, spread
from analytics.trends.season import DAY_S, days_of, explained
from analytics.trends.series import Floats, Series
from analytics.trends.trend import theil_sen

MIN_POINTS = 24
"""Measured steps without which nothing is said."""
MOST_AHEAD = 100_000
"""Steps."""
LOW, HIGH = 0.05, 0.95
"""Quantiles of the errors that bound a forecast."""
_BETTER = 0.95
"""The line is left where another method's error is below this share of its own: without it no limit is ever reached."""
_HOUR_S, _WEEK_S = 3600, 7 * DAY_S
_MIN_WEEKS = 3
_HARMONICS = 4
_ROUNDS = 6
_HUBER = 1.345
_SETTLED = 0.01
"""Weights that move less are not found anew."""
_ORIGINS = 4
_PIECES = 4
"""Of the time ahead: the errors of each have quantiles of their own."""
_MIN_ERRORS = 12
"""In a piece; with fewer, all errors are taken together."""
_MOST_KNOTS = 200

Places = NDArray[np.int64]
Model = Callable[[Places], Floats]
Fit = Callable[[Floats], list[Model]]
"""The beginning of a series -> what each method says about any place of it, and behind it."""


@dataclass(frozen=True, slots=True)
class ForecastPoint:
    at_us: int
    """Begin of the step, microseconds since 1970."""
    value: float
    low: float
    high: float
    """low <= value <= high; nine of ten errors of the back-test were within."""


@dataclass(frozen=True, slots=True)
class Forecast:
    points: tuple[ForecastPoint, ...]
    """The steps behind the series, none left out."""
    method: str
    """`fourier`, `profile` or `linear`."""
    error_share: float
    """Median error of the back-test as a share of what was measured: 0.05 is 5 %."""


@dataclass(frozen=True, slots=True)
class Reach:
    """When a limit is reached: begins of steps, microseconds since 1970; None: not within the time asked about."""

    at_us: int | None
    earliest_us: int | None
    """By the bound that is nearer to the limit."""
    latest_us: int | None
    """By the one that is farther."""


def forecast(series: Series, ahead_s: int) -> Forecast | None:
    """The next `ahead_s` seconds, in the steps of the series. None: not enough data to make one and to try it.

    Of a series that was never negative the forecast is not either. Raises ValueError where `ahead_s` is not positive or
    has more than MOST_AHEAD steps.
    """
    ahead = -(-ahead_s // series.step_s)
    if not 0 < ahead <= MOST_AHEAD:
        raise ValueError(f"ahead_s: {ahead_s}; want 1 to {MOST_AHEAD} steps of {series.step_s} s")
    if np.count_nonzero(series.known) < MIN_POINTS:
        return None
    values, exponent = scaled(series.values)
    methods: tuple[str, ...] = ("linear",)
    fit: Fit = _linear
    least = MIN_POINTS // 2
    if days_of(series) is not None:
        methods = ("fourier", "fourier", "profile")
        fit = _seasonal(series.step_s, len(values) + ahead)
        least = 2 * DAY_S // series.step_s
    tried = _back_test(values, fit, ahead, least)
    if not tried:
        return None
    best = min(range(len(tried)), key=lambda each: tried[each].share * (_BETTER if each == 0 else 1.0))
    errors, method = tried[best], methods[best]
    places = np.arange(len(values), len(values) + ahead)
    middle = fit(values)[best](places)
    below, above = errors.bounds(ahead)
    told = back(np.stack([middle, middle + below, middle + above]), exponent)
    if np.nanmin(series.values) >= 0:
        told = np.maximum(told, 0.0)
    points = tuple(
        ForecastPoint(series.start_us + place * series.step_us, value, low, high)
        for place, value, low, high in zip(places.tolist(), *told.tolist(), strict=True)
    )
    return Forecast(points, method, errors.share)


def reaches(series: Series, limit: float, ahead_s: int) -> Reach | None:
    """When the forecast meets `limit`, from the side on which it begins: how long until something is full, or empty.

    None: no forecast, or not even the nearer bound meets it within `ahead_s` seconds. Raises ValueError as `forecast`.
    """
    found = forecast(series, ahead_s)
    if found is None:
        return None
    rising = found.points[0].value < limit
    near, far = ("high", "low") if rising else ("low", "high")

    def first(bound: str) -> int | None:
        met = (p.at_us for p in found.points if (getattr(p, bound) >= limit if rising else getattr(p, bound) <= limit))
        return next(met, None)

    earliest = first(near)
    return None if earliest is None else Reach(first("value"), earliest, first(far))


@dataclass(frozen=True, slots=True, eq=False)
class _Errors:
    ahead: Places
    """How many steps ahead each was made, from 1."""
    apart: Floats
    """Measured less foretold."""
    share: float

    def bounds(self, ahead: int) -> tuple[Floats, Floats]:
        """(below, above) for 1 to `ahead` steps: 0 or less, 0 or more, and never narrower with the distance."""
        reach = int(self.ahead.max())
        pieces = [part for part in np.array_split(np.arange(1, reach + 1), _PIECES) if len(part)]
        ends = np.array([part[-1] for part in pieces])
        piece = np.searchsorted(ends, self.ahead)
        if np.bincount(piece, minlength=len(ends)).min() < _MIN_ERRORS:
            ends, piece = np.array([reach]), np.zeros_like(piece)
        found = np.array([np.quantile(self.apart[piece == each], [LOW, HIGH]) for each in range(len(ends))])
        low = np.minimum.accumulate(np.minimum(found[:, 0], 0.0))
        high = np.maximum.accumulate(np.maximum(found[:, 1], 0.0))
        steps = np.arange(1, ahead + 1)
        which = np.minimum(np.searchsorted(ends, steps), len(ends) - 1)
        beyond = np.maximum(1.0, steps / reach)
        return low[which] * beyond, high[which] * beyond


def _back_test(values: Floats, fit: Fit, ahead: int, least: int) -> list[_Errors]:
    """Of each method, from up to four origins behind `least` steps or more. Empty: nothing to compare with."""
    n = len(values)
    far = min(ahead, max(n - least, 0), max(n // 3, 1))
    aheads, actuals, aparts = list[Places](), list[Floats](), list[list[Floats]]()
    for number in range(_ORIGINS):
        origin = n - far - number * max(1, far // 2)
        if origin < least:
            break
        if np.count_nonzero(~np.isnan(values[:origin])) < MIN_POINTS // 2:
            continue
        places = np.arange(origin, origin + far)
        places = places[~np.isnan(values[places])]
        aheads.append(places - origin + 1)
        actuals.append(values[places])
        aparts.append([values[places] - model(places) for model in fit(values[:origin])])
    if not sum(map(len, aheads)):
        return []
    made, actual = np.concatenate(aheads), np.abs(np.concatenate(actuals))
    # Of nothing there is no share: what is usual stands in for it.
    usual = median(np.abs(values))
    whole = np.where(actual > TINY, actual, usual if usual > TINY else 1.0)
    found = [np.concatenate(of_method) for of_method in zip(*aparts, strict=True)]
    return [_Errors(made, apart, median(np.abs(apart) / whole)) for apart in found]


def _seasonal(step_s: int, steps: int) -> Fit:
    """`steps`: of the series and of what is asked about."""
    period = DAY_S / step_s
    day = round(period)
    places = np.arange(steps)
    part_s = max(step_s, _HOUR_S)
    part = places * step_s % _WEEK_S // part_s
    parts = -(-_WEEK_S // part_s)
    turn = np.exp(2j * np.pi / period * places)
    harmonics = [turn**each for each in range(1, min(_HARMONICS, int((period - 1) // 2)) + 1)]
    waves = [part for each in harmonics for part in (each.real, each.imag)]
    columns = np.stack([np.ones(steps), 2 * places / steps - 1, *waves], axis=1)

    def fit(values: Floats) -> list[Model]:
        known = np.flatnonzero(~np.isnan(values))
        weights = _weighted(columns[known], values[known])
        week = np.zeros(parts)
        if len(values) * step_s >= _MIN_WEEKS * _WEEK_S:
            week = _of_week(values[known] - columns[known] @ weights, part[known], parts)
        if week.any():
            weights = _weighted(columns[known], values[known] - week[part[known]])
        wave = columns[:, 2:] @ weights[2:] + week[part]
        line = columns[:, :2] @ weights[:2]
        # Whole days, counted from the end: the last one says what the level is.
        apart = np.full(-(-len(values) // day) * day, np.nan)
        apart[-len(values) :] = values - wave[: len(values)]
        daily = apart.reshape(-1, day)
        levels = medians(daily)
        level = levels[~np.isnan(levels)][-1]
        adds = np.nan_to_num(medians((daily - levels[:, None]).T))
        return [
            lambda wanted: line[wanted] + wave[wanted],
            lambda wanted: level + wave[wanted],
            lambda wanted: level + wave[wanted] + adds[(wanted - len(values)) % day],
        ]

    return fit


def _of_week(left: Floats, part: Places, parts: int) -> Floats:
    """(parts,): median of what the season of a day leaves in each hour of the week; zeros where it explains nothing."""
    order = np.argsort(part, kind="stable")
    groups = np.split(left[order], np.searchsorted(part[order], np.arange(1, parts)))
    adds = np.array([np.median(group) if len(group) else 0.0 for group in groups])
    explains = explained(left, adds[part], len(left) / parts)
    return adds if explains else np.zeros(parts)


def _weighted(columns: Floats, values: Floats) -> Floats:
    """Huber's regression, by weights found anew from what is left."""
    weight = np.ones(len(values))
    found: Floats = np.zeros(columns.shape[1])
    for _ in range(_ROUNDS):
        heavy = columns * weight[:, None]
        # Normal equations of ten columns; least squares of them, since after gaps some may depend on others.
        found = np.asarray(np.linalg.lstsq(heavy.T @ columns, heavy.T @ values, rcond=None)[0], dtype=np.float64)
        left = values - columns @ found
        noise = spread(left)
        if noise <= TINY:
            break
        before, weight = weight, np.minimum(1.0, _HUBER * noise / np.maximum(np.abs(left), TINY))
        if np.max(np.abs(weight - before)) < _SETTLED:
            break
    return found


def _linear(values: Floats) -> list[Model]:
    known = np.flatnonzero(~np.isnan(values))
    first, last = int(known[0]), int(known[-1])
    steps = -(-(last - first + 1) // _MOST_KNOTS)
    inside = values[first : last + 1]
    rows = np.concatenate([inside, np.full(-len(inside) % steps, np.nan)]).reshape(-1, steps)
    knots = medians(rows)
    there = ~np.isnan(knots)
    middles = np.arange(len(knots), dtype=np.float64) * steps + (first + (steps - 1) / 2)
    slope = theil_sen(middles[there], knots[there]) if np.count_nonzero(there) > 1 else 0.0
    now = median(knots - slope * middles) + slope * last
    span = float(last - first + 1)
    return [lambda wanted: now + slope * span * -np.expm1(-(wanted - last) / span)]
