"""Plan, pin, hold (plugins.md §4.11): where a member may stand, so that its whole gang can.

all members bound that must be      an extra member: anywhere beside other gangs' promises
the plan has a slot for it          only there
every slot is another's             an extra member
otherwise                           plan again: members that were sent to a slot keep it, the others are placed
                                    anew, all or nothing
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.framework import Cycle, Node, NodeTable, Pod, request_k8s
from extender.framework.preemption import misplaced
from extender.plugins.coscheduling.book import GangBook
from extender.plugins.coscheduling.checks import is_gated, leaving, siblings_of
from extender.plugins.coscheduling.fitting import Int64s, Want, fitted, most
from extender.plugins.coscheduling.gang import Gang, Seen, Slot
from extender.plugins.coscheduling.pod_group import WAIT_DEFAULT_S
from extender.plugins.coscheduling.reserved import promise_to
from extender.plugins.coscheduling.shape import Shape, shape_of, vector

ANYWHERE = ""
"""No node: the member is not pinned."""
# Shapes of one gang whose offered nodes are remembered; the oldest list is forgotten first.
SEEN_MAX = 16
# A list of nodes that the scheduler offered a sibling longer ago than this says little.
SEEN_S = 60.0
# Constraints for which every node's answer is remembered; those asked for longest ago are forgotten first.
JUDGED_MAX = 64


@dataclass(frozen=True, slots=True)
class Place:
    node: str = ANYWHERE
    refusal: str = ""
    """Not empty: there is no room for the whole gang now."""


def place_for(cycle: Cycle, gang: Gang) -> Place:
    """Where the cycle's pod may stand. Unless the cycle is quiet, the plan is kept and the slot is the pod's."""
    book: GangBook = cycle.book
    assert gang.group is not None  # noqa: S101 - asked by the caller
    pod, shape = cycle.pod, shape_of(cycle.pod)
    offered = _offered(cycle)
    if not cycle.quiet:
        _remember(cycle, gang, shape, offered)
    needed = gang.group.min_member - len(gang.bound - {pod.uid})
    if needed <= 0:
        return Place()
    if gang.slots and len(gang.slots) >= needed and book.still_fits(gang, cycle.nodes):
        slot = _slot_for(gang, pod, shape, offered, cycle.nodes)
        if slot is not None:
            return _sent(cycle, gang, slot)
        if all(slot.uid not in ("", pod.uid) for slot in gang.slots):
            return Place()
    return _planned(cycle, gang, shape, offered, needed)


def _planned(cycle: Cycle, gang: Gang, shape: Shape, offered: NDArray[np.bool_], needed: int) -> Place:
    pod, table = cycle.pod, cycle.nodes
    kept = [slot for slot in gang.slots if slot.uid not in ("", pod.uid) and table.row(slot.node) >= 0]
    # Who was placed without a plan (an extra member, or in parity mode) needs no place any more.
    coming = gang.placed.keys() | {slot.uid for slot in kept}
    coming.discard(pod.uid)
    count = needed - len(coming)
    if count <= 0:
        return Place()
    chosen = _chosen(gang, pod, coming, count)
    if len(chosen) < count:
        return _hopeless(cycle, gang, f"{len(chosen)} of {count} members of the pod group can be scheduled")
    wanted = _wanted(cycle, gang, shape, offered, chosen)
    free = _free(cycle, gang, kept)
    wants = [want for _shape, want in wanted]
    rows = fitted(free, wants) if all(want.request.size for want in wants) else None
    if rows is None:
        return _hopeless(cycle, gang, _gap(gang, free, wants, count))
    slots = [
        Slot(table.names[row], of, pod.uid if i == 0 and j == 0 else "")
        for i, ((of, _want), found) in enumerate(zip(wanted, rows, strict=True))
        for j, row in enumerate(found.tolist())
    ]
    if not cycle.quiet:
        gang.planned_s, gang.priority = cycle.now_s, pod.priority
        cycle.book.set_plan(gang, kept + slots, table)
    return _sent(cycle, gang, slots[0])


def _sent(cycle: Cycle, gang: Gang, slot: Slot) -> Place:
    """The slot is the pod's; while members follow, the plan lives on."""
    if not cycle.quiet and gang.group is not None:
        cycle.book.send(gang, cycle.pod, slot)
        gang.hopeless = ""
        waits_s = gang.group.wait_s(cycle.args.permit_waiting_time_seconds)
        gang.expires_s = cycle.now_s + (waits_s if waits_s > 0 else WAIT_DEFAULT_S)
    return Place(slot.node)


def _hopeless(cycle: Cycle, gang: Gang, why: str) -> Place:
    if not cycle.quiet:
        gang.hopeless = cycle.pod.uid
    return Place(refusal=f"resource gap: {why}")


def _gap(gang: Gang, free: Int64s, wants: list[Want], count: int) -> str:
    held = f" beside the {len(gang.placed)} that wait" if gang.placed else ""
    if len(wants) == 1 and wants[0].request.size:
        return f"{most(free, wants[0])} of {count} members of the pod group find room{held}"
    return f"the {count} members of the pod group do not find room together{held}"


