"""Checks of requests against a tenant's limit (R-116), and the register of tenants (R-105)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import anyio.to_thread

from analytics.control.call import Asked, Body, Call, Recorded, Reply, data
from analytics.control.caller import Right
from analytics.control.tools import Tools
from analytics.views.declaration import NotHere, Parameter
from analytics.views.sources import Sources
from analytics.views.tenants import metrics
from analytics.views.tenants.answers import BadRequest, judged, present, whole
from analytics.views.tenants.view import tenant_of, uses_of
from extender.control.audit import entry_of, noted
from extender.control.problems import Detail, Invalid, NotFound, Refused, Unreachable, Unreadable
from extender.control.tenants import TenantStore, object_of
from extender.tenancy import Tenant, TenantError, read_tenant

_ID: Final = Parameter("id", "Name of the tenant.", length_max=253)
_VALIDATE: Final = {
    "type": "object",
    "properties": {
        "namespace": {"type": "string"},
        "resources": {
            "type": "object",
            "properties": {"requests": {"type": "object", "additionalProperties": {"type": ["string", "number"]}}},
        },
    },
}
_TENANT: Final = {"type": "object", "required": ["name", "namespaces"]}


class _Tenants:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def validate(self, asked: Asked) -> Reply:
        return data(await anyio.to_thread.run_sync(self._validated, asked.given["id"], asked.body))

    def _validated(self, name: str, body: Any) -> dict[str, Any]:
        try:
            uses = uses_of(self._sources())
            tenant = tenant_of(uses, name)
        except NotHere as missing:
            raise NotFound(str(missing)) from missing
        if body is None:
            return present(uses, tenant)
        namespace, requests = _request(body)
        try:
            found = judged(uses, tenant, namespace, requests, pods=1)
        except BadRequest as wrong:
            raise Invalid(
                "The request has quantities that cannot be used.", [Detail(wrong.path, wrong.message)]
            ) from wrong
        metrics.REQUESTS.labels(tenant.name, "allowed" if found["allowed"] else "denied").inc()
        return found

    async def register(self, asked: Asked) -> Reply:
        tenant = self._read(asked.body)
        return await self._changed(asked, "register tenant", tenant, self._store().create)

    async def replace(self, asked: Asked) -> Reply:
        tenant = self._read(asked.body)
        if tenant.name != asked.given["id"]:
            raise Invalid(
                "The tenant has another name.", [Detail("name", f"want {asked.given['id']}, as the path says")]
            )
        return await self._changed(asked, "change tenant", tenant, self._store().replace)

    async def remove(self, asked: Asked) -> Reply:
        name = asked.given["id"]
        store = self._store()
        kept = next((one for one in await store.read() if one["metadata"]["name"] == name), None)
        if kept is None:
            raise NotFound(f"There is no Tenant object {name}: a tenant of a list is removed from its list.")
        tenant = read_tenant({**kept["spec"], "name": name})
        return await self._changed(asked, "remove tenant", tenant, store.remove)

    async def _changed(self, asked: Asked, action: str, tenant: Tenant, change: Any) -> Reply:
        """Done and recorded; a refusal is recorded too."""
        actor, target = asked.caller.actor, f"tenant {tenant.name}"
        try:
            await change(object_of(tenant), dry_run=asked.dry_run)
        except Refused as refused:
            told = {"result": "refused", "code": refused.code, "message": refused.message}
            await noted(self._tools.audit, entry_of(actor, action, target, asked.reason, **told))
            raise Recorded(refused) from refused
        if not asked.dry_run:
            await noted(self._tools.audit, entry_of(actor, action, target, asked.reason, result="done"))
        return data(whole(tenant))

    def _read(self, body: Any) -> Tenant:
        """R-108. Raises Unreadable, Invalid."""
        if not isinstance(body, Mapping):
            raise Unreadable("The body is a tenant's configuration, a JSON object.")
        try:
            tenant = read_tenant(body)
        except TenantError as wrong:
            raise Invalid("The tenant's configuration is faulty.", [Detail(wrong.path, wrong.message)]) from wrong
        others = self._others(tenant.name)
        taken = [f"{name} belongs to tenant {others[name]}" for name in tenant.namespaces if name in others]
        if taken:
            raise Invalid("A namespace is in one tenant only.", [Detail("namespaces", "; ".join(taken))])
        return tenant

    def _others(self, name: str) -> dict[str, str]:
        """Namespace -> the tenant that has it already; none where the cluster is not known."""
        try:
            register = uses_of(self._sources()).register
        except NotHere:
            return {}
        return {space: owner.name for space, owner in register.owners.by_namespace.items() if owner.name != name}

    def _sources(self) -> Sources:
        if self._tools.sources is None:
            raise Unreachable("This console was started without the tools' sources.")
        return self._tools.sources

    def _store(self) -> TenantStore:
        if self._tools.tenants is None:
            raise NotFound(
                "This console knows no cluster to keep Tenant objects in: give --kubeconfig, or edit --tenants-file."
            )
        return self._tools.tenants


def _request(body: Any) -> tuple[str, Mapping[str, Any]]:
    """Raises Unreadable."""
    if not isinstance(body, Mapping):
        raise Unreadable("The body is a JSON object with `namespace` and `resources`.")
    namespace, resources = body.get("namespace"), body.get("resources", {})
    requests = resources.get("requests", {}) if isinstance(resources, Mapping) else None
    if not isinstance(namespace, str) or not isinstance(requests, Mapping):
        raise Unreadable("The body wants `namespace`, a text, and `resources.requests`, a mapping of quantities.")
    return namespace, requests


def calls(tools: Tools) -> tuple[Call, ...]:
    own = _Tenants(tools)
    return (
        Call(
            "POST",
            "/api/tenants/{id}/validate",
            "May the tenant have this, or with no body: does it keep to its limit?",
            Right.VIEW,
            own.validate,
            (_ID,),
            body=Body.JSON,
            schema=_VALIDATE,
        ),
        Call(
            "POST",
            "/api/tenants",
            "Register a tenant.",
            Right.TENANTS,
            own.register,
            body=Body.JSON,
            body_needed=True,
            schema=_TENANT,
            changes=True,
        ),
        Call(
            "PUT",
            "/api/tenants/{id}",
            "Change a tenant.",
            Right.TENANTS,
            own.replace,
            (_ID,),
            body=Body.JSON,
            body_needed=True,
            schema=_TENANT,
            changes=True,
        ),
        Call("DELETE", "/api/tenants/{id}", "Remove a tenant.", Right.TENANTS, own.remove, (_ID,), changes=True),
    )
