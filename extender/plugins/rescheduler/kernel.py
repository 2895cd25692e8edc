"""Use of a node in percent of its capacity, and what filter and score make of it.

Use is counted in requests or measured (`cycle_source`): `cycle_counted` holds (millicores, bytes) by slot of the book,
which `cycle_slot` is the node's of. The order of the float64 operations is that of the plugin it is like: used /
capacity x 100.
"""

from __future__ import annotations

from collections.abc import Sequence

RUNNING, REQUESTED, MEASURED = 0, 1, 2
"""Sources: what Running pods request; what all pods on the node request, and those on their way; the measured load."""
CPU_OVER, MEMORY_OVER, BOTH_OVER, MAINTENANCE, MOVED_FROM = 1, 2, 3, 4, 5
BONUS_BELOW_PCT = 30.0
SCORE_MAX = 100.0


def over_threshold(
    node_unschedulable: bool,  # noqa: FBT001 - a column
    node_capacity_cpu_milli: int,
    node_capacity_memory_bytes: int,
    node_requested: Sequence[int],
    node_load_cpu_known: bool,  # noqa: FBT001 - a column
    node_load_cpu_pct: float,
    node_load_memory_known: bool,  # noqa: FBT001 - a column
    node_load_memory_pct: float,
    cycle_source: int,
    cycle_slot: int,
    cycle_counted: Sequence[int],
    cycle_maintenance: Sequence[bool],
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
    is_known = cycle_source != MEASURED or (node_load_cpu_known and node_load_memory_known)
    if is_known and not node_unschedulable:
        at = 2 * cycle_slot
        cpu = use(
            cycle_source,
            node_requested[0],
            cycle_counted[at],
            node_load_cpu_pct,
            cycle_pod_cpu_milli,
            node_capacity_cpu_milli,
        )
        memory = use(
            cycle_source,
            node_requested[1],
            cycle_counted[at + 1],
            node_load_memory_pct,
            cycle_pod_memory_bytes,
            node_capacity_memory_bytes,
        )
        if cpu > arg_cpu_threshold and memory > arg_memory_threshold:
            return BOTH_OVER
        if cpu > arg_cpu_threshold:
            return CPU_OVER
        if memory > arg_memory_threshold:
            return MEMORY_OVER
    if cycle_maintenance[cycle_slot]:
        return MAINTENANCE
    return MOVED_FROM if cycle_moved_from else 0


def free_share(
    node_unschedulable: bool,  # noqa: FBT001 - a column
    node_capacity_cpu_milli: int,
    node_capacity_memory_bytes: int,
    node_requested: Sequence[int],
    node_load_cpu_known: bool,  # noqa: FBT001 - a column
    node_load_cpu_pct: float,
    node_load_memory_known: bool,  # noqa: FBT001 - a column
    node_load_memory_pct: float,
    cycle_source: int,
    cycle_slot: int,
    cycle_counted: Sequence[int],
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
        if cycle_source == MEASURED and not (node_load_cpu_known and node_load_memory_known):
            return 0
        at = 2 * cycle_slot
        cpu = use(cycle_source, node_requested[0], cycle_counted[at], node_load_cpu_pct, 0, node_capacity_cpu_milli)
        memory = use(
            cycle_source, node_requested[1], cycle_counted[at + 1], node_load_memory_pct, 0, node_capacity_memory_bytes
        )
    free = unclamped(cpu, memory, arg_cpu_score_weight, arg_memory_score_weight, arg_load_balance_bonus)
    return int(min(max(free, 0.0), SCORE_MAX))


def unclamped(cpu_pct: float, memory_pct: float, cpu_weight: float, memory_weight: float, bonus: float) -> float:
    """Weighted free percent, with a bonus where little of both is used."""
    free = (SCORE_MAX - cpu_pct) * cpu_weight + (SCORE_MAX - memory_pct) * memory_weight
    if cpu_pct < BONUS_BELOW_PCT and memory_pct < BONUS_BELOW_PCT:
        free += bonus
    return free


def use(source: int, requested: int, counted: int, load_pct: float, more: int, capacity: int) -> float:
    """Percent of capacity, with so much `more` on it."""
    if source == MEASURED:
        return percent(more, capacity, load_pct)
    return percent((requested if source == REQUESTED else 0) + counted + more, capacity, 0.0)


def percent(used: int, capacity: int, load_pct: float) -> float:
    """Of nothing nothing can be used."""
    if capacity == 0:
        return load_pct
    return load_pct + float(used) / float(capacity) * 100.0
