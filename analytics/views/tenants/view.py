"""The endpoints of the tenant manager (R-113 to R-117), and its worker: metrics, history, violations."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Event
from typing import Any, Final

from analytics.store.joined import rfc3339
from analytics.store.tables import TenantSampleRow, TenantViolationRow
from analytics.store.tenants import MINUTE_US, TenantHistory
from analytics.tenants import Uses, register_of
from analytics.tenants.adapters import SYSTEMS, promises_of
from analytics.tenants.checks import findings
from analytics.tenants.contradictions import contradictions
from analytics.tenants.fairness import active, capacity, dominant, jain, percentile, waits_s
from analytics.tenants.finding import Finding
from analytics.tenants.lending import loans
from analytics.tenants.use import over_limit
from analytics.views.declaration import Endpoint, Kind, NotHere, Parameter, View, Worker
from analytics.views.sources import Sources
from analytics.views.tenants import metrics
from analytics.views.tenants.answers import promise, quota, ratios, summary, usage, whole
from analytics.views.tenants.time import charted, exhaustion, stretch
from extender.quantity import MAX_INT64
from extender.tenancy import Excess, Tenant, guaranteed, limit, told

TWICE: Final = 2
"""Evaluations in a row after which a violation opens, or closes."""


def uses_of(sources: Sources) -> Uses:
    """Raises NotHere where the cluster is not known."""
    view = sources.cluster.view()
    if not view.known:
        raise NotHere(f"The cluster is not known: {view.why_not}.")
    return Uses(view, register_of(view, sources.settings().tenants_file))


def tenant_of(uses: Uses, name: str) -> Tenant:
    """Raises NotHere."""
    found = uses.register.tenants.get(name)
    if found is None:
        known = ", ".join(sorted(uses.register.tenants)[:10]) or "none is registered"
        raise NotHere(f"No tenant {name}: known are {known}.")
    return found


def every(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    tenants = list(uses_of(sources).register.tenants.values())
    return {"tenants": [whole(tenant) for tenant in tenants[: given["limit"]]], "total": len(tenants)}


def quota_of(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    return quota(tenant_of(uses_of(sources), given["id"]))


def usage_of(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    uses = uses_of(sources)
    return usage(uses, tenant_of(uses, given["id"]))


def overview(sources: Sources, _given: Mapping[str, Any]) -> dict[str, Any]:
    uses = uses_of(sources)
    tenants = list(uses.register.tenants.values())
    cluster, waits = capacity(uses.view), waits_s(uses)
    shares = {tenant.name: dominant(uses.of(tenant).used, cluster) for tenant in tenants}
    lent = loans(uses)
    everybody = [seconds for of_tenant in waits.values() for seconds in of_tenant]
    rows = []
    for tenant in tenants:
        resource, share = shares[tenant.name]
        row = summary(uses, tenant, uses.of(tenant), lent[tenant.name])
        row |= {"dominant": {"resource": resource, "share": round(share, 4)}}
        row |= {"wait_p95_s": percentile(waits.get(tenant.name, []), 95)}
        rows.append(row)
    return {
        "time": rfc3339(uses.view.at_us),
        "tenants": rows,
        "fairness": {
            "jain_index": jain([shares[tenant.name][1] for tenant in active(uses, tenants)]),
            "wait_p50_s": percentile(everybody, 50),
        },
        "findings": [_finding(one) for one in findings(uses)],
    }


def promises(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    uses = uses_of(sources)
    found = promises_of(uses.view)
    name = given["tenant"]
    own = set(uses.register.namespaces(tenant_of(uses, name))) if name else None
    chosen = [one for one in found.found if own is None or own.intersection(one.namespaces)]
    against = [one for one in contradictions(uses, found) if not name or one.tenant == name]
    return {
        "time": rfc3339(uses.view.at_us),
        "systems": [
            {"kind": one.kind, "served": one.kind in found.served, "promises": len(found.of(one.kind))}
            for one in SYSTEMS
        ],
        "promises": [promise(uses, one) for one in chosen[: given["limit"]]],
        "total": len(chosen),
        "findings": [_finding(one) for one in against],
        "problems": [
            {"kind": one.kind, "name": one.name, "path": one.path, "message": one.message}
            for one in found.problems[: given["limit"]]
        ],
    }


def _finding(one: Finding) -> dict[str, str]:
    return {"rule": one.rule, "severity": one.severity, "tenant": one.tenant, "message": one.message}


def history(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    uses = uses_of(sources)
    tenant = tenant_of(uses, given["id"])
    since, until = stretch(given, time.time_ns() // 1000)
    kept = TenantHistory(sources.store)
    return {
        "tenant": tenant.name,
        "samples": [
            {
                "time": rfc3339(row.at_us),
                "resource": row.resource,
                "used": told(row.resource, row.used),
                "used_ratio": round(row.used / row.quota, 4) if row.quota else None,
            }
            for row in kept.samples(tenant.name, since, until)
        ],
        "violations": [_violation(row) for row in kept.violations(tenant.name)],
    }


def chart(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    tenant = tenant_of(uses_of(sources), given["id"])
    since, until = stretch(given, time.time_ns() // 1000)
    return {"tenant": tenant.name, **charted(TenantHistory(sources.store), tenant.name, since, until)}


def foretold(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    tenant = tenant_of(uses_of(sources), given["id"])
    now_us = time.time_ns() // 1000
    resources = exhaustion(TenantHistory(sources.store), tenant.name, now_us)
    return {"tenant": tenant.name, "time": rfc3339(now_us), "resources": resources}


def violations(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"violations": [_violation(row) for row in TenantHistory(sources.store).violations(limit=given["limit"])]}


def _violation(row: TenantViolationRow) -> dict[str, Any]:
    return {
        "time": rfc3339(row.at_us),
        "tenant": row.tenant,
        "resource": row.resource,
        "change": row.change,
        "used": told(row.resource, row.used),
        "quota": told(row.resource, row.quota),
        "limit": told(row.resource, row.most),
        "newest_pod": row.newest_pod,
    }


class Watch:
    """What the worker remembers from one evaluation to the next."""

    def __init__(self, history: TenantHistory) -> None:
        self._history = history
        self._open = history.open_violations()
        self._seen: dict[tuple[str, str], int] = {}
        """Evaluations in a row that say otherwise than what is open."""
        self._shown: set[tuple[str, str]] = set()
        self._sampled_us = 0

    def evaluate(self, uses: Uses, now_us: int) -> list[TenantViolationRow]:
        """Tell the metrics, keep a sample once a minute; the violations that opened or closed, and were news. Raises
        StoreError."""
        over = {
            (tenant.name, excess.resource): excess
            for tenant in uses.register.tenants.values()
            for excess in over_limit(tenant, uses.of(tenant).used)
        }
        metrics.known(uses.register.tenants)
        keys = sorted(over.keys() | self._open | self._seen.keys())
        changes = [row for key in keys if (row := self._change(uses, key, over.get(key), now_us))]
        self._show(uses)
        if changes:
            changes = self._history.add_changes(changes)
        minute_us = now_us // MINUTE_US * MINUTE_US
        if minute_us != self._sampled_us:  # also where the clock has been set back
            self._sampled_us = minute_us
            self._history.add_samples(_samples(uses, minute_us))
            self._history.forget(now_us)
        for row in changes:
            if row.change == "opened":
                metrics.VIOLATIONS.labels(row.tenant, row.resource).inc()
        return changes

    def _change(
        self, uses: Uses, key: tuple[str, str], excess: Excess | None, now_us: int
    ) -> TenantViolationRow | None:
        if (excess is not None) == (key in self._open):
            self._seen.pop(key, None)
            return None
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] < TWICE:
            return None
        del self._seen[key]
        name, resource = key
        tenant = uses.register.tenants.get(name)
        sure = guaranteed(tenant).get(resource, 0) if tenant else 0
        most = limit(tenant).get(resource, 0) if tenant else 0
        used = dict(uses.of(tenant).used.items())[resource] if tenant else 0
        amounts = _stored(used), _stored(sure), _stored(most)
        if excess is None:
            self._open.discard(key)
            return TenantViolationRow(now_us, name, resource, "closed", *amounts, "")
        self._open.add(key)
        return TenantViolationRow(now_us, name, resource, "opened", *amounts, _newest(uses, tenant))

    def _show(self, uses: Uses) -> None:
        now = set()
        for tenant in uses.register.tenants.values():
            for resource, share in ratios(tenant, uses.of(tenant).used).items():
                metrics.USAGE.labels(tenant.name, resource).set(share)
                now.add((tenant.name, resource))
        for gone in self._shown - now:
            metrics.USAGE.remove(*gone)
        self._shown = now


def _stored(amount: int) -> int:
    """Absurd quotas may burst to more than a column holds."""
    return min(amount, MAX_INT64)


def _newest(uses: Uses, tenant: Tenant | None) -> str:
    """Who came last: the pod that was scheduled last."""
    own = set(uses.register.namespaces(tenant)) if tenant else set()
    placed = [pod for pod in uses.view.pods.values() if pod.namespace in own and pod.node_name]
    newest = max(placed, key=lambda pod: (pod.scheduled_at_s or 0.0, pod.created_at_s), default=None)
    return newest.key if newest else ""


def _samples(uses: Uses, at_us: int) -> list[TenantSampleRow]:
    rows = []
    for tenant in uses.register.tenants.values():
        used, most = dict(uses.of(tenant).used.items()), limit(tenant)
        rows += [
            TenantSampleRow(
                at_us, tenant.name, resource, _stored(used[resource]), _stored(sure), _stored(most[resource])
            )
            for resource, sure in guaranteed(tenant).items()
        ]
    return rows


def work(sources: Sources, stop: Event) -> None:
    watch = Watch(TenantHistory(sources.store))
    while not stop.is_set():
        view = sources.cluster.view()
        if view.known:
            watch.evaluate(Uses(view, register_of(view, sources.settings().tenants_file)), time.time_ns() // 1000)
        stop.wait(sources.settings().interval_s)


_ID: Final = Parameter("id", "Name of the tenant.", length_max=253)
_STRETCH: Final = (
    Parameter("since", "Default: a day before `until`.", Kind.TIME),
    Parameter("until", "Default: now.", Kind.TIME),
)
VIEW: Final = View(
    slug="tenants",
    title="Tenants",
    tool="tenant-resource-manager",
    endpoints=(
        Endpoint(
            "/api/tenants",
            "All tenants, as they are configured.",
            every,
            (Parameter("limit", "At most this many.", Kind.INTEGER, 1000, minimum=1, maximum=10_000),),
        ),
        Endpoint("/api/tenants/{id}/quota", "What the tenant may use.", quota_of, (_ID,)),
        Endpoint("/api/tenants/{id}/usage", "What the tenant uses.", usage_of, (_ID,)),
        Endpoint("/api/v1/tenants", "Everybody's use, fairness, and what is wrong.", overview),
        Endpoint(
            "/api/v1/tenants/promises",
            "What other systems promise to the same namespaces, and what cannot hold beside a tenant's quota.",
            promises,
            (
                Parameter("tenant", "Only what concerns this tenant.", Kind.TEXT, "", length_max=253),
                Parameter("limit", "At most this many.", Kind.INTEGER, 1000, minimum=1, maximum=10_000),
            ),
        ),
        Endpoint(
            "/api/v1/tenants/violations",
            "When tenants went over their limits, and came back, newest first.",
            violations,
            (Parameter("limit", "At most this many.", Kind.INTEGER, 100, minimum=1, maximum=500),),
        ),
        Endpoint(
            "/api/v1/tenants/{id}/history",
            "What the tenant used, minute by minute, and its violations.",
            history,
            (_ID, *_STRETCH),
        ),
        Endpoint(
            "/api/v1/tenants/{id}/chart",
            "What the tenant used over time, in as many steps as a chart has.",
            chart,
            (_ID, *_STRETCH),
        ),
        Endpoint(
            "/api/v1/tenants/{id}/forecast",
            "When its quota and its limit will be reached, and what of the quota stays unused.",
            foretold,
            (_ID,),
        ),
    ),
    workers=(Worker("tenants", work),),
    collectors=metrics.COLLECTORS,
)
