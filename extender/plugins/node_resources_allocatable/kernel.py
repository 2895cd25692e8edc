"""The weighted mean of what a node can allocate."""

from __future__ import annotations

from collections.abc import Sequence


def weighted_allocatable(
    node_allocatable: Sequence[int], cycle_signed_weights: Sequence[int], cycle_weight_sum: int
) -> int:
    """Sum of allocatable x signed weight, divided by the sum of the weights toward zero; int64, wrapping."""
    total = 0
    for i in range(len(cycle_signed_weights)):
        total += node_allocatable[i] * cycle_signed_weights[i]
    return quotient_toward_zero(total, cycle_weight_sum)


def quotient_toward_zero(a: int, b: int) -> int:
    if b == 0:
        # Only weights that wrap past 2^63 sum up to 0; upstream panics there.
        return 0
    if b == -1:
        return -a
    quotient = a // b
    if quotient * b != a and (a < 0) != (b < 0):
        quotient += 1
    return quotient
