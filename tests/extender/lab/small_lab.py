"""A lab without its own process: store, API and clock in the hands of a test."""

from __future__ import annotations

import json
from typing import Any

import httpx

from extender.lab.api import LabApi
from extender.lab.calls import ExtenderCalls
from extender.lab.identity import Identities
from extender.lab.kinds import DISRUPTION_BUDGETS, NAMESPACES, NODES, PODS, PRIORITY_CLASSES
from extender.lab.paths import Target
from extender.lab.scheduler import Scheduler
from extender.lab.store import Store, Stored
from extender.lab.writing import MERGE_PATCH
from tests.extender.lab.fake_extender import FakeExtender


class Clock:
    """Time passes when a test says so."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class SmallLab:
    """One namespace `team-a`; nodes and pods as a test adds them; an extender that can be told what to answer."""

    def __init__(self, history_max: int = 1000) -> None:
        self.clock = Clock()
        self.store = Store(history_max)
        identities = Identities(1, self.clock)
        self.api = LabApi(self.store, identities)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.api.app), base_url="http://lab")
        self.extender = FakeExtender(self.http)
        self.calls = ExtenderCalls("http://extender", transport=httpx.ASGITransport(self.extender.app))
        self.writer = self.api.writer
        self.writer.add(NAMESPACES, "", {"metadata": {"name": "team-a"}})
        self.scheduler = Scheduler(self.store, self.writer, identities, self.calls, self.clock)

    def node(self, name: str, cpu: str = "4", **spec: Any) -> Stored:
        amounts = {"cpu": cpu, "memory": "16Gi", "pods": "110"}
        tree = {"metadata": {"name": name}, "spec": spec, "status": {"capacity": amounts, "allocatable": amounts}}
        return self.writer.add(NODES, "", tree)

    def pod(self, name: str, cpu: str = "1", labels: dict[str, str] | None = None, **spec: Any) -> Stored:
        container = {"name": "main", "image": "i:1", "resources": {"requests": {"cpu": cpu}}}
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0, **spec}
        meta = {"name": name} | ({"labels": labels} if labels else {})
        return self.writer.add(PODS, "team-a", {"metadata": meta, "spec": spec})

    def priority(self, name: str, value: int) -> None:
        self.writer.add(PRIORITY_CLASSES, "", {"metadata": {"name": name}, "value": value})

    def budget(self, name: str, min_available: int, **labels: str) -> Stored:
        spec = {"minAvailable": min_available, "selector": {"matchLabels": labels}}
        return self.writer.add(DISRUPTION_BUDGETS, "team-a", {"metadata": {"name": name}, "spec": spec})

    def change(self, pod: Stored, **parts: Any) -> None:
        """Merge into the pod, as a client's PATCH would; `status` goes to the subresource."""
        place = "status" if "status" in parts else ""
        target = Target(PODS, pod.namespace, pod.name, place)
        self.writer.patch(target, json.dumps(parts).encode(), MERGE_PATCH)

    def now(self, pod: Stored) -> dict[str, Any]:
        """The pod as it is stored now."""
        return self.store.get(PODS, pod.namespace, pod.name).tree

    async def schedule(self) -> None:
        """Try every pod that is ready to be tried, and wait for the bindings."""
        while (waiting := self.scheduler.queue.pop(self.clock())) is not None:
            await self.scheduler.try_one(waiting)
            await self.scheduler.settle()

    def condition(self, pod: Stored) -> dict[str, Any]:
        conditions = self.now(pod)["status"].get("conditions") or []
        return next((c for c in conditions if c["type"] == "PodScheduled"), {})
