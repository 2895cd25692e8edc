"""A node's rank: the number written on it, or the age of the time written on it."""

from __future__ import annotations

NO_VALUE = -(2**63)
"""The normaliser's word for a node without a value."""
AGE_MAX_S = 9223372036
"""Go's Duration ends at 2^63 - 1 nanoseconds; longer ages saturate there."""
NANOS_PER_S = 1_000_000_000


def rank(
    cycle_known: bool,  # noqa: FBT001 - a column
    cycle_whole: int,
    cycle_nanos: int,
    cycle_is_time: bool,  # noqa: FBT001 - a scalar
    cycle_now_s: int,
    cycle_now_nanos: int,
    cycle_sign: int,
) -> int:
    """`whole` is the number, or the unix second of the time, and `nanos` the rest of that second."""
    if not cycle_known:
        return NO_VALUE
    if cycle_is_time:
        return cycle_sign * age_s(cycle_now_s, cycle_now_nanos, cycle_whole, cycle_nanos)
    return cycle_sign * cycle_whole


def age_s(now_s: int, now_nanos: int, then_s: int, then_nanos: int) -> int:
    """Whole seconds from then to now as Go's int64(now.Sub(then).Seconds()): through float64, toward zero."""
    seconds, nanos = now_s - then_s, now_nanos - then_nanos
    if nanos < 0:
        seconds, nanos = seconds - 1, nanos + NANOS_PER_S
    if seconds < 0 and nanos > 0:
        seconds, nanos = seconds + 1, nanos - NANOS_PER_S
    if seconds >= AGE_MAX_S:
        return AGE_MAX_S
    if seconds <= -AGE_MAX_S:
        return -AGE_MAX_S
    return int(float(seconds) + float(nanos) / 1e9)
