"""The weighted mean of what a node can allocate."""

from __future__ import annotations

from collections.abc import Sequence

from extender.framework.arithmetic import truncated_quotient


def weighted_allocatable(
    node_allocatable: Sequence[int], cycle_signed_weights: Sequence[int], cycle_weight_sum: int
) -> int:
    """Sum of allocatable x signed weight, divided by the sum of the weights toward zero; int64, wrapping."""
    total = 0
    for i in range(len(cycle_signed_weights)):
        total += node_allocatable[i] * cycle_signed_weights[i]
    # Only weights that wrap past 2^63 sum up to 0; upstream panics there.
    return truncated_quotient(total, cycle_weight_sum) if cycle_weight_sum else 0
