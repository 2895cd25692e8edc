"""R-189 to R-191."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from extender.tenancy import NAMES

USAGE = Gauge(
    "scheduler_tenant_quota_usage_ratio",
    "Use divided by quota; over 1 when bursting or violating.",
    ["tenant", "resource"],
    registry=None,
)
VIOLATIONS = Counter("scheduler_tenant_violations_total", "Quota violations.", ["tenant", "resource"], registry=None)
REQUESTS = Counter("scheduler_tenant_requests_total", "Resource requests checked.", ["tenant", "result"], registry=None)
COLLECTORS = (USAGE, VIOLATIONS, REQUESTS)


def known(tenants: Iterable[str]) -> None:
    """Each counter is there from the start, so that its first increase is seen as one."""
    for tenant in tenants:
        for resource in NAMES:
            VIOLATIONS.labels(tenant, resource)
        for result in ("allowed", "denied"):
            REQUESTS.labels(tenant, result)
