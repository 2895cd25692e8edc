"""The Tenant objects of a cluster, for backup and restore."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from extender.control.problems import Conflict, Detail, Forbidden, Invalid, NotFound, Refused, Unreachable
from extender.control.store import FIELD_MANAGER
from extender.kube import KubeApi, KubeError, Response
from extender.tenancy import Tenant, TenantError, read_object

Json = dict[str, Any]
_FOLDER = "/apis/tenancy.trimtab.dev/v1alpha1/tenants"
_MERGE = "application/merge-patch+json"
_OK, _CREATED, _ABSENT, _CONFLICT, _INVALID = 200, 201, 404, 409, 422
_FORBIDDEN = (401, 403)


class TenantStore(Protocol):
    async def read(self) -> list[Json]:
        """Tenant objects without what belongs to one cluster only. Raises Forbidden, Unreachable."""
        ...

    async def write(self, tenant: Json, *, dry_run: bool = False) -> None:
        """Create it, or make it so. Raises Invalid, Forbidden, Unreachable."""
        ...

    async def create(self, tenant: Json, *, dry_run: bool = False) -> None:
        """Raises Conflict (there is one of the name), Invalid, Forbidden, Unreachable."""
        ...

    async def replace(self, tenant: Json, *, dry_run: bool = False) -> None:
        """Raises NotFound, Conflict (changed meanwhile), Invalid, Forbidden, Unreachable."""
        ...

    async def remove(self, tenant: Json, *, dry_run: bool = False) -> None:
        """Raises NotFound, Forbidden, Unreachable."""
        ...


class ClusterTenants:
    """Objects of tenancy.trimtab.dev/v1alpha1; none where the CRD is not installed."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def read(self) -> list[Json]:
        answer = await self._ask("GET", _FOLDER, None, dry_run=False)
        if answer.status == _ABSENT:
            return []
        if answer.status != _OK:
            raise _refusal("list", answer)
        return [bare(item) for item in msgspec.json.decode(answer.body).get("items") or ()]

    async def write(self, tenant: Json, *, dry_run: bool = False) -> None:
        path = f"{_FOLDER}/{quote(str(tenant['metadata']['name']), safe='')}"
        answer = await self._ask("POST", _FOLDER, tenant, dry_run=dry_run)
        if answer.status == _CONFLICT:
            answer = await self._ask("PATCH", path, tenant, dry_run=dry_run)
        if answer.status not in (_OK, _CREATED):
            raise _refusal("create and patch", answer)

    async def create(self, tenant: Json, *, dry_run: bool = False) -> None:
        answer = await self._ask("POST", _FOLDER, tenant, dry_run=dry_run)
        if answer.status == _CONFLICT:
            raise Conflict(f"there is a Tenant {_name(tenant)} already")
        if answer.status not in (_OK, _CREATED):
            raise _refusal("create", answer)

    async def replace(self, tenant: Json, *, dry_run: bool = False) -> None:
        path = _path(tenant)
        kept = await self._ask("GET", path, None, dry_run=False)
        if kept.status == _ABSENT:
            raise NotFound(f"there is no Tenant object {_name(tenant)}")
        if kept.status != _OK:
            raise _refusal("get", kept)
        # The whole spec anew: a merge would keep what was taken away.
        whole = {**msgspec.json.decode(kept.body), "spec": tenant["spec"]}
        answer = await self._ask("PUT", path, whole, dry_run=dry_run)
        if answer.status == _CONFLICT:
            raise Conflict(f"Tenant {_name(tenant)} was changed by somebody else meanwhile")
        if answer.status != _OK:
            raise _refusal("update", answer)

    async def remove(self, tenant: Json, *, dry_run: bool = False) -> None:
        answer = await self._ask("DELETE", _path(tenant), None, dry_run=dry_run)
        if answer.status == _ABSENT:
            raise NotFound(f"there is no Tenant object {_name(tenant)}")
        if answer.status != _OK:
            raise _refusal("delete", answer)

    async def _ask(self, method: str, path: str, content: Json | None, *, dry_run: bool) -> Response:
        query = {} if method == "GET" else {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
        kind = _MERGE if method == "PATCH" else "application/json"
        body = None if content is None else msgspec.json.encode(content)
        try:
            return await self._api.request(method, path, query=query, body=body, content_type=kind)
        except KubeError as trouble:
            raise Unreachable(f"the tenants: {trouble}") from trouble


def _name(tenant: Json) -> str:
    return str(tenant["metadata"]["name"])


def _path(tenant: Json) -> str:
    return f"{_FOLDER}/{quote(_name(tenant), safe='')}"


def object_of(tenant: Tenant) -> Json:
    """The object that a configuration is kept as."""
    spec = msgspec.to_builtins(tenant)
    spec["quota"] = {name: amount for name, amount in spec["quota"].items() if amount is not None}
    name = spec.pop("name")
    return {"apiVersion": "tenancy.trimtab.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": spec}


def bare(found: Json) -> Json:
    """The object without what the API server keeps about it."""
    metadata = found.get("metadata") or {}
    kept = {key: metadata[key] for key in ("name", "labels", "annotations") if metadata.get(key)}
    return {
        "apiVersion": "tenancy.trimtab.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": kept,
        "spec": found.get("spec") or {},
    }


def checked(tenants: list[Json]) -> list[Json]:
    """Those of an archive. Raises Invalid with every faulty one."""
    details = []
    for index, tenant in enumerate(tenants):
        try:
            read_object(tenant)
        except TenantError as wrong:
            details.append(Detail(f"tenants[{index}].{wrong.path}", wrong.message))
    if details:
        raise Invalid("the archive's tenants are faulty", details)
    return [bare(tenant) for tenant in tenants]


def _refusal(verb: str, answer: Response) -> Refused:
    if answer.status in _FORBIDDEN:
        hint = f"grant {verb} on tenants.tenancy.trimtab.dev"
        return Forbidden(f"the tenants: HTTP {answer.status} {answer.message}; {hint}")
    kind = Invalid if answer.status == _INVALID else Unreachable
    return kind(f"the tenants: HTTP {answer.status} {answer.message}")
