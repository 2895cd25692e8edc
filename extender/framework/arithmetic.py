"""What Go's arithmetic does and Python's does not: for rules, which may call these and are compiled with them."""

from __future__ import annotations


def truncated_quotient(a: int, b: int) -> int:
    """a / b toward zero, as Go and C divide; b is not 0."""
    if b == -1:
        # The one quotient that overflows (-2^63 / -1) traps in hardware; negation wraps.
        return -a
    quotient = a // b
    if quotient * b != a and (a < 0) != (b < 0):
        quotient += 1
    return quotient


def rounded(x: float) -> int:
    """Half away from zero, as Go's math.Round; floor(x + 0.5) would be wrong for 0.49999999999999994."""
    whole = int(x)
    rest = x - float(whole)
    if rest >= 0.5:  # noqa: PLR2004 - half
        return whole + 1
    if rest <= -0.5:  # noqa: PLR2004 - half
        return whole - 1
    return whole


def within(x: float, low: float, high: float) -> float:
    """x, or the end of low..high that it is beyond."""
    return max(min(x, high), low)
