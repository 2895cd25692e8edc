"""The one queue through which pods are made to leave, and what happens to each job in it.

    preemption      verified once; all victims or none pass the limits; the room is kept for the preemptor, and
                    nominations of less important pods there are taken back; then each victim is marked and deleted,
                    least important first
    rescheduling    every victim by itself: verified, passed by the limits, evicted through the Eviction API; a refusal
                    of a disruption budget is recorded, and tried again a few times

One frame is recorded per victim and result.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from extender.cluster.state import ClusterState
from extender.engine.attempts import pod_ref
from extender.eviction.calls import Answer, Ended, PodCalls
from extender.eviction.job import Job
from extender.eviction.limits import EvictionSettings, Limits
from extender.eviction.memory import Preemptors
from extender.kube import KubeApi
from extender.model.pod import Pod
from extender.record.frames import Eviction, Frame
from extender.telemetry import metrics

log = logging.getLogger(__name__)

# Items that wait: a preemption is one, a rescheduling one per victim. Beyond, jobs are refused and counted.
QUEUE_MAX = 1000
# Evictions that wait for a budget to allow them; beyond, a refusal is final.
WAITING_MAX = 200
# Items worked on at once: each waits for the API server most of the time.
WORKERS = 4
# After a preemption that evicted nobody its preemptor asks again at the earliest then; after a dry run later.
QUIET_S = 10.0
DRY_RUN_QUIET_S = 60.0
_PRUNE_ABOVE = 1000


@dataclass(frozen=True, slots=True)
class _Item:
    """A preemption with all its victims, or one victim of a rescheduling."""

    job: Job
    tries: int = 0


def _nobody(_job: Job, _victim: Pod) -> None:
    """Hears of it."""


class Evictions:
    """Build it, `submit` jobs at any time on the event loop, and keep `run` running."""

    def __init__(
        self,
        api: KubeApi,
        state: ClusterState,
        *,
        ours: Callable[[str], bool],
        offer: Callable[[Frame], None],
        clock: Callable[[], float],
        settings: EvictionSettings | None = None,
        tell: Callable[[Job, Pod], None] = _nobody,
    ) -> None:
        """`ours`: whether pods of that schedulerName are governed by the policy; `clock` gives unix seconds.

        `tell` hears of every pod that was asked to leave.
        """
        self._tell = tell
        self._calls = PodCalls(api)
        self._state = state
        self._ours = ours
        self._offer = offer
        self._clock = clock
        self._settings = settings or EvictionSettings()
        self._limits = Limits(self._settings)
        self._preemptors = Preemptors(lambda uid: uid in state.pods)
        self._urgent: deque[_Item] = deque()
        self._calm: deque[_Item] = deque()
        self._has_work = asyncio.Event()
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._busy = 0
        self._results: Counter[str] = Counter()

    # What others ask.

    def submit(self, job: Job) -> bool:
        """Take a job in; False, and counted, if it is refused: a full queue, or a preemptor that waits already."""
        now_s = self._clock()
        if job.preemptor is not None and self._preemptors.waits(job.preemptor.uid, now_s):
            return _refused("waits already")
        items = _items(job)
        if len(self._urgent) + len(self._calm) + len(items) > QUEUE_MAX:
            return _refused("full")
        if job.preemptor is not None:
            self._preemptors.begin(job.preemptor.uid, (pod.uid for pod in job.victims), now_s)
            if len(self._preemptors) > _PRUNE_ABOVE:
                self._preemptors.prune(now_s)
        for item in items:
            self._enqueue(item)
        return True

    def awaits(self, preemptor_uid: str) -> bool:
        """Whether victims chosen for this pod are still leaving, or an attempt for it failed a moment ago."""
        return self._preemptors.waits(preemptor_uid, self._clock())

    def spared(self, pod: Pod) -> str:
        """Why this engine would never make the pod leave, or ""."""
        return self._forbidden((pod,))

    def status(self) -> dict[str, Any]:
        """For /configz."""
        return {
            "queued": len(self._urgent) + len(self._calm),
            "working": self._busy,
            "waitingForBudget": len(self._waiting),
            "preemptorsWaiting": len(self._preemptors),
            "lastMinute": self._limits.in_last_minute(self._clock()),
            "results": dict(self._results),
            "dryRun": self._settings.dry_run,
            "limits": {
                "perMinute": self._settings.per_minute,
                "perNode": self._settings.per_node,
                "perNamespace": self._settings.per_namespace,
                "queue": QUEUE_MAX,
            },
        }

    async def run(self) -> None:
        """Work until cancelled; what is queued then is left undone: whoever wanted it sees the state and asks again.

        May be run again.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(WORKERS):
                    group.create_task(self._work())
        finally:
            for handle in self._waiting.values():
                handle.cancel()
            self._waiting.clear()

    def forget(self) -> None:
        """Another replica decides from now on: nothing that is queued here is to be done, nobody waited for."""
        self._urgent.clear()
        self._calm.clear()
        self._preemptors.forget_all()
        self._show_queue()

    @property
    def idle(self) -> bool:
        """Nothing is queued or being worked on; refused evictions may still wait for their next attempt."""
        return not (self._urgent or self._calm or self._busy)

    # The queue.

    def _enqueue(self, item: _Item) -> None:
        (self._urgent if item.job.why == "preemption" else self._calm).append(item)
        self._show_queue()
        self._has_work.set()

    async def _work(self) -> None:
        while True:
            while not (self._urgent or self._calm):
                self._has_work.clear()
                await self._has_work.wait()
            item = (self._urgent or self._calm).popleft()
            self._busy += 1
            try:
                await self._do(item)
            except Exception as fault:  # the next job is not to suffer from what a plugin's verify raised
                log.exception("an eviction job of %s failed", item.job.plugin)
                self._end_all(item.job, item.job.victims, "failed", f"{type(fault).__name__}: {fault}"[:200])
                if item.job.preemptor is not None:  # its victims stay: it must not wait for them
                    self._preemptors.settle(item.job.preemptor.uid, (), self._clock(), QUIET_S)
            finally:
                self._busy -= 1
                self._show_queue()

    async def _do(self, item: _Item) -> None:
        if item.job.why == "preemption":
            await self._preempt(item.job)
        else:
            await self._reschedule(item)

    def _show_queue(self) -> None:
        metrics.EVICTION_QUEUE.set(len(self._urgent) + len(self._calm) + len(self._waiting))

    # Preemption.

    async def _preempt(self, job: Job) -> None:
        now_s = self._clock()
        leaving, quiet_s = await self._preempted(job, now_s)
        if job.preemptor is not None:
            self._preemptors.settle(job.preemptor.uid, leaving, now_s, quiet_s)

    async def _preempted(self, job: Job, now_s: float) -> tuple[list[str], float]:
        """(UIDs of the victims that leave, how long its preemptor is to keep quiet in any case)."""
        if senseless := self._senseless(job):
            self._end_all(job, job.victims, "gone", senseless)
            return [], 0.0
        victims = self._still_there(job)
        going = [pod.uid for pod in job.victims if (now := self._state.pods.get(pod.uid)) and now.terminating]
        if not victims:
            return going, 0.0
        forbidden = self._forbidden(victims) or self._limits.take(victims, job.node, now_s)
        if forbidden:
            self._end_all(job, victims, "refused", forbidden)
            return going, QUIET_S
        if self._is_dry(job):
            self._end_all(job, victims, "dryRun")
            return going, DRY_RUN_QUIET_S
        trouble = await self._make_room(job)
        if trouble.ended is not Ended.DONE:
            self._end_all(job, victims, _RESULTS[trouble.ended], f"the preemptor: {trouble.message}")
            return going, QUIET_S
        left = await self._delete_all(job, victims)
        if len(left) < len(victims) and job.preemptor is not None:
            await self._calls.nominate(job.preemptor, "")
        return going + left, 0.0 if left else QUIET_S

    async def _make_room(self, job: Job) -> Answer:
        """Nominate the preemptor before anybody leaves, so that nobody else takes the room; then clear the way."""
        if job.preemptor is None:
            return Answer(Ended.DONE)
        nominated = await self._calls.nominate(job.preemptor, job.node)
        if nominated.ended is not Ended.DONE:
            return nominated
        for other in list(self._state.nominated.values()):
            if (
                other.nominated_node_name == job.node
                and other.priority < job.preemptor.priority
                and other.uid != job.preemptor.uid
            ):
                cleared = await self._calls.nominate(other, "")
                if cleared.ended is Ended.FAILED:  # as in-tree: told, and no reason to stop
                    log.warning("the nomination of pod %s could not be cleared: %s", other.key, cleared.message)
        return nominated

    async def _delete_all(self, job: Job, victims: Sequence[Pod]) -> list[str]:
        """Least important first; after a failure the more important ones stay. UIDs of those that leave."""
        preemptor = job.preemptor
        scheduler = preemptor.scheduler_name if preemptor else job.plugin
        message = f"{scheduler}: preempting to accommodate a higher priority pod"
        left: list[str] = []
        for at in range(len(victims) - 1, -1, -1):
            pod = victims[at]
            answer = await self._calls.mark_preempted(pod, message, self._clock())
            if answer.ended is Ended.DONE:
                answer = await self._calls.delete(pod)
            self._end(job, pod, _RESULTS[answer.ended], answer.message)
            if answer.ended in (Ended.DONE, Ended.GONE):
                left.append(pod.uid)
                continue
            self._end_all(job, victims[:at], "failed", f"not tried: pod {pod.key} could not be evicted")
            break
        return left

    def _senseless(self, job: Job) -> str:
        """Why the job need not be done any more, or ""."""
        if job.preemptor is not None:
            now = self._state.pods.get(job.preemptor.uid)
            if now is None or now.terminating:
                return f"the preemptor {job.preemptor.key} is gone"
            if now.node_name:
                return f"the preemptor {job.preemptor.key} has found a node"
        return job.verify()

    # Rescheduling.

    async def _reschedule(self, item: _Item) -> None:
        job = item.job
        victims = self._still_there(job)
        if not victims:
            return
        pod = victims[0]
        if senseless := job.verify():
            self._end(job, pod, "gone", senseless)
            job.spared(pod)
            return
        if forbidden := self._forbidden(victims) or self._limits.take(victims, job.node, self._clock()):
            self._end(job, pod, "refused", forbidden)
            job.spared(pod)
            return
        if self._is_dry(job):
            self._end(job, pod, "dryRun")
            return
        answer = await self._calls.evict(pod)
        if answer.ended is Ended.LATER:
            self._later(item, pod, answer)
        else:
            self._end(job, pod, _RESULTS[answer.ended], answer.message)

    def _later(self, item: _Item, pod: Pod, answer: Answer) -> None:
        """Record the first refusal and the last; in between only try."""
        if item.tries >= self._settings.retries or len(self._waiting) >= WAITING_MAX:
            self._end(item.job, pod, "refused", f"{answer.message}; given up after {item.tries + 1} attempts")
            return
        if not item.tries:
            self._end(item.job, pod, "refused", f"{answer.message}; tried again")
        if pod.uid in self._waiting:
            return  # another job for the same pod keeps trying
        wait_s = max(self._settings.retry_s, answer.retry_after_s)
        again = replace(item, tries=item.tries + 1)
        self._waiting[pod.uid] = asyncio.get_running_loop().call_later(wait_s, self._again, pod.uid, again)
        self._show_queue()

    def _again(self, uid: str, item: _Item) -> None:
        self._waiting.pop(uid, None)
        self._enqueue(item)

    # Both.

    def _still_there(self, job: Job) -> list[Pod]:
        """Victims as they are now, in the order of the job; others are recorded as gone unless they leave already."""
        there = []
        for victim in job.victims:
            now = self._state.pods.get(victim.uid)
            why = _absent(now, job.node)
            if now is not None and not why:
                there.append(now)
            elif now is None or not now.terminating:  # who is leaving has a record of that already
                self._end(job, victim, "gone", why)
        return there

    def _forbidden(self, victims: Sequence[Pod]) -> str:
        """Pods that other schedulers look after are none of our business, unless an operator says so."""
        if self._settings.other_schedulers:
            return ""
        foreign = next((pod for pod in victims if not self._ours(pod.scheduler_name)), None)
        if foreign is None:
            return ""
        return f"pod {foreign.key} belongs to {foreign.scheduler_name}, which no profile of the policy names"

    def _is_dry(self, job: Job) -> bool:
        return job.dry_run or self._settings.dry_run

    def _end_all(self, job: Job, victims: Sequence[Pod], result: str, message: str = "") -> None:
        for pod in victims:
            self._end(job, pod, result, message)

    def _end(self, job: Job, pod: Pod, result: str, message: str = "") -> None:
        metrics.EVICTIONS.labels(job.why, result, job.plugin).inc()
        self._results[result] += 1
        if result == _RESULTS[Ended.DONE]:
            self._tell(job, pod)
        self._offer(
            Eviction(
                at_us=int(self._clock() * 1e6),
                plugin=job.plugin,
                why=job.why,
                reason=job.reason,
                pod=pod_ref(pod),
                node=job.node,
                result=result,
                message=message,
                decision=job.decision,
                preemptor=None if job.preemptor is None else pod_ref(job.preemptor),
            )
        )


_RESULTS = {Ended.DONE: "evicted", Ended.GONE: "gone", Ended.LATER: "refused", Ended.FAILED: "failed"}


def _items(job: Job) -> list[_Item]:
    if job.why == "preemption":
        return [_Item(job)]
    return [_Item(replace(job, victims=(pod,))) for pod in job.victims]


def _absent(now: Pod | None, node: str) -> str:
    if now is None:
        return "the pod is gone"
    if now.node_name != node:
        return f"the pod is on node {now.node_name or 'none'} now"
    return "the pod is terminating already" if now.terminating else ""


def _refused(cause: str) -> bool:
    metrics.EVICTION_JOBS_REFUSED.labels(cause).inc()
    return False
