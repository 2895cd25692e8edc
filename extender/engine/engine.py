"""The engine: one object that answers the verbs. Values in, values out.

Exactly two references change while it runs: the policy (swapped whole by `activate`) and the cluster state
(changed in place by its one writer on the same event loop). A call reads both once and does not await
before its verdict, so every answer belongs to one revision and one generation, and its record carries both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.cluster.state import ClusterState
from extender.engine.attempts import Attempt, Attempts, pod_ref
from extender.engine.books import Books
from extender.engine.cycle import World, rows_of, run_filters, run_pre_filters, run_scores
from extender.engine.explain import explain
from extender.engine.profile import PolicySet, Profile, Seat
from extender.engine.trace import PodStep, Trace
from extender.engine.verdicts import BindVerdict, FilterVerdict, PreemptVerdict, ScoreVerdict, Victims
from extender.framework.declaration import Plugin
from extender.ledger.ledger import Ended, Lease, Ledger
from extender.model.events import PodAssumed
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.record.frames import Decision, Frame, LeaseTouch, Outcome
from extender.telemetry import metrics


class Binder(Protocol):
    """Creates the Binding. An empty answer means that the API server confirmed it."""

    async def bind(self, namespace: str, name: str, uid: str, node: str, timeout_s: float) -> str: ...

    async def read_pod(self, namespace: str, name: str) -> Pod | None: ...


@dataclass(frozen=True, slots=True)
class EngineSettings:
    lease_ttl_s: float = 120.0
    """Longer than a scheduling cycle with slow volume binding; a bind after it checks again."""


class Engine:
    def __init__(
        self,
        state: ClusterState,
        plugins: Sequence[Plugin],
        binder: Binder,
        offer: Callable[[Frame], None],
        clock: Callable[[], float],
        settings: EngineSettings | None = None,
    ) -> None:
        """`offer` takes journal frames; `clock` gives unix seconds."""
        self.policy = PolicySet()
        self._state = state
        self._binder = binder
        self._offer = offer
        self._clock = clock
        self._books = Books(plugins)
        self._attempts = Attempts(clock())
        self._ledger = Ledger(
            self._books.give_back, self._lease_ended, (settings or EngineSettings()).lease_ttl_s
        )
        self._world = World(state, self._books, self._ledger)
        self._binding: dict[str, tuple[str, asyncio.Future[str]]] = {}
        state.pod_listeners.append(self._pod_changed)
        state.object_listeners.append(self._books.object_changed)

    # --- policy

    def activate(self, policy: PolicySet) -> None:
        """Swap the policy. What plugins that are now off had promised is given back."""
        gone = self.policy.reserving - policy.reserving
        self.policy = policy
        for plugin in sorted(gone):
            self._ledger.drop_plugin(plugin)

    # --- verbs

    def filter(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> FilterVerdict:
        """Which candidates pass. A success takes leases; a second call for the same UID replaces them."""
        policy, generation = self.policy, self._state.generation
        profile = policy.profile_for(pod.scheduler_name)
        nominated = len(names) == 1 and bool(pod.nominated_node_name) and names[0] == pod.nominated_node_name
        attempt = self._attempts.filtered(pod, nominated=nominated, now_s=now_s)
        refreshed = self._unreserve(pod.uid)
        trace = Trace()
        codes = run_filters(self._world, profile, pod, rows, now_s, trace)
        passed = len(names) - int(np.count_nonzero(codes))
        if not passed and nominated:
            attempt.nominated_only = True
        elif passed:
            attempt.nominated_only = False
        touched = self._reserve(profile, pod, attempt, now_s, refreshed=refreshed) if passed else []

        def frame() -> Decision:
            for plugin, label, count in trace.rejected_by():
                metrics.PLUGIN_REJECTIONS.labels(plugin, label).inc(count)
            decision = self._decision("filter", attempt, policy, profile, generation, names, rows, now_s)
            decision.code = Code.SUCCESS if passed else Code.UNSCHEDULABLE
            decision.nodes_out = passed
            decision.nominated = nominated
            decision.plugins = trace.verdicts()
            decision.rejected = trace.rejected_sample(names)
            decision.leases = touched
            decision.features = msgspec.to_builtins(pod)
            decision.candidates = list(names)
            return decision

        return FilterVerdict(codes, trace.rejections, make_frame=frame)

    def prioritize(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> ScoreVerdict:
        policy, generation = self.policy, self._state.generation
        profile = policy.profile_for(pod.scheduler_name)
        attempt = self._attempts.joined(pod, now_s)
        trace = Trace()
        totals = run_scores(self._world, profile, pod, rows, now_s, policy.scale, trace)

        def frame() -> Decision:
            decision = self._decision("prioritize", attempt, policy, profile, generation, names, rows, now_s)
            decision.nodes_out = len(names)
            decision.plugins = trace.verdicts()
            decision.best = trace.best(names)
            return decision

        return ScoreVerdict(totals, make_frame=frame)

    def preempt(self, pod: Pod, nodes: Mapping[str, Victims], now_s: float) -> PreemptVerdict:
        """The proposed nodes that filter would accept afterwards; none if the pod itself would be refused.

        Saying yes here to what filter then refuses empties node after node, so both run the same checks. Nodes
        without victims are left out: schedulers before 1.38 take them for an error, later ones drop them.
        """
        policy, generation = self.policy, self._state.generation
        profile = policy.profile_for(pod.scheduler_name)
        attempt = self._attempts.joined(pod, now_s)
        names = [name for name, victims in nodes.items() if victims.uids]
        rows = rows_of(self._state, names)
        trace = Trace()
        codes = run_filters(self._world, profile, pod, rows, now_s, trace)
        # A plain Unschedulable may be cured by the victims' going; an unresolvable rejection stays.
        kept = {
            name: nodes[name]
            for name, code in zip(names, codes.tolist(), strict=True)
            if code == 0 or trace.rejections[code - 1].code is not Code.UNRESOLVABLE
        }

        def frame() -> Decision:
            decision = self._decision("preempt", attempt, policy, profile, generation, names, rows, now_s)
            decision.code = Code.SUCCESS if kept else Code.UNSCHEDULABLE
            decision.nodes_in = len(nodes)
            decision.nodes_out = len(kept)
            decision.node = ",".join(kept)
            decision.plugins = trace.verdicts()
            decision.rejected = trace.rejected_sample(names)
            return decision

        return PreemptVerdict(kept, make_frame=frame)

    async def bind(self, namespace: str, name: str, uid: str, node: str, deadline_s: float) -> BindVerdict:
        """Bind through the API server, once: a repeated call for the same pod and node joins the one under way."""
        now_s = self._clock()
        pod = await self._pod_to_bind(namespace, name, uid)
        if pod is None:
            return BindVerdict(f"pod {namespace}/{name} with uid {uid} does not exist")
        policy, generation = self.policy, self._state.generation
        profile = policy.profile_for(pod.scheduler_name)
        attempt = self._attempts.joined(pod, now_s)
        trace, touched = Trace(), list[LeaseTouch]()
        error = await self._bind_once(pod, node, deadline_s, profile, attempt, trace, touched)

        def frame() -> Decision:
            decision = self._decision(
                "bind", attempt, policy, profile, generation, [node], rows_of(self._state, [node]), now_s
            )
            decision.code = Code.ERROR if error else Code.SUCCESS
            decision.nodes_out = 0 if error else 1
            decision.node = node
            decision.plugins = trace.verdicts()
            decision.leases = touched
            decision.message = error
            return decision

        metrics.BINDS.labels("error" if error else "bound").inc()
        return BindVerdict(error, make_frame=frame)

    async def explain(
        self, pod: Pod, names: Sequence[str] | None, policy: PolicySet | None, now_s: float
    ) -> dict[str, Any]:
        """Who would say what about each node, with nothing reserved. Answer: interfaces.md §5."""
        chosen = list(names) if names is not None else [name for name, _row in self._state.nodes.items()]
        return await explain(self._world, policy or self.policy, pod, chosen, now_s)

    # --- what others may see

    @property
    def books(self) -> Books:
        return self._books

    def leases(self) -> list[dict[str, Any]]:
        now_s = self._clock()
        return [
            {
                "pod": f"{lease.namespace}/{lease.name}",
                "uid": lease.uid,
                "decision": lease.decision,
                "plugins": sorted(lease.plugins),
                "state": lease.state.value,
                "node": lease.node,
                "ageSeconds": round(now_s - lease.since_s, 3),
                "expiresInSeconds": round(lease.expires_s - now_s, 3),
            }
            for lease in self._ledger.all()
        ]

    def expire(self) -> None:
        """End what has outlived its time. Called about once a second."""
        self._ledger.expire(self._clock())
        metrics.LEASES.set(len(self._ledger))

    # --- leases

    def _unreserve(self, uid: str) -> bool:
        """A new filter call ends the promise of the one before, unless its bind is under way."""
        if uid in self._binding:
            return False
        had = uid in self._ledger
        self._ledger.release(uid, Ended.REFILTERED)
        return had

    def _reserve(
        self, profile: Profile, pod: Pod, attempt: Attempt, now_s: float, *, refreshed: bool
    ) -> list[LeaseTouch]:
        taken = [seat.name for seat in profile.reservers if self._charge(seat, pod)]
        if taken:
            self._ledger.take(pod.uid, pod.namespace, pod.name, attempt.decision, taken, now_s)
        return [LeaseTouch(name, "refreshed" if refreshed else "taken") for name in taken]

    def _charge(self, seat: Seat, pod: Pod) -> bool:
        try:
            self._books.take(seat.name, pod)
        except Exception:  # noqa: BLE001 - a plugin may raise anything; it is then neutral
            metrics.PLUGIN_FAILURES.labels(seat.name, Phase.RESERVE, "raised").inc()
            return False
        return True

    def _lease_ended(self, _lease: Lease, why: Ended) -> None:
        metrics.LEASES_ENDED.labels(why.value).inc()

    # --- bind

    async def _pod_to_bind(self, namespace: str, name: str, uid: str) -> Pod | None:
        pod = self._state.pods.get(uid)
        if pod is not None:
            return pod
        attempt = self._attempts.get(uid)
        if attempt is not None:
            return attempt.pod
        found = await self._binder.read_pod(namespace, name)
        return found if found is not None and found.uid == uid else None

    async def _bind_once(
        self,
        pod: Pod,
        node: str,
        deadline_s: float,
        profile: Profile,
        attempt: Attempt,
        trace: Trace,
        touched: list[LeaseTouch],
    ) -> str:
        if pod.node_name:
            return "" if pod.node_name == node else f"pod {pod.key} is already bound to node {pod.node_name}"
        under_way = self._binding.get(pod.uid)
        if under_way is not None:
            where, future = under_way
            return await asyncio.shield(future) if where == node else f"pod {pod.key} is being bound to node {where}"
        refusal = self._recheck(pod, node, profile, attempt, trace, touched)
        if refusal:
            return refusal
        future = asyncio.get_running_loop().create_future()
        self._binding[pod.uid] = (node, future)
        self._ledger.binding(pod.uid, node)
        error = "the bind call was broken off"
        try:
            error = await self._binder.bind(pod.namespace, pod.name, pod.uid, node, deadline_s - self._clock())
        finally:
            del self._binding[pod.uid]
            future.set_result(error)
            self._bound(pod, node, attempt, error)
        return error

    def _recheck(
        self, pod: Pod, node: str, profile: Profile, attempt: Attempt, trace: Trace, touched: list[LeaseTouch]
    ) -> str:
        """A bind whose lease is gone (restart, time to live) must pass the node-independent checks again."""
        lease = self._ledger.get(pod.uid)
        missing = [s for s in profile.reservers if lease is None or s.name not in lease.plugins]
        if not missing:
            return ""
        now_s = self._clock()
        rows = rows_of(self._state, [node])
        names = {seat.name for seat in missing}
        again = Profile(profile.scheduler_name, tuple(s for s in profile.pre_filters if s.name in names))
        if not run_pre_filters(self._world, again, pod, rows, now_s, trace):
            refused_by = next(step for step in reversed(trace.pod_steps) if step.rejected)
            touched.append(LeaseTouch(refused_by.plugin, "missing", refused_by.reason))
            return _missing_text(missing, refused_by)
        touched.extend(self._reserve(profile, pod, attempt, now_s, refreshed=False))
        return ""

    def _bound(self, pod: Pod, node: str, attempt: Attempt, error: str) -> None:
        now_s = self._clock()
        if error:
            self._ledger.release(pod.uid, Ended.BIND_FAILED)
            self._end(attempt, pod, "failed", node, "bind", error)
            return
        self._end(attempt, pod, "bound", node, "bind")
        self._state.apply(PodAssumed(msgspec.structs.replace(pod, node_name=node), now_s), now_s)
        self._ledger.confirm(pod.uid)

    # --- what the watch tells

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        self._books.pod_changed(old, new)
        pod = new or old
        if pod is None:
            return
        if new is None:
            self._gone(pod)
        elif new.node_name:
            self._seen_assigned(new)
        elif new.unschedulable_at_s is not None and (old is None or old.unschedulable_at_s != new.unschedulable_at_s):
            self._ledger.release_before(new.uid, new.unschedulable_at_s, Ended.UNSCHEDULABLE)

    def _gone(self, pod: Pod) -> None:
        self._ledger.release(pod.uid, Ended.DELETED)
        attempt = self._attempts.get(pod.uid)
        if attempt is not None:
            if not pod.node_name:
                self._end(attempt, pod, "deleted", "", "watch")
            self._attempts.forget(pod.uid)

    def _seen_assigned(self, pod: Pod) -> None:
        if pod.uid not in self._binding:
            self._ledger.confirm(pod.uid)
        attempt = self._attempts.get(pod.uid)
        if attempt is not None and pod.uid not in self._binding:
            self._end(attempt, pod, "bound", pod.node_name, "watch")

    def _end(self, attempt: Attempt, pod: Pod, result: str, node: str, seen_by: str, message: str = "") -> None:
        if attempt.ended:
            return
        attempt.ended = True
        self._offer(
            Outcome(
                at_us=int(self._clock() * 1e6),
                decision=attempt.decision,
                pod=pod_ref(pod),
                result=result,
                node=node,
                seen_by=seen_by,
                message=message,
            )
        )

    # --- records

    def _decision(
        self,
        verb: str,
        attempt: Attempt,
        policy: PolicySet,
        profile: Profile,
        generation: int,
        names: Sequence[str],
        rows: NDArray[np.int32],
        now_s: float,
    ) -> Decision:
        return Decision(
            at_us=int(now_s * 1e6),
            decision=attempt.decision,
            attempt=attempt.ordinal,
            verb=verb,
            pod=pod_ref(attempt.pod),
            profile=profile.scheduler_name,
            revision=policy.revision,
            generation=generation,
            nodes_in=len(names),
            nodes_unknown=int(np.count_nonzero(rows < 0)),
        )


def _missing_text(missing: Sequence[Seat], refused_by: PodStep) -> str:
    seat = next((s for s in missing if s.name == refused_by.plugin), missing[0])
    reserve = seat.plugin.reserve
    return reserve.missing if reserve is not None else refused_by.reason
