"""What is in effect, as the extender's replicas tell it: in the ConfigMap's status, or on an admin port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from extender.control.admin import ExtenderAdmin
from extender.control.problems import Refused
from extender.control.store import PolicyStore


class Replica(msgspec.Struct, frozen=True):
    replica: str
    revision: str
    """Of the policy in effect there; empty: every plugin is off."""
    hash: str
    """Of the content of the policy in effect (ParsedPolicy.hash)."""
    observed: str
    """Revision of the newest text it was given."""
    status: str
    """"True": the newest text is in effect; "False": it is refused."""


class EffectiveSource(Protocol):
    async def replicas(self) -> list[Replica]:
        """Whoever has said last stands last. Raises Refused when nobody can be asked."""
        ...

    async def document(self) -> dict[str, Any] | None:
        """The policy in effect as plain data; None: this source does not know it. Raises Refused."""
        ...


class AnnotationEffective:
    """The status that every replica writes to the policy's ConfigMap."""

    def __init__(self, store: PolicyStore) -> None:
        self._store = store

    async def replicas(self) -> list[Replica]:
        return replicas_of((await self._store.read()).status)

    async def document(self) -> dict[str, Any] | None:
        return None


class ExtenderEffective:
    """/configz of one extender."""

    def __init__(self, admin: ExtenderAdmin) -> None:
        self._admin = admin

    async def replicas(self) -> list[Replica]:
        told = _mapping(await self._admin.get("/configz"))
        desired = _mapping(told.get("desired"))
        return [
            Replica(
                replica=self._admin.url,
                revision=str(told.get("revision", "")),
                hash=str(told.get("hash", "")),
                observed=str(desired.get("revision", "")),
                status="False" if desired.get("error") else "True",
            )
        ]

    async def document(self) -> dict[str, Any] | None:
        found = _mapping(await self._admin.get("/configz")).get("effective")
        return found if isinstance(found, dict) else None


class AllEffective:
    """Several sources; those that cannot be asked are left out unless none can."""

    def __init__(self, *sources: EffectiveSource) -> None:
        self._sources = sources

    async def replicas(self) -> list[Replica]:
        found: list[Replica] = []
        troubles: list[Refused] = []
        for source in self._sources:
            try:
                found += await source.replicas()
            except Refused as trouble:
                troubles.append(trouble)
        if troubles and not found:
            raise troubles[0]
        return found

    async def document(self) -> dict[str, Any] | None:
        for source in self._sources:
            try:
                document = await source.document()
            except Refused:
                continue
            if document is not None:
                return document
        return None


def replicas_of(status: str) -> list[Replica]:
    """The replicas in a status annotation; what people wrote there by hand counts as nothing."""
    try:
        told = _mapping(msgspec.json.decode(status or "{}"))
    except msgspec.DecodeError:
        return []
    return [
        Replica(
            replica=str(name),
            revision=str(entry.get("revision", "")),
            hash=str(entry.get("hash", "")),
            observed=str(entry.get("observed", "")),
            status=str(entry.get("status", "")),
        )
        for name, entry in _mapping(told.get("replicas")).items()
        if isinstance(entry, dict)
    ]


def silent(replicas: Sequence[Replica]) -> set[str]:
    """Replicas that were not given what the last writer was given: gone long ago, or cut off."""
    return {found.replica for found in replicas if found.observed != replicas[-1].observed} if replicas else set()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
