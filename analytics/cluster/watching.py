"""The live cluster: one follower for each kind, what nodes use, and views of it all for other threads."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import httpx

from analytics.cluster import metrics
from analytics.cluster.cluster import Cluster
from analytics.cluster.follower import Follower
from analytics.cluster.kinds import EVENTS, NODES, OBJECTS, PODS
from analytics.cluster.kinds import tenants_configmap as tenants_configmap_kind
from analytics.cluster.usage import (
    ANSWER_WITHIN_S,
    NoUsage,
    by_namespace,
    from_load_watcher,
    from_metrics_api,
    from_prometheus,
)
from analytics.cluster.view import ClusterView, Usage
from extender.kube import KubeApi

RENEWED_S = 0.5
"""A view is made anew at most so often, however much changes."""
PODS_MEASURED_S = 60.0
"""They are many: what they use is asked for at most so often."""
_LOG = logging.getLogger(__name__)


class Watching:
    """`run` on the event loop; what it sees is asked of `cluster`, from any thread."""

    def __init__(
        self,
        api: KubeApi,
        cluster: Cluster,
        *,
        prometheus: Callable[[], str] = lambda: "",
        load_watcher: Callable[[], str] = lambda: "",
        interval_s: Callable[[], float] = lambda: 30.0,
        tenants_configmap: tuple[str, str] | None = None,
    ) -> None:
        """The callables say what the settings are by now. `tenants_configmap`: (namespace, name)."""
        self._api = api
        self._prometheus = prometheus
        self._load_watcher = load_watcher
        self._interval_s = interval_s
        self._nodes = Follower(api, NODES, self._changed)
        self._pods = Follower(api, PODS, self._changed)
        kinds = (*OBJECTS, *((tenants_configmap_kind(*tenants_configmap),) if tenants_configmap else ()))
        self._objects = [Follower(api, kind, self._changed) for kind in kinds]
        self._events = Follower(api, EVENTS, self._changed)
        self._usage: dict[str, Usage] = {}
        self._usage_error = ""
        self._namespace_usage: dict[str, Usage] = {}
        self._is_stale = True
        self._view = ClusterView(at_us=time.time_ns() // 1000, known=False, why_not="the first lists are on their way")
        cluster.attach(lambda: self._view, self.status)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for follower in self._every():
                group.create_task(follower.run())
            group.create_task(self._measure())
            group.create_task(self._measure_pods())
            group.create_task(self._renew())

    def status(self) -> dict[str, Any]:
        return {
            "known": self._view.known,
            "kinds": [follower.status() for follower in self._every()],
            "usage": {"nodes": len(self._usage), "error": self._usage_error},
        }

    def _every(self) -> list[Follower]:
        return [self._nodes, self._pods, self._events, *self._objects]

    def _changed(self) -> None:
        self._is_stale = True

    async def _renew(self) -> None:
        """Views are made on the loop, where nothing changes meanwhile: other threads only take the newest."""
        while True:
            if self._is_stale:
                self._is_stale = False
                self._view = self._seen()
            await asyncio.sleep(RENEWED_S)

    def _seen(self) -> ClusterView:
        at_us = time.time_ns() // 1000
        waiting = [follower for follower in (self._nodes, self._pods) if not follower.listed]
        if waiting:
            why = "; ".join(f"{f.kind.name} are not listed yet{f': {f.error}' if f.error else ''}" for f in waiting)
            return ClusterView(at_us=at_us, known=False, why_not=why)
        return ClusterView(
            at_us=at_us,
            known=True,
            nodes=dict(self._nodes.found),
            pods=dict(self._pods.found),
            usage=dict(self._usage),
            events=tuple(event for event in self._events.found.values() if event.uid),
            namespace_usage=self._namespace_usage,
            objects={f.kind.name: dict(f.found) for f in self._objects if f.listed and f.present},
        )

    async def _measure(self) -> None:
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False) as client:
            while True:
                if self._nodes.listed:
                    await self._measured(client)
                await asyncio.sleep(self._interval_s() if self._nodes.listed else RENEWED_S)

    async def _measure_pods(self) -> None:
        """By the metrics API alone: the other sources know nodes only. Where it does not answer, nobody knows."""
        while True:
            if self._pods.listed:
                try:
                    self._namespace_usage = await by_namespace(self._api)
                except NoUsage as why:
                    _LOG.debug("what pods use is not known: %s", why)
                    self._namespace_usage = {}
                self._changed()
            await asyncio.sleep(max(PODS_MEASURED_S, self._interval_s()) if self._pods.listed else RENEWED_S)

    async def _measured(self, client: httpx.AsyncClient) -> None:
        """The newest measures; those that a source does not renew stay, and grow old."""
        try:
            if address := self._load_watcher():
                found = await from_load_watcher(client, address, self._nodes.found)
            elif address := self._prometheus():
                found = await from_prometheus(client, address, self._nodes.found)
            else:
                found = await from_metrics_api(self._api)
        except NoUsage as why:
            metrics.USAGE_FAILURES.inc()
            if str(why) != self._usage_error:
                _LOG.warning("what nodes use is not known: %s", why)
            self._usage_error = str(why)
            return
        self._usage_error = ""
        self._usage = {name: usage for name, usage in (self._usage | found).items() if name in self._nodes.found}
        metrics.USAGE_NODES.set(len(found))
        self._changed()
