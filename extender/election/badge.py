"""The label on the pod of the active replica, by which the Service finds it: trimtab.dev/active=true."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from urllib.parse import quote

import msgspec

from extender.kube import KubeApi, KubeError

LABEL = "trimtab.dev/active"
_MERGE = "application/merge-patch+json"
_TIMEOUT_S = 2.0
_RETRY_S, _RETRY_MOST_S = 0.5, 10.0
_OK, _NOT_FOUND = 200, 404

log = logging.getLogger(__name__)


class Badge:
    """Set `wanted`, call `changed`, and keep `run` running: it tries until the pod is as wanted."""

    def __init__(self, api: KubeApi, namespace: str, pod: str) -> None:
        """`pod`: this replica's own; empty: it runs in none that is known, and no label is written."""
        self._api = api
        self._folder = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
        self._pod = pod
        self._wanted = False
        self._shown: bool | None = None
        """None: unknown, as after a restart of the container in its pod."""
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()

    def wear(self, *, on: bool) -> None:
        self._wanted = on
        self._settled.clear()
        self._changed.set()

    async def settled(self, within_s: float) -> None:
        """Wait until the pod is as wanted, but not longer."""
        if self._pod:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._settled.wait()

    async def run(self) -> None:
        if not self._pod:
            log.warning(
                "POD_NAME and POD_NAMESPACE are not set: no pod gets the label %s, so no Service can choose by it",
                LABEL,
            )
            return
        wait_s, told = _RETRY_S, ""
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted = self._wanted
            trouble = "" if wanted == self._shown else await self._put(self._pod, on=wanted)
            if not trouble:
                self._shown, wait_s, told = wanted, _RETRY_S, ""
                if wanted == self._wanted:
                    self._settled.set()
                continue
            self._shown = None
            if trouble != told:
                log.warning("the label %s of pod %s cannot be written: %s", LABEL, self._pod, trouble)
                told = trouble
            await asyncio.sleep(wait_s)
            wait_s = min(_RETRY_MOST_S, 2 * wait_s)
            self._changed.set()

    async def take_from(self, pod: str) -> None:
        """From the pod of a leader that died without taking it off; once, for its own start does it as well."""
        if self._pod and pod and pod != self._pod and (trouble := await self._put(pod, on=False)):
            log.warning("the label %s of pod %s cannot be taken off: %s", LABEL, pod, trouble)

    async def _put(self, pod: str, *, on: bool) -> str:
        """ "" or what is wrong. A pod that is gone has no label."""
        body = msgspec.json.encode({"metadata": {"labels": {LABEL: "true" if on else None}}})
        try:
            answer = await self._api.request(
                "PATCH",
                f"{self._folder}/{quote(pod, safe='')}",
                body=body,
                content_type=_MERGE,
                timeout_s=_TIMEOUT_S,
            )
        except KubeError as trouble:
            return str(trouble)
        if answer.status == _OK or (answer.status == _NOT_FOUND and not on):
            return ""
        return f"{answer.status} {answer.message}; grant patch on pods"
