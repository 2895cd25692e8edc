"""Permit: a bind call is held open until its plugin lets it go.

Whatever ends a hold, what follows is done at once and not when its coroutine wakes: in between, the scheduler may
already have sent the same pod again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import numpy as np

from extender.engine import oversight
from extender.engine.call import Call
from extender.engine.cycle import Pass, World
from extender.engine.profile import PolicySet, Profile, Seat
from extender.engine.trace import PodStep
from extender.framework.declaration import Order, Permission, Permit, Plugin
from extender.ledger.holds import Hold, HoldEnded, Holds
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.record.frames import Decision, Frame, PluginVerdict
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)

SHUTTING_DOWN = "the extender is shutting down; the scheduler tries again"
NOT_LEADING = "another replica of the extender leads now; the scheduler tries again"
CALLER_GONE = "the scheduler has given this bind up"
# Rounds of orders that follow from orders; a group is over after the first, so more are a plugin's fault.
_ROUNDS_MAX = 1000

Left = asyncio.Future[Any]
"""Done when the caller has gone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How permit ended for one bind."""

    error: str = ""
    held_s: float = 0.0
    given_up: bool = False
    """Everything that was promised has been given back already."""


_GO_ON = Answer()


class Permits:
    """The holds, and the plugins that have a say in them. Single writer: the event loop."""

    def __init__(
        self,
        world: World,
        plugins: Iterable[Plugin],
        *,
        offer: Callable[[Frame], None],
        clock: Callable[[], float],
        give_up: Callable[[Call, str], None],
        limit_s: float,
    ) -> None:
        """`give_up(call, error)` gives back what a held bind had been promised; no hold is longer than `limit_s`."""
        self._world = world
        self._plugins = {plugin.name: plugin for plugin in plugins if plugin.permit is not None}
        self._offer = offer
        self._clock = clock
        self._give_up = give_up
        self._limit_s = limit_s
        self._holds = Holds(_count_end)
        self._calls: dict[str, Call] = {}
        """Of the pods that are held, by UID."""
        self._closed = ""
        """Why no hold may begin."""

    def __contains__(self, uid: object) -> bool:
        return uid in self._holds

    def all(self) -> list[Hold]:
        return self._holds.all()

    # One bind.

    async def ask(self, call: Call, node: str, left: Left | None) -> Answer:
        """Every permit of the profile in order; returns when all have let the pod go, or one has not."""
        held_s = 0.0
        for seat in call.profile.permits:
            permission, spent_ns = self._said(call, seat)
            call.asked.append(seat.name)
            self.carry_out()
            if permission.code is not Code.WAIT:
                _note(call, seat, permission.code, permission.reason, spent_ns)
            if permission.code is Code.WAIT:
                answer = await self._wait(call, seat, permission, node, left, self._limit_s - held_s)
                held_s += answer.held_s
                if answer.error:
                    return Answer(answer.error, held_s, answer.given_up)
            elif permission.code is not Code.SUCCESS:
                return Answer(permission.reason or f"{seat.name} refused the bind", held_s)
        if held_s and left is not None and left.done():
            return Answer(CALLER_GONE, held_s)
        return Answer("", held_s) if held_s else _GO_ON

    async def joined(self, pod: Pod, node: str) -> str | None:
        """The answer of a bind of the pod that is held; None if there is none."""
        hold = self._holds.get(pod.uid)
        if hold is None:
            return None
        done = self._calls[pod.uid].done
        if hold.node != node or done is None:
            return f"pod {pod.key} is being bound to node {hold.node}"
        return await asyncio.shield(done)

    def failed(self, call: Call) -> None:
        """A bind that had been let go has come to nothing all the same."""
        self._unreserve(call)
        self.carry_out()

    def _said(self, call: Call, seat: Seat) -> tuple[Permission, int]:
        """A plugin that raises lets the pod go, and is counted."""
        started, error = perf_counter_ns(), ""
        try:
            said = _permission(_permit(seat.plugin).ask(call.over(self._world).cycle(seat)))
        except Exception as fault:  # noqa: BLE001 - a plugin may raise anything; it is then neutral
            self._failed(seat.name)
            error = f"{type(fault).__name__}: {fault}"[:200]
            seat.breaker.failed(Phase.PERMIT, error)
            said = Permission()
        spent_ns = perf_counter_ns() - started
        if seat.breaker.listens:
            said = oversight.permitted(seat, said, spent_ns, error)
        return said, spent_ns

    async def _wait(
        self, call: Call, seat: Seat, asked: Permission, node: str, left: Left | None, limit_s: float
    ) -> Answer:
        began_s = self._clock()
        timeout_s = min(asked.timeout_s, limit_s)
        refused = self._no_hold(seat, timeout_s, left)
        if refused:
            _note(call, seat, Code.UNSCHEDULABLE, refused, 0)
            return Answer(refused)
        hold = self._begin(call, seat, asked, node, began_s + timeout_s)
        self._follow(hold, left)
        try:
            why = await asyncio.shield(hold.ended)
        except asyncio.CancelledError:
            self._end(hold, HoldEnded.BROKEN_OFF, "the bind call was broken off")
            raise
        held_s = self._clock() - began_s
        code = Code.UNSCHEDULABLE if hold.error else Code.SUCCESS
        _note(call, seat, code, hold.error or asked.reason, int(held_s * 1e9), why.value)
        return Answer(hold.error, max(held_s, 1e-9), given_up=bool(hold.error))

    def _no_hold(self, seat: Seat, timeout_s: float, left: Left | None) -> str:
        if self._closed:
            return self._closed
        if left is not None and left.done():
            return CALLER_GONE
        if timeout_s <= 0:
            return _timed_out(0, seat.name)
        if self._holds.is_full:
            metrics.HOLDS_REFUSED.inc()
            return f"{len(self._holds)} bind calls are held open already; try again"
        return ""

    def _begin(self, call: Call, seat: Seat, asked: Permission, node: str, deadline_s: float) -> Hold:
        loop = asyncio.get_running_loop()
        now_s = self._clock()
        hold = Hold(
            pod=call.pod,
            node=node,
            plugin=seat.name,
            group=asked.group,
            waiting_for=asked.reason,
            decision=call.attempt.decision,
            since_s=now_s,
            deadline_s=deadline_s,
            ended=loop.create_future(),
        )
        self._holds.begin(hold)
        self._calls[call.pod.uid] = call
        call.done = call.done or loop.create_future()
        metrics.HOLDS.set(len(self._holds))
        self._offer(_waiting_frame(call, hold, now_s))
        return hold

    def _follow(self, hold: Hold, left: Left | None) -> None:
        if left is not None:
            left.add_done_callback(lambda _left: self._caller_left(hold))

    def _caller_left(self, hold: Hold) -> None:
        if self._end(hold, HoldEnded.CALLER_GONE, CALLER_GONE):
            self.carry_out()

    # What ends holds.

    def end(self, uid: str, why: HoldEnded, error: str) -> None:
        """End the pod's hold, if it has one; with an error it gives up."""
        hold = self._holds.get(uid)
        if hold is not None and self._end(hold, why, error):
            self.carry_out()

    def node_gone(self, node: str) -> None:
        """Nobody may be let go to a node that is not there: its group goes back while none of it is bound."""
        for hold in [hold for hold in self._holds.all() if hold.node == node]:
            self._end(hold, HoldEnded.NODE_GONE, f"node {node} is gone")
        self.carry_out()

    def expire(self, now_s: float) -> None:
        """End the holds whose deadline has come."""
        for hold in self._holds.late(now_s):
            self._end(hold, HoldEnded.TIMED_OUT, _timed_out(hold.deadline_s - hold.since_s, hold.plugin))
        self.carry_out()

    def no_node(self, pod: Pod, profile: Profile, over: Pass | None = None) -> None:
        """The pod found no node: by our own filter (`over` is its pass), or by the scheduler's word."""
        for seat in profile.no_nodes:
            hear = _permit(seat.plugin).no_node
            if hear is not None:
                chosen = over or Pass(self._world, profile, pod, np.empty(0, np.int32), self._clock())
                self._told(seat.name, hear, chosen.cycle(seat))
        if profile.no_nodes:
            self.carry_out()

    def activate(self, before: PolicySet, now: PolicySet) -> None:
        """Pods that wait for a plugin which is now off for them go on; a plugin that is off everywhere forgets all."""
        now_s = self._clock()
        for hold in self._holds.all():
            if all(seat.name != hold.plugin for seat in now.for_pod(hold.pod, now_s).permits):
                self._end(hold, HoldEnded.DISABLED, "")
        for plugin in sorted(_seated(before) - _seated(now)):
            self._told(plugin, _permit(self._plugins[plugin]).drop, self._world.books.of(plugin))
        self.carry_out()

    def drain(self) -> None:
        """Shutting down: every hold is answered, and none begins."""
        self._close(HoldEnded.SHUTDOWN, SHUTTING_DOWN)

    def stand_down(self) -> None:
        """Another replica decides: as `drain`, until `take_over`."""
        self._close(HoldEnded.NOT_LEADING, NOT_LEADING)

    def take_over(self) -> None:
        self._closed = ""

    def _close(self, cause: HoldEnded, why: str) -> None:
        self._closed = why
        for hold in self._holds.all():
            self._end(hold, cause, why)
        self.carry_out()

    def carry_out(self) -> None:
        """Do what plugins have decided about groups."""
        for name, plugin in self._plugins.items():
            for _round in range(_ROUNDS_MAX):
                orders = self._orders(name, plugin)
                if not orders:
                    break
                for order in orders:
                    self._obey(name, order)

    def _orders(self, name: str, plugin: Plugin) -> Sequence[Order]:
        try:
            return _permit(plugin).orders(self._world.books.of(name))
        except Exception:  # noqa: BLE001 - as above
            self._failed(name)
            return ()

    def _obey(self, plugin: str, order: Order) -> None:
        why = HoldEnded.RELEASED if order.released else HoldEnded.REJECTED
        error = "" if order.released else order.reason or f"rejected by {plugin}"
        for hold in self._holds.of_group(plugin, order.group):
            self._end(hold, why, error)

    def _end(self, hold: Hold, why: HoldEnded, error: str) -> bool:
        """Everything that follows from its end, at once. Orders that follow are left to the caller."""
        if not self._holds.end(hold, why, error):
            return False
        metrics.HOLDS.set(len(self._holds))
        call = self._calls.pop(hold.pod.uid)
        if error and why is not HoldEnded.BOUND:
            self._unreserve(call)
            self._give_up(call, error)
        return True

    def _unreserve(self, call: Call) -> None:
        asked, call.asked = call.asked, []
        for name in asked:
            part = _permit(self._plugins[name])
            self._told(name, part.unreserve, self._world.books.of(name), call.pod, self._clock())

    def _told(self, plugin: str, hear: Callable[..., None], *what: object) -> None:
        try:
            hear(*what)
        except Exception:  # noqa: BLE001 - as above
            self._failed(plugin)

    def _failed(self, plugin: str) -> None:
        metrics.PLUGIN_FAILURES.labels(plugin, Phase.PERMIT, "raised").inc()
        _LOG.exception("plugin %s failed in permit", plugin)

    # What others may see.

    def rows(self) -> list[dict[str, Any]]:
        """Every hold, oldest first, for /holds. Times are unix seconds."""
        now_s = self._clock()
        return [_row(hold, now_s) for hold in self._holds.all()]


