"""What comes next (R-153), and how long until the cluster is full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analytics.store.joined import rfc3339
from analytics.store.performance import Rollups
from analytics.trends import Forecast, Series, forecast, reaches
from analytics.views.performance.measures import JUDGED, Measured
from analytics.views.performance.span import DAY_S, DAY_US, HOUR_S, TimeRange

TOLD_MAX: Final = 96
"""Points of one measure that an answer holds; of more, every so many are told."""
FULL: Final = 1.0
AHEAD_DAYS: Final = 60
_CAPACITY_STEP_S: Final = 4 * HOUR_S
_CAPACITY_FINE_S: Final = 900
_CAPACITY_BACK_US: Final = 30 * DAY_US
_FEW_DAYS: Final = 2
_FEW_AHEAD_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Ahead:
    """Forecasts by measure, and the measures of which too little is known."""

    by_metric: Mapping[str, Forecast]
    few: Sequence[str]
    seconds: int

    def told(self) -> list[dict[str, Any]]:
        return [
            {
                "metric": name,
                "time": rfc3339(point.at_us),
                "value": _figure(name, point.value),
                "low": _figure(name, point.low),
                "high": _figure(name, point.high),
            }
            for name, found in self.by_metric.items()
            for point in _some(found)
        ]

    def quality(self) -> list[dict[str, Any]]:
        """How each was made, and how wrong the same method was on what is known."""
        return [
            {
                "metric": name,
                "method": found.method,
                "error_ratio": round(min(found.error_share, 1e6), 4),
                "interval_ratio": 0.9,
                "ahead_s": self.seconds,
            }
            for name, found in self.by_metric.items()
        ]


def ahead_of(what: Measured, span: TimeRange) -> Ahead:
    """As far ahead as half of the range, an hour at least, a week at most, and no farther than a third of what is
    known. Made behind the newest step of the plan."""
    known_s = what.plan.steps * what.plan.step_s
    seconds = int(min(max(span.seconds / 2, HOUR_S), 7 * DAY_S, max(known_s / 3, what.plan.step_s)))
    found, few = {}, []
    for name in JUDGED:
        one = forecast(what.series[name], seconds)
        if one is None:
            few.append(name)
        else:
            found[name] = one
    return Ahead(found, few, seconds)


def capacity_of(rollups: Rollups, now_us: int) -> list[dict[str, Any]]:
    """Each resource: what share of it is promised, and in how many days all of it is; empty where no tool samples the
    nodes. A forecast over AHEAD_DAYS needs three days of samples; below, it looks a week ahead at most."""
    told = []
    fine_us, coarse_us = _CAPACITY_FINE_S * 1_000_000, _CAPACITY_STEP_S * 1_000_000
    since_us = now_us - _CAPACITY_BACK_US
    by_resource = rollups.promised_by_step(since_us, now_us, fine_us)
    for resource, points in by_resource.items():
        if not points:
            continue
        days = (points[-1][0] - points[0][0]) / DAY_US
        coarse = days > _FEW_DAYS
        step_us, ahead_days = (coarse_us, AHEAD_DAYS) if coarse else (fine_us, _FEW_AHEAD_DAYS)
        series = _shares(points, step_us, now_us)
        ahead_s = int(min(ahead_days, max(1.0, 2 * days)) * DAY_S)
        found, reached = forecast(series, ahead_s), reaches(series, FULL, ahead_s)
        share = points[-1][1] / points[-1][2]
        full = share >= FULL
        told.append(
            {
                "resource": resource,
                "requested_ratio": round(share, 4),
                "days_until_full": 0.0 if full else _days(reached.at_us if reached else None, now_us),
                "earliest_days": 0.0 if full else _days(reached.earliest_us if reached else None, now_us),
                "latest_days": 0.0 if full else _days(reached.latest_us if reached else None, now_us),
                "looked_ahead_days": None if found is None else round(ahead_s / DAY_S, 1),
                "method": None if found is None else found.method,
                "error_ratio": None if found is None else round(min(found.error_share, 1e6), 4),
            }
        )
    return told


def _shares(points: Sequence[tuple[int, float, float]], step_us: int, now_us: int) -> Series:
    """Averages of steps that are over."""
    first, last = points[0][0] - points[0][0] % step_us, now_us - now_us % step_us
    steps = max(0, (last - first) // step_us)
    total, count = np.zeros(steps), np.zeros(steps)
    for at_us, requested, allocatable in points:
        place = (at_us - first) // step_us
        if 0 <= place < steps:
            total[place] += requested / allocatable
            count[place] += 1
    values = np.divide(total, count, out=np.full(steps, np.nan), where=count > 0)
    return Series(first, step_us // 1_000_000, values)


def _days(at_us: int | None, now_us: int) -> float | None:
    return None if at_us is None else round(max(0, at_us - now_us) / DAY_US, 2)


def _figure(name: str, value: float) -> float:
    return round(min(1.0, max(0.0, value)) if name == "success_rate" else value, 4)


def _some(found: Forecast) -> Sequence[Any]:
    every = -(-len(found.points) // TOLD_MAX)
    points = list(found.points[every - 1 :: every])
    return points if points and points[-1] is found.points[-1] else [*points, found.points[-1]]
