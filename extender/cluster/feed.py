"""The Kubernetes feed: one informer per resource, watched over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from extender.cluster.backoff import Backoff
from extender.cluster.informer import Informer
from extender.cluster.resource import NODES, PODS, KindLike, Resource, custom
from extender.cluster.state import ClusterState
from extender.kube import KubeApi
from extender.telemetry.metrics import WATCH_LAG, WATCH_RESTARTS

log = logging.getLogger(__name__)

LAG_SHOWN_EVERY_S = 1.0


class KubernetesFeed:
    """Nodes, pods and the declared kinds of one API server, applied to the state as they change."""

    def __init__(
        self,
        api: KubeApi,
        state: ClusterState,
        kinds: Sequence[KindLike],
        clock: Callable[[], float] = time.time,
    ) -> None:
        # All take turns: together they keep the loop no longer than one of them.
        queue = asyncio.Lock()
        self._informers = [
            Informer(api, state, NODES, clock, queue),
            Informer(api, state, PODS, clock, queue, held=lambda: list(state.assumed)),
            *(Informer(api, state, resource, clock, queue) for resource in _each_once(kinds)),
        ]
        # The loop itself keeps only weak references to tasks.
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def synced(self) -> bool:
        """Every core resource, and every declared kind that the cluster has, was listed in full once."""
        return all(informer.synced for informer in self._informers)

    def status(self) -> list[dict[str, Any]]:
        """Per resource: resource, synced, present, lag_s, objects, refused, error."""
        return [informer.status() for informer in self._informers]

    async def run(self) -> None:
        """Feed the state until cancelled."""
        self._tasks = [asyncio.create_task(_watched_over(informer)) for informer in self._informers]
        try:
            while True:
                for told in self.status():
                    WATCH_LAG.labels(told["resource"]).set(told["lag_s"])
                await asyncio.sleep(LAG_SHOWN_EVERY_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _each_once(kinds: Sequence[KindLike]) -> list[Resource]:
    """Plugins may declare the same kind; its status is kept if one of them reads it."""
    frugal_first = sorted(kinds, key=lambda kind: kind.status)
    return list({resource.path: resource for resource in map(custom, frugal_first)}.values())


async def _watched_over(informer: Informer) -> None:
    """An informer that dies of a fault of ours is counted and begun again: silence would be a stale cluster."""
    backoff = Backoff()
    while True:
        try:
            await informer.run()
        except Exception as fault:
            informer.error = f"fault: {fault!r}"
            informer.begin_again()
            log.exception("the informer of %s failed and is begun again", informer.resource.name)
        WATCH_RESTARTS.labels(informer.resource.name, "fault").inc()
        await asyncio.sleep(backoff.next_s())
