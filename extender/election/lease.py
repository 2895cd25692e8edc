"""The Lease (coordination.k8s.io/v1) as the election needs it. Every write is conditional on what was read before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from extender.kube import KubeApi, KubeError

RELEASED_S = 1
"""The duration in a Lease whose holder has let it go by itself; shorter than any claim's."""
_MANAGER = "trimtab"
_MERGE = "application/merge-patch+json"
_SILENT_S = 60.0
_WATCH_S = 50
_OK, _CREATED, _FORBIDDEN, _ABSENT, _CONFLICT = 200, 201, 403, 404, 409


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says. Times are texts for people: no clock of another machine is ever compared."""

    version: str
    """resourceVersion: no two states of the Lease share it, also not across its deletion."""
    holder: str = ""
    duration_s: int = 0
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0

    @property
    def is_released(self) -> bool:
        """Its last holder has let it go. A Lease that merely names nobody (new, or edited) does not say that."""
        return not self.holder and self.duration_s == RELEASED_S


class LeaseTrouble(Exception):
    """The Lease could not be read or written; the message says what to do."""


class LeaseStore(Protocol):
    @property
    def name(self) -> str:
        """namespace/name"""
        ...

    async def read(self, timeout_s: float) -> Record | None:
        """None: there is none. Raises LeaseTrouble."""
        ...

    async def create(self, timeout_s: float) -> None:
        """One that names nobody, unless there is one by now. Raises LeaseTrouble."""
        ...

    async def write(self, record: Record, timeout_s: float) -> Record | None:
        """Put it in the place of the state `record.version`; as it is then. None: the Lease has changed, or is gone.

        Raises LeaseTrouble; whether it was written is then unknown.
        """
        ...

    def changes(self) -> AsyncIterator[None]:
        """Something every time the Lease may have changed; ends now and then. Raises LeaseTrouble."""
        ...


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Lease(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)


class KubernetesLease:
    """A LeaseStore."""

    def __init__(self, api: KubeApi, namespace: str, name: str) -> None:
        self._api = api
        self._namespace, self._name = namespace, name
        self._folder = f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases"
        self._path = f"{self._folder}/{quote(name, safe='')}"

    @property
    def name(self) -> str:
        return f"{self._namespace}/{self._name}"

    async def read(self, timeout_s: float) -> Record | None:
        status, body, said = await self._ask("GET", self._path, None, timeout_s)
        if status == _ABSENT:
            return None
        if status != _OK:
            raise LeaseTrouble(self._advice(said, status, "get"))
        return _record(body)

    async def create(self, timeout_s: float) -> None:
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
        }
        status, _body, said = await self._ask("POST", self._folder, lease, timeout_s)
        if status not in (_OK, _CREATED, _CONFLICT):
            raise LeaseTrouble(self._advice(said, status, "create", f"make it (deploy/base has it), or {said}"))

    async def write(self, record: Record, timeout_s: float) -> Record | None:
        change = {
            "metadata": {"resourceVersion": record.version},
            "spec": {
                "holderIdentity": record.holder,
                "leaseDurationSeconds": record.duration_s,
                "acquireTime": record.acquired,
                "renewTime": record.renewed,
                "leaseTransitions": record.transitions,
            },
        }
        status, body, said = await self._ask("PATCH", self._path, change, timeout_s)
        if status in (_CONFLICT, _ABSENT):
            return None
        if status != _OK:
            raise LeaseTrouble(self._advice(said, status, "patch"))
        return _record(body)

    async def changes(self) -> AsyncIterator[None]:
        query = {"watch": "true", "fieldSelector": f"metadata.name={self._name}", "timeoutSeconds": str(_WATCH_S)}
        try:
            async for _lines in self._api.lines(self._folder, query=query, read_timeout_s=_SILENT_S):
                yield None
        except KubeError as trouble:
            raise LeaseTrouble(str(trouble)) from trouble

    async def _ask(self, method: str, path: str, body: Any, timeout_s: float) -> tuple[int, bytes, str]:
        """(status, body, what it says)"""
        try:
            answer = await self._api.request(
                method,
                path,
                query=None if body is None else {"fieldManager": _MANAGER},
                body=None if body is None else msgspec.json.encode(body),
                content_type=_MERGE if method == "PATCH" else "application/json",
                timeout_s=timeout_s,
            )
        except KubeError as trouble:
            raise LeaseTrouble(str(trouble)) from trouble
        return answer.status, answer.body, answer.message if answer.status >= 300 else ""  # noqa: PLR2004

    def _advice(self, said: str, status: int, verb: str, more: str = "") -> str:
        wanted = f"; grant {verb} on leases of coordination.k8s.io" if status == _FORBIDDEN else ""
        return f"lease {self.name}: {status} {more or said}{wanted}"


def _record(body: bytes) -> Record:
    try:
        lease = msgspec.json.decode(body, type=_Lease)
    except msgspec.DecodeError as wrong:
        raise LeaseTrouble(f"what came for a Lease is none: {wrong}") from wrong
    spec = lease.spec
    return Record(
        version=lease.metadata.resource_version,
        holder=spec.holder_identity or "",
        duration_s=spec.lease_duration_seconds or 0,
        acquired=spec.acquire_time or "",
        renewed=spec.renew_time or "",
        transitions=spec.lease_transitions or 0,
    )