def _slot_for(gang: Gang, pod: Pod, shape: Shape, offered: NDArray[np.bool_], table: NodeTable) -> Slot | None:
    """Its own slot, else one for its shape that nobody was sent to; on a node that the scheduler offers."""
    mine = gang.slot_of(pod.uid)
    free = (slot for slot in gang.slots if not slot.uid and slot.shape == shape)
    for slot in (*([mine] if mine else []), *free):
        row = table.row(slot.node)
        if row >= 0 and offered[row]:
            return slot
    return None


def _chosen(gang: Gang, pod: Pod, kept: set[str], count: int) -> list[Pod]:
    """The pod and others of its gang that may come, by name."""
    others = [
        other
        for uid, other in siblings_of(gang, pod).items()
        if uid != pod.uid and uid not in kept and not other.node_name and not other.terminating and not is_gated(other)
    ]
    return [pod, *sorted(others, key=lambda other: other.key)[: count - 1]]


def _wanted(
    cycle: Cycle, gang: Gang, shape: Shape, offered: NDArray[np.bool_], chosen: Iterable[Pod]
) -> list[tuple[Shape, Want]]:
    """The pods by shape, that of the cycle's pod first.

    A list of a single node may be a nomination or a hint of the scheduler's: it says nothing about the siblings, so
    the pod is then a want of its own.
    """
    counts: dict[Shape, int] = {}
    for pod in chosen:
        of = gang.shape_of(pod)
        counts[of] = counts.get(of, 0) + 1
    wanted = []
    if len(cycle.rows) == 1:
        wanted.append((shape, _want(shape, 1, offered, cycle.nodes)))
        counts[shape] -= 1
    for of, count in counts.items():
        if count:
            allowed = offered if of == shape and len(cycle.rows) > 1 else _allowed(cycle, gang, of)
            wanted.append((of, _want(of, count, allowed, cycle.nodes)))
    return wanted


def _want(shape: Shape, count: int, allowed: NDArray[np.bool_], table: NodeTable) -> Want:
    request = vector(shape.request, table)
    if request is None:
        request = np.empty(0, np.int64)
    return Want(request, count, allowed, one_per_node=shape.is_alone, spread=shape.spreads)


def _offered(cycle: Cycle) -> NDArray[np.bool_]:
    offered = np.zeros(cycle.nodes.rows, np.bool_)
    offered[cycle.rows[cycle.rows >= 0]] = True
    return offered


def _remember(cycle: Cycle, gang: Gang, shape: Shape, offered: NDArray[np.bool_]) -> None:
    if len(cycle.rows) > 1:
        gang.seen.pop(shape, None)
        if len(gang.seen) >= SEEN_MAX:
            del gang.seen[next(iter(gang.seen))]
        gang.seen[shape] = Seen(cycle.now_s, cycle.nodes.names_version, np.packbits(offered))


def _allowed(cycle: Cycle, gang: Gang, shape: Shape) -> NDArray[np.bool_]:
    """Per row, for a shape that is not the asking one: what the scheduler offered it lately, else what we can judge."""
    table = cycle.nodes
    seen = gang.seen.get(shape)
    if seen is not None and cycle.now_s - seen.at_s <= SEEN_S and seen.names_version == table.names_version:
        return np.unpackbits(seen.packed, count=table.rows).view(np.bool_)
    return _judged(cycle, shape)


@dataclass(slots=True)
class _Judged:
    """By row: the node that was judged, and what was found."""

    nodes: list[Node | None]
    allowed: NDArray[np.bool_]


def _judged(cycle: Cycle, shape: Shape) -> NDArray[np.bool_]:
    """By taints, selectors and cordons alone; what only the scheduler can judge shows when the sibling itself comes.

    Judging thousands of nodes takes milliseconds, and some node changes all the time: only those are judged again.
    """
    table = cycle.nodes
    known: dict[bytes, _Judged] = cycle.memo.setdefault("judged", {})
    pod = shape.judgeable
    where = msgspec.json.encode(pod.placement, order="deterministic")
    found = known.pop(where, None) or _Judged([], np.empty(0, np.bool_))
    if len(found.nodes) != table.rows:
        found = _Judged([None] * table.rows, np.zeros(table.rows, np.bool_))
    for row, (node, before) in enumerate(zip(table.objects, found.nodes, strict=True)):
        if node is not before:
            found.nodes[row], found.allowed[row] = node, node is not None and not misplaced(pod, node)
    known[where] = found
    if len(known) > JUDGED_MAX:
        del known[next(iter(known))]
    return found.allowed


def _free(cycle: Cycle, gang: Gang, kept: list[Slot]) -> Int64s:
    """What the rest of the gang may use: not what pods use, stronger gangs were promised, or its own members have."""
    table = cycle.nodes
    free: Int64s = table.allocatable[: table.rows] - table.requested[: table.rows]
    others = cycle.book.reserved(table, besides=gang, priority=cycle.pod.priority)
    if others is not None:
        free -= others
    promise_to(Gang(gang.key, members=gang.members, slots=kept, placed=gang.placed), table).taken_from(free)
    for pod in leaving(cycle):
        row, request = table.row(pod.node_name), vector(request_k8s(pod), table)
        if row >= 0 and request is not None:
            free[row] += request
    return free
