"""Making room where the scheduler's own preemption does not look: for a pod that a plugin refused, or that finds its
guarantee taken by others.

The search walks over all nodes in slices, so that calls of the scheduler pass in between; what it finds is verified
again on the state of the moment before anybody leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from extender.engine.attempts import Attempts
from extender.engine.call import Call
from extender.engine.cycle import UNPROMISED, Pass, World, count_failure, run_pre_filters
from extender.engine.preempting import exempting_of, helped, not_eligible, part_of
from extender.engine.profile import PolicySet, Seat
from extender.engine.trace import FilterStep, Trace
from extender.framework.declaration import Cycle, Rejection, Search, Selection, Status
from extender.framework.preemption import Candidate, Rooms, best_of, failure_text, misplaced
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.record.frames import Decision

# Work in one step of the loop, and the pause that others get after it.
STEP_S, PAUSE_S = 0.001, 0.004


@dataclass(slots=True)
class Plan:
    """Who leaves which node for a pod, or why nobody does."""

    pod: Pod
    plugin: str
    decision: str
    record: Decision
    winner: Candidate | None = None
    why_not: str = ""


def _nobody(_pod: Pod) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where not to look for victims, and who is none."""

    closed: Collection[str] = ()
    """Names of nodes."""
    spared: Callable[[Pod], str] = _nobody
    """Why a pod may not be a victim, or ""."""
    promised: Mapping[str, Pod] = field(default_factory=lambda: UNPROMISED)
    """As Pass.promised."""


UNBOUNDED = Bounds()


@dataclass(slots=True)
class _Found:
    worked_s: float = 0.0
    """Without the pauses."""
    candidates: list[Candidate] = field(default_factory=list)
    tried: dict[str, Status] = field(default_factory=dict)
    """Node -> why it is no candidate."""

    def note(self, node: str, selection: Selection) -> None:
        if selection.status.code is not Code.SUCCESS:
            self.tried[node] = selection.status
        elif selection.victims:
            self.candidates.append(Candidate(node, selection))
        else:
            self.tried[node] = Status(Code.UNSCHEDULABLE, "the pod fits there as it is", "nobody has to leave")


def reclaiming_seat(over: Pass) -> Seat | None:
    """The plugin that makes room for the pod, if any does; a pod that has its promise already needs none."""
    if over.pod.uid in over.world.ledger:
        return None
    for seat in over.profile.post_filters:
        reclaims = part_of(seat).reclaims
        try:
            if reclaims is not None and reclaims(over.cycle(seat)):
                return seat
        except Exception as fault:  # noqa: BLE001 - a plugin may raise anything; it then does not reclaim
            count_failure(seat, Phase.POST_FILTER, fault, None)
    return None


async def plan(
    world: World, policy: PolicySet, attempts: Attempts, pod: Pod, now_s: float, bounds: Bounds
) -> Plan | None:
    """Search all nodes that are not closed; None if no plugin makes room for this pod."""
    nodes, profile = world.state.nodes, policy.for_pod(pod, now_s)
    listed = [(name, row) for name, row in nodes.items() if name not in bounds.closed]
    names, rows = zip(*listed, strict=True) if listed else ((), ())
    places = np.array(rows, np.int32)
    call = Call(
        "preempt",
        pod,
        names,
        places,
        attempts.joined(pod, now_s),
        policy,
        profile,
        world.state.generation,
        now_s,
    )
    over = call.over(world, quiet=True)
    over.promised = bounds.promised
    seat = reclaiming_seat(over)
    if seat is None:
        return None
    refused = not_eligible(over, call.trace)
    if refused is not None:
        return _ended(call, refused[0], None, refused[1].reason)
    found = _Found()
    started = perf_counter()
    open_to_it = helped(over, call.trace, list(names))
    if node := _fits_already(over, seat, open_to_it):
        return _ended(call, seat, None, f"the pod fits on node {node} as it is: nobody has to leave")
    found.worked_s = perf_counter() - started
    await _search(over, seat, open_to_it, found, bounds.spared)
    _note(call, seat, found)
    winner = best_of(found.candidates)
    why_not = "" if winner else _why_not(call, found)
    return _ended(call, seat, winner, why_not, found.worked_s)


def still_needed(over: Pass, node: str, victims: tuple[Pod, ...]) -> str:
    """Why the plan has lost its sense on the state of this moment, or ""."""
    seat = reclaiming_seat(over)
    if seat is None:
        return "no plugin makes room for the pod any more"
    refused = not_eligible(over, Trace())
    if refused is not None:
        return refused[1].reason
    cycle = over.cycle(seat)
    selection = _judged(cycle, _Guarded(over, seat, cycle), node)
    if selection.status.code is not Code.SUCCESS:
        return selection.status.reason
    chosen = {pod.uid for pod in selection.victims}
    here = [pod for pod in victims if pod.uid in over.world.state.pods]
    spared = [pod.key for pod in here if pod.uid not in chosen]
    return f"pod {spared[0]} may stay now" if spared else ""


