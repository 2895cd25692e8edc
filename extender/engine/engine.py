"""The engine: one object that answers the verbs. Values in, values out.

Exactly two references change while it runs: the policy (swapped whole by `activate`) and the cluster state
(changed in place by its one writer on the same event loop). A call reads both once and does not await
before its verdict, so every answer belongs to one revision and one generation, and its record carries both.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.cluster.state import ClusterState
from extender.engine.attempts import Attempt, Attempts, pod_ref
from extender.engine.binds import Binder, Binds, PodNotHad
from extender.engine.books import Books
from extender.engine.call import Call
from extender.engine.cycle import Pass, World, ask, least_listed, rows_of, run_filters, run_scores
from extender.engine.explain import explain
from extender.engine.guards import Guards, Trip
from extender.engine.modes import Modes, Off
from extender.engine.permits import Left, Permits
from extender.engine.preempting import agree, exempting_of
from extender.engine.preview import every_row, preview
from extender.engine.profile import PolicySet, Profile, Seat, keep_memos
from extender.engine.recent import Recent
from extender.engine.reclaiming import UNBOUNDED, Bounds, Plan, plan, reclaiming_seat, still_needed
from extender.engine.reservations import recheck, reserve, reserve_on_node
from extender.engine.shadows import Shadows
from extender.engine.trace import Trace
from extender.engine.variants import Choice
from extender.engine.verdicts import BindVerdict, FilterVerdict, Moment, PreemptVerdict, ScoreVerdict, Victims
from extender.engine.waiting import Waiting
from extender.framework.declaration import Plugin, QueueView
from extender.ledger.holds import HoldEnded
from extender.ledger.ledger import Ended, Lease, Ledger
from extender.model.events import PodAssumed
from extender.model.names import JsonNames
from extender.model.node import Node
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.record.frames import Decision, Frame, Outcome, PodRef, spelled
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
        """What is in effect at this moment."""
        self.modes = Modes(state, clock)
        self.waiting = Waiting()
        self.guards = Guards(self.waiting, self.modes.is_open, clock)
        self.on_trip: Callable[[Trip], None] = _log_trip
        """Who holds the policy, and takes it back where a guard says so."""
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
        self._recent = Recent()
        self._shadows = Shadows(self._world, self.moment, offer, clock)
        state.node_listeners.append(self._node_changed)
        state.pod_listeners += [*self._books.pod_listeners(), self._pod_changed]
        state.object_listeners.append(self._books.object_changed)
        state.object_listeners.append(lambda *_change: self._permits.carry_out())

    def activate(self, policy: PolicySet, off: Iterable[Off] = ()) -> None:
        """Swap the policy. What plugins that are now off had promised is given back. `off`: by its guards."""
        keep_memos(self.modes.whole, policy)
        self.modes.use(policy, off)
        self.guards.use(policy.guards, [found.guard for found in self.modes.off])
        self._follow(self._clock())

    def _follow(self, now_s: float) -> None:
        """What counts by now is in effect."""
        before, now = self.policy, self.modes.present(now_s)
        if now is before:
            return
        self.policy = now
        for plugin in sorted(before.reserving - now.reserving):
            self._ledger.drop_plugin(plugin)
        self._permits.activate(before, now)

    def _policy_at(self, now_s: float) -> PolicySet:
        modes = self.modes
        if not modes.from_s <= now_s < modes.until_s:
            self._follow(now_s)
        return self.policy

    def rehearse(self) -> None:
        """One quiet cycle of every profile over all nodes, before the first real one: what plugins derive once from a
        large cluster (recent assignments, profiles, loads) is then derived."""
        rows = np.flatnonzero(self._state.nodes.present).astype(np.int32)
        for profile in self.modes.whole.profiles.values():
            pod = Pod(namespace="default", name="rehearsal", uid="rehearsal", scheduler_name=profile.scheduler_name)
            for each in (profile, *(shadow.alone for shadow in profile.shadows)):
                over = Pass(self._world, each, pod, rows, self._clock(), quiet=True)
                run_filters(over, Trace())
                run_scores(over, self.policy.scale, Trace())

    def moment(self) -> Moment:
        """Equal to an earlier one only if nothing has happened since that a score could depend on, but time."""
        return self.policy.token, self._state.generation, self._books.looks, self._ledger.version

    # The verbs.

    def decide(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> FilterVerdict:
        """filter: which candidates pass. The verdict's `conclude` takes the leases of a success; a second call for the
        same UID replaces them."""
        nominated = len(names) == 1 and names[0] == pod.nominated_node_name
        attempt = self._attempts.filtered(pod, nominated=nominated, now_s=now_s)
        self._permits.end(pod.uid, HoldEnded.REFILTERED, "the scheduler has begun a newer attempt")
        call = self._call("filter", pod, names, rows, attempt, now_s)
        renewed = self._unreserve(pod.uid)
        codes = run_filters(call.over(self._world), call.trace)
        passed = call.trace.passed

        def conclude() -> None:
            attempt.nominated_only = nominated and not passed
            if passed:
                action = "refreshed" if renewed else "taken"
                reserve(self._books, self._ledger, call, call.profile.reservers, action)
                self.waiting.forget(pod.uid)
            elif len(codes):
                self.waiting.refused(pod, codes, call.trace, now_s, nominated=nominated)
                if not nominated:
                    self._permits.no_node(pod, call.profile, call.over(self._world))
            if passed or not nominated:  # one that was refused on its nominated node is asked about again at once
                self._shadows.filtered(call, codes)

        def frame() -> Decision:
            decision = call.frame(Code.SUCCESS if passed else Code.UNSCHEDULABLE, passed)
            decision.nominated = nominated
            decision.rejected = call.trace.rejected_sample(names)
            size = _note_question(decision, pod, names)
            if not nominated:
                self._recent.note(pod, rows, size)
            return decision

        behind = (lambda: self._shadows.after_filter(call)) if call.profile.shadows else None
        return FilterVerdict(
            codes, call.trace.rejections, passed=passed, make_frame=frame, conclude=conclude, behind=behind
        )

    def prioritize(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> ScoreVerdict:
        """A total for each candidate, whether it passed filter or not: the scheduler sends those that did."""
        call = self._call("prioritize", pod, names, rows, self._attempts.scored(pod, now_s), now_s)
        question = self._shadows.scoring(call)
        totals = run_scores(call.over(self._world), call.policy.scale, call.trace)
        if question is not None:
            self._shadows.scored(question, call)

        def frame() -> Decision:
            decision = call.frame(Code.SUCCESS, len(names))
            decision.best = call.trace.best(names)
            if not call.attempt.filtered:
                self._recent.note(pod, rows, _note_question(decision, pod, names))
            return decision

        behind = (lambda: self._shadows.after_prioritize(question)) if question is not None else None
        return ScoreVerdict(totals, least_listed(totals, call.policy.sparse), make_frame=frame, behind=behind)

    def preempt(self, pod: Pod, nodes: Mapping[str, Victims], now_s: float) -> PreemptVerdict:
        """The proposed nodes that filter would accept afterwards; none if the pod itself would be refused.

        Nodes that end without victims are left out: schedulers before 1.38 take them for an error, later ones drop
        them.
        """
        attempt = self._attempts.joined(pod, now_s)
        policy = self._policy_at(now_s)
        profile, _choice = self._chosen(policy, attempt, pod, now_s)
        proposed = {name: victims for name, victims in nodes.items() if victims.uids or profile.post_filters}
        names = list(proposed)
        rows = rows_of(self._state, names)
        call = self._call("preempt", pod, names, rows, attempt, now_s)
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
        now_s = self._clock()
        return await plan(self._world, self._policy_at(now_s), self._attempts, pod, now_s, bounds)

    def room_needed(self, pod: Pod, node: str, victims: tuple[Pod, ...], promised: Mapping[str, Pod]) -> str:
        """Why a plan of `room_for` has lost its sense meanwhile, or ""; `promised` as in its bounds."""
        over = self._alone(self._state.pods.get(pod.uid, pod))
        over.promised = promised
        return still_needed(over, node, victims)

    def makes_room_for(self, pod: Pod) -> bool:
        """Whether a plugin makes room for the pod where the scheduler's own preemption does not look."""
        return reclaiming_seat(self._alone(pod)) is not None

    def protected(self, victim: Pod, preemptor: Pod | None = None) -> str:
        """Why nobody may evict the pod (for `preemptor`, or without one), or "". Everybody who evicts asks this."""
        return exempting_of(self._alone(preemptor or victim))(victim)

    async def explain(self, pod: Pod, names: Sequence[str] | None, policy: PolicySet | None) -> dict[str, Any]:
        """Who would say what about each node (all nodes by default), with nothing reserved: interfaces.md §5."""
        chosen = [name for name, _row in self._state.nodes.items()] if names is None else list(names)
        now_s = self._clock()
        under = self._policy_at(now_s) if policy is None else self.modes.imagined(policy, now_s)
        return await explain(self._world, under, pod, chosen, now_s)

    async def preview(self, candidate: PolicySet, pods: Sequence[Pod] | None, last: int) -> dict[str, Any]:
        """What another policy would do with these pods, or with the `last` that were decided about; nothing is
        reserved."""
        if pods is None:
            asked = [(each.pod, each.rows[each.rows >= 0]) for each in self._recent.last(last)]
        else:
            every = every_row(self._world)
            asked = [(pod, every) for pod in pods]
        now_s, generation = self._clock(), self._state.generation
        keep_memos(self.modes.whole, candidate)
        current, other = self._policy_at(now_s), self.modes.imagined(candidate, now_s)
        found = await preview(self._world, current, other, asked, now_s)
        return {"asked": len(asked), "revision": current.revision, "generation": generation} | found

    def would_pass(self, pod: Pod) -> bool:
        """Whether any node that we know would pass filter now; nothing is reserved, recorded or counted."""
        rows = np.flatnonzero(self._state.nodes.present).astype(np.int32)
        now_s = self._clock()
        profile = self._policy_at(now_s).for_pod(pod, now_s)
        codes = run_filters(Pass(self._world, profile, pod, rows, now_s, quiet=True), Trace())
        return not codes.all()

    def _alone(self, pod: Pod) -> Pass:
        """A quiet question about no node."""
        now_s = self._clock()
        profile = self._policy_at(now_s).for_pod(pod, now_s)
        return Pass(self._world, profile, pod, np.empty(0, np.int32), now_s, quiet=True)

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

    def finish(self) -> None:
        """The last call has been answered: write what has been counted."""
        self._shadows.flush()

    def stand_down(self) -> None:
        """Another replica decides from now on: what was promised here binds nobody any more. Binds that are under way
        end by themselves: `binding` says how many."""
        self._permits.stand_down()
        self._ledger.release_all(Ended.NOT_LEADING)
        self.waiting.forget_all()

    def take_over(self) -> None:
        """This replica decides from now on. The books have followed the watch, as they do across a restart."""
        self._permits.take_over()

    @property
    def binding(self) -> int:
        """Binds that are under way at the API server."""
        return len(self._binds)

    def leases(self) -> list[dict[str, Any]]:
        """Every promise, oldest first, for /leases."""
        now_s = self._clock()
        return [_lease_row(lease, now_s) for lease in self._ledger.all()]

    def tick(self) -> None:
        """End what has outlived its time. Called about once a second."""
        now_s = self._clock()
        self._look(now_s)
        self._ledger.expire(now_s)
        metrics.LEASES.set(len(self._ledger))
        metrics.WAITING.set(len(self.waiting))
        for profile in self.policy.profiles.values():
            for seat in profile.every_seat:
                self._tend(seat, now_s)
        self._permits.expire(now_s)
        self._shadows.tick()

    # Parts.

    def _look(self, now_s: float) -> None:
        """Rules, time boxes, breakers and guards, where no call has looked meanwhile."""
        self.modes.look(now_s)
        for trip in self.guards.look(now_s):
            plugin = trip.guard.plugin
            if trip.guard.then == "disable" and plugin:
                self.modes.switch_off(Off(trip.guard.name, plugin))
            self.on_trip(trip)
        self._policy_at(now_s)

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
        modes = self.modes
        if not modes.from_s <= now_s < modes.until_s:
            self._follow(now_s)
        policy = self.policy
        profile = policy.profile_for(pod.scheduler_name)
        call = Call(verb, pod, names, rows, attempt, policy, profile, self._state.generation, now_s)
        if profile.conditional is not None or attempt.choice is not None:
            call.profile, call.choice = self._chosen(policy, attempt, pod, now_s)
        return call

    def _chosen(self, policy: PolicySet, attempt: Attempt, pod: Pod, now_s: float) -> tuple[Profile, Choice | None]:
        """What counts for the attempt. Its first call chooses, and its later ones are given the same, without what a
        breaker or a guard has taken out meanwhile; another policy is another choice."""
        profile, held = policy.profile_for(pod.scheduler_name), attempt.choice
        conditional = profile.conditional
        if conditional is None and held is None:
            return profile, None
        whole = profile if conditional is None else conditional.variants.whole
        if held is not None and held.variants.whole is whole:
            choice = held.later(conditional)
        elif conditional is None:
            attempt.choice = None
            return profile, None
        else:
            choice = attempt.choice = conditional.choose(pod, now_s)
        return choice.profile, choice

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
                now_s = self._clock()
                self._permits.no_node(new, self._policy_at(now_s).for_pod(new, now_s))
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
        if pod.uid in self._permits:
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


def _note_question(decision: Decision, pod: Pod, names: Sequence[str]) -> int:
    """What it takes to compute the decision again; the bytes of the pod."""
    text = msgspec.json.encode(pod)
    decision.features = spelled(text)
    decision.candidates = spelled(names.text) if isinstance(names, JsonNames) else list(names)
    return len(text)


def _log_trip(trip: Trip) -> None:
    _LOG.error("guard %s of the policy: %s; nobody is there to take it back", trip.guard.name, trip.why)


_LEASES_ENDED = {why: metrics.LEASES_ENDED.labels(why.value) for why in Ended}


def _count_end(_lease: Lease, why: Ended) -> None:
    _LEASES_ENDED[why].inc()


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
