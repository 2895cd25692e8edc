"""Packing up to a target of CPU utilisation, then spreading.

Over the predicted utilisation p (percent of capacity) the score rises from `target` at 0 to 100 at the target,
drops to `target` just above it, and falls to 0 at 100. The order of the float64 operations is upstream's.
"""

from __future__ import annotations

from extender.framework.arithmetic import rounded


def packed(
    node_load_cpu_known: bool,  # noqa: FBT001 - a column
    node_load_cpu_pct: float,
    node_capacity_cpu_milli: int,
    cycle_pod_milli: int,
    cycle_missing_milli: int,
    arg_target_utilization: int,
) -> int:
    """Without a measurement: 0. `missing` is what pods placed lately will use but the load does not show yet."""
    if not node_load_cpu_known:
        return 0
    capacity = float(node_capacity_cpu_milli)
    used = (node_load_cpu_pct / 100) * capacity
    predicted = 0.0
    if capacity != 0:
        predicted = 100 * (used + float(cycle_pod_milli) + float(cycle_missing_milli)) / capacity
    target = float(arg_target_utilization)
    if predicted > target:
        if predicted > 100:  # noqa: PLR2004 - percent
            return 0
        return rounded(target * (100 - predicted) / (100 - target))
    return rounded((100 - target) * predicted / target + target)
