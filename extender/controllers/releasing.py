"""Takes our scheduling gates off waiting pods, in the order of the profile, a window of them at a time.

A gate holds a pod out of the scheduler's queue; nobody but us (or a person) takes ours off, so every doubt is resolved
by letting pods go: without an order in effect all of them at once, with one never later than the window's own time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from extender.controllers.controller import Surroundings
from extender.controllers.line import Line, Place
from extender.engine.profile import Profile, Seat
from extender.framework.declaration import QueuedPod
from extender.kube import KubeError
from extender.model.events import Object
from extender.model.pod import Pod
from extender.model.verdict import Phase
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)

# Held pods beyond which the webhook gates no more.
BACKLOG_MAX = 2000
# A round that long ago, or failures for so long: the webhook gates no more.
SILENT_S = 5.0
# A gate that the webhook gave out and no watch has shown for so long: it gates no more, and tries again later.
UNSEEN_S, UNSEEN_PAUSE_S = 10.0, 30.0
# Patches under way at once, where their order does not matter.
PARALLEL = 16
# Keys are worked out anew so often, because books and objects move them.
REORDER_S = 5.0

_REORDER_SOON_S = 1.0
_IDLE_S = 1.0
_ROUND_S = 0.02
_SLICE = 100
_RETRY_S, _RETRY_MAX_S = 1.0, 30.0
_SEEN_WITHIN_S = 10.0
_PATCH_S = 5.0
_JSON_PATCH = "application/json-patch+json"
_OK, _NOT_FOUND, _CONFLICT, _INVALID = 200, 404, 409, 422


class Releasing:
    """A Controller; `gates_for` is the webhook's side of it."""

    name = "releasing"

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._gates = around.engine.queue_gates
        self._lines: dict[str, Line] = {}
        self._changed = asyncio.Event()
        self._ordered: dict[str, tuple[Profile, float]] = {}
        """schedulerName -> (by which profile its line stands in order, when it is worked out anew)"""
        self._tries: dict[str, int] = {}
        """uid -> failures in a row."""
        self._beat_s = 0.0
        self._failing_since_s: float | None = None
        self._trouble = ""
        self._unseen_since_s: float | None = None
        around.state.pod_listeners.append(self._pod_changed)
        around.state.object_listeners.append(self._object_changed)
        for pod in list(around.state.pods.values()):
            self._pod_changed(None, pod)

    def status(self) -> dict[str, Any]:
        return {
            "gates": sorted(self._gates),
            "held": {name: len(line) for name, line in self._lines.items() if len(line)},
            "standsAside": self.stands_aside(),
            "trouble": self._trouble,
        }

    async def run(self) -> None:
        while True:
            await self._round()
            await asyncio.sleep(_ROUND_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_S):
                    await self._changed.wait()
            self._changed.clear()

    # The webhook's side.

    def gates_for(self, pod: Pod) -> tuple[str, ...]:
        """Gates for a new pod; none when no order holds for it, or when we might not be able to take them off."""
        profile = self._around.engine.policy.profile_for(pod.scheduler_name)
        if not profile.queue_sorts or self.stands_aside():
            return ()
        seat = profile.queue_sorts[0]
        part = seat.plugin.queue_sort
        assert part is not None  # noqa: S101 - how Profile chose its queue_sorts
        try:
            wanted = part.gates(self._around.engine.queue_view(seat), pod)
        except Exception:  # noqa: BLE001 - a plugin may raise anything; it then gates nothing
            _failed(seat)
            return ()
        return (part.gate,) if wanted else ()

    def gave_out(self) -> None:
        """A pod was sent on its way into the cluster with a gate of ours."""
        if self._unseen_since_s is None:
            self._unseen_since_s = self._around.clock()

    def stands_aside(self) -> str:
        """Why no pod is to be gated now, or nothing."""
        now_s = self._around.clock()
        if now_s - self._beat_s > SILENT_S:
            return "the controller that takes gates off does not run"
        if self._failing_since_s is not None and now_s - self._failing_since_s > SILENT_S:
            return f"gates cannot be taken off: {self._trouble}"
        if sum(map(len, self._lines.values())) >= BACKLOG_MAX:
            return f"{BACKLOG_MAX} pods are held already"
        if self._unseen_since_s is None:
            return ""
        unseen_s = now_s - self._unseen_since_s
        if unseen_s > UNSEEN_S + UNSEEN_PAUSE_S:
            self._unseen_since_s = None
        elif unseen_s > UNSEEN_S:
            return "the watch does not show the pods that were gated"
        return ""

    # What the watch tells.

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        if pod is None:
            return
        line = self._lines.get(pod.scheduler_name)
        if new is None or new.node_name or new.terminating:
            if line is not None:
                line.forget(pod.uid)
                self._tries.pop(pod.uid, None)
                self._changed.set()
            return
        if line is None:
            line = self._lines[pod.scheduler_name] = Line()
        if self._gates.isdisjoint(new.gates):
            line.free(new, self._around.clock())
            self._tries.pop(pod.uid, None)
        else:
            self._unseen_since_s = None
            line.hold(new, self._place_in(self._profile(pod.scheduler_name)))
        self._changed.set()

    def _object_changed(self, _kind: str, _key: str, _old: Object | None, _new: Object | None) -> None:
        soon_s = self._around.clock() + _REORDER_SOON_S
        for scheduler, (profile, again_s) in self._ordered.items():
            self._ordered[scheduler] = profile, min(again_s, soon_s)

    # One round.

    async def _round(self) -> None:
        self._beat_s = self._around.clock()
        for scheduler, line in list(self._lines.items()):
            line.look_again(self._around.clock())
            if len(line):
                await self._serve(scheduler, line)
            if line.is_empty:
                del self._lines[scheduler]
                self._ordered.pop(scheduler, None)
        metrics.PODS_HELD.set(sum(map(len, self._lines.values())))

    async def _serve(self, scheduler: str, line: Line) -> None:
        profile = self._profile(scheduler)
        if not profile.queue_sorts:
            await self._let_go(line, line.pods())
            return
        await self._refresh(scheduler, line, profile)
        place_of = self._place_in(profile)
        while line.room(self._around.clock()) > 0 and self._profile(scheduler) is profile:
            together = line.next(place_of, self._around.clock())
            if not together or not await self._let_go(line, together):
                return

    async def _refresh(self, scheduler: str, line: Line, profile: Profile) -> None:
        """Work every place out anew when the policy or time asks for it, a slice at a time."""
        now_s = self._around.clock()
        ordered_by, again_s = self._ordered.get(scheduler, (None, 0.0))
        if ordered_by is profile and now_s < again_s:
            return
        self._ordered[scheduler] = profile, now_s + REORDER_S
        place_of, pods = self._place_in(profile), line.pods()
        for start in range(0, len(pods), _SLICE):
            line.reorder([(pod.uid, place_of(pod)) for pod in pods[start : start + _SLICE]])
            await asyncio.sleep(0)

    async def _let_go(self, line: Line, pods: Sequence[Pod]) -> bool:
        """Take our gates off all of them; False when the API server would not have it."""
        for start in range(0, len(pods), PARALLEL):
            done = await asyncio.gather(*(self._release(line, pod) for pod in pods[start : start + PARALLEL]))
            self._beat_s = self._around.clock()
            if not all(done):
                # The rest of these waits for the next look at the line.
                for pod in pods[start + PARALLEL :]:
                    line.put_off(pod.uid, self._beat_s + _RETRY_S)
                return False
        return True

    async def _release(self, line: Line, pod: Pod) -> bool:
        """False only where trying others makes no sense now."""
        result, trouble = await self._patch(pod)
        metrics.GATES_RELEASED.labels(result).inc()
        now_s = self._around.clock()
        if result == "released":
            self._failing_since_s, self._trouble = None, ""
            line.let_go(pod.uid, now_s, now_s + _SEEN_WITHIN_S)
            return True
        tries = self._tries[pod.uid] = self._tries.get(pod.uid, 0) + 1
        line.put_off(pod.uid, now_s + min(_RETRY_MAX_S, _RETRY_S * 2 ** (min(tries, 10) - 1)))
        if result in ("gone", "changed"):
            return True  # the watch will tell, and the others are not concerned
        if self._failing_since_s is None:
            self._failing_since_s = now_s
            _LOG.warning("the gates of waiting pods cannot be taken off: %s", trouble)
        self._trouble = trouble
        return False

    async def _patch(self, pod: Pod) -> tuple[str, str]:
        """(released | gone | changed | refused | failed, what is wrong)"""
        try:
            answer = await self._around.api.request(
                "PATCH",
                f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}",
                body=msgspec.json.encode(self._operations(pod)),
                content_type=_JSON_PATCH,
                timeout_s=_PATCH_S,
            )
        except KubeError as trouble:
            return "failed", str(trouble)
        if answer.status == _OK:
            return "released", ""
        if answer.status == _NOT_FOUND:
            return "gone", ""
        said = f"PATCH pod {pod.key}: {answer.status} {answer.message}"
        if answer.status in (_CONFLICT, _INVALID):
            return "changed", said
        return "refused" if answer.status < 500 else "failed", said  # noqa: PLR2004

    def _operations(self, pod: Pod) -> list[dict[str, Any]]:
        """Only this pod with just these gates: a change that we have not seen yet makes the test fail."""
        kept = [{"name": gate} for gate in pod.gates if gate not in self._gates]
        where = "/spec/schedulingGates"
        change = {"op": "replace", "path": where, "value": kept} if kept else {"op": "remove", "path": where}
        return [
            {"op": "test", "path": "/metadata/uid", "value": pod.uid},
            {"op": "test", "path": where, "value": [{"name": gate} for gate in pod.gates]},
            change,
        ]

    # Places.

    def _profile(self, scheduler: str) -> Profile:
        return self._around.engine.policy.profile_for(scheduler)

    def _place_in(self, profile: Profile) -> _Places:
        return _Places(self._around, profile)


class _Places:
    """Pod -> its place, by the first order of the profile; any of its orders may say that pods belong together."""

    def __init__(self, around: Surroundings, profile: Profile) -> None:
        self._seats = [(seat, around.engine.queue_view(seat)) for seat in profile.queue_sorts]

    def __call__(self, pod: Pod) -> Place:
        created_ns = pod.created_at_s * 10**9
        queued = QueuedPod(pod, created_ns, created_ns)
        # Whom the plugin cannot place goes last, by what the scheduler itself would go by.
        key: tuple[Any, ...] = (1, -pod.priority, created_ns)
        group = ""
        for i, (seat, view) in enumerate(self._seats):
            part = seat.plugin.queue_sort
            if part is None:
                continue
            try:
                if i == 0:
                    key = (0, *part.key(view, queued))
                group = group or part.group(view, pod)
            except Exception:  # noqa: BLE001 - a plugin may raise anything; the pod still gets its turn
                _failed(seat)
        return Place(key, group)


def _failed(seat: Seat) -> None:
    metrics.PLUGIN_FAILURES.labels(seat.name, Phase.QUEUE_SORT, "raised").inc()
