"""The checks of GET /api/v1/health (R-032). Anybody may ask, so the cluster is asked once in a while only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from extender.control.problems import Refused
from extender.control.restart import Restarter
from extender.control.store import PolicyStore
from extender.kube import KubeApi, KubeError

KEEP_S: Final = 2.0
_OK: Final = 200


class Health:
    def __init__(
        self,
        store: PolicyStore,
        api: KubeApi | None,
        restarter: Restarter | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`api`: None where the policy is a file; then the one check is `policy_file`."""
        self._store = store
        self._api = api
        self._restarter = restarter
        self._clock = clock
        self._kept: tuple[float, dict[str, str]] | None = None
        self._asking = asyncio.Lock()

    async def checks(self) -> dict[str, str]:
        """Check -> `ok`, or what is wrong."""
        async with self._asking:
            if self._kept is None or self._clock() - self._kept[0] > KEEP_S:
                found = await self._all()
                self._kept = (self._clock(), found)
            return self._kept[1]

    async def _all(self) -> dict[str, str]:
        if self._api is None:
            return {"policy_file": await self._policy()}
        server, policy, deployment = await asyncio.gather(self._server(self._api), self._policy(), self._deployment())
        return {"kubernetes_api": server, "configmap": policy, "scheduler_deployment": deployment}

    async def _server(self, api: KubeApi) -> str:
        """`/version` is open to whoever is authenticated."""
        try:
            answer = await api.request("GET", "/version", timeout_s=3.0)
        except KubeError as why:
            return str(why)
        return "ok" if answer.status == _OK else f"HTTP {answer.status} {answer.message}"

    async def _policy(self) -> str:
        try:
            await self._store.read()
        except Refused as refused:
            return refused.message
        return "ok"

    async def _deployment(self) -> str:
        return "ok" if self._restarter is None else await self._restarter.check()
