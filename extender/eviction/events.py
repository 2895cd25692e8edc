"""Tells whoever looks at a pod why it left: a Kubernetes event on every victim (events.k8s.io/v1).

preemption      Preempted, in kube-scheduler's words; related is the preemptor
rescheduling    TrimtabRescheduled, with the reason of the move
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from extender.eviction.job import Job
from extender.kube import KubeApi, KubeError
from extender.model.pod import Pod
from extender.policy.events import CONTROLLER, INSTANCE_BYTES_MAX, NOTE_BYTES_MAX, micro_time, shortened
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)

# Events that wait to be written; further ones are not, and counted. Evictions are limited per minute as they are.
WAITING_MAX = 200
# Between two of them: no burst of evictions becomes a burst of writes.
PAUSE_S = 0.05
_OK_BELOW = 300


class PodEvents:
    """`tell` at any time on the event loop, and keep `run` running."""

    def __init__(self, api: KubeApi, identity: str, clock: Callable[[], float]) -> None:
        """`identity`: of this instance; `clock` gives unix seconds."""
        self._api = api
        self._identity = shortened(identity, INSTANCE_BYTES_MAX)
        self._clock = clock
        self._waiting: deque[dict[str, Any]] = deque()
        self._has_work = asyncio.Event()
        self._trouble = ""

    def tell(self, job: Job, victim: Pod) -> None:
        """The victim has been asked to leave."""
        if len(self._waiting) >= WAITING_MAX:
            metrics.POD_EVENTS.labels("dropped").inc()
            return
        self._waiting.append(self._event(job, victim))
        self._has_work.set()

    async def run(self) -> None:
        """Write until cancelled, one after the other; an event that is refused is lost, and counted."""
        while True:
            await self._has_work.wait()
            while self._waiting:
                await self._write(self._waiting.popleft())
                await asyncio.sleep(PAUSE_S)
            self._has_work.clear()

    async def _write(self, event: dict[str, Any]) -> None:
        path = f"/apis/events.k8s.io/v1/namespaces/{event['metadata']['namespace']}/events"
        trouble = ""
        try:
            answer = await self._api.request("POST", path, body=msgspec.json.encode(event))
            if answer.status >= _OK_BELOW:
                trouble = f"{answer.status} {answer.message}"
        except KubeError as unreachable:
            trouble = str(unreachable)
        metrics.POD_EVENTS.labels("failed" if trouble else "written").inc()
        if trouble and trouble != self._trouble:
            _LOG.warning("an event about an evicted pod could not be written; grant create on events: %s", trouble)
        self._trouble = trouble

    def _event(self, job: Job, victim: Pod) -> dict[str, Any]:
        is_preemption = job.why == "preemption"
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{victim.name[:200]}.{secrets.token_hex(8)}", "namespace": victim.namespace},
            "eventTime": micro_time(self._clock()),
            "reportingController": CONTROLLER,
            "reportingInstance": self._identity,
            "action": "Preempting" if is_preemption else "Rescheduling",
            "reason": "Preempted" if is_preemption else "TrimtabRescheduled",
            "regarding": _reference(victim),
            "note": shortened(_note(job), NOTE_BYTES_MAX),
            "type": "Normal",
        }
        return event if job.preemptor is None else event | {"related": _reference(job.preemptor)}


def _note(job: Job) -> str:
    if job.preemptor is None:
        return f"Moved off node {job.node} by {job.plugin}: {job.reason}"
    return f"Preempted by pod {job.preemptor.uid} on node {job.node}"


def _reference(pod: Pod) -> dict[str, str]:
    return {"apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid}
