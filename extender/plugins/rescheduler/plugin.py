"""Rescheduler: keep load even, when pods are placed and afterwards.

What happens afterwards, moving pods that run, is decided in balance.py and done by a controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from extender.framework import (
    PASSED,
    Code,
    Cycle,
    Filter,
    Maturity,
    Plugin,
    PreBind,
    Prepare,
    Rejection,
    ReserveOnNode,
    Score,
    Status,
)
from extender.plugins.rescheduler import kernel
from extender.plugins.rescheduler.args import ReschedulerArgs, check
from extender.plugins.rescheduler.book import Amount, UsageBook, requested
from extender.plugins.rescheduler.kernel import BOTH_OVER, free_share, over_threshold
from extender.plugins.rescheduler.usage import Bools, Usage, held, slots_of, usage_of

NOTHING: Amount = (0, 0)


def filter_values(cycle: Cycle) -> Mapping[str, Any]:
    cpu, memory = requested(cycle.pod) if cycle.args.count_incoming_pod else NOTHING
    return {
        **score_values(cycle),
        "maintenance": cycle.book.maintenance,
        "moved_from": _moved_from(cycle),
        "pod_cpu_milli": cpu,
        "pod_memory_bytes": memory,
    }


def score_values(cycle: Cycle) -> Mapping[str, Any]:
    book, source = cycle.book, cycle.args.usage
    return {
        "source": SOURCES[source],
        "slot": slots_of(cycle.nodes, book, cycle.memo),
        "counted": book.binding_flat if source == "requests" else book.running_flat,
    }


def _moved_from(cycle: Cycle) -> Bools:
    """By row: pods of this owner keep away from there, as long as another node would take this one."""
    nodes = cycle.nodes
    left = [row for row in map(nodes.row, _nodes_moved_from(cycle)) if row >= 0]
    nowhere: Bools | None = cycle.memo.get("nowhere")
    if nowhere is None or len(nowhere) < nodes.rows:
        nowhere = cycle.memo["nowhere"] = np.zeros(nodes.rows, np.bool_)
    if not left:
        return nowhere
    moved_from = nowhere.copy()
    moved_from[left] = True
    maintenance = cycle.book.maintenance[slots_of(nodes, cycle.book, cycle.memo)]
    return moved_from if _another_passes(cycle, _usage(cycle), moved_from[: nodes.rows] | maintenance) else nowhere


def in_full(cycle: Cycle, row: int, answer: int) -> str:
    """The reason with the node's own numbers."""
    args = cycle.args
    more = requested(cycle.pod) if args.count_incoming_pod else NOTHING
    if answer > BOTH_OVER:
        return REJECTIONS[answer - 1].reason
    return f"node overloaded: [{_over(_usage(cycle).at(cycle.nodes, row, more), args)}]"


def room_left(cycle: Cycle) -> Status:
    """Use, promises and this pod together must stay at or below the guard."""
    row, args = int(cycle.rows[0]), cycle.args
    if row < 0 or not args.enable_scheduling_optimization:
        return PASSED
    coming = held(cycle.book, args.usage, cycle.nodes.names[row], cycle.pod.uid)
    used = _usage(cycle).at(cycle.nodes, row, _sum(coming, requested(cycle.pod)))
    if used is None or (used[0] <= args.reserve_threshold and used[1] <= args.reserve_threshold):
        return PASSED
    reason = (
        f"the node would be used to {used[0]:.1f}% of cpu and {used[1]:.1f}% of memory, "
        f"over {args.reserve_threshold:.1f}%"
    )
    return Status(Code.UNSCHEDULABLE, reason, "the node would be used over reserveThreshold")


def warn(cycle: Cycle) -> Status:
    """Never refuses; a reason with a success is a warning, recorded and counted."""
    row, args = int(cycle.rows[0]), cycle.args
    if row < 0 or not args.enable_preventive_rescheduling:
        return PASSED
    own = cycle.book.promised(cycle.pod.uid, cycle.nodes.names[row]) if args.usage == "requests" else NOTHING
    used = _usage(cycle).at(cycle.nodes, row, _sum(requested(cycle.pod), (-own[0], -own[1])))
    over = _over(used, args)
    return (
        Status(Code.SUCCESS, f"after this pod: {over}", "the node is over a threshold after this pod")
        if over
        else PASSED
    )


def _usage(cycle: Cycle) -> Usage:
    slots = slots_of(cycle.nodes, cycle.book, cycle.memo)
    return usage_of(cycle.nodes, cycle.book, cycle.args.usage, slots)


def _nodes_moved_from(cycle: Cycle) -> list[str]:
    """A pod that has failed once already takes what it can get."""
    if cycle.pod.unschedulable_at_s is not None:
        return []
    found: list[str] = cycle.book.moved_from(cycle.pod.owner_uid, cycle.now_s)
    return found


def _another_passes(cycle: Cycle, usage: Usage, out: Bools) -> bool:
    more = requested(cycle.pod) if cycle.args.count_incoming_pod else NOTHING
    rows = (int(row) for row in cycle.rows if row >= 0 and not out[row])
    return any(not _over(usage.at(cycle.nodes, row, more), cycle.args) for row in rows)


def _over(used: tuple[float, float] | None, args: ReschedulerArgs) -> str:
    """Which thresholds are passed, and by how much; "" if none."""
    if used is None:
        return ""
    pairs = (("cpu", used[0], args.cpu_threshold), ("memory", used[1], args.memory_threshold))
    return ", ".join(f"{name} usage {has:.1f}% over threshold {most:.1f}%" for name, has, most in pairs if has > most)


def _sum(one: Amount, other: Amount) -> Amount:
    return one[0] + other[0], one[1] + other[1]


SOURCES = {"runningRequests": kernel.RUNNING, "requests": kernel.REQUESTED, "measured": kernel.MEASURED}
# Plain Unschedulable, as in the plugin it is like; evicting pods in-tree would not be seen to cure any of it.
REJECTIONS = (
    Rejection("node overloaded: cpu usage over threshold", Code.UNSCHEDULABLE),
    Rejection("node overloaded: memory usage over threshold", Code.UNSCHEDULABLE),
    Rejection("node overloaded: cpu and memory usage over threshold", Code.UNSCHEDULABLE),
    Rejection("node is in maintenance mode", Code.UNSCHEDULABLE),
    Rejection("a pod of the same owner was moved off this node a short while ago", Code.UNSCHEDULABLE),
)

PLUGIN = Plugin(
    name="Rescheduler",
    doc="Keeps pods away from nodes used over a threshold or under maintenance, prefers the least used, and moves pods "
    "off overloaded nodes.",
    args=ReschedulerArgs,
    check=check,
    maturity=Maturity.BETA,
    filter=Filter(
        rule=over_threshold,
        rejections=REJECTIONS,
        prepare=Prepare(
            compute=filter_values,
            scalars=("source", "pod_cpu_milli", "pod_memory_bytes"),
            columns=("slot", "moved_from"),
            vectors=("counted", "maintenance"),
        ),
        describe=in_full,
    ),
    score=Score(
        rule=free_share,
        prepare=Prepare(compute=score_values, scalars=("source",), columns=("slot",), vectors=("counted",)),
    ),
    reserve=ReserveOnNode(check=room_left, take=UsageBook.promise, release=UsageBook.release),
    pre_bind=PreBind(check=warn),
    book=UsageBook,
    reads_load=True,
)
