"""One value at a time: what is unusual now, and whether the level has moved.

unusual  far from the exponentially weighted mean, in its own weighted mean deviations
moved    Page-Hinkley (Page 1954, Hinkley 1971) on both sides: the sum of standardised deviations beyond a slack passes
         a limit; single values count little
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

_OF_MEAN_DEVIATION = 1.2533
"""Mean absolute deviation to standard deviation, for normal noise."""
_LARGEST = 1e300
_LARGEST_SCORE = 1000.0
_MOST_OF_ONE = 4.0
"""Standard deviations that one value can move mean and sums by."""
_MOST_OF_NOISE = 20.0
"""And that it can tell the deviation: enough to learn that the noise has grown."""
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Seen:
    expected: float
    """Mean before this value; the value itself for the first."""
    score: float
    """Distance from it in standard deviations, within -1000 and 1000; 0 while learning."""
    unusual: bool
    moved: Literal["", "up", "down"]
    """Not empty once for each shift; the new level is learnt from then on."""


class Watch:
    """Constant memory, some additions per value. Values that are not finite change nothing.

    share   weight of a new value, 0 to 1: the mean looks back about 1 / share values
    limit   standard deviations that are unusual
    floor   in the unit of the values: nearer to the mean is never unusual and moves nothing
    settle  values without a verdict at the start, and after a shift
    slack, most   of Page-Hinkley, in standard deviations: a shift below twice the slack may go unseen

    Raises ValueError for values that make no sense.
    """

    def __init__(
        self,
        *,
        share: float = 0.03,
        limit: float = 6.0,
        floor: float = 0.0,
        settle: int = 30,
        slack: float = 0.5,
        most: float = 15.0,
    ) -> None:
        if not 0 < share < 1:
            raise ValueError(f"share: {share}; want between 0 and 1")
        if not (limit > 0 and most > 0 and slack >= 0 and floor >= 0 and settle >= 1):
            raise ValueError("limit, most: want above 0; slack, floor: 0 or more; settle: 1 or more")
        self._share, self._limit, self._floor, self._settle = share, limit, floor, settle
        self._slack, self._most = slack, most
        self._count = 0
        self._mean = self._deviation = self._up = self._down = 0.0

    def see(self, value: float) -> Seen:
        if not math.isfinite(value):
            return Seen(self._mean, 0.0, unusual=False, moved="")
        value = min(max(value, -_LARGEST), _LARGEST)
        expected = self._mean if self._count else value
        apart = value - expected
        learning = self._count < self._settle
        score = 0.0 if learning else self._score(apart, expected)
        self._learn(expected, apart, score, learning=learning)
        moved = "" if learning else self._moved(score)
        if moved:
            self._count, self._mean, self._up, self._down = 1, value, 0.0, 0.0
        return Seen(expected, score, abs(score) > self._limit, moved)

    def _score(self, apart: float, expected: float) -> float:
        """0 within the floor and within what rounding does."""
        if abs(apart) <= max(self._floor, _TINY * abs(expected)):
            return 0.0
        noise = _OF_MEAN_DEVIATION * self._deviation
        size = abs(apart) / noise if abs(apart) < noise * _LARGEST_SCORE else _LARGEST_SCORE
        return math.copysign(size, apart)

    def _learn(self, expected: float, apart: float, score: float, *, learning: bool) -> None:
        self._count += 1
        # At first a plain mean of all values, so that the first one has no lasting say.
        share = max(self._share, 1 / self._count) if learning else self._share
        size = abs(apart)
        if abs(score) > _MOST_OF_ONE:
            apart *= _MOST_OF_ONE / abs(score)
        # From no deviation at all nothing could be learnt in shares of it.
        if _MOST_OF_NOISE < abs(score) < _LARGEST_SCORE:
            size *= _MOST_OF_NOISE / abs(score)
        self._mean = expected + share * apart
        if self._count > 1:
            self._deviation += max(self._share, 1 / (self._count - 1)) * (size - self._deviation)

    def _moved(self, score: float) -> Literal["", "up", "down"]:
        step = min(max(score, -_MOST_OF_ONE), _MOST_OF_ONE)
        self._up = max(0.0, self._up + step - self._slack)
        self._down = max(0.0, self._down - step - self._slack)
        return "up" if self._up > self._most else "down" if self._down > self._most else ""
