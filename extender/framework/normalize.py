"""Raw scores -> 0..100, exactly as upstream's three normalisers do (int64, truncating, wrapping).

These functions are compiled like a rule, over the whole vector: they may call each other and nothing else. So is the
sum over plugins that follows.

    MIN_MAX          lo..hi onto 0..100; all equal: all 0
    INVERSE_MIN_MAX  hi..lo onto 0..100 through float64; all zero: all 0; all equal otherwise: all 100
    DEFAULT          the largest becomes 100; nothing above 0: unchanged
    DEFAULT_REVERSE  the same, then 100 minus it; nothing above 0: all 100
    RANKED           lo..hi onto 1..100, all equal: 1; NO_VALUE (-2^63) is no value: 0, and neither end

NONE leaves the scores alone. No result is clamped: a raw range beyond 2^63/100 wraps, as it does upstream.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence

from extender.framework.arithmetic import truncated_quotient
from extender.framework.declaration import Normalize

SCORE_MAX = 100
NO_VALUE = -(2**63)
"""A raw score that says: no value here."""


def add_weighted(scores: Sequence[int], totals: MutableSequence[int], weight: int) -> int:
    """totals[i] += weight x scores[i], if every score is in 0..SCORE_MAX; else nothing, and how many are not."""
    outside = 0
    for i in range(len(scores)):
        outside += scores[i] < 0 or scores[i] > SCORE_MAX
    if outside == 0:
        for i in range(len(scores)):
            totals[i] += weight * scores[i]
    return outside


def min_max(raw: Sequence[int], out: MutableSequence[int]) -> int:
    if len(raw) == 0:
        return 0
    low = high = raw[0]
    for i in range(len(raw)):
        low = min(low, raw[i])
        high = max(high, raw[i])
    spread = high - low
    for i in range(len(raw)):
        out[i] = 0 if spread == 0 else truncated_quotient((raw[i] - low) * 100, spread)
    return 0


def inverse_min_max(raw: Sequence[int], out: MutableSequence[int]) -> int:
    if len(raw) == 0:
        return 0
    low = high = raw[0]
    for i in range(len(raw)):
        low = min(low, raw[i])
        high = max(high, raw[i])
    for i in range(len(raw)):
        if low == 0 and high == 0:
            out[i] = raw[i]
        elif high != low:
            out[i] = 100 - int(100.0 * float(raw[i] - low) / float(high - low))
        else:
            out[i] = 100 - (raw[i] - low)
    return 0


def largest_is_100(raw: Sequence[int], out: MutableSequence[int]) -> int:
    most = 0
    for i in range(len(raw)):
        most = max(most, raw[i])
    for i in range(len(raw)):
        out[i] = raw[i] if most == 0 else truncated_quotient(100 * raw[i], most)
    return 0


def largest_is_0(raw: Sequence[int], out: MutableSequence[int]) -> int:
    most = 0
    for i in range(len(raw)):
        most = max(most, raw[i])
    for i in range(len(raw)):
        out[i] = 100 if most == 0 else 100 - truncated_quotient(100 * raw[i], most)
    return 0


def ranked(raw: Sequence[int], out: MutableSequence[int]) -> int:
    low = high = NO_VALUE
    for i in range(len(raw)):
        if raw[i] != NO_VALUE:
            low = raw[i] if low == NO_VALUE else min(low, raw[i])
            high = max(high, raw[i])
    spread = high - low
    for i in range(len(raw)):
        if raw[i] == NO_VALUE:
            out[i] = 0
        elif spread == 0:
            out[i] = 1
        else:
            out[i] = truncated_quotient((raw[i] - low) * 99, spread) + 1
    return 0


NORMALISERS: dict[Normalize, Callable[[Sequence[int], MutableSequence[int]], int]] = {
    Normalize.MIN_MAX: min_max,
    Normalize.INVERSE_MIN_MAX: inverse_min_max,
    Normalize.DEFAULT: largest_is_100,
    Normalize.DEFAULT_REVERSE: largest_is_0,
    Normalize.RANKED: ranked,
}
