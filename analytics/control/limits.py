"""How often one caller may ask for a change."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

CALLERS_MAX = 4096


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    wait_s: int
    """0: go on. Else whole seconds until the next call has a chance."""
    first: bool
    """The first refusal in a row, which is worth a record; a caller that hammers on does not fill the disk."""


class Limits:
    """A bucket for each key: `burst` calls at once, `per_s` more each second."""

    def __init__(self, *, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> Verdict:
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now))
        self._buckets.move_to_end(key)
        while len(self._buckets) > CALLERS_MAX:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at_s) * self._per_s)
        bucket.at_s = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            bucket.refused = False
            return Verdict(0, first=False)
        first, bucket.refused = not bucket.refused, True
        return Verdict(max(1, math.ceil((1 - bucket.tokens) / self._per_s)), first)

    def spent(self, key: str) -> bool:
        """Looks without taking."""
        bucket = self._buckets.get(key)
        return bucket is not None and bucket.tokens + (self._clock() - bucket.at_s) * self._per_s < 1
