"""Follows one kind: a list in pages, then a watch from there, and the list again where the server has forgotten."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec

from analytics.cluster import metrics
from analytics.cluster.kinds import UNREADABLE, Kind
from extender.kube import KubeApi, KubeError

PAGE = 500
PAGE_TIMEOUT_S = 30.0
WATCH_S = (240, 360)
"""How long one watch lasts; spread, so that those of all kinds do not end together."""
SILENCE_S = 420.0
FIRST_WAIT_S, MOST_WAIT_S = 0.5, 20.0
ABSENT_RETRY_S = 60.0
_TOGETHER = 200
"""Objects that are read before others on the loop have their turn."""
_OK, _FORBIDDEN, _NOT_FOUND, _GONE = 200, 403, 404, 410
_LOG = logging.getLogger(__name__)


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Head(msgspec.Struct, gc=False):
    metadata: _Meta


class _ListMeta(msgspec.Struct, gc=False, rename={"resource_version": "resourceVersion", "token": "continue"}):
    resource_version: str = ""
    token: str = ""


class _List(msgspec.Struct, gc=False):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Frame(msgspec.Struct, gc=False):
    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct, gc=False):
    code: int = 0
    message: str = ""


_HEAD = msgspec.json.Decoder(_Head)
_LIST = msgspec.json.Decoder(_List)
_FRAME = msgspec.json.Decoder(_Frame)
_STATUS = msgspec.json.Decoder(_Status)


class Follower:
    """`run` until cancelled. `found` is replaced by nobody else, and read by anybody on the same event loop."""

    def __init__(self, api: KubeApi, kind: Kind, changed: Callable[[], None]) -> None:
        """`changed` is called after anything in `found`, or what is known of it, is another than before."""
        self.kind = kind
        self.found: dict[str, Any] = {}
        self.listed = False
        """A whole list has been read, or the kind is known to be absent."""
        self.present = True
        self.error = ""
        self._api = api
        self._changed = changed
        self._version = ""
        self._wait_s = FIRST_WAIT_S

    def status(self) -> dict[str, Any]:
        return {
            "kind": self.kind.name,
            "objects": len(self.found),
            "listed": self.listed,
            "present": self.present,
            "error": self.error,
        }

    async def run(self) -> None:
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except KubeError as trouble:
                await self._in_trouble(trouble)

    async def _in_trouble(self, trouble: KubeError) -> None:
        if trouble.status == _GONE:
            self._version = ""
            return await self._rest()
        if self.kind.optional and trouble.status in (_NOT_FOUND, _FORBIDDEN):
            self._version, self.found = "", {}
            self.listed, self.present = True, False
            self.error = str(trouble) if trouble.status == _FORBIDDEN else ""
            self._changed()
            return await asyncio.sleep(ABSENT_RETRY_S)
        if str(trouble) != self.error:
            _LOG.warning("%s: %s", self.kind.name, trouble)
        self.error = str(trouble)
        self._changed()
        return await self._rest()

    async def _rest(self) -> None:
        metrics.WATCH_RESTARTS.labels(self.kind.name).inc()
        await asyncio.sleep(self._wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
        self._wait_s = min(MOST_WAIT_S, 2 * self._wait_s)

    async def _list(self) -> None:
        found: dict[str, Any] = {}
        token = ""
        while True:
            page = await self._page(token)
            for count, raw in enumerate(page.items or ()):
                key, value = self._read(raw)
                if key:
                    found[key] = value
                if count % _TOGETHER == 0:
                    await asyncio.sleep(0)
            token = page.metadata.token
            if not token:
                break
        self.found, self._version = found, page.metadata.resource_version
        self.listed = self.present = True
        self._is_well()

    async def _page(self, token: str) -> _List:
        query = self._query(limit=str(PAGE)) | ({"continue": token} if token else {})
        answer = await self._api.request("GET", self.kind.path, query=query, timeout_s=PAGE_TIMEOUT_S)
        if answer.status != _OK:
            raise KubeError(f"GET {self.kind.path}: {answer.status} {answer.message}", status=answer.status)
        try:
            return _LIST.decode(answer.body)
        except UNREADABLE as odd:
            raise KubeError(f"GET {self.kind.path}: not a list: {odd}") from odd

    async def _watch(self) -> None:
        query = self._query(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=self._version,
            timeoutSeconds=str(random.randint(*WATCH_S)),  # noqa: S311 - spreads load
        )
        async with aclosing(self._api.lines(self.kind.path, query=query, read_timeout_s=SILENCE_S)) as reads:
            async for lines in reads:
                for count, line in enumerate(lines):
                    self._take(line)
                    if count % _TOGETHER == _TOGETHER - 1:
                        await asyncio.sleep(0)
                self._is_well()

    def _take(self, line: bytes) -> None:
        """Raises KubeError: what the server says of an error, or for a line that is no event (one is lost with it)."""
        try:
            frame = _FRAME.decode(line)
        except UNREADABLE as odd:
            raise KubeError(f"WATCH {self.kind.path}: not an event: {line[:80]!r}") from odd
        metrics.WATCH_EVENTS.labels(self.kind.name).inc()
        if frame.type == "ERROR":
            raise self._told(frame.object)
        try:
            meta = _HEAD.decode(frame.object).metadata
        except UNREADABLE:
            metrics.OBJECTS_REFUSED.labels(self.kind.name).inc()
            return
        self._version = meta.resource_version or self._version
        if frame.type == "DELETED":
            self.found.pop(self._key(meta), None)
        elif frame.type in ("ADDED", "MODIFIED"):
            key, value = self._read(frame.object)
            if key:
                self.found[key] = value

    def _told(self, raw: msgspec.Raw) -> KubeError:
        try:
            status = _STATUS.decode(raw)
        except UNREADABLE:
            status = _Status(message="an error that is no Status")
        return KubeError(f"WATCH {self.kind.path}: {status.code} {status.message}", status=status.code or None)

    def _read(self, raw: msgspec.Raw) -> tuple[str, Any]:
        """(key, value); an object that cannot be read is left out, as one that was read before stays."""
        try:
            return self._key(_HEAD.decode(raw).metadata), self.kind.read(raw)
        except UNREADABLE as odd:
            metrics.OBJECTS_REFUSED.labels(self.kind.name).inc()
            _LOG.warning("one of %s is left out: %s", self.kind.name, odd)
            return "", None

    def _key(self, meta: _Meta) -> str:
        if self.kind.by_uid:
            return meta.uid
        return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name

    def _query(self, **fields: str) -> dict[str, str]:
        return fields | ({"fieldSelector": self.kind.selector} if self.kind.selector else {})

    def _is_well(self) -> None:
        self.error, self._wait_s = "", FIRST_WAIT_S
        self._changed()
