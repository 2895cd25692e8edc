"""The desk of extender/control, with the user's own credentials: what every command that changes the policy uses."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from extender.cli.failing import UNREACHABLE, USAGE, fail, refused
from extender.cli.target import Target
from extender.control.actor import Actor
from extender.control.admin import ExtenderAdmin
from extender.control.audit import FileAudit
from extender.control.catalogue import CatalogueSource, ExtenderCatalogue, FirstCatalogue
from extender.control.desk import Desk
from extender.control.effective import AllEffective, AnnotationEffective, EffectiveSource, ExtenderEffective
from extender.control.history import ControllerRevisionHistory, FileHistory, History
from extender.control.problems import Refused, Unreachable
from extender.control.seals import BadKey, Seal, signer_of
from extender.control.store import ConfigMapStore, FileStore, PolicyStore
from extender.control.tenants import ClusterTenants
from extender.kube import KubeApi, KubeError
from extender.policy.catalogue import Catalogue

Answer = TypeVar("Answer")
_CREATED = 201
_HISTORY_SUFFIX, _AUDIT_SUFFIX = ".history", ".audit"


@dataclass(frozen=True, slots=True)
class Opened:
    desk: Desk
    actor: Actor
    audit: FileAudit
    api: KubeApi | None
    """None: the policy is a file."""


def at_desk(target: Target, work: Callable[[Opened], Awaitable[Answer]]) -> Answer:
    """What `work` answers. Ends the command with words and exit code where it is refused."""

    async def run() -> Answer:
        async with opened(target) as desk:
            return await work(desk)

    try:
        return asyncio.run(run())
    except Refused as why:
        refused(why)
    except KubeError as trouble:
        fail(str(trouble), UNREACHABLE)
    except BadKey as why:
        fail(str(why), USAGE)


@asynccontextmanager
async def opened(target: Target) -> AsyncIterator[Opened]:
    """Raises KubeError, BadKey."""
    api = None if target.policy_file is not None else await target.connect()
    try:
        store = store_of(target, api)
        audit = FileAudit(audit_trail(target))
        admin = ExtenderAdmin(target.admin)
        ask = await _may_ask(target, admin)
        desk = Desk(
            store,
            history_of(target, api),
            FirstCatalogue(ExtenderCatalogue(admin), Installed()) if ask else Installed(),
            audit,
            _effective(store, admin, ask=ask, api=api),
            tenants=None if api is None else ClusterTenants(api),
            judge=admin if ask and target.extender is not None else None,
        )
        yield Opened(desk, await actor_of(api), audit, api)
    finally:
        if api is not None:
            await api.close()


class Installed(CatalogueSource):
    """The plugins installed here, with their own checks of their args."""

    async def catalogue(self) -> Catalogue:
        from extender.framework.info import catalogue_of
        from extender.plugins import installed

        plugins, _refused = installed()
        return catalogue_of(plugins)


def store_of(target: Target, api: KubeApi | None) -> PolicyStore:
    if api is not None:
        return ConfigMapStore(api, target.namespace, target.configmap)
    assert target.policy_file is not None  # noqa: S101 - the other of two
    return FileStore(target.policy_file)


def history_of(target: Target, api: KubeApi | None) -> History:
    """Raises BadKey."""
    sign = signer_of(_key(target.signing_key)) if target.signing_key else None
    seal = seal_of(target)
    if api is not None and target.history is None:
        return ControllerRevisionHistory(api, target.namespace, target.configmap, sign=sign, seal=seal)
    folder = target.history or Path(f"{target.policy_file}{_HISTORY_SUFFIX}")
    return FileHistory(folder, sign=sign, seal=seal)


def seal_of(target: Target) -> Seal | None:
    """Raises BadKey."""
    return Seal(_key(target.sealing_key)) if target.sealing_key else None


def _key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise BadKey(f"cannot read the key {path}: {wrong.strerror or wrong}") from wrong


def audit_trail(target: Target) -> Path:
    """The file named; else beside a policy file; else in the user's own state folder, as others do not share it."""
    if target.audit_trail is not None:
        return target.audit_trail
    if target.policy_file is not None:
        return Path(f"{target.policy_file}{_AUDIT_SUFFIX}")
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "trimtab" / "audit.jsonl"


async def _may_ask(target: Target, admin: ExtenderAdmin) -> bool:
    """Whether there is an extender to ask: the one that was named, or the usual one if it runs on this very file."""
    if target.extender is None and target.policy_file is None:
        return False
    try:
        told = await admin.get("/configz")
    except Unreachable:
        return False
    if target.extender is not None or target.policy_file is None:
        return True
    source = told.get("source") if isinstance(told, dict) else None
    return bool(source) and Path(str(source)).resolve() == target.policy_file.resolve()  # noqa: ASYNC240 - two look-ups


def _effective(store: PolicyStore, admin: ExtenderAdmin, *, ask: bool, api: KubeApi | None) -> EffectiveSource | None:
    if api is None:
        return ExtenderEffective(admin) if ask else None
    # The replicas' own words first; an extender that was named also tells the document.
    return AllEffective(AnnotationEffective(store), ExtenderEffective(admin)) if ask else AnnotationEffective(store)


async def actor_of(api: KubeApi | None) -> Actor:
    """Whom the API server takes us for; of a file, the user of this machine."""
    if api is None:
        return Actor(getpass.getuser(), via="cli")
    try:
        answer = await api.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=b"{}")
        who = json.loads(answer.body)["status"]["userInfo"] if answer.status == _CREATED else {}
        return Actor(str(who.get("username") or getpass.getuser()), tuple(who.get("groups") or ()), via="cli")
    except (KubeError, ValueError, KeyError, TypeError):
        return Actor(getpass.getuser(), via="cli")
