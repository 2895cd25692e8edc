"""From policy text to the engine: which source, where the last good one is kept, who is told, and the swap itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from extender.engine.engine import Engine
from extender.engine.guards import Trip
from extender.engine.modes import Off
from extender.engine.profile import build
from extender.framework.compiled import CompiledPlugin
from extender.framework.info import catalogue_of
from extender.kube import KubeApi
from extender.policy import ParsedPolicy
from extender.policy.keeper import PolicyKeeper
from extender.policy.last_good import ConfigMapLastGood, FileLastGood, LastGood
from extender.policy.sources.configmap import ConfigMapSource
from extender.policy.sources.file import FileSource
from extender.policy.status import ConfigMapStatusWriter, StatusWriter
from extender.policy.verdicts import Verdict
from extender.policy.worker import Parser
from extender.record import frames
from extender.settings import ExtenderSettings

_LOG = logging.getLogger(__name__)


class Steering:
    """The policy of one extender. Without a source every plugin stays off."""

    def __init__(
        self,
        settings: ExtenderSettings,
        kernels: Mapping[str, CompiledPlugin],
        engine: Engine,
        api: KubeApi | None,
        offer: Callable[[frames.Frame], None],
    ) -> None:
        self._kernels = kernels
        self._engine = engine
        self._offer = offer
        self._source = _source(settings, api)
        catalogue = catalogue_of(compiled.plugin for compiled in kernels.values())
        self._parser = Parser(catalogue)
        self._keeper = PolicyKeeper(
            catalogue,
            self._activate,
            last_good=_last_good(settings, api),
            guard_book=_guard_book(settings, api),
            status=_status(settings, api),
            on_change=self._record,
            parser=self._parser,
        )
        self._taking_back: set[asyncio.Task[None]] = set()
        engine.on_trip = self._tripped

    @property
    def settled(self) -> bool:
        """It is known what is in effect."""
        return self._source is None or self._keeper.settled.is_set()

    async def run(self) -> None:
        """Follow the source until cancelled."""
        if self._source is None:
            return
        try:
            await self._source.run(self._keeper.offer)
        finally:
            await self._keeper.close()

    async def lead(self) -> None:
        """This replica writes what all share: see PolicyKeeper."""
        await self._keeper.lead()

    def follow(self) -> None:
        self._keeper.follow()

    def poke(self) -> None:
        """Look at the source now."""
        if self._source is not None:
            self._source.poke()

    async def parse(self, text: bytes) -> ParsedPolicy:
        """Judge a text without using it. Raises PolicyRefused."""
        return await self._parser.parse(text)

    def configz(self) -> dict[str, Any]:
        return self._keeper.configz()

    async def _activate(self, policy: ParsedPolicy, revision: str) -> None:
        """Everything is compiled since the boot: binding args and swapping one reference is all."""
        off = [Off(verdict.guard, verdict.plugin) for verdict in self._keeper.verdicts if verdict.then == "disable"]
        self._engine.activate(build(policy, revision, self._kernels), off)

    def _tripped(self, trip: Trip) -> None:
        task = asyncio.get_running_loop().create_task(self._take_back(trip, self._engine.policy.revision))
        self._taking_back.add(task)
        task.add_done_callback(self._taking_back.discard)

    async def _take_back(self, trip: Trip, revision: str) -> None:
        """What the guard decided is carried out, kept for the next start, and told."""
        guard = trip.guard
        at = datetime.fromtimestamp(trip.at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        _LOG.error("guard %s of policy revision %s: %s", guard.name, revision, trip.why)
        back_to = await self._keeper.obey(
            Verdict(
                guard.name, guard.then, trip.why, at, revision, guard.plugin or "" if guard.then == "disable" else ""
            )
        )
        self._offer(
            frames.GuardTrip(
                at_us=int(trip.at_s * 1e6),
                guard=guard.name,
                then=guard.then,
                why=trip.why,
                revision=revision,
                plugin=guard.plugin or "",
                back_to=back_to,
            )
        )

    def _record(self, revision: str, hash_: str, source: str, document: Mapping[str, Any], error: str) -> None:
        self._offer(
            frames.Policy(
                at_us=int(time.time() * 1e6),
                revision=revision,
                hash=hash_,
                source=source,
                document=dict(document),
                error=error,
            )
        )


def _source(settings: ExtenderSettings, api: KubeApi | None) -> FileSource | ConfigMapSource | None:
    if settings.policy_file is not None:
        return FileSource(settings.policy_file)
    if settings.policy_name and api is not None:
        return ConfigMapSource(api, settings.policy_namespace, settings.policy_name)
    return None


def _last_good(settings: ExtenderSettings, api: KubeApi | None) -> LastGood | None:
    if settings.policy_file is not None:
        return FileLastGood.beside(settings.policy_file)
    if settings.policy_name and api is not None:
        return ConfigMapLastGood(api, settings.policy_namespace, settings.policy_name)
    return None


def _guard_book(settings: ExtenderSettings, api: KubeApi | None) -> LastGood | None:
    if settings.policy_file is not None:
        return FileLastGood.guards_beside(settings.policy_file)
    if settings.policy_name and api is not None:
        return ConfigMapLastGood.guards(api, settings.policy_namespace, settings.policy_name)
    return None


def _status(settings: ExtenderSettings, api: KubeApi | None) -> StatusWriter | None:
    if settings.policy_name and api is not None:
        return ConfigMapStatusWriter(api, settings.policy_namespace, settings.policy_name, settings.replica)
    return None
