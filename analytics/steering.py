"""The part of a start that concerns changes: where the policy is, its history, the audit trail, and who may."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analytics.cluster.watching import Watching
from analytics.control import metrics
from analytics.control.access import ApiKey, Everybody, NoKey
from analytics.control.admin import Admin
from analytics.control.caller import Access
from analytics.control.calls import calls_of
from analytics.control.health import Health
from analytics.control.limits import Limits
from analytics.control.nowhere import Nowhere
from analytics.control.reviews import Reviews, targets
from analytics.control.tools import Tools
from analytics.views.sources import Sources
from analytics.web.calls import Control
from analytics.web.door import Door
from extender.control import (
    AllEffective,
    AnnotationEffective,
    Audit,
    ClusterTenants,
    ConfigMapStore,
    ControllerRevisionHistory,
    Desk,
    ExtenderAdmin,
    ExtenderCatalogue,
    ExtenderEffective,
    FileAudit,
    FileHistory,
    FileStore,
    FirstCatalogue,
    History,
    InstalledCatalogue,
    LogAudit,
    PolicyStore,
    Refused,
    Restarter,
    Schedule,
    ScheduledBackups,
)
from extender.control.seals import BadKey, Seal, Signer, signer_of
from extender.kube import KubeApi, KubeError

OBSERVE_S: Final = 5.0
WRITES_PER_S: Final = 20
BURST_S: Final = 10
"""A caller who was quiet may ask for as many changes at once as so many seconds allow."""
_LOG: Final = logging.getLogger(__name__)


class CannotSteer(Exception):
    """What changes need cannot be had. The text says what to do."""


@dataclass(frozen=True, slots=True)
class SteeringSettings:
    auth: str
    """none, token or kubernetes."""
    policy_file: Path | None = None
    policy: tuple[str, str] = ("trimtab-system", "trimtab-policy")
    """Namespace and name of the ConfigMap."""
    deployment: tuple[str, str] = ("kube-system", "rescheduler-scheduler")
    in_cluster: bool = False
    """There is a cluster to ask."""
    kubeconfig: str | None = None
    history: Path | None = None
    audit_trail: Path | None = None
    api_key: Path | None = None
    writes_per_s: int = WRITES_PER_S
    """By one caller."""
    sealing_key: Path | None = None
    """Seals saved policies and archives (R-283)."""
    signing_key: Path | None = None
    """Signs the history."""
    backups: Schedule | None = None


@asynccontextmanager
async def steering(settings: SteeringSettings, sources: Sources, hosts: tuple[str, ...]) -> AsyncIterator[Control]:
    """Everything that changes need, for as long as the console runs. Raises CannotSteer."""
    extender = sources.extender
    async with AsyncExitStack() as stack:
        api = await _api(settings)
        if api is not None:
            stack.push_async_callback(api.close)
            stack.push_async_callback(_end, asyncio.create_task(_watched(api, sources).run()))
        access = _access(settings, api)
        admin = Admin(extender)
        stack.push_async_callback(admin.close)
        asked = ExtenderAdmin(extender)
        store = _store(settings, api)
        seal = _seal(settings)
        audit = _audit(settings)
        restarter = Restarter(api, *settings.deployment, audit) if api is not None else None
        effective = (
            (AnnotationEffective(store), ExtenderEffective(asked))
            if _clustered(settings, api)
            else (ExtenderEffective(asked),)
        )
        tenants = ClusterTenants(api) if api is not None and settings.in_cluster else None
        desk = Desk(
            store,
            _history(settings, api, seal),
            FirstCatalogue(ExtenderCatalogue(asked), InstalledCatalogue()),
            audit,
            AllEffective(*effective),
            judge=asked,
            tenants=tenants,
        )
        health = Health(store, api if settings.policy_file is None else None, restarter)
        tools = Tools(desk, audit, admin, access, restarter, health.checks, seal, tenants, sources)
        limits = Limits(per_s=settings.writes_per_s, burst=BURST_S * settings.writes_per_s)
        _LOG.info("policy in %s, changes by --auth %s", store.what, access.kind)
        for task in _followed(settings, desk, seal):
            stack.push_async_callback(_end, asyncio.create_task(task))
        yield Control(Door(access, audit, hosts, writes=limits), calls_of(tools))


def _followed(settings: SteeringSettings, desk: Desk, seal: Seal | None) -> Iterator[Coroutine[None, None, None]]:
    """What goes on beside the calls."""
    yield _observe(desk)
    if settings.backups is not None:
        told = lambda made: metrics.count_backup(made=made is not None)  # noqa: E731 - one line
        yield ScheduledBackups(desk, settings.backups, seal, ended=told).run()


def _watched(api: KubeApi, sources: Sources) -> Watching:
    """The cluster of the tools."""
    return Watching(
        api,
        sources.cluster,
        prometheus=lambda: sources.settings().prometheus,
        load_watcher=lambda: sources.settings().load_watcher,
        interval_s=lambda: sources.settings().interval_s,
        tenants_configmap=sources.settings().tenants_configmap,
    )


async def _observe(desk: Desk) -> None:
    """Direct edits come into history and audit trail too (R-282). Until cancelled."""
    quiet = False
    while True:
        try:
            await desk.observe()
            quiet = False
        except Refused as why:
            if not quiet:
                _LOG.warning("direct edits of the policy are not seen: %s", why.message)
            quiet = True
        await asyncio.sleep(OBSERVE_S)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _api(settings: SteeringSettings) -> KubeApi | None:
    if not settings.in_cluster and settings.auth != "kubernetes":
        return None
    try:
        return await KubeApi.connect(settings.kubeconfig)
    except KubeError as why:
        raise CannotSteer(str(why)) from why


def _clustered(settings: SteeringSettings, api: KubeApi | None) -> bool:
    return api is not None and settings.in_cluster and settings.policy_file is None


def _access(settings: SteeringSettings, api: KubeApi | None) -> Access:
    if settings.auth == "kubernetes" and api is not None:
        return Reviews(api, targets(settings.policy, settings.deployment))
    if settings.auth == "token" and settings.api_key is not None:
        try:
            return ApiKey(settings.api_key)
        except NoKey as why:
            raise CannotSteer(f"--api-key-file: {why}") from why
    return Everybody()


def _store(settings: SteeringSettings, api: KubeApi | None) -> PolicyStore:
    if settings.policy_file is not None:
        return FileStore(settings.policy_file)
    return ConfigMapStore(api, *settings.policy) if api is not None and settings.in_cluster else Nowhere()


def _history(settings: SteeringSettings, api: KubeApi | None, seal: Seal | None) -> History:
    sign = _signer(settings)
    if settings.history is not None:
        return FileHistory(settings.history, sign=sign, seal=seal)
    if settings.policy_file is None and api is not None:
        return ControllerRevisionHistory(api, *settings.policy, sign=sign, seal=seal)
    return FileHistory(_beside(settings.policy_file or Path("policy"), "history"), sign=sign, seal=seal)


def _seal(settings: SteeringSettings) -> Seal | None:
    if settings.sealing_key is None:
        return None
    try:
        return Seal(_key(settings.sealing_key, "--sealing-key-file"))
    except BadKey as why:
        raise CannotSteer(f"--sealing-key-file: {why}") from why


def _signer(settings: SteeringSettings) -> Signer | None:
    if settings.signing_key is None:
        return None
    try:
        return signer_of(_key(settings.signing_key, "--signing-key-file"))
    except BadKey as why:
        raise CannotSteer(f"--signing-key-file: {why}") from why


def _key(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as why:
        raise CannotSteer(f"{option}: {path}: {why.strerror}") from why


def _audit(settings: SteeringSettings) -> Audit:
    if settings.audit_trail is not None:
        return FileAudit(settings.audit_trail)
    if settings.policy_file is not None:
        return FileAudit(_beside(settings.policy_file, "audit"))
    return LogAudit()


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")
