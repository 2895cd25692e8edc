"""Shows waiting pods to the scheduler again once our reason against them is gone.

A rejection by an extender belongs to no plugin of the scheduler, so no event of the cluster is known to cure it, and a
pod may lie there for minutes. About once a second every waiting pod is quietly asked about again; one that would pass
now gets an annotation, and the change of the pod itself moves it to the queue. Its own backoff still holds.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import msgspec

from extender.controllers.controller import Surroundings
from extender.engine.waiting import WaitingPod
from extender.kube import KubeError, Response
from extender.model.pod import Pod
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)

ANNOTATION = "trimtab.dev/wake"
EVERY_S = 1.0
# Work in one step of the loop, and the pause that others get after it.
STEP_S, PAUSE_S = 0.001, 0.004
# A pod that was shown and is refused again, by us or before us, is shown again only after that; each time later.
AGAIN_S, AGAIN_MAX_S = 5.0, 60.0
# Pods shown in one round, and patches under way at once. Those beyond have their turn in the next round.
PER_ROUND_MAX, PARALLEL = 200, 16
# A waiting pod that no watch shows for so long is gone.
UNSEEN_S = 60.0

_PATCH_S = 5.0
_MERGE_PATCH = "application/merge-patch+json"
_OK, _NOT_FOUND, _CONFLICT, _INVALID = 200, 404, 409, 422


@dataclass(slots=True)
class _Shown:
    next_s: float
    times: int = 0


class Waking:
    """A Controller."""

    name = "waking"

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._shown: dict[str, _Shown] = {}
        """Waiting pods that have been shown, by UID."""
        self._count = 0
        self._trouble = ""

    def status(self) -> dict[str, Any]:
        return {"waiting": len(self._around.engine.waiting), "shown": self._count, "trouble": self._trouble}

    async def run(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Ask about every waiting pod once, and show those that would pass."""
        engine = self._around.engine
        self._shown = {uid: shown for uid, shown in self._shown.items() if uid in engine.waiting}
        ready: list[Pod] = []
        started = perf_counter()
        for waiting in engine.waiting:
            pod = self._now(waiting)
            if pod is not None and engine.would_pass(pod):
                ready.append(pod)
            if perf_counter() - started > STEP_S:
                await asyncio.sleep(PAUSE_S)
                started = perf_counter()
        metrics.POKES.labels("later").inc(max(0, len(ready) - PER_ROUND_MAX))
        for start in range(0, min(len(ready), PER_ROUND_MAX), PARALLEL):
            await asyncio.gather(*map(self._show, ready[start : min(start + PARALLEL, PER_ROUND_MAX)]))

    def _now(self, waiting: WaitingPod) -> Pod | None:
        """The pod as it is, if it waits still and may be shown."""
        around = self._around
        if waiting.uid not in around.engine.waiting:
            return None
        now_s = around.clock()
        pod = around.state.pods.get(waiting.uid)
        if pod is None:
            if now_s - waiting.refused_s > UNSEEN_S:
                around.engine.waiting.forget(waiting.uid)
            return None
        shown = self._shown.get(waiting.uid)
        return None if pod.gates or (shown is not None and now_s < shown.next_s) else pod

    async def _show(self, pod: Pod) -> None:
        now_s = self._around.clock()
        shown = self._shown.setdefault(pod.uid, _Shown(now_s))
        shown.times += 1
        shown.next_s = now_s + min(AGAIN_MAX_S, AGAIN_S * 2 ** (min(shown.times, 10) - 1))
        result, trouble = await self._patch(pod)
        metrics.POKES.labels(result).inc()
        self._count += result == "shown"
        if trouble and trouble != self._trouble:
            _LOG.warning("a waiting pod cannot be shown to the scheduler again: %s", trouble)
        if result in ("shown", "failed"):
            self._trouble = trouble

    async def _patch(self, pod: Pod) -> tuple[str, str]:
        """(shown | gone | failed, what is wrong)"""
        stamp = f"{self._around.clock():.3f}"
        # The UID is a condition: for a namesake the patch would change it, and that is invalid.
        body = {"metadata": {"uid": pod.uid, "annotations": {ANNOTATION: stamp}}}
        try:
            answer = await self._around.api.request(
                "PATCH",
                f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}",
                body=msgspec.json.encode(body),
                content_type=_MERGE_PATCH,
                timeout_s=_PATCH_S,
            )
        except KubeError as trouble:
            return "failed", str(trouble)
        if answer.status == _OK:
            return "shown", ""
        if answer.status in (_NOT_FOUND, _CONFLICT) or _of_another(answer):
            return "gone", ""
        return "failed", f"PATCH pod {pod.key}: {answer.status} {answer.message}"


def _of_another(answer: Response) -> bool:
    """A pod with another UID has the name now."""
    return answer.status == _INVALID and "metadata.uid" in answer.message
