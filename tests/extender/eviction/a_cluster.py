"""Evictions against the lab's API server, without a socket: what it stores is what the cluster cache sees, at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx

from extender.cluster.state import ClusterState
from extender.eviction import Evictions, EvictionSettings, Job
from extender.kube import KubeApi, KubeError
from extender.kube.client import Response
from extender.lab.budgets import BudgetKeeper
from extender.lab.kinds import NODES, PODS
from extender.lab.paths import Target
from extender.lab.store import Change, Stored
from extender.lab.trees import with_condition
from extender.model.events import NodeUpserted, PodDeleted, PodUpserted
from extender.model.node import node_of
from extender.model.pod import Pod, pod_of
from extender.record.frames import Eviction, Frame
from tests.extender.lab.small_lab import SmallLab

Trouble = Callable[[str, str], str]


class LabKube:
    """The `request` of a KubeApi, answered by the lab. `trouble` may name why a call gets no answer."""

    def __init__(self, lab: SmallLab) -> None:
        self._lab = lab
        self.calls: list[str] = []
        self.trouble: Trouble = lambda _method, _path: ""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float = 10.0,
    ) -> Response:
        self.calls.append(f"{method} {path}")
        if why := self.trouble(method, path):
            raise KubeError(why)
        answer: httpx.Response = await self._lab.http.request(
            method, path, params=query, content=body, headers={"content-type": content_type}
        )
        return Response(answer.status_code, answer.content, dict(answer.headers))


class Cluster:
    def __init__(self, **settings: Any) -> None:
        self.lab = SmallLab()
        self.state = ClusterState()
        self.kube = LabKube(self.lab)
        self.frames: list[Frame] = []
        self.keeper = BudgetKeeper(self.lab.store)
        self.ours: set[str] = {"default-scheduler"}
        self.lab.store.listeners.append(self._seen)
        self.evictions = Evictions(
            cast("KubeApi", self.kube),
            self.state,
            ours=lambda scheduler: scheduler in self.ours,
            offer=self.frames.append,
            clock=self.lab.clock,
            settings=EvictionSettings(**{"retry_s": 0.0, **settings}),
        )

    def pod(
        self, name: str, node: str = "", *, cpu: str = "1", priority: int = 0, grace_s: int = 30, **parts: Any
    ) -> Pod:
        """A pod; on a node it is Running and ready."""
        spec: dict[str, Any] = {"terminationGracePeriodSeconds": grace_s, **parts}
        if priority:
            self.lab.priority(f"p-{name}", priority)
            spec["priorityClassName"] = f"p-{name}"
        stored = self.lab.pod(name, cpu, labels={"app": "web"}, **spec)
        if node:
            binding = {"metadata": {"name": name}, "target": {"name": node}}
            self._post(stored, "binding", binding)
            ready = {"type": "Ready", "status": "True"}
            self.lab.change(stored, status={"phase": "Running"})
            self.lab.store.change(PODS, stored.namespace, name, lambda tree: with_condition(tree, ready))
        return self.seen(stored)

    def seen(self, stored: Stored) -> Pod:
        return self.state.pods[stored.uid]

    def tree(self, pod: Pod) -> dict[str, Any]:
        """As the API server has it."""
        found = self.lab.store.find(PODS, pod.namespace, pod.name)
        return found.tree if found is not None else {}

    def nominate(self, pod: Pod, node: str) -> None:
        self.lab.change(self._stored(pod), status={"nominatedNodeName": node})

    def gone(self, pod: Pod) -> None:
        """Its kubelet confirms that it is gone."""
        self.lab.store.delete(PODS, pod.namespace, pod.name)

    def budget(self, min_available: int) -> None:
        self.lab.budget("keep", min_available, app="web")
        self.keeper.keep()

    def results(self) -> list[tuple[str, str]]:
        """(victim, result) of every frame, in order."""
        return [(frame.pod.name, frame.result) for frame in self.evicted()]

    def evicted(self) -> list[Eviction]:
        return [frame for frame in self.frames if isinstance(frame, Eviction)]

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.evictions.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not true():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0)

    def do(self, *jobs: Job, frames: int) -> None:
        """Submit the jobs and work until so many frames are there and nothing is queued."""

        async def run() -> None:
            for job in jobs:
                assert self.evictions.submit(job)
            async with self.working():
                await self.until(lambda: len(self.evicted()) >= frames and self.evictions.idle)

        asyncio.run(run())

    def _stored(self, pod: Pod) -> Stored:
        return self.lab.store.get(PODS, pod.namespace, pod.name)

    def _post(self, stored: Stored, subresource: str, tree: dict[str, Any]) -> None:
        self.lab.writer.create(Target(PODS, stored.namespace, stored.name, subresource), json.dumps(tree).encode())

    def _seen(self, change: Change) -> None:
        now_s = self.lab.clock()
        if change.new.kind is NODES:
            self.state.apply(NodeUpserted(node_of(change.new.tree)), now_s)
        elif change.new.kind is PODS and change.type == "DELETED":
            self.state.apply(PodDeleted(change.new.uid), now_s)
        elif change.new.kind is PODS:
            self.state.apply(PodUpserted(pod_of(change.new.tree)), now_s)


def preemption(preemptor: Pod | None, *victims: Pod, node: str = "n1", **parts: Any) -> Job:
    found: dict[str, Any] = {"verify": lambda: "", "decision": "d-1", **parts}
    return Job(
        plugin="CapacityScheduling",
        why="preemption",
        reason="it is owed the room",
        node=node,
        victims=victims,
        preemptor=preemptor,
        **found,
    )


def rescheduling(*victims: Pod, node: str = "n1", **parts: Any) -> Job:
    found: dict[str, Any] = {"verify": lambda: "", **parts}
    return Job(
        plugin="Rescheduler", why="rescheduling", reason="node n1 is overloaded", node=node, victims=victims, **found
    )
