"""The cluster, looked at once: for analyses that print and end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from analytics.cluster import Cluster
from analytics.cluster.watching import Watching
from analytics.programs.program import CannotAnswer
from extender.kube import KubeApi, KubeError

WITHIN_S: Final = 20.0
"""For the first lists."""
MEASURED_WITHIN_S: Final = 3.0
"""For what nodes use; it may stay unknown."""
_LOOK_EVERY_S: Final = 0.1


def cluster_of(given: Mapping[str, Any]) -> Cluster:
    """As it is now, where --kubeconfig or this pod says which; else nowhere. Raises CannotAnswer."""
    if given["kubeconfig"] is None and "KUBERNETES_SERVICE_HOST" not in os.environ:
        return Cluster.nowhere()
    try:
        return asyncio.run(_seen(given))
    except KubeError as why:
        raise CannotAnswer(f"--kubeconfig: {why}") from why


async def _seen(given: Mapping[str, Any]) -> Cluster:
    api = await KubeApi.connect(given["kubeconfig"])
    cluster = Cluster.nowhere()
    watching = Watching(
        api,
        cluster,
        prometheus=lambda: str(given["prometheus"]),
        load_watcher=lambda: str(given["load_watcher"]),
        tenants_configmap=given["tenants_configmap"],
    )
    task = asyncio.create_task(watching.run())
    try:
        if not await _until(WITHIN_S, lambda: bool(cluster.view().known)):
            raise CannotAnswer(f"the API server {api.server} does not list the cluster: {cluster.view().why_not}")
        await _until(MEASURED_WITHIN_S, lambda: bool(cluster.view().usage or cluster.status()["usage"]["error"]))
        return Cluster.of(cluster.view())
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await api.close()


async def _until(within_s: float, true: Callable[[], bool]) -> bool:
    end = time.monotonic() + within_s
    while not true():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(_LOOK_EVERY_S)
    return True
