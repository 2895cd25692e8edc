"""An API server of pods for controllers: takes their patches, and tells the state what became of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from extender.controllers.controller import Surroundings
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.framework import Plugin, QueuedPod, QueueSort, QueueView
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.kube import KubeError, Response
from extender.model.events import PodDeleted, PodUpserted
from extender.model.pod import Pod
from extender.model.verdict import Phase
from tests.extender.engine.a_world import INSTALLED, World

IMMUTABLE = b'{"message": "Pod is invalid: metadata.uid: Invalid value: \\"u\\": field is immutable"}'
GATE, GANG_GATE, OTHERS = "trimtab.dev/turn", "trimtab.dev/gang", "example.test/approval"


def important_first(_view: QueueView, queued: QueuedPod) -> tuple[Any, ...]:
    return -queued.pod.priority, queued.added_ns


def raises(_view: QueueView, _queued: QueuedPod) -> tuple[Any, ...]:
    raise RuntimeError("boom")


TURN = Plugin(name="Turn", doc="Priority first.", queue_sort=QueueSort(gate=GATE, key=important_first))
GANG = Plugin(
    name="Gang",
    doc="Together.",
    queue_sort=QueueSort(
        gate=GANG_GATE,
        key=important_first,
        group=lambda _view, pod: pod.labels.get("gang", ""),
        gates=lambda _view, pod: "gang" in pod.labels,
    ),
)
UNSURE = Plugin(name="Unsure", doc="Raises.", queue_sort=QueueSort(gate="trimtab.dev/unsure", key=raises))
PLUGINS = (*INSTALLED, GANG, TURN, UNSURE)


@dataclass
class FakeApi:
    """Answers PATCH of pods as an API server would; `statuses` are answered first, one by one."""

    tell: Callable[[Pod | None, str], None]
    pods: dict[str, Pod] = field(default_factory=dict)
    statuses: list[int | KubeError] = field(default_factory=list)
    patched: list[str] = field(default_factory=list)
    annotations: dict[str, dict[str, str]] = field(default_factory=dict)
    happened: asyncio.Event = field(default_factory=asyncio.Event)
    """Something was patched."""
    shows: bool = True
    """Whether the watch tells of changes."""

    async def request(self, method: str, path: str, *, body: bytes, content_type: str, **_: Any) -> Response:
        assert method == "PATCH"
        _empty, _api, _v1, _namespaces, namespace, _pods, name = path.split("/")
        if self.statuses:
            status = self.statuses.pop(0)
            if isinstance(status, KubeError):
                raise status
            return Response(status, b'{"message": "no"}', {})
        pod = next((p for p in self.pods.values() if (p.namespace, p.name) == (namespace, name)), None)
        if pod is None:
            return Response(404, b"{}", {})
        if content_type == "application/merge-patch+json":
            return self._merge(pod, json.loads(body))
        assert content_type == "application/json-patch+json"
        return self._json_patch(pod, json.loads(body))

    def _merge(self, pod: Pod, tree: dict[str, Any]) -> Response:
        if tree["metadata"]["uid"] != pod.uid:
            return Response(422, IMMUTABLE, {})
        self.annotations.setdefault(pod.uid, {}).update(tree["metadata"]["annotations"])
        self.patched.append(pod.uid)
        self.happened.set()
        return Response(200, b"{}", {})

    def _json_patch(self, pod: Pod, operations: list[dict[str, Any]]) -> Response:
        have = {"/metadata/uid": pod.uid, "/spec/schedulingGates": [{"name": gate} for gate in pod.gates]}
        for operation in operations:
            if operation["op"] == "test" and have[operation["path"]] != operation["value"]:
                return Response(422, b"{}", {})
        gates = tuple(gate["name"] for gate in operations[-1].get("value", ()))
        self.patched.append(pod.uid)
        self.happened.set()
        self.put(msgspec.structs.replace(pod, gates=gates), tell=self.shows)
        return Response(200, b"{}", {})

    def put(self, pod: Pod, *, tell: bool = True) -> None:
        self.pods[pod.uid] = pod
        if tell:
            self.tell(pod, pod.uid)

    def delete(self, uid: str) -> None:
        del self.pods[uid]
        self.tell(None, uid)


class Plane(World):
    """The engine tests' world with orders of the queue, and an API server."""

    def __init__(self, cache: Path, cpus: dict[str, int]) -> None:
        super().__init__(cache, cpus)
        self.compiled: dict[str, CompiledPlugin] = compile_all(PLUGINS, cache)
        self.engine = Engine(
            self.state, PLUGINS, self.binder, offer=self.frames.append, clock=lambda: self.now_s, lease_ttl_s=60.0
        )
        self.api = FakeApi(self._tell)
        self.around = Surroundings(
            self.engine,
            self.state,
            self.api,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            self.frames.append,
            lambda: self.now_s,
        )

    def _tell(self, pod: Pod | None, uid: str) -> None:
        self.state.apply(PodUpserted(pod) if pod is not None else PodDeleted(uid), self.now_s)

    def order_by(self, *names: str) -> None:
        seats = [Seat(c.plugin, c, c.plugin.args(), 1, frozenset(Phase)) for c in map(self.compiled.__getitem__, names)]
        self.engine.activate(
            PolicySet("r1", "h1", "wide", {"default-scheduler": profile_of("default-scheduler", seats)})
        )
