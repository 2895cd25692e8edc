"""One ConfigMap with settings, listed and watched through the API server."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import quote

import msgspec

from analytics.config.live import LiveConfig
from extender.kube import KubeApi, KubeError

WATCH_S: Final = 290
READ_TIMEOUT_S: Final = 120.0
"""Bookmarks come about every minute; a connection that says nothing for longer is dead."""
AGAIN_S: Final = 0.5
AGAIN_MAX_S: Final = 30.0
_OK: Final = 200
_LOG: Final = logging.getLogger(__name__)


class ConfigMapFollower:
    def __init__(self, api: KubeApi, namespace: str, name: str) -> None:
        self.source = source_of(namespace, name)
        self._api = api
        self._name = name
        self._path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps"
        self._select = {"fieldSelector": f"metadata.name={name}"}

    async def run(self, live: LiveConfig) -> None:
        """Puts what it holds now, and every change of it, until cancelled. What goes wrong is told by `live`."""
        pause = AGAIN_S
        while True:
            try:
                version = await self._list(live)
                pause = AGAIN_S
                while version:
                    version = await self._watch(live, version)
            except KubeError as why:
                hint = "; grant get, list and watch on it" if why.status in (401, 403) else ""
                live.fail(self.source, f"cannot be followed: {why}{hint}; what was read before stays in effect")
            except Exception:  # noqa: BLE001 - whoever listens has a fault; the settings are followed on
                _LOG.exception("a change of the settings could not be carried out")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads replicas, hides nothing
            pause = min(2 * pause, AGAIN_MAX_S)

    async def _list(self, live: LiveConfig) -> str:
        """Where to watch from. Raises KubeError."""
        answer = await self._api.request("GET", self._path, query=self._select)
        if answer.status != _OK:
            raise KubeError(f"HTTP {answer.status} {answer.message}", status=answer.status)
        listed: _List = _decoded(answer.body, _List)
        self._put(live, next((each for each in listed.items or () if each.metadata.name == self._name), None))
        return listed.metadata.resourceVersion

    async def _watch(self, live: LiveConfig, version: str) -> str:
        """Until the server ends the watch; where to go on, or nothing: list again. Raises KubeError."""
        query = {
            **self._select,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_S),
        }
        async with aclosing(self._api.lines(self._path, query=query, read_timeout_s=READ_TIMEOUT_S)) as found:
            async for lines in found:
                for line in lines:
                    event: _Event = _decoded(line, _Event)
                    if event.type == "ERROR":
                        return ""
                    if event.type != "BOOKMARK" and event.object.metadata.name == self._name:
                        self._put(live, None if event.type == "DELETED" else event.object)
                    version = event.object.metadata.resourceVersion or version
        return version

    def _put(self, live: LiveConfig, seen: _Object | None) -> None:
        """One that does not exist (any more) gives no keys."""
        live.put(self.source, (seen.data or {}) if seen else {})


def source_of(namespace: str, name: str) -> str:
    return f"configmap {namespace}/{name}"


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""
    resourceVersion: str = ""  # noqa: N815 - the API's own word


class _Object(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    data: Mapping[str, str] | None = None


class _List(msgspec.Struct, frozen=True):
    metadata: _Metadata
    items: list[_Object] | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: _Object


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as why:
        raise KubeError(f"an answer of the API server cannot be read: {why}") from why
