"""Coscheduling: a group of pods is placed together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework import (
    PASSED,
    Code,
    Cycle,
    Filter,
    Kind,
    Maturity,
    NodeTable,
    Permission,
    Permit,
    Plugin,
    PreFilter,
    Prepare,
    Rejection,
    Reserve,
    Status,
    Tending,
    request_k8s,
)
from extender.plugins.coscheduling.args import CoschedulingArgs, check, decode_args
from extender.plugins.coscheduling.book import HOPELESS, NOT_FOUND, GangBook
from extender.plugins.coscheduling.cases import case_answers
from extender.plugins.coscheduling.checks import checked, refused
from extender.plugins.coscheduling.gang import Gang
from extender.plugins.coscheduling.kernel import beside_gangs
from extender.plugins.coscheduling.order import QUEUE_SORT
from extender.plugins.coscheduling.permission import permission_for, reject_share_is_passed
from extender.plugins.coscheduling.planning import place_for
from extender.plugins.coscheduling.pod_group import KIND, key_of
from extender.plugins.coscheduling.shape import vector

GROUP, VERSION, PLURAL = "scheduling.x-k8s.io", "v1alpha1", "podgroups"
_PIN = "pin"
"""In the memo, from preFilter to filter of one cycle: (UID, node, gang)."""


def may_be_placed(cycle: Cycle) -> Status:
    """preFilter. In planned mode a member passes only if its whole gang has a place now."""
    cycle.memo.pop(_PIN, None)
    key = key_of(cycle.pod)
    if not key:
        return PASSED
    gang = cycle.book.gang_of(cycle.pod)
    if gang is None or gang.group is None:
        return refused(gang.problem if gang and gang.problem else NOT_FOUND, NOT_FOUND)
    status = checked(cycle, gang, _all_rows(cycle))
    if not cycle.args.plans and gang.slots and not cycle.quiet:
        cycle.book.unplan(gang)  # made while the mode was another
    if status.code is not Code.SUCCESS or not cycle.args.plans:
        return status
    place = place_for(cycle, gang)
    if place.refusal:
        return refused(place.refusal, "resource gap")
    cycle.memo[_PIN] = cycle.pod.uid, place.node
    return PASSED


def _all_rows(cycle: Cycle) -> NDArray[np.int32]:
    """Every node by name; kept until the set of nodes changes."""
    table: NodeTable = cycle.nodes
    kept: tuple[int, NDArray[np.int32]] | None = cycle.memo.get("rows")
    if kept is None or kept[0] != table.names_version:
        kept = table.names_version, np.array([row for _name, row in sorted(table.items())], np.int32)
        cycle.memo["rows"] = kept
    return kept[1]


def promises(cycle: Cycle) -> Mapping[str, Any]:
    """What the filter needs to know: the pod's pin, or what all gangs were promised."""
    table: NodeTable = cycle.nodes
    uid, node = cycle.memo.get(_PIN, ("", ""))
    pinned = bool(node) and uid == cycle.pod.uid
    here = np.zeros(table.rows, np.int64)
    if pinned and (row := table.row(node)) >= 0:
        here[row] = 1
    reserved = None if pinned else cycle.book.reserved(table, priority=cycle.pod.priority)
    request = None if reserved is None else vector(request_k8s(cycle.pod), table)
    guarded = reserved is not None and request is not None
    return {
        "pinned": pinned,
        "here": here,
        "guarded": guarded,
        "request": request if guarded else np.zeros(1, np.int64),
        "reserved": reserved.ravel() if guarded and reserved is not None else np.zeros(1, np.int64),
        "offset": np.arange(table.rows, dtype=np.int64) * len(table.resources),
    }


def ask(cycle: Cycle) -> Permission:
    """permit: the member's bind has come; it goes on when enough of its gang have."""
    return permission_for(cycle, cycle.book.gang_of(cycle.pod))


def no_node(cycle: Cycle) -> None:
    """Upstream's PostFilter (plugins.md §4.7): the member found no node, so those that wait for it go back."""
    gang: Gang | None = cycle.book.gang_of(cycle.pod)
    if gang is None or gang.group is None or _says_nothing_new(cycle, gang):
        return
    uid = cycle.pod.uid
    if gang.slots and gang.hopeless != uid and all(slot.uid not in ("", uid) for slot in gang.slots):
        return  # one more than the plan needs: the others are on their way
    gang.hopeless = ""
    cycle.book.release(uid)
    if not reject_share_is_passed(gang, gang.assigned, cycle.args.pod_group_reject_percentage):
        return
    cycle.book.collapse(gang, HOPELESS, cycle.now_s)
    backoff_s = cycle.args.pod_group_backoff_seconds
    if backoff_s > 0 and len(gang.members) >= gang.group.min_member and cycle.now_s >= gang.backed_off_until_s:
        gang.backed_off_until_s = cycle.now_s + backoff_s


def _says_nothing_new(cycle: Cycle, gang: Gang) -> bool:
    """The scheduler's word that is not newer than what the gang has since been granted. API times are whole seconds."""
    if len(cycle.rows):
        return False
    said_s = cycle.pod.unschedulable_at_s
    granted_s = max(gang.planned_s if gang.slots else 0.0, gang.placed_s if gang.placed else 0.0)
    return said_s is None or said_s <= int(granted_s)


def tend(tending: Tending) -> None:
    tending.book.tend(tending.nodes, tending.now_s)


PLUGIN = Plugin(
    name="Coscheduling",
    doc="Gangs: pods of one PodGroup are placed together or not at all, and wait for each other before any is bound.",
    args=CoschedulingArgs,
    check=check,
    decode_args=decode_args,
    maturity=Maturity.BETA,
    queue_sort=QUEUE_SORT,
    pre_filter=PreFilter(check=may_be_placed),
    filter=Filter(
        rule=beside_gangs,
        rejections=(
            Rejection("node capacity is reserved for a pod group"),
            Rejection("another node is planned for this member of its pod group"),
        ),
        prepare=Prepare(
            compute=promises,
            scalars=("pinned", "guarded"),
            columns=("here", "offset"),
            vectors=("request", "reserved"),
        ),
    ),
    reserve=Reserve(
        take=GangBook.take,
        release=GangBook.release,
        missing="the pod group has no place any more",
    ),
    permit=Permit(
        ask=ask,
        unreserve=GangBook.unreserve,
        orders=GangBook.orders,
        no_node=no_node,
        drop=GangBook.drop,
    ),
    tend=tend,
    case_answers=case_answers,
    book=GangBook,
    watches=(Kind(group=GROUP, version=VERSION, plural=PLURAL, kind=KIND),),
)
