"""Times as buckets that can be added up and asked for percentiles: eight to an octave, so within 5 %."""

from __future__ import annotations

import math
from collections.abc import Mapping

PER_OCTAVE = 8
LAST = 30 * PER_OCTAVE
"""About 18 minutes; what took longer counts as this."""


def bucket_of(us: float) -> int:
    """The bucket of a time in microseconds, from 0 (one microsecond and less) to LAST."""
    return min(LAST, max(0, round(PER_OCTAVE * math.log2(us)))) if us > 1 else 0


def time_of(bucket: int) -> float:
    """The time in microseconds that stands for a bucket."""
    return float(2 ** (bucket / PER_OCTAVE))


def percentile(costs: Mapping[int, int], share: float) -> float | None:
    """The time below which `share` (0..1) of all lie, in microseconds; None where nothing was counted."""
    wanted = share * sum(costs.values())
    reached = 0
    for bucket in sorted(costs):
        reached += costs[bucket]
        if reached >= wanted and reached:
            return time_of(bucket)
    return None
