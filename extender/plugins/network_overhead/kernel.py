"""Two rules about one node, on what its dependencies add up to from there."""

from __future__ import annotations


def too_far(cycle_satisfied: int, cycle_violated: int) -> int:
    """1 if more dependencies are out of their allowed cost than within it."""
    return 1 if cycle_violated > cycle_satisfied else 0


def network_cost(cycle_cost: int) -> int:
    return cycle_cost
