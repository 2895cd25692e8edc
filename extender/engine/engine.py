"""The engine: one object that answers the verbs. Values in, values out.

Exactly two references change while it runs: the policy (swapped whole by `activate`) and the cluster state
(changed in place by its one writer on the same event loop). A call reads both once and does not await
before its verdict, so every answer belongs to one revision and one generation, and its record carries both.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.cluster.state import ClusterState
from extender.engine.attempts import Attempt, Attempts, pod_ref
from extender.engine.binds import Binder, Binds, PodNotHad
from extender.engine.books import Books
from extender.engine.call import Call
from extender.engine.cycle import Pass, World, ask, rows_of, run_filters, run_scores
from extender.engine.explain import explain
from extender.engine.permits import Left, Permits
from extender.engine.preempting import agree, exempting_of
from extender.engine.profile import PolicySet, Seat, keep_memos
from extender.engine.reclaiming import UNBOUNDED, Bounds, Plan, plan, reclaiming_seat, still_needed
from extender.engine.reservations import recheck, reserve, reserve_on_node
from extender.engine.trace import Trace
from extender.engine.verdicts import BindVerdict, FilterVerdict, PreemptVerdict, ScoreVerdict, Victims
from extender.engine.waiting import Waiting
from extender.framework.declaration import Plugin, QueueView
from extender.ledger.holds import HoldEnded
from extender.ledger.ledger import Ended, Lease, Ledger
from extender.model.events import PodAssumed
from extender.model.node import Node
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.record.frames import Decision, Frame, Outcome, PodRef
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)

# Longer than a scheduling cycle with slow volume binding; a bind that comes later is checked again.
LEASE_TTL_S = 120.0
VICTIM_NODES_KEPT = 20
"""Nodes of a preempt answer whose victims are recorded by name."""
# Below the httpTimeout of 90 s in scheduler-config/, with room for the binding that follows.
HOLD_LIMIT_S = 75.0


class Engine:
    def __init__(
        self,
        state: ClusterState,
        plugins: Sequence[Plugin],
        binder: Binder,
        *,
        offer: Callable[[Frame], None],
        clock: Callable[[], float],
        lease_ttl_s: float = LEASE_TTL_S,
        hold_limit_s: float = HOLD_LIMIT_S,
    ) -> None:
        """`offer` takes journal frames; `clock` gives unix seconds; no bind is held longer than `hold_limit_s`."""
        self.policy = PolicySet()
        self.waiting = Waiting()
        self.queue_gates = frozenset(plugin.queue_sort.gate for plugin in plugins if plugin.queue_sort)
        """Scheduling gates of all plugins, on or off."""
        self._state = state
        self._offer = offer
        self._clock = clock
        self._binds = Binds(binder)
        self._attempts = Attempts(clock())
        self._books = Books(plugins)
        self._ledger = Ledger(self._books.give_back, _count_end, lease_ttl_s)
        self._world = World(state, self._books, self._ledger, lambda: self.policy.scheduler_names)
        self._permits = Permits(
            self._world, plugins, offer=offer, clock=clock, give_up=self._give_up, limit_s=hold_limit_s
        )
        state.node_listeners.append(self._node_changed)
        state.pod_listeners.append(self._pod_changed)
        state.object_listeners.append(self._books.object_changed)
        state.object_listeners.append(lambda *_change: self._permits.carry_out())

    def activate(self, policy: PolicySet) -> None:
        """Swap the policy. What plugins that are now off had promised is given back."""
        before = self.policy
        keep_memos(before, policy)
        self.policy = policy
        gone = before.reserving - policy.reserving
        for plugin in sorted(gone):
            self._ledger.drop_plugin(plugin)
        self._permits.activate(before, policy)

    def rehearse(self) -> None:
        """One quiet cycle of every profile over all nodes, before the first real one: what plugins derive once from a
        large cluster (recent assignments, profiles, loads) is then derived."""
        rows = np.flatnonzero(self._state.nodes.present).astype(np.int32)
        for profile in self.policy.profiles.values():
            pod = Pod(namespace="default", name="rehearsal", uid="rehearsal", scheduler_name=profile.scheduler_name)
            over = Pass(self._world, profile, pod, rows, self._clock(), quiet=True)
            run_filters(over, Trace())
            run_scores(over, self.policy.scale, Trace())

    # The verbs.

    def filter(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> FilterVerdict:
        """Which candidates pass. A success takes leases; a second call for the same UID replaces them."""
        nominated = len(names) == 1 and names[0] == pod.nominated_node_name
        attempt = self._attempts.filtered(pod, nominated=nominated, now_s=now_s)
        self._permits.end(pod.uid, HoldEnded.REFILTERED, "the scheduler has begun a newer attempt")
        call = self._call("filter", pod, names, rows, attempt, now_s)
        renewed = self._unreserve(pod.uid)
        codes = run_filters(call.over(self._world), call.trace)
        passed = len(codes) - int(np.count_nonzero(codes))
        attempt.nominated_only = nominated and not passed
        if passed:
            action = "refreshed" if renewed else "taken"
            reserve(self._books, self._ledger, call, call.profile.reservers, action)
            self.waiting.forget(pod.uid)
        elif len(codes):
            self.waiting.refused(pod, codes, call.trace, now_s, nominated=nominated)
            if not nominated:
                self._permits.no_node(pod, call.profile, call.over(self._world))

        def frame() -> Decision:
            decision = call.frame(Code.SUCCESS if passed else Code.UNSCHEDULABLE, passed)
            decision.nominated = nominated
            decision.rejected = call.trace.rejected_sample(names)
            decision.features = msgspec.to_builtins(pod)
            decision.candidates = list(names)
            return decision

        return FilterVerdict(codes, call.trace.rejections, make_frame=frame)

    def prioritize(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> ScoreVerdict:
        """A total for each candidate, whether it passed filter or not: the scheduler sends those that did."""
        call = self._call("prioritize", pod, names, rows, self._attempts.joined(pod, now_s), now_s)
        totals = run_scores(call.over(self._world), call.policy.scale, call.trace)

        def frame() -> Decision:
            decision = call.frame(Code.SUCCESS, len(names))
            decision.best = call.trace.best(names)
            return decision

        return ScoreVerdict(totals, make_frame=frame)

    def preempt(self, pod: Pod, nodes: Mapping[str, Victims], now_s: float) -> PreemptVerdict:
        """The proposed nodes that filter would accept afterwards; none if the pod itself would be refused.

        Nodes that end without victims are left out: schedulers before 1.38 take them for an error, later ones drop
        them.
        """
        profile = self.policy.profile_for(pod.scheduler_name)
        proposed = {name: victims for name, victims in nodes.items() if victims.uids or profile.post_filters}
        names = list(proposed)
        rows = rows_of(self._state, names)
        call = self._call("preempt", pod, names, rows, self._attempts.joined(pod, now_s), now_s)
        agreed = agree(call.over(self._world, quiet=True), call.trace, proposed)

        def frame() -> Decision:
            decision = call.frame(Code.SUCCESS if agreed.nodes else Code.UNSCHEDULABLE, len(agreed.nodes))
            decision.nodes_in = len(nodes)
            decision.node = ",".join(agreed.nodes)
            decision.rejected = call.trace.rejected_sample(names)
            decision.victims = self._named(agreed.nodes)
            return decision

        return PreemptVerdict(agreed.nodes, agreed.added, make_frame=frame)

    async def bind(
        self, namespace: str, name: str, uid: str, node: str, deadline_s: float, left: Left | None = None
    ) -> BindVerdict:
        """Bind the pod; success is answered only after the API server (or our own watch of it) confirmed.

        Time for which permit holds the bind is added to `deadline_s`; `left` is done when the caller has gone: a bind
        that is held then ends.
        """
        try:
            pod = await self._pod_to_bind(namespace, name, uid, deadline_s)
        except PodNotHad as trouble:
            metrics.BINDS.labels("error").inc()
            return BindVerdict(str(trouble))
        now_s = self._clock()
        attempt = self._attempts.joined(pod, now_s)
        call = self._call("bind", pod, [node], rows_of(self._state, [node]), attempt, now_s)
        error = await self._binds.joined(pod, node)
        if error is None:
            error = await self._permits.joined(pod, node)
        if error is None:
            error = recheck(self._world, call)
            error = error or await self._bind(call, node, deadline_s, left)
        if error and self._stands_on(pod.uid, node):
            error = ""  # its answer was lost on the way, the binding was not
        metrics.BINDS.labels("error" if error else "bound").inc()

        def frame() -> Decision:
            decision = call.frame(Code.ERROR if error else Code.SUCCESS, 0 if error else 1)
            decision.node = node
            decision.message = error
            return decision

        return BindVerdict(error, make_frame=frame)

    async def room_for(self, pod: Pod, bounds: Bounds = UNBOUNDED) -> Plan | None:
        """Who would have to leave which node for the pod; None if no plugin makes room for it. Nobody is evicted."""
        return await plan(self._world, self.policy, self._attempts, pod, self._clock(), bounds)

    def room_needed(self, pod: Pod, node: str, victims: tuple[Pod, ...]) -> str:
        """Why a plan of `room_for` has lost its sense meanwhile, or ""."""
        return still_needed(self._alone(self._state.pods.get(pod.uid, pod)), node, victims)

    def makes_room_for(self, pod: Pod) -> bool:
        """Whether a plugin makes room for the pod where the scheduler's own preemption does not look."""
        return reclaiming_seat(self._alone(pod)) is not None

    def protected(self, victim: Pod, preemptor: Pod | None = None) -> str:
        """Why nobody may evict the pod (for `preemptor`, or without one), or "". Everybody who evicts asks this."""
        return exempting_of(self._alone(preemptor or victim))(victim)

    async def explain(self, pod: Pod, names: Sequence[str] | None, policy: PolicySet | None) -> dict[str, Any]:
        """Who would say what about each node (all nodes by default), with nothing reserved: interfaces.md §5."""
        chosen = [name for name, _row in self._state.nodes.items()] if names is None else list(names)
        return await explain(self._world, policy or self.policy, pod, chosen, self._clock())

    def would_pass(self, pod: Pod) -> bool:
        """Whether any node that we know would pass filter now; nothing is reserved, recorded or counted."""
        rows = np.flatnonzero(self._state.nodes.present).astype(np.int32)
        profile = self.policy.profile_for(pod.scheduler_name)
        codes = run_filters(Pass(self._world, profile, pod, rows, self._clock(), quiet=True), Trace())
        return not codes.all()

    def _alone(self, pod: Pod) -> Pass:
        """A quiet question about no node."""
        profile = self.policy.profile_for(pod.scheduler_name)
        return Pass(self._world, profile, pod, np.empty(0, np.int32), self._clock(), quiet=True)

    def queue_view(self, seat: Seat) -> QueueView:
        """What the order of `seat` looks at."""
        return self._world.queue_view(seat)

    # What others may see, and the tick.

    @property
    def books(self) -> Books:
        return self._books

    def holds(self) -> list[dict[str, Any]]:
        """Every bind call that is held open, oldest first, for /holds."""
        return self._permits.rows()

    def drain(self) -> None:
        """Shutting down: answer every hold, begin none."""
        self._permits.drain()

    def leases(self) -> list[dict[str, Any]]:
        """Every promise, oldest first, for /leases."""
        now_s = self._clock()
        return [_lease_row(lease, now_s) for lease in self._ledger.all()]

    def tick(self) -> None:
        """End what has outlived its time. Called about once a second."""
        now_s = self._clock()
        self._ledger.expire(now_s)
        metrics.LEASES.set(len(self._ledger))
        metrics.WAITING.set(len(self.waiting))
        for profile in self.policy.profiles.values():
            for seat in profile.seats:
                self._tend(seat, now_s)
        self._permits.expire(now_s)

    # Parts.

    def _named(self, nodes: Mapping[str, Victims]) -> dict[str, list[PodRef]]:
        """Victims by node as the record names them, for the first nodes; who is gone already is left out."""
        pods = self._state.pods
        return {
            name: [pod_ref(pods[uid]) for uid in victims.uids if uid in pods]
            for name, victims in itertools.islice(nodes.items(), VICTIM_NODES_KEPT)
        }

    def _call(
        self, verb: str, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], attempt: Attempt, now_s: float
    ) -> Call:
        policy = self.policy
        profile = policy.profile_for(pod.scheduler_name)
        return Call(verb, pod, names, rows, attempt, policy, profile, self._state.generation, now_s)

    def _tend(self, seat: Seat, now_s: float) -> None:
        if seat.plugin.tend is None:
            return
        try:
            seat.plugin.tend(self._world.tending(seat, now_s))
        except Exception:  # noqa: BLE001 - a plugin may raise anything; time goes on for the others
            metrics.PLUGIN_FAILURES.labels(seat.name, "tend", "raised").inc()
            _LOG.exception("plugin %s failed to tend its book", seat.name)

    def _unreserve(self, uid: str) -> bool:
        """A new filter call ends the promise of the one before, unless its bind is under way."""
        if uid in self._binds or uid not in self._ledger:
            return False
        self._ledger.release(uid, Ended.REFILTERED)
        return True

    async def _pod_to_bind(self, namespace: str, name: str, uid: str, deadline_s: float) -> Pod:
        """From our cache, else from the filter call, else from the API server. Raises PodNotHad."""
        if pod := self._state.pods.get(uid):
            return pod
        if attempt := self._attempts.get(uid):
            return attempt.pod
        read = await self._binds.read(namespace, name, uid, deadline_s - self._clock())
        return self._state.pods.get(uid, read)  # the watch may have been faster, and knows more

    def _stands_on(self, uid: str, node: str) -> bool:
        """Our watch has seen the pod assigned there."""
        seen = self._state.pods.get(uid)
        return seen is not None and seen.node_name == node

    async def _bind(self, call: Call, node: str, deadline_s: float, left: Left | None) -> str:
        pod = call.pod
        error, given_up = "the bind call was broken off", False
        try:
            refused = reserve_on_node(self._world, call, node)
            self._ledger.binding(pod.uid, node)
            if not refused:
                permitted = await self._permits.ask(call, node, left)
                refused, given_up = permitted.error, permitted.given_up
                deadline_s += permitted.held_s
            refused = refused or self._last_word(call)
            error = refused or await self._binds.run(pod, node, deadline_s - self._clock())
        finally:
            if error and self._stands_on(pod.uid, node):
                self._seen_assigned(self._state.pods[pod.uid])
            elif error and not given_up:
                self._give_up(call, error)
                self._permits.failed(call)
            elif not error:
                self._bound(call, node)
            if call.done is not None and not call.done.done():
                call.done.set_result(error)
        return error

    def _give_up(self, call: Call, error: str) -> None:
        """The bind will not be: what the pod was promised is given back, and its decision is over."""
        self._ledger.release(call.pod.uid, Ended.BIND_FAILED)
        self._end(call.attempt, call.pod, "failed", seen_by="bind", message=error)

    def _last_word(self, call: Call) -> str:
        """preBind: "" or the first refusal."""
        for seat in call.profile.pre_binds:
            part = seat.plugin.pre_bind
            if part is not None:
                status = ask(call.over(self._world), seat, Phase.PRE_BIND, part.check, call.trace)
                if status.code is not Code.SUCCESS:
                    return status.reason or f"{seat.name} refused the bind"
        return ""

    def _bound(self, call: Call, node: str) -> None:
        """Our own bind counts at once; the watch will say it again."""
        attempt, pod, now_s = call.attempt, call.pod, self._clock()
        bound = msgspec.structs.replace(pod, node_name=node)
        self._end(attempt, bound, "bound", seen_by="bind")
        self._state.apply(PodAssumed(bound, now_s), now_s)
        if pod.uid in self._state.pods:
            self._ledger.confirm(pod.uid)
        else:  # deleted while it was being bound: nobody else will give back what it was promised
            self._ledger.release(pod.uid, Ended.DELETED)
        for seat in call.profile.post_binds:
            self._books.bound(seat.name, bound, node)

    # What the watch tells.

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        self._books.pod_changed(old, new)
        if new is None:
            if old is not None:
                self._gone(old)
                self._permits.carry_out()
            return
        if new.node_name or new.terminating:
            self.waiting.forget(new.uid)
        if new.node_name:
            self._seen_assigned(new)
        elif new.unschedulable_at_s is not None and (old is None or old.unschedulable_at_s != new.unschedulable_at_s):
            self._ledger.release_before(new.uid, new.unschedulable_at_s, Ended.UNSCHEDULABLE)
            if new.unscheduled_reason == "Unschedulable":
                self._permits.no_node(new, self.policy.profile_for(new.scheduler_name))
        self._permits.carry_out()

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        self._books.node_changed(old, new)
        if old is not None and new is None:
            self._permits.node_gone(old.name)

    def _gone(self, pod: Pod) -> None:
        self._permits.end(pod.uid, HoldEnded.DELETED, f"pod {pod.key} is gone")
        self._ledger.release(pod.uid, Ended.DELETED)
        self.waiting.forget(pod.uid)
        attempt = self._attempts.get(pod.uid)
        if attempt is not None and not pod.node_name:
            self._end(attempt, pod, "deleted", seen_by="watch")
        self._attempts.forget(pod.uid)

    def _seen_assigned(self, pod: Pod) -> None:
        if pod.uid in self._binds:
            return  # the bind call itself will say how it ended
        self._permits.end(pod.uid, HoldEnded.BOUND, f"pod {pod.key} is already bound to node {pod.node_name}")
        self._ledger.confirm(pod.uid)
        if attempt := self._attempts.get(pod.uid):
            self._end(attempt, pod, "bound", seen_by="watch")

    def _end(self, attempt: Attempt, pod: Pod, result: str, *, seen_by: str, message: str = "") -> None:
        """The outcome of a decision, once."""
        if attempt.ended:
            return
        attempt.ended = True
        self._offer(
            Outcome(
                at_us=int(self._clock() * 1e6),
                decision=attempt.decision,
                pod=pod_ref(pod),
                result=result,
                node=pod.node_name,
                seen_by=seen_by,
                message=message,
            )
        )


def _count_end(_lease: Lease, why: Ended) -> None:
    metrics.LEASES_ENDED.labels(why.value).inc()


def _lease_row(lease: Lease, now_s: float) -> dict[str, Any]:
    return {
        "pod": f"{lease.namespace}/{lease.name}",
        "uid": lease.uid,
        "decision": lease.decision,
        "plugins": sorted(lease.plugins),
        "state": lease.state.value,
        "node": lease.node,
        "ageSeconds": round(now_s - lease.since_s, 3),
        "expiresInSeconds": round(lease.expires_s - now_s, 3),
    }
