"""Series maths: what it finds of what was put into seeded series, and how long it takes.

The series are those of a scheduler as far as they go: a day and half a day, 7 % noise. They fit seasonal models by
construction, so the figures say that the code does what the method can, not how well real series are foretold.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from analytics.trends import Series, anomalies, change_points, forecast, trend
from analytics.trends.series import Floats
from analytics.trends.sketch import bucket_of, quantile, sketch
from benchmarks.bench import Bench

STEP_S = 300
DAY = 288
"""Steps."""
WEEK = 7 * DAY
SPIKES = 12
SHIFTS = (320, 640, 960, 1280)
SHIFTED = 1600
_START_US = 1_750_000_000_000_000 // (86_400 * 1_000_000) * 86_400 * 1_000_000
_NOISE = 0.07
_NEAR = 12
"""A change point found so many steps from where it is was found."""
_SEEDS, _FORECAST_SEEDS = range(6), range(3)
_DAYS_KNOWN = 6


def seasonal(seed: int, steps: int = WEEK) -> Floats:
    """Level 100, a day of 30 and half a day of 12, noise in proportion."""
    random, at = np.random.default_rng(seed), np.arange(steps)
    usual = 100 + 30 * np.sin(2 * np.pi * at / DAY) + 12 * np.cos(4 * np.pi * at / DAY)
    noisy: Floats = usual * (1 + _NOISE * random.standard_normal(steps))
    return noisy


def spiked(seed: int) -> tuple[Floats, set[int]]:
    """A week, and where something was put: six spikes of 1.6 to 2.5 times, six dips to 0.2 to 0.5."""
    values, random = seasonal(seed), np.random.default_rng(1000 + seed)
    places = random.choice(WEEK, SPIKES, replace=False)
    values[places[: SPIKES // 2]] *= random.uniform(1.6, 2.5, SPIKES // 2)
    values[places[SPIKES // 2 :]] *= random.uniform(0.2, 0.5, SPIKES // 2)
    return values, set(places.tolist())


def shifted(seed: int) -> Floats:
    """Five levels, each 15 to 60 % beside the one before, without a season."""
    random = np.random.default_rng(2000 + seed)
    levels = 100 * np.cumprod([1.0, *(random.uniform(1.15, 1.6) ** random.choice([-1, 1]) for _ in SHIFTS)])
    values: Floats = np.repeat(levels, SHIFTED // len(levels)) * (1 + _NOISE * random.standard_normal(SHIFTED))
    return values


def series(values: Floats) -> Series:
    return Series(_START_US, STEP_S, values)


def places(found: list[int]) -> set[int]:
    """Microseconds -> steps."""
    return {(at_us - _START_US) // (STEP_S * 1_000_000) for at_us in found}


def measure(bench: Bench) -> dict[str, Any]:
    """Shares found and wrong, errors of forecasts, milliseconds of each method (median), and `all_ms`."""
    bench.say("series maths: seeded series of a week")
    repeats = 3 if bench.plan.short else 15
    times = timed(repeats)
    return {
        "anomalies": found_anomalies(),
        "changes": found_changes(),
        "forecast": foretold(),
        "ms": times,
        "all_ms": round(sum(times.values()), 3),
    }


def found_anomalies() -> dict[str, float]:
    """Over six seeds."""
    hit = told = put = 0
    for seed in _SEEDS:
        values, where = spiked(seed)
        found = places([one.at_us for one in anomalies(series(values))])
        hit, told, put = hit + len(found & where), told + len(found), put + len(where)
    return {"precision": round(hit / max(told, 1), 4), "recall": round(hit / put, 4)}


def found_changes() -> dict[str, float]:
    """Over six seeds; `precision` 1: no false one, also not in a week with a season and without a change."""
    hit = told = 0
    for seed in _SEEDS:
        found = sorted(places([one.at_us for one in change_points(series(shifted(seed)))]))
        hit += sum(any(abs(place - shift) <= _NEAR for place in found) for shift in SHIFTS)
        told += len(found) + len(change_points(series(seasonal(seed))))
    return {"precision": round(hit / max(told, 1), 4), "recall": round(hit / (len(SHIFTS) * len(_SEEDS)), 4)}


def foretold() -> dict[str, float]:
    """A day ahead from six: median error as a share, what the back-test said it would be, share within the bounds."""
    errors, said, within = list[float](), list[float](), list[float]()
    for seed in _FORECAST_SEEDS:
        values = seasonal(seed)
        found = forecast(series(values[: _DAYS_KNOWN * DAY]), DAY * STEP_S)
        if found is None:
            raise AssertionError("six days are enough to foretell one")
        actual = values[_DAYS_KNOWN * DAY :]
        value, low, high = np.array([(point.value, point.low, point.high) for point in found.points]).T
        errors.append(float(np.median(np.abs(value - actual) / actual)))
        said.append(found.error_share)
        within.append(float(np.mean((low <= actual) & (actual <= high))))
    return {
        "error_share": round(statistics.mean(errors), 4),
        "said": round(statistics.mean(said), 4),
        "within": round(statistics.mean(within), 4),
    }


def timed(repeats: int) -> dict[str, float]:
    """Milliseconds of the core for each method on one series, median; `sketch`: 2,016 values into buckets, and p99."""
    week, levels, latencies = series(spiked(0)[0]), series(shifted(0)), np.abs(seasonal(1))
    methods: dict[str, Callable[[], object]] = {
        "anomalies": lambda: anomalies(week),
        "changes": lambda: change_points(levels),
        "forecast": lambda: forecast(week, DAY * STEP_S),
        "trend": lambda: trend(week),
        "buckets": lambda: bucket_of(latencies),
        "sketch": lambda: quantile(*sketch(latencies), 0.99),
    }
    return {name: _ms(method, repeats) for name, method in methods.items()}


def _ms(method: Callable[[], object], repeats: int) -> float:
    method()
    took = list[float]()
    for _ in range(repeats):
        begin = time.process_time()
        method()
        took.append(time.process_time() - begin)
    return round(statistics.median(took) * 1000, 3)
