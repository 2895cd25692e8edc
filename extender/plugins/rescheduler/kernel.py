"""Use of a node in percent of its capacity, and what filter and score make of it.

`used` is counted in requests; `load` is a measurement in percent (0 where use is counted). The order of the float64
operations is that of the plugin it is like: used / capacity x 100.
"""

from __future__ import annotations

CPU_OVER, MEMORY_OVER, BOTH_OVER, MAINTENANCE, MOVED_FROM = 1, 2, 3, 4, 5
BONUS_BELOW_PCT = 30.0
SCORE_MAX = 100.0


def over_threshold(
    node_unschedulable: bool,  # noqa: FBT001 - a column
    node_capacity_cpu_milli: int,
    node_capacity_memory_bytes: int,
    cycle_used_cpu_milli: int,
    cycle_used_memory_bytes: int,
    cycle_load_cpu_pct: float,
    cycle_load_memory_pct: float,
    cycle_known: bool,  # noqa: FBT001 - a column
    cycle_maintenance: bool,  # noqa: FBT001 - a column
    cycle_moved_from: bool,  # noqa: FBT001 - a column
    cycle_pod_cpu_milli: int,
    cycle_pod_memory_bytes: int,
    arg_enable_scheduling_optimization: bool,  # noqa: FBT001 - an argument
    arg_cpu_threshold: float,
    arg_memory_threshold: float,
) -> int:
    """Strictly over; a cordoned node, and one that is not known, is over nothing. `pod` is 0 unless it counts."""
    if not arg_enable_scheduling_optimization:
        return 0
    if cycle_known and not node_unschedulable:
        cpu = percent(cycle_used_cpu_milli + cycle_pod_cpu_milli, node_capacity_cpu_milli, cycle_load_cpu_pct)
        memory = percent(
            cycle_used_memory_bytes + cycle_pod_memory_bytes, node_capacity_memory_bytes, cycle_load_memory_pct
        )
        if cpu > arg_cpu_threshold and memory > arg_memory_threshold:
            return BOTH_OVER
        if cpu > arg_cpu_threshold:
            return CPU_OVER
        if memory > arg_memory_threshold:
            return MEMORY_OVER
    if cycle_maintenance:
        return MAINTENANCE
    return MOVED_FROM if cycle_moved_from else 0


def free_share(
    node_unschedulable: bool,  # noqa: FBT001 - a column
    node_capacity_cpu_milli: int,
    node_capacity_memory_bytes: int,
    cycle_used_cpu_milli: int,
    cycle_used_memory_bytes: int,
    cycle_load_cpu_pct: float,
    cycle_load_memory_pct: float,
    cycle_known: bool,  # noqa: FBT001 - a column
    arg_enable_scheduling_optimization: bool,  # noqa: FBT001 - an argument
    arg_cpu_score_weight: float,
    arg_memory_score_weight: float,
    arg_load_balance_bonus: float,
) -> int:
    """0..100, truncated; a node without a measurement gets 0."""
    if not arg_enable_scheduling_optimization:
        return 0
    cpu = memory = 0.0
    if not node_unschedulable:
        if not cycle_known:
            return 0
        cpu = percent(cycle_used_cpu_milli, node_capacity_cpu_milli, cycle_load_cpu_pct)
        memory = percent(cycle_used_memory_bytes, node_capacity_memory_bytes, cycle_load_memory_pct)
    free = unclamped(cpu, memory, arg_cpu_score_weight, arg_memory_score_weight, arg_load_balance_bonus)
    return int(min(max(free, 0.0), SCORE_MAX))


def unclamped(cpu_pct: float, memory_pct: float, cpu_weight: float, memory_weight: float, bonus: float) -> float:
    """Weighted free percent, with a bonus where little of both is used."""
    free = (SCORE_MAX - cpu_pct) * cpu_weight + (SCORE_MAX - memory_pct) * memory_weight
    if cpu_pct < BONUS_BELOW_PCT and memory_pct < BONUS_BELOW_PCT:
        free += bonus
    return free


def percent(used: int, capacity: int, load_pct: float) -> float:
    """Of nothing nothing can be used."""
    if capacity == 0:
        return load_pct
    return load_pct + float(used) / float(capacity) * 100.0
