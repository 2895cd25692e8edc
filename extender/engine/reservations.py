"""Reserve without a verb: charged when filter passes, kept or given back by what happens to the pod."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from extender.engine.books import Books
from extender.engine.call import Call
from extender.engine.cycle import World, ask, count_failure, run_pre_filters
from extender.engine.oversight import refusal
from extender.engine.profile import Seat
from extender.framework.declaration import Reserve, ReserveOnNode
from extender.ledger.ledger import Lease, Ledger
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.record.frames import LeaseTouch

_TAKE = "take"
"""A strike of its own: the check of the same phase may work."""


def reserve(books: Books, ledger: Ledger, call: Call, seats: Iterable[Seat], action: str) -> None:
    """Charge the pod in the book of every reserving plugin and note the lease; `action` goes to the record."""
    taken = [seat.name for seat in seats if _charge(books, seat, call.pod)]
    if taken:
        ledger.take(call.pod, call.attempt.decision, taken, call.now_s)
        call.leases.extend(LeaseTouch(name, action) for name in taken)


def recheck(world: World, call: Call) -> str:
    """Before a bind whose lease is gone (restart, time to live): the checks again, then the charge. "" or why not."""
    missing = _without_lease(call.profile.reservers, world.ledger.get(call.pod.uid))
    if not missing:
        return ""
    names = {seat.name for seat in missing}
    checks = [seat for seat in call.profile.pre_filters if seat.name in names]
    if run_pre_filters(call.over(world), checks, call.trace):
        reserve(world.books, world.ledger, call, missing, "taken")
        return ""
    refused = call.trace.pod_steps[-1]
    call.leases.append(LeaseTouch(refused.plugin, "missing", refused.reason))
    part = next(seat.plugin.reserve for seat in missing if seat.name == refused.plugin)
    return part.missing if isinstance(part, Reserve) else refused.reason


def reserve_on_node(world: World, call: Call, node: str) -> str:
    """Check and charge what depends on the node, one plugin after the other: "" or the first reason why not.

    What was charged before a refusal is given back with the lease, when the bind is seen to have failed.
    """
    for seat in call.profile.node_reservers:
        part = seat.plugin.reserve
        if not isinstance(part, ReserveOnNode):
            continue
        status = ask(call.over(world), seat, Phase.RESERVE, part.check, call.trace)
        if status.code is not Code.SUCCESS:
            call.leases.append(LeaseTouch(seat.name, "refused", status.reason))
            return status.reason or f"{seat.name} refused node {node}"
        if _charge(world.books, seat, call.pod, node):
            world.ledger.take(call.pod, call.attempt.decision, [seat.name], call.now_s)
            call.leases.append(LeaseTouch(seat.name, "taken", node))
        elif seat.fails_closed:
            return refusal(seat)
    return ""


def _without_lease(seats: Sequence[Seat], lease: Lease | None) -> list[Seat]:
    return [seat for seat in seats if lease is None or seat.name not in lease.plugins]


def _charge(books: Books, seat: Seat, pod: Pod, node: str = "") -> bool:
    try:
        books.take(seat.name, pod, node)
    except Exception as fault:  # noqa: BLE001 - a plugin may raise anything; it is then neutral
        count_failure(seat, Phase.RESERVE, fault, _TAKE)
        # No lease will remember what it may have charged before.
        books.give_back(seat.name, pod.uid)
        return False
    if seat.breaker.listens:
        seat.breaker.passed(_TAKE)
    return True
