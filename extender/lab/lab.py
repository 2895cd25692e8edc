"""The parts of the lab put together: store, API server, simulation, load, scheduler."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from extender.lab.api import LabApi, json_route
from extender.lab.bursts import Bursts
from extender.lab.calls import ExtenderCalls
from extender.lab.identity import Clock, Identities
from extender.lab.kinds import NODES, PODS
from extender.lab.load import LoadModel
from extender.lab.scheduler import Scheduler
from extender.lab.simulation import Shape, Simulation
from extender.lab.store import Store

TICK_S = 0.05
_POLL_S = 0.2
_OK = 200


@dataclass(frozen=True, slots=True)
class LabOptions:
    """What to simulate, and for whom."""

    shape: Shape = field(default_factory=Shape)
    extender_url: str = ""
    """Empty: nobody schedules."""
    wait_for: str = ""
    """Schedule only when this URL answers 200."""


class Lab:
    """One simulated cluster. `app` is its HTTP side; `run` lets time pass."""

    def __init__(self, options: LabOptions, clock: Clock = time.time) -> None:
        seed = options.shape.seed
        self._options = options
        self._clock = clock
        self.store = Store()
        self.identities = Identities(seed, clock)
        self._load = LoadModel(self.store, seed)
        routes = [
            json_route("/watcher", lambda: self._load.document(clock())),
            json_route("/watcher/health", lambda: {"status": "ok"}),
            json_route("/lab/status", self.status),
            Route("/lab/bursts", self._order_bursts, methods=["POST"]),
        ]
        self.api = LabApi(self.store, self.identities, routes)
        self.bursts = Bursts(self.store, self.api.writer, self.identities)
        self.simulation = Simulation(self.store, self.api.writer, self.identities, clock, options.shape)
        self.simulation.furnish()
        self.calls = ExtenderCalls(options.extender_url) if options.extender_url else None
        self.scheduler: Scheduler | None = None

    async def run(self) -> None:
        """Let time pass; once the extender is ready, let pods arrive and be scheduled; until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_time())
                group.create_task(self.bursts.run())
                if self.calls is not None:
                    group.create_task(self._schedule(self.calls))
        finally:
            if self.calls is not None:
                await self.calls.close()

    def status(self) -> dict[str, Any]:
        """For /lab/status: what there is, and what the scheduler has done."""
        phases: Counter[str] = Counter()
        for pod in self.store.all(PODS):
            placed = bool(pod.tree["spec"].get("nodeName"))
            phase = pod.tree["status"].get("phase", "Pending")
            phases[
                "waiting" if phase == "Pending" and not placed else "starting" if phase == "Pending" else phase.lower()
            ] += 1
        return {
            "revision": self.store.revision,
            "nodes": {"total": self.store.count(NODES), "out": self.simulation.outages.out},
            "pods": dict(phases),
            "simulation": dict(self.simulation.counts),
            "watches": self.api.watcher.open,
            "scheduler": self.scheduler.report() if self.scheduler else None,
        }

    async def _order_bursts(self, request: Request) -> Response:
        return await self.bursts.ordered(request)

    async def _pass_time(self) -> None:
        while True:
            self.simulation.tick()
            await asyncio.sleep(TICK_S)

    async def _schedule(self, calls: ExtenderCalls) -> None:
        await self._extender_ready()
        seed = self._options.shape.seed
        self.scheduler = Scheduler(self.store, self.api.writer, self.identities, calls, self._clock, seed)
        self.simulation.begin()
        await self.scheduler.run()

    async def _extender_ready(self) -> None:
        if not self._options.wait_for:
            return
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while True:
                try:
                    if (await client.get(self._options.wait_for)).status_code == _OK:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(_POLL_S)


def write_kubeconfig(path: Path, server: str) -> None:
    """A kubeconfig for the lab: any client that reads it (ours, kubectl) talks to this server."""
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": server}}],
        "users": [{"name": "lab", "user": {}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree, indent=1) + "\n")