async def imagined(over: Pass, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Plugin -> who would have to leave which of the nodes, or why nobody; empty if the pod needs no room made."""
    open_to_it = helped(over, Trace(), list(names))
    told: dict[str, dict[str, Any]] = {}
    for seat in over.profile.post_filters:
        if _fits_already(over, seat, open_to_it):
            return {}
        refused = not_eligible(over, Trace())
        if refused is not None:
            return {refused[0].name: {"code": refused[1].code, "reasons": [refused[1].reason]}}
        found = _Found()
        await _search(over, seat, open_to_it, found)
        told[seat.name] = _told(found, len(names))
    return told


def _told(found: _Found, nodes: int) -> dict[str, Any]:
    winner = best_of(found.candidates)
    if winner is None:
        return {"code": Code.UNSCHEDULABLE, "reasons": [failure_text(nodes, found.tried)]}
    return {
        "code": Code.SUCCESS,
        "reasons": [],
        "node": winner.node,
        "victims": [pod.key for pod in winner.selection.victims],
        "numPDBViolations": winner.selection.pdb_violations,
    }


async def _search(
    over: Pass, seat: Seat, names: list[str], found: _Found, spared: Callable[[Pod], str] = _nobody
) -> None:
    began = perf_counter()
    cycle = over.cycle(seat)
    search = _Guarded(over, seat, cycle, spared)
    for name in names:
        found.note(name, _judged(cycle, search, name))
        if perf_counter() - began > STEP_S:
            found.worked_s += perf_counter() - began
            await asyncio.sleep(PAUSE_S)
            began = perf_counter()
    found.worked_s += perf_counter() - began
    if not search.failed:
        seat.breaker.passed(Phase.POST_FILTER)


def _fits_already(over: Pass, seat: Seat, names: list[str]) -> str:
    """A node that takes the pod with everybody on it, as far as we can judge, or "".

    Preemption is for pods that no node takes. The scheduler will find this one, or has a reason that we do not know and
    that would hold on a node cleared for the pod as well.
    """
    if not run_pre_filters(over, over.profile.pre_filters, Trace()):
        return ""
    cycle = over.cycle(seat)
    nodes = cycle.nodes
    rows = np.array([nodes.row(name) for name in names], np.int32)
    for row in Rooms(cycle).as_they_are(rows[rows >= 0]):
        node = nodes.objects[row]
        if node is not None and not misplaced(cycle.pod, node):
            return node.name
    return ""


class _Guarded:
    """The plugin's search; where it raises, it has found nobody."""

    def __init__(self, over: Pass, seat: Seat, cycle: Cycle, spared: Callable[[Pod], str] = _nobody) -> None:
        self.failed = False
        self._seat = seat
        exempting = exempting_of(over)
        found: Search
        try:
            found = part_of(seat).search(cycle, lambda victim: spared(victim) or exempting(victim))
        except Exception as fault:  # noqa: BLE001 - a plugin may raise anything; nobody leaves by its word then
            broken = self._failure(fault)
            found = lambda _row, _proposed: broken  # noqa: E731 - one of two
        self._asked = found

    def __call__(self, row: int, proposed: Selection | None) -> Selection:
        try:
            return self._asked(row, proposed)
        except Exception as fault:  # noqa: BLE001 - as above
            return self._failure(fault)

    def _failure(self, fault: Exception) -> Selection:
        # One search is one strike, however many nodes it looks at.
        why = count_failure(self._seat, Phase.POST_FILTER, fault, None if self.failed else "")
        self.failed = True
        return Selection(status=Status(Code.ERROR, f"{self._seat.name} failed: {why}", f"{self._seat.name} failed"))


def _judged(cycle: Cycle, search: Search, name: str) -> Selection:
    row = cycle.nodes.row(name)
    node = cycle.nodes.objects[row] if row >= 0 else None
    if node is None:
        return Selection(status=Status(Code.UNRESOLVABLE, "the node is gone"))
    if why := misplaced(cycle.pod, node):
        return Selection(status=Status(Code.UNRESOLVABLE, why))
    return search(row, None)


def _note(call: Call, seat: Seat, found: _Found) -> None:
    """What the plugin said about each node goes into the record like a filter's words."""
    base, codes = len(call.trace.rejections), dict[str, int]()
    place = {name: i for i, name in enumerate(call.names)}
    for name, status in found.tried.items():
        label = status.label or status.reason
        if label not in codes:
            codes[label] = call.trace.add_rejection(seat.name, Rejection(label, status.code))
        if call.trace.codes is not None:
            call.trace.codes[place[name]] = codes[label]
    rejected = len(found.tried)
    call.trace.filter_steps.append(
        FilterStep(
            seat.name,
            base,
            len(codes),
            rejected + len(found.candidates),
            rejected,
            int(found.worked_s * 1e9),
            "",
            Phase.POST_FILTER,
        )
    )


def _why_not(call: Call, found: _Found) -> str:
    if call.trace.pod_steps and call.trace.pod_steps[-1].rejected:
        return call.trace.pod_steps[-1].reason
    return failure_text(len(call.names), found.tried)


def _ended(call: Call, seat: Seat, winner: Candidate | None, why_not: str, worked_s: float = 0.0) -> Plan:
    frame = call.frame(Code.SUCCESS if winner else Code.UNSCHEDULABLE, 1 if winner else 0)
    frame.node = winner.node if winner else ""
    frame.duration_us = worked_s * 1e6
    frame.message = why_not or "reclaim"
    frame.rejected = call.trace.rejected_sample(call.names)
    return Plan(call.pod, seat.name, call.attempt.decision, frame, winner, why_not)
