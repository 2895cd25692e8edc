"""One ConfigMap, listed and watched through the API: an edit is seen within milliseconds.

A watch is resumed at the last resourceVersion; only 410 Gone, a row of failures and a poke begin again with a list.
What is offered is the data: an edit of labels or annotations, our own status among them, is no revision.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from extender.kube import KubeApi, KubeError
from extender.policy.text import PolicyText, data_hash, text_of
from extender.telemetry import metrics

WATCH_S = 290
"""How long the server is asked to keep one watch."""
READ_TIMEOUT_S = 120.0
"""Bookmarks come about every minute; a connection that says nothing for longer is dead."""
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 15.0
STEADY_S = 30.0
"""A watch that lasted so long worked; the next trouble starts a new row of attempts."""
RELIST_AFTER = 5
"""Attempts in a row that end in trouble before we distrust the resourceVersion itself."""
_GONE = 410
_FORBIDDEN = (401, 403)

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer", bound=msgspec.Struct)
Offer = Callable[[PolicyText], Awaitable[None]]


class _Gone(Exception):
    """The resourceVersion is too old; list again."""


class ConfigMapSource:
    def __init__(self, api: KubeApi, namespace: str, name: str, *, clock: Callable[[], float] = time.time) -> None:
        self.source = f"configmap/{namespace}/{name}"
        self._api = api
        self._path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps"
        self._select = {"fieldSelector": f"metadata.name={name}"}
        self._name = name
        self._clock = clock
        self._poked = asyncio.Event()
        self._version: str | None = None
        """Where the next watch begins; None: list first."""
        self._offered: str | None = None
        """data_hash of what was offered last; empty: it was absent; None: nothing was offered yet."""
        self._revision = ""
        """resourceVersion at which that was first seen."""
        self._forced = False

    def poke(self) -> None:
        """List now, and offer what is there even if it has not changed."""
        self._poked.set()

    async def run(self, offer: Offer) -> None:
        """Offers what the ConfigMap holds now, then every change of its data. Runs until cancelled."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                async for text in self._texts():
                    await offer(text)
                cause = "ended"
            except _Gone:
                cause, self._version = "gone", None
            except KubeError as trouble:
                cause = "error"
                await self._report(trouble, offer)
            self._restarted(cause)
            failures = 0 if cause == "ended" or time.monotonic() - began > STEADY_S else failures + 1
            if failures >= RELIST_AFTER:
                self._version = None
            await self._pause(self._backoff_s(failures))

    async def _texts(self) -> AsyncIterator[PolicyText]:
        """New texts until the watch ends by itself or is interrupted by a poke. Raises _Gone, KubeError."""
        if self._poked.is_set():
            self._poked.clear()
            self._version, self._forced = None, True
        if self._version is None:
            listed = await self._list()
            for text in self._changed(listed):
                yield text
        lines = self._api.stream(self._path, query=self._watch_query(), read_timeout_s=READ_TIMEOUT_S)
        async for line in _until(lines, self._poked):
            for text in self._heard(line):
                yield text

    async def _list(self) -> _Object | None:
        """The ConfigMap as it is now, or None; sets where to watch from."""
        answer = await self._api.request("GET", self._path, query=self._select)
        if answer.status == _GONE:
            raise _Gone
        if answer.status != 200:  # noqa: PLR2004
            raise KubeError(f"{self.source}: HTTP {answer.status} {answer.message}", status=answer.status)
        found = _decoded(answer.body, _List)
        if not found.metadata.resourceVersion:
            raise KubeError(f"{self.source}: the list has no resourceVersion to watch from")
        self._version = found.metadata.resourceVersion
        # An old or odd server may not know the field selector.
        return next((item for item in found.items or () if item.metadata.name == self._name), None)

    def _watch_query(self) -> dict[str, str]:
        return {
            **self._select,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version or "",
            "timeoutSeconds": str(WATCH_S),
        }

    def _heard(self, line: bytes) -> list[PolicyText]:
        event = _decoded(line, _Event)
        seen = event.object
        if event.type == "ERROR":
            if seen.code == _GONE:
                raise _Gone
            raise KubeError(f"{self.source}: the watch failed: {seen.message or 'no reason given'}")
        texts: list[PolicyText] = []
        if event.type in ("ADDED", "MODIFIED", "DELETED") and seen.metadata.name == self._name:
            texts = self._changed(None if event.type == "DELETED" else seen)
        self._version = seen.metadata.resourceVersion or self._version
        return texts

    def _changed(self, seen: _Object | None) -> list[PolicyText]:
        held = "" if seen is None else data_hash(seen.held())
        if held == self._offered and not self._forced:
            return []
        if held != self._offered:
            self._offered, self._revision = held, "" if seen is None else seen.metadata.resourceVersion
        self._forced = False
        text = None if seen is None else text_of(seen.held())
        return [PolicyText(text, self._revision, self.source, self._clock())]

    async def _report(self, trouble: KubeError, offer: Offer) -> None:
        """Say what keeps us from the policy: once at the start, and each time that rights are missing."""
        log.warning("cannot follow %s: %s; will try again", self.source, trouble)
        refused = trouble.status in _FORBIDDEN
        if self._offered is None or refused:
            self._forced = True
            hint = "; grant get, list and watch on it" if refused else ""
            await offer(PolicyText(None, "", self.source, self._clock(), f"{trouble}{hint}"))

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._poked.wait(), seconds)
        except TimeoutError:
            return

    def _backoff_s(self, failures: int) -> float:
        longest = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(failures, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads replicas, hides nothing

    def _restarted(self, cause: str) -> None:
        metrics.WATCH_RESTARTS.labels("policy", cause).inc()


async def _until(lines: AsyncIterator[bytes], interrupted: asyncio.Event) -> AsyncIterator[bytes]:
    """Lines as they come, until `interrupted` is set. Only waiting is interrupted, never the use of a line."""
    stop = asyncio.ensure_future(interrupted.wait())
    try:
        while True:
            coming = asyncio.ensure_future(anext(lines, None))
            try:
                await asyncio.wait({coming, stop}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not coming.done():
                    coming.cancel()
                    await asyncio.wait({coming})
            line = None if coming.cancelled() else coming.result()
            if line is None:
                return
            yield line
    finally:
        stop.cancel()
        close = getattr(lines, "aclose", None)
        if close is not None:
            await close()


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""
    resourceVersion: str = ""  # noqa: N815 - the API's own word


class _Object(msgspec.Struct, frozen=True):
    """A ConfigMap, or the Status that an ERROR event carries."""

    metadata: _Metadata = _Metadata()
    data: dict[str, str] | None = None
    binaryData: dict[str, str] | None = None  # noqa: N815
    code: int = 0
    message: str = ""

    def held(self) -> dict[str, Any]:
        return {"data": self.data, "binaryData": self.binaryData}


class _List(msgspec.Struct, frozen=True):
    metadata: _Metadata
    items: list[_Object] | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: _Object


def _decoded(body: bytes, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as trouble:
        raise KubeError(f"the API server's answer makes no sense: {trouble}") from trouble
