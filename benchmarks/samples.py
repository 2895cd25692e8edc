"""Times of calls by round, what is read off them, and how sure a ratio of two of them is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 500
"""Of the bootstrap."""
CONFIDENCE = 95.0
RARE_CALLS = 5000
"""p99.9 of fewer calls would be a handful of accidents."""

Times = NDArray[np.float64]
"""Microseconds, float64[rounds, calls of a round]."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One server in one run: a row per round, a column per cycle."""

    filter: Times
    prioritize: Times

    @property
    def cycle(self) -> Times:
        """What one pod costs: its filter and its prioritize call."""
        return self.filter + self.prioritize

    @property
    def calls(self) -> Times:
        """Both verbs as calls of their own; float64[rounds, 2 x cycles]."""
        return np.concatenate([self.filter, self.prioritize], axis=1)

    def of(self, verb: str) -> Times:
        """`filter`, `prioritize`, `cycle` or `calls`."""
        found: Times = getattr(self, verb)
        return found


def rank(count: int, percent: float) -> int:
    """Index of the nearest rank in `count` sorted values."""
    return max(0, math.ceil(percent / 100 * count) - 1)


def at_percent(times: Times, percent: float) -> float:
    """Nearest rank over all calls, whatever their round."""
    k = rank(times.size, percent)
    return float(np.partition(times, k, axis=None)[k])


def spread(runs: Sequence[Times]) -> dict[str, Any]:
    """All runs together, in microseconds; p99.9 is None below RARE_CALLS calls."""
    every = np.concatenate([times.ravel() for times in runs])
    return {
        "calls": int(every.size),
        "p50_us": round(at_percent(every, 50), 1),
        "p99_us": round(at_percent(every, 99), 1),
        "p999_us": round(at_percent(every, 99.9), 1) if every.size >= RARE_CALLS else None,
        "worst_us": round(float(every.max()), 1),
    }


def milliseconds(values: Sequence[float]) -> dict[str, Any]:
    """Of things that are done some ten times."""
    times = np.array(values)
    return {
        "count": len(values),
        "p50_ms": round(at_percent(times, 50), 2),
        "p99_ms": round(at_percent(times, 99), 2),
        "max_ms": round(float(times.max()), 2),
    }


def ratio(ours: Sequence[Times], theirs: Sequence[Times], percent: float, seed: int = 1) -> dict[str, Any]:
    """Ours divided by theirs: the median of the runs, each run's own, and the bounds of a bootstrap over rounds.

    `ours[k]` and `theirs[k]` come from the same run and have the same number of rounds, which are drawn in pairs:
    what disturbed a round disturbed both. Raises ValueError if they do not match.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} runs of ours cannot be compared with {len(theirs)} of theirs")
    chance = np.random.default_rng(seed)
    single, drawn = [], []
    for mine, other in zip(ours, theirs, strict=True):
        if len(mine) != len(other):
            raise ValueError(f"a run has {len(mine)} rounds of ours and {len(other)} of theirs")
        single.append(at_percent(mine, percent) / at_percent(other, percent))
        rounds = chance.integers(0, len(mine), (DRAWS, len(mine)))
        drawn.append(_drawn(mine, rounds, percent) / _drawn(other, rounds, percent))
    middle = np.median(np.array(drawn), axis=0)
    edge = (100 - CONFIDENCE) / 2
    low, high = np.percentile(middle, [edge, 100 - edge])
    return {
        "value": round(float(np.median(single)), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
        "runs": [round(value, 3) for value in single],
    }


def _drawn(times: Times, rounds: NDArray[np.int64], percent: float) -> NDArray[np.float64]:
    """The percentile of each draw of rounds; float64[draws]."""
    pooled = times[rounds].reshape(len(rounds), -1)
    k = rank(pooled.shape[1], percent)
    found: NDArray[np.float64] = np.partition(pooled, k, axis=1)[:, k]
    return found


def typical(values: Sequence[float], digits: int = 3) -> dict[str, Any]:
    """The median of one figure per run, with each run's own."""
    return {"value": round(float(np.median(values)), digits), "runs": [round(value, digits) for value in values]}
