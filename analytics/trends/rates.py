"""Shares of successes: how sure they are, and whether two differ.

Wilson score interval (Wilson 1927); likelihood-ratio test of two binomial shares (Wilks 1938, one degree of freedom).
Both hold for few trials and for shares near 0 and 1, where a normal approximation does not.
"""

from __future__ import annotations

import math


def wilson(successes: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """(low, high) within 0 and 1, `z` standard deviations wide; (0, 1) without trials.

    Raises ValueError where there are more successes than trials, or a number is negative.
    """
    _check(successes, total)
    if total == 0:
        return 0.0, 1.0
    share, square = successes / total, z * z / total
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    # At the ends the bound is exact; rounding must not cut the share itself off.
    return min(max(0.0, middle - half), share), max(min(1.0, middle + half), share)


def rate_change(s1: int, n1: int, s2: int, n2: int) -> float:
    """p of s1 of n1 and s2 of n2 having one share; 1 where one has no trials. Raises ValueError as `wilson`."""
    _check(s1, n1)
    _check(s2, n2)
    if n1 == 0 or n2 == 0:
        return 1.0
    s, n = s1 + s2, n1 + n2
    apart = _likelihood(s1, n1, s1, n1) + _likelihood(s2, n2, s2, n2)
    together = _likelihood(s1, n1, s, n) + _likelihood(s2, n2, s, n)
    return math.erfc(math.sqrt(max(0.0, apart - together)))


def _likelihood(successes: int, total: int, s: int, n: int) -> float:
    """Logarithm of what a share of s / n gives; without the binomial coefficient, which cancels out."""
    failures = total - successes
    return (successes * math.log(s / n) if successes else 0.0) + (failures * math.log((n - s) / n) if failures else 0.0)


def _check(successes: int, total: int) -> None:
    if not 0 <= successes <= total:
        raise ValueError(f"successes: {successes} of {total}; want 0 to {total}")
