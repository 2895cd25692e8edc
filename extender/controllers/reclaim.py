"""Brings back what was promised: makes room for pods that a quota, or full nodes, keep out although they are entitled.

The scheduler's own preemption evicts less important pods from nodes that are full. It does not look further when a
plugin of ours refused the pod, nor at a pod that is as important but has only borrowed its place. Here victims are
searched for every such pod; the eviction engine then makes them leave and keeps the room.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from extender.controllers.controller import Surroundings
from extender.engine.reclaiming import Bounds, Plan
from extender.eviction import Job
from extender.model.pod import Pod
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)

EVERY_S = 0.5
# A refusal or a nomination this fresh may still be followed by the scheduler's own preemption.
SETTLE_S, NOMINATED_S = 0.5, 5.0
# A pod that no victims were found for is searched for again after that; each time later.
AGAIN_S, AGAIN_MAX_S = 1.0, 15.0
# Searches in one round; the other pods have their turn in the next ones.
PER_ROUND_MAX = 20


@dataclass(slots=True)
class _Tried:
    next_s: float = 0.0
    times: int = 0
    said: str = ""


class Reclaim:
    """A Controller."""

    name = "reclaim"

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._outside: dict[str, float] = {}
        """UID of each pod that the scheduler calls unschedulable -> since when, or its nomination; unix seconds."""
        self._tried: dict[str, _Tried] = {}
        self._promised: dict[str, Pod] = {}
        """UID of a preemptor -> it, with the node that is being cleared for it, until we see it nominated there."""
        self._submitted = 0
        for pod in around.state.pods.values():
            self._pod_changed(None, pod)
        around.state.pod_listeners.append(self._pod_changed)

    def status(self) -> dict[str, Any]:
        return {"candidates": len(self._outside), "submitted": self._submitted}

    async def run(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Search for every pod whose turn it is, the most important ones first."""
        self._tried = {uid: tried for uid, tried in self._tried.items() if self._is_candidate(uid)}
        due = sorted(self._due(), key=lambda pod: (-pod.priority, pod.created_at_s, pod.key))
        metrics.RECLAIMS.labels("later").inc(max(0, len(due) - PER_ROUND_MAX))
        for pod in due[:PER_ROUND_MAX]:
            await self._reclaim(pod)

    def _is_candidate(self, uid: str) -> bool:
        return uid in self._outside or uid in self._around.engine.waiting

    def _due(self) -> list[Pod]:
        now_s = self._around.clock()
        uids = dict.fromkeys((*(waiting.uid for waiting in self._around.engine.waiting), *self._outside))
        return [pod for uid in uids if (pod := self._entitled(uid, now_s)) is not None]

    def _entitled(self, uid: str, now_s: float) -> Pod | None:
        """The pod as it is, if room may be made for it now."""
        around = self._around
        pod = around.state.pods.get(uid)
        if pod is None or pod.node_name or pod.terminating or pod.gates:
            return None
        waiting, tried = around.engine.waiting.get(uid), self._tried.get(uid)
        calm_s = NOMINATED_S if pod.nominated_node_name else SETTLE_S
        newest_s = max(self._outside.get(uid, 0.0), waiting.refused_s if waiting else 0.0)
        if now_s - newest_s < calm_s or (tried is not None and now_s < tried.next_s):
            return None
        return None if around.evictions.awaits(uid) or not around.engine.makes_room_for(pod) else pod

    async def _reclaim(self, pod: Pod) -> None:
        engine, evictions = self._around.engine, self._around.evictions
        promised = self._still_promised()
        closed = frozenset(other.nominated_node_name for other in promised.values())
        plan = await engine.room_for(pod, Bounds(closed, evictions.spared, promised))
        if plan is None or self._entitled(pod.uid, self._around.clock()) is None:
            return  # the search gave way to others, and meanwhile it may have found a node
        tried = self._tried.setdefault(pod.uid, _Tried())
        tried.times += 1
        tried.next_s = self._around.clock() + min(AGAIN_MAX_S, AGAIN_S * 2 ** (min(tried.times, 10) - 1))
        if plan.winner is None and tried.said == plan.why_not:
            metrics.RECLAIMS.labels("nothing").inc()
            return
        tried.said = plan.why_not
        self._around.offer(plan.record)
        metrics.RECLAIMS.labels(self._submit(plan)).inc()

    def _submit(self, plan: Plan) -> str:
        """submitted | refused | nothing"""
        if plan.winner is None:
            return "nothing"
        if not self._around.evictions.submit(self._job(plan, plan.winner.node, plan.winner.selection.victims)):
            return "refused"
        self._submitted += 1
        self._promised[plan.pod.uid] = replace(plan.pod, nominated_node_name=plan.winner.node)
        _LOG.info("%s makes room on %s for pod %s", plan.plugin, plan.winner.node, plan.pod.key)
        return "submitted"

    def _still_promised(self) -> dict[str, Pod]:
        """The room of their victims, and what a quota guarantees, is not to be promised twice."""
        around = self._around
        nominated = around.state.nominated
        self._promised = {
            uid: pod
            for uid, pod in self._promised.items()
            if around.evictions.awaits(uid)
            and (uid not in nominated or nominated[uid].nominated_node_name != pod.nominated_node_name)
        }
        return self._promised

    def _job(self, plan: Plan, node: str, victims: tuple[Pod, ...]) -> Job:
        pod = plan.pod
        return Job(
            plugin=plan.plugin,
            why="preemption",
            reason=f"pod {pod.key} is entitled to the room ({plan.plugin})",
            node=node,
            victims=victims,
            verify=self._verify(pod, node, victims),
            preemptor=pod,
            decision=plan.decision,
        )

    def _verify(self, pod: Pod, node: str, victims: tuple[Pod, ...]) -> Callable[[], str]:
        return lambda: self._around.engine.room_needed(pod, node, victims, self._still_promised())

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None or new.node_name or new.unscheduled_reason != "Unschedulable":
            gone = new or old
            if gone is not None:
                self._outside.pop(gone.uid, None)
        elif new.uid not in self._outside or (old is not None and old.nominated_node_name != new.nominated_node_name):
            self._outside[new.uid] = self._around.clock()
