"""What all keepers of a status share: when they work, whom they give way to, and how a status is written.

A keeper works only while some profile has its plugin, and only on objects whose status nobody else writes. What has
changed is looked after a few at a time; what fails is told once for each new trouble, and looked after again.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from prometheus_client import Counter

from extender.controllers.controller import Surroundings
from extender.controllers.field_manager import MANAGER, is_anothers
from extender.kube import KubeError

_LOG = logging.getLogger(__name__)

ROUND_S = 1.0
# Looked after in one round; the others wait for the next.
PER_ROUND = 50
_MERGE = "application/merge-patch+json"
_OK, _NOT_FOUND, _CONFLICT = 200, 404, 409


class StatusKeeper(ABC):
    """A Controller. What it looks after has keys of the keeper's own choice: objects, or their namespaces."""

    name: str

    def __init__(self, around: Surroundings, plugin: str, kind: str, results: Counter) -> None:
        """`results` counts what became of each write, by `written` and `failed`."""
        self._around = around
        self._plugin = plugin
        self._kind = kind
        self._results = results
        self._changed: dict[str, None] = {}
        """Keys to look after, in the order in which something happened to them."""
        self._on = False
        self._aside: set[str] = set()
        """Objects whose status somebody else writes."""
        self._trouble = ""

    def status(self) -> dict[str, Any]:
        return {
            "on": self._on,
            "waiting": len(self._changed),
            "standsAside": sorted(self._aside),
            "trouble": self._trouble,
        }

    async def run(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(ROUND_S)

    async def round(self) -> None:
        """Look after that to which something has happened; all of it when the plugin has just been switched on."""
        was_on, self._on = self._on, self._is_wanted()
        if not self._on:
            self._changed.clear()
            return
        if not was_on:
            self._changed.update(dict.fromkeys(self.all()))
        for key in list(self._changed)[:PER_ROUND]:
            del self._changed[key]
            try:
                await self.look_after(key)
            except (KubeError, msgspec.MsgspecError) as wrong:
                self._failed(key, str(wrong))

    # What each keeper says.

    @abstractmethod
    def all(self) -> Iterable[str]:
        """Every key there is."""

    @abstractmethod
    async def look_after(self, key: str) -> None:
        """Bring the status up to date. May raise KubeError."""

    # What it may use.

    def note(self, key: str) -> None:
        """Something has happened to it."""
        if self._on:
            self._changed[key] = None

    async def read(self, key: str, path: str, name: str) -> dict[str, Any] | None:
        """The object at `path`, if its status is ours to write. `name`: namespace/name, for people."""
        answer = await self._around.api.request("GET", path)
        if answer.status not in (_OK, _NOT_FOUND):
            self._failed(key, answer.message)
            return None
        found: dict[str, Any] | None = msgspec.json.decode(answer.body) if answer.status == _OK else None
        if found is not None and is_anothers(found):
            self._aside.add(name)
            return None
        self._aside.discard(name)
        return found

    async def write(self, key: str, path: str, found: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Merge `status` into the object as it was read; if it has changed meanwhile, it is looked after once more."""
        version = found["metadata"]["resourceVersion"]
        body = msgspec.json.encode({"metadata": {"resourceVersion": version}, "status": status})
        answer = await self._around.api.request(
            "PATCH", f"{path}/status", query={"fieldManager": MANAGER}, body=body, content_type=_MERGE
        )
        if answer.status == _OK:
            self._trouble = ""
            self._results.labels("written").inc()
        elif answer.status == _CONFLICT:
            self._changed[key] = None
        elif answer.status != _NOT_FOUND:
            self._failed(key, answer.message)

    def _is_wanted(self) -> bool:
        profiles = self._around.engine.policy.profiles.values()
        return any(seat.name == self._plugin for profile in profiles for seat in profile.seats)

    def _failed(self, key: str, why: str) -> None:
        self._results.labels("failed").inc()
        if why != self._trouble:
            _LOG.warning("the status of %s %s could not be written: %s", self._kind, key, why)
        self._trouble = why
        self._changed[key] = None
