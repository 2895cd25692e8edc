"""Tenants in the shapes of R-106 to R-117."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from analytics.store.joined import rfc3339
from analytics.tenants import Use, Uses
from analytics.tenants.adapters import Promise
from analytics.tenants.lending import Loan
from analytics.tenants.use import NOTHING, over_limit
from extender.quantity import QuantityError, milli, value
from extender.tenancy import Amounts, Excess, Tenant, bursting, excesses, guaranteed, limit, told, told_all


class BadRequest(Exception):
    """A quantity of a request cannot be used."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


def whole(tenant: Tenant) -> dict[str, Any]:
    """As R-106 writes it."""
    tree: dict[str, Any] = msgspec.to_builtins(tenant)
    tree["quota"] = {name: amount for name, amount in tree["quota"].items() if amount is not None}
    return tree


def quota(tenant: Tenant) -> dict[str, Any]:
    return {
        "tenant": tenant.name,
        "quota": told_all(guaranteed(tenant).items()),
        "limit": told_all(limit(tenant).items()),
        "priority": tenant.priority,
        "policies": msgspec.to_builtins(tenant.policies),
    }


def usage(uses: Uses, tenant: Tenant) -> dict[str, Any]:
    use = uses.of(tenant)
    above = bursting(tenant, use.used)
    return {
        "tenant": tenant.name,
        "time": rfc3339(uses.view.at_us),
        "used": told_all(use.used.items()),
        "usage_ratio": ratios(tenant, use.used),
        "namespaces": {
            name: told_all(uses.by_namespace.get(name, NOTHING).used.items())
            for name in uses.register.namespaces(tenant)
        },
        "burst": {"active": bool(above), "resources": above},
        "violations": [violation(excess) for excess in over_limit(tenant, use.used)],
    }


def ratios(tenant: Tenant, used: Amounts) -> dict[str, float]:
    """Of each resource of which the quota has any; of none of it, any use would be infinitely much."""
    sure = guaranteed(tenant)
    return {name: round(amount / sure[name], 4) for name, amount in used.items() if sure.get(name)}


def violation(excess: Excess) -> dict[str, Any]:
    told_amounts = {
        "used": excess.used,
        "requested": excess.requested,
        "quota": excess.quota,
        "limit": excess.limit,
    }
    return {"resource": excess.resource} | {
        name: told(excess.resource, amount) for name, amount in told_amounts.items()
    }


def judged(uses: Uses, tenant: Tenant, namespace: str, requests: Mapping[str, Any], pods: int) -> dict[str, Any]:
    """R-116 with a body. Raises BadRequest."""
    asked = requested(requests, pods)
    if uses.register.of(namespace) is not tenant:
        return _verdict(tenant, f"namespace {namespace} is not the tenant's", [], burst=False)
    used = uses.of(tenant).used
    over = excesses(tenant, used, asked)
    return _verdict(tenant, "; ".join(map(str, over)), over, burst=bool(bursting(tenant, used.plus(asked))))


def present(uses: Uses, tenant: Tenant) -> dict[str, Any]:
    """R-116 without a body: what is used now against the limit."""
    used = uses.of(tenant).used
    over = over_limit(tenant, used)
    why = "; ".join(
        f"{one.resource}: {told(one.resource, one.used)} used is over the limit of {told(one.resource, one.limit)}"
        for one in over
    )
    return _verdict(tenant, why, over, burst=bool(bursting(tenant, used)))


def _verdict(tenant: Tenant, reason: str, over: list[Excess], *, burst: bool) -> dict[str, Any]:
    return {
        "tenant": tenant.name,
        "allowed": not reason,
        "reason": reason,
        "burst": burst,
        "violations": [violation(one) for one in over],
    }


_READ = {
    "cpu": milli,
    "memory": value,
    "storage": value,
    "ephemeral-storage": value,
    "gpu": value,
    "nvidia.com/gpu": value,
    "amd.com/gpu": value,
}
_AS = {"ephemeral-storage": "storage", "nvidia.com/gpu": "gpu", "amd.com/gpu": "gpu"}


def requested(requests: Mapping[str, Any], pods: int) -> Amounts:
    """Requests as Kubernetes writes them -> amounts; what no quota limits is left out. Raises BadRequest."""
    amounts: dict[str, int] = {"pods": pods}
    for name, text in requests.items():
        read = _READ.get(name)
        path = f"resources.requests.{name}"
        if not isinstance(text, str | int | float) or isinstance(text, bool):
            raise BadRequest(path, "want a quantity, such as 2 or 4Gi")
        try:
            amount = (read or value)(text)
        except QuantityError as wrong:
            raise BadRequest(path, str(wrong)) from None
        if amount < 0:
            raise BadRequest(path, f"{text} is negative")
        if read is not None:
            kind = _AS.get(name, name)
            amounts[kind] = amounts.get(kind, 0) + amount
    return Amounts(**amounts)


def summary(uses: Uses, tenant: Tenant, use: Use, loans: Mapping[str, Loan]) -> dict[str, Any]:
    """For the page: one row. `loans`: of the tenant, by resource."""
    sure, most = guaranteed(tenant), limit(tenant)
    used, pending = dict(use.used.items()), dict(use.pending.items())
    return {
        "name": tenant.name,
        "source": uses.register.sources.get(tenant.name, ""),
        "namespaces": list(uses.register.namespaces(tenant)),
        "priority": tenant.priority,
        "resources": [
            {
                "resource": name,
                "used": told(name, used[name]),
                "pending": told(name, pending[name]),
                "quota": told(name, sure[name]),
                "limit": told(name, most[name]),
                "used_ratio": round(used[name] / sure[name], 4) if sure[name] else None,
                "limit_ratio": round(most[name] / sure[name], 4) if sure[name] else None,
                "borrowed": told(name, loans[name].borrowed),
                "idle": told(name, loans[name].idle),
                "lent": told(name, loans[name].lent),
            }
            for name in sure
        ],
        "measured": measured(uses, tenant, use),
        "pods": used["pods"],
        "pending_pods": pending["pods"],
        "burst": bursting(tenant, use.used),
        "violations": [excess.resource for excess in over_limit(tenant, use.used)],
    }


def measured(uses: Uses, tenant: Tenant, use: Use) -> dict[str, Any] | None:
    """What the tenant's pods really use, and what of their requests they waste; None where nobody measures pods."""
    known = uses.view.namespace_usage
    if not known:
        return None
    own = [known[name] for name in uses.register.namespaces(tenant) if name in known]
    really = {"cpu": sum(one.cpu_milli for one in own), "memory": sum(one.memory_bytes for one in own)}
    asked = {"cpu": use.used.cpu, "memory": use.used.memory}
    return {
        name: {
            "used": told(name, amount),
            "requested": told(name, asked[name]),
            "waste": told(name, max(0, asked[name] - amount)),
            "efficiency": round(amount / asked[name], 4) if asked[name] else None,
        }
        for name, amount in really.items()
    }


def promise(uses: Uses, one: Promise) -> dict[str, Any]:
    """What another system promises, and to which tenants."""
    owners = {owner.name for name in one.namespaces if (owner := uses.register.of(name))}
    return {
        "kind": one.kind,
        "name": one.name,
        "namespaces": list(one.namespaces),
        "tenants": sorted(owners),
        "guaranteed": told_all(one.guaranteed.items()),
        "limit": told_all(one.limit.items()),
        "cohort": one.cohort,
        "lends": told_all(one.lends.items()),
        "only": one.only,
    }
