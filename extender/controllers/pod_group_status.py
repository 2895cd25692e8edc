"""Keeps the status of PodGroups, for people and for tools that wait for a phase; no decision reads it.

Only while some profile has Coscheduling, and only where nobody else writes that status: the upstream controller is
known by the field manager that it leaves on the object. Unlike upstream, pods are looked for in the group's own
namespace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from extender.controllers.controller import Surroundings
from extender.controllers.field_manager import MANAGER, is_anothers
from extender.controllers.pod_group_phase import ENDED, next_status
from extender.kube import KubeError
from extender.model.events import Object
from extender.model.pod import Pod, pod_of
from extender.plugins.coscheduling.pod_group import KIND, LABEL, PodGroupError, key_of, pod_group_of
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)

PLUGIN = "Coscheduling"
ROUND_S = 1.0
# Groups looked after in one round; the others wait for the next.
PER_ROUND = 50
_PATH = "/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{namespace}/podgroups/{name}"
_MERGE = "application/merge-patch+json"
_OK, _NOT_FOUND, _CONFLICT = 200, 404, 409


class PodGroupStatus:
    """A Controller."""

    name = "podGroupStatus"

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._changed: dict[str, None] = {}
        """Keys of groups to look after, in the order in which something happened to them."""
        self._on = False
        self._aside: set[str] = set()
        self._trouble = ""
        around.state.pod_listeners.append(self._pod_changed)
        around.state.object_listeners.append(self._object_changed)

    def status(self) -> dict[str, Any]:
        return {
            "on": self._on,
            "waiting": len(self._changed),
            "standsAside": sorted(self._aside),
            "trouble": self._trouble,
        }

    async def run(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(ROUND_S)

    async def round(self) -> None:
        """Look after the groups to which something has happened."""
        was_on, self._on = self._on, self._is_wanted()
        if not self._on:
            self._changed.clear()  # switched on again, all are looked after
            return
        if not was_on:
            self._changed.update(dict.fromkeys(self._around.state.objects.get(KIND, {})))
        for key in list(self._changed)[:PER_ROUND]:
            del self._changed[key]
            try:
                await self._look_after(key)
            except (KubeError, msgspec.MsgspecError) as wrong:
                self._failed(key, str(wrong))

    def _is_wanted(self) -> bool:
        profiles = self._around.engine.policy.profiles.values()
        return any(seat.name == PLUGIN for profile in profiles for seat in profile.seats)

    async def _look_after(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        path = _PATH.format(namespace=namespace, name=name)
        answer = await self._around.api.request("GET", path)
        if answer.status == _NOT_FOUND:
            self._aside.discard(key)
            return
        if answer.status != _OK:
            self._failed(key, answer.message)
            return
        found: dict[str, Any] = msgspec.json.decode(answer.body)
        if is_anothers(found):
            self._aside.add(key)
            return
        self._aside.discard(key)
        status = found.get("status") or {}
        if status.get("phase") in ENDED:
            return
        try:
            least = pod_group_of(found).min_member
        except PodGroupError:
            return  # objectProblems has it
        wanted = next_status(status, await self._pods(namespace, name), least, self._around.clock())
        if wanted != status:
            await self._write(key, path, found, wanted)

    async def _pods(self, namespace: str, name: str) -> list[Pod]:
        """All of the group's pods, the finished ones too."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        answer = await self._around.api.request("GET", path, query={"labelSelector": f"{LABEL}={name}"})
        if answer.status != _OK:
            raise KubeError(f"GET {path}: {answer.status} {answer.message}", status=answer.status)
        return [pod_of(item) for item in msgspec.json.decode(answer.body).get("items") or ()]

    async def _write(self, key: str, path: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        version = found["metadata"]["resourceVersion"]
        body = msgspec.json.encode({"metadata": {"resourceVersion": version}, "status": wanted})
        answer = await self._around.api.request(
            "PATCH", f"{path}/status", query={"fieldManager": MANAGER}, body=body, content_type=_MERGE
        )
        if answer.status == _OK:
            self._trouble = ""
            metrics.POD_GROUP_STATUS.labels("written").inc()
        elif answer.status == _CONFLICT:
            self._changed[key] = None  # it has changed meanwhile: once more
        elif answer.status != _NOT_FOUND:
            self._failed(key, answer.message)

    def _failed(self, key: str, why: str) -> None:
        """Told once for each new trouble; the group is looked after again."""
        metrics.POD_GROUP_STATUS.labels("failed").inc()
        if why != self._trouble:
            _LOG.warning("the status of PodGroup %s could not be written: %s", key, why)
        self._trouble = why
        self._changed[key] = None

    # What the watch tells.

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            if pod is not None and (key := key_of(pod)):
                self._changed[key] = None

    def _object_changed(self, kind: str, key: str, _old: Object | None, new: Object | None) -> None:
        if kind == KIND and new is not None:
            self._changed[key] = None
