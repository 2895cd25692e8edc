"""Keeps the status of PodGroups, for people and for tools that wait for a phase; no decision reads it.

Only while some profile has Coscheduling, and only where nobody else writes that status: the upstream controller is
known by the field manager that it leaves on the object. Unlike upstream, pods are looked for in the group's own
namespace.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from extender.controllers.controller import Surroundings
from extender.controllers.pod_group_phase import ENDED, next_status
from extender.controllers.status_keeper import StatusKeeper
from extender.kube import KubeError
from extender.model.events import Object
from extender.model.pod import Pod, pod_of
from extender.plugins.coscheduling.pod_group import KIND, LABEL, PodGroupError, key_of, pod_group_of
from extender.telemetry import metrics

PLUGIN = "Coscheduling"
_PATH = "/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{namespace}/podgroups/{name}"
_OK = 200


class PodGroupStatus(StatusKeeper):
    """A Controller, keyed by group."""

    name = "podGroupStatus"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around, PLUGIN, KIND, metrics.POD_GROUP_STATUS)
        around.state.pod_listeners.append(self._pod_changed)
        around.state.object_listeners.append(self._object_changed)

    def all(self) -> Iterable[str]:
        return self._around.state.objects.get(KIND, {})

    async def look_after(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        path = _PATH.format(namespace=namespace, name=name)
        found = await self.read(key, path, key)
        status = (found or {}).get("status") or {}
        if found is None or status.get("phase") in ENDED:
            return
        try:
            least = pod_group_of(found).min_member
        except PodGroupError:
            return  # objectProblems has it
        wanted = next_status(status, await self._pods(namespace, name), least, self._around.clock())
        if wanted != status:
            await self.write(key, path, found, wanted)

    async def _pods(self, namespace: str, name: str) -> list[Pod]:
        """All of the group's pods, the finished ones too."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        answer = await self._around.api.request("GET", path, query={"labelSelector": f"{LABEL}={name}"})
        if answer.status != _OK:
            raise KubeError(f"GET {path}: {answer.status} {answer.message}", status=answer.status)
        return [pod_of(item) for item in msgspec.json.decode(answer.body).get("items") or ()]

    # What the watch tells.

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            if pod is not None and (key := key_of(pod)):
                self.note(key)

    def _object_changed(self, kind: str, key: str, _old: Object | None, new: Object | None) -> None:
        if kind == KIND and new is not None:
            self.note(key)