def _permit(plugin: Plugin) -> Permit:
    assert plugin.permit is not None  # noqa: S101 - how plugins got here
    return plugin.permit


def _permission(said: object) -> Permission:
    if isinstance(said, Permission):
        return said
    raise TypeError(f"permit answered {type(said).__name__}, not Permission")


def _seated(policy: PolicySet) -> set[str]:
    """Whichever of its phases are on: a plugin may promise something to groups before it is asked to permit."""
    return {seat.name for profile in policy.profiles.values() for seat in profile.seats if seat.plugin.permit}


def _timed_out(after_s: float, plugin: str) -> str:
    return f"rejected due to timeout after waiting {after_s:.0f}s at plugin {plugin}"


def _note(call: Call, seat: Seat, code: Code, reason: str, duration_ns: int, label: str = "") -> None:
    refused = code is not Code.SUCCESS
    call.trace.pod_steps.append(
        PodStep(seat.name, Phase.PERMIT, code, reason, label or ("refused" if refused else ""), 1, duration_ns)
    )


def _waiting_frame(call: Call, hold: Hold, now_s: float) -> Decision:
    """The bind has begun to wait; its own record comes when it ends."""
    verdict = PluginVerdict(
        plugin=hold.plugin, phase=Phase.PERMIT, code=Code.WAIT, nodes_in=1, message=hold.waiting_for
    )
    decision = call.begun("permit", Code.WAIT, now_s)
    decision.node = hold.node
    decision.message = hold.waiting_for
    decision.plugins = [verdict]
    return decision


def _row(hold: Hold, now_s: float) -> dict[str, Any]:
    return {
        "pod": hold.pod.key,
        "uid": hold.pod.uid,
        "node": hold.node,
        "plugin": hold.plugin,
        "group": hold.group,
        "waitingFor": hold.waiting_for,
        "decision": hold.decision,
        "since": round(hold.since_s, 3),
        "deadline": round(hold.deadline_s, 3),
        "ageSeconds": round(now_s - hold.since_s, 3),
        "expiresInSeconds": round(hold.deadline_s - now_s, 3),
    }


def _count_end(_hold: Hold, why: HoldEnded) -> None:
    metrics.HOLDS_ENDED.labels(why.value).inc()
