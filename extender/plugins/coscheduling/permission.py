"""May a member be bound now? Upstream's Permit (plugins.md §4.6), and how many may be missing (§4.7)."""

from __future__ import annotations

from extender.framework import Code, Cycle, Permission
from extender.plugins.coscheduling.args import PERCENT_MAX
from extender.plugins.coscheduling.book import NOT_FOUND
from extender.plugins.coscheduling.gang import Gang
from extender.plugins.coscheduling.pod_group import key_of


def permission_for(cycle: Cycle, gang: Gang | None) -> Permission:
    """The pod counts as placed from now on, if it belongs to a group that is there."""
    if not key_of(cycle.pod):
        return Permission()
    if gang is None or gang.group is None:
        return Permission(Code.UNSCHEDULABLE, gang.problem if gang and gang.problem else NOT_FOUND)
    cycle.book.place(gang, cycle.pod, _node_of(cycle), cycle.now_s)
    if gang.missing <= 0:
        return Permission()
    return Permission(
        Code.WAIT,
        f"waiting for {gang.missing} of {gang.group.min_member} members of gang {gang.key}",
        gang.key,
        float(gang.group.wait_s(cycle.args.permit_waiting_time_seconds)),
    )


def reject_share_is_passed(gang: Gang, assigned: int, percentage: int) -> bool:
    """Whether so many members are missing that those which wait should not wait any longer."""
    least = gang.group.min_member if gang.group else 0
    missing = least - assigned
    return missing > 0 and missing * PERCENT_MAX > percentage * least


def _node_of(cycle: Cycle) -> str:
    row = int(cycle.rows[0])
    return cycle.nodes.names[row] if row >= 0 else ""
