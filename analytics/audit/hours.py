"""Counts by the hour, and how many an hour may have before it is unusual: median and MAD, by numpy."""

from __future__ import annotations

import math
from array import array

import numpy as np
import numpy.typing as npt

HOUR_US = 3600 * 1_000_000
KEPT = 168
"""A week."""
LEAST = 24
"""Hours that must be known before anything is unusual."""
_DAY = 24
_DAYS = 3
"""So many of the same hour make a daily season worth asking."""
_SPREADS = 6.0
_MAD_TO_SIGMA = 1.4826
"""Of a normal distribution, 1 / quantile(0.75)."""
_FLOOR = 30
"""An hour must have so many more than usual, however regular it is."""


class Hours:
    """Of one key."""

    __slots__ = ("_counts", "_first", "_limit", "_newest", "told")

    def __init__(self, hour: int) -> None:
        self._counts = array("q", bytes(8 * KEPT))
        """By the hour modulo KEPT."""
        self._first = self._newest = hour
        self._limit = math.inf
        self.told = False
        """The newest hour was found unusual already."""

    def add(self, hour: int) -> tuple[int, float]:
        """The hour's count so far and what is the most for it; infinity for an hour that is past or before enough is
        known."""
        if hour > self._newest:
            self._turn(hour)
        elif hour <= self._newest - KEPT:
            return 0, math.inf
        at = hour % KEPT
        count = self._counts[at] + 1
        self._counts[at] = count
        return count, self._limit if hour == self._newest else math.inf

    def _turn(self, hour: int) -> None:
        for passed in range(max(self._newest + 1, hour - KEPT + 1), hour + 1):
            self._counts[passed % KEPT] = 0
        self._newest, self.told = hour, False
        known = min(hour - self._first, KEPT - 1)
        self._limit = self._most(hour, known) if known >= LEAST else math.inf

    def _most(self, hour: int, known: int) -> float:
        past: npt.NDArray[np.int64] = np.frombuffer(self._counts, np.int64)[np.arange(hour - known, hour) % KEPT]
        # The same hour of other days, with its neighbours: a nightly job is usual at night.
        ago = known - np.arange(known)
        near = np.minimum(ago % _DAY, _DAY - ago % _DAY) <= 1
        limit = limit_of(past)
        return max(limit, limit_of(past[near])) if known >= _DAYS * _DAY else limit


def limit_of(counts: npt.NDArray[np.int64]) -> float:
    """median + 6 * max(1.4826 * MAD, sqrt(median)), and no less than 30 above the median. Counts that vary as chance
    alone has it (Poisson) spread by the root of their mean: MAD of a few equal hours would be 0."""
    middle = float(np.median(counts))
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(counts - middle)))
    return middle + max(_FLOOR, _SPREADS * max(spread, math.sqrt(middle)))
