"""Low where the load is high, or varies much.

Per resource the risk is (mu + sigma) / 2: the average with the pod's request added, and the deviation, both as a share
of allocatable. The order of the float64 operations is upstream's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from extender.framework.arithmetic import rounded, within

MEBI = 1.0 / 1024.0 / 1024.0


def least_risky(
    node_load_known: bool,  # noqa: FBT001 - a column
    node_load_cpu_valid: bool,  # noqa: FBT001 - a column
    node_load_cpu_avg_pct: float,
    node_load_cpu_std_pct: float,
    node_load_memory_valid: bool,  # noqa: FBT001 - a column
    node_load_memory_avg_pct: float,
    node_load_memory_std_pct: float,
    node_allocatable: Sequence[int],
    cycle_cpu_milli: int,
    cycle_memory_bytes: int,
    arg_safe_variance_margin: float,
    arg_safe_variance_sensitivity: float,
) -> int:
    """The worse of the two resources; the one that is measured, if only one is; 0 without a measurement."""
    if not node_load_known:
        return 0
    cpu, memory = 0.0, 0.0
    if node_load_cpu_valid:
        cpu = resource_score(
            float(node_allocatable[0]),
            float(cycle_cpu_milli),
            node_load_cpu_avg_pct,
            node_load_cpu_std_pct,
            arg_safe_variance_margin,
            arg_safe_variance_sensitivity,
        )
    if node_load_memory_valid:
        memory = resource_score(
            float(node_allocatable[1]) * MEBI,
            float(cycle_memory_bytes) * MEBI,
            node_load_memory_avg_pct,
            node_load_memory_std_pct,
            arg_safe_variance_margin,
            arg_safe_variance_sensitivity,
        )
    if node_load_cpu_valid and node_load_memory_valid:
        return rounded(min(cpu, memory))
    return rounded(max(cpu, memory))


def resource_score(
    capacity: float, request: float, average_pct: float, deviation_pct: float, margin: float, sensitivity: float
) -> float:
    """0..100 of one resource; capacity and request in the same unit, load in percent of capacity."""
    if capacity <= 0:
        return 0.0
    used = within(average_pct * capacity / 100, 0.0, capacity)
    varies = within(deviation_pct * capacity / 100, 0.0, capacity)
    mu = within((used + max(request, 0.0)) / capacity, 0.0, 1.0)
    sigma = rooted(within(varies / capacity, 0.0, 1.0), sensitivity)
    sigma = within(sigma * margin, 0.0, 1.0)
    risk = (mu + sigma) / 2
    return (1 - risk) * 100


def rooted(sigma: float, sensitivity: float) -> float:
    """sigma to the power 1 / sensitivity; a sensitivity of 0 makes the power infinite, below 0 there is no root."""
    if sensitivity == 1:
        return sigma
    if sensitivity > 0:
        return math.pow(sigma, 1 / sensitivity)
    if sensitivity == 0:
        return 1.0 if sigma == 1 else 0.0
    return sigma
