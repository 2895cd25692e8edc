"""ElasticQuotas and tenants: the pod would be over what its namespace or its tenant may use."""

from __future__ import annotations

from analytics.why.answer import Evidence, Found
from analytics.why.facts import Facts


def larger_than_max(facts: Facts) -> Found | None:
    """Even an idle quota could never take it; only where quotas are enforced, which a decision shows."""
    if facts.refused_by("CapacityScheduling") and facts.quota is not None:
        quota = facts.quota
        values: dict[str, str | int] = {"pod": facts.key, "quota": quota.quota, "resource": quota.resource}
        return Found("quota.never", {**values, "asked": quota.asked, "max": quota.max})
    if facts.refused_by("TenantQuota") and facts.tenant is not None and not facts.tenant.ever:
        return Found("tenant.never", _tenant(facts))
    return None


def quota(facts: Facts) -> Found | None:
    found = facts.refused_by("CapacityScheduling")
    if found is None:
        return None
    values: dict[str, str | int] = {"pod": facts.key, "namespace": facts.namespace, "reason": found.said}
    return Found("quota.lent" if "total" in found.said.lower() else "quota.max", values)


def tenant(facts: Facts) -> Found | None:
    found = facts.refused_by("TenantQuota")
    if found is None:
        return None
    if facts.tenant is None:
        return Found("tenant.told", {"pod": facts.key, "reason": found.said})
    return Found("tenant.limit", _tenant(facts), (Evidence("tenant", _tenant(facts), "inferred", "watch"),))


def _tenant(facts: Facts) -> dict[str, str | int]:
    room = facts.tenant
    if room is None:
        return {"pod": facts.key}
    values = {"tenant": room.tenant, "resource": room.resource, "used": room.used}
    return {"pod": facts.key, **values, "asked": room.asked, "limit": room.limit}
