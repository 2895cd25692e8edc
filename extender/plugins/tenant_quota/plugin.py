"""TenantQuota: the pods of a tenant, in all its namespaces, use no more than it was promised."""

from __future__ import annotations

import msgspec

from extender.framework import PASSED, Code, Cycle, Kind, Maturity, Plugin, PreFilter, Reserve, Status, request_k8s
from extender.plugins.tenant_quota.args import TenantQuotaArgs, amounts_of, check
from extender.plugins.tenant_quota.book import KIND, TenantBook
from extender.tenancy import bursting, excesses, reason


def within_limit(cycle: Cycle) -> Status:
    pod, book = cycle.pod, cycle.book
    tenant = book.tenant_of(pod.namespace)
    if tenant is None:
        return PASSED
    requested = amounts_of(msgspec.structs.replace(request_k8s(pod), pods=1), cycle.args)
    used = amounts_of(book.used(tenant, besides=pod.uid), cycle.args)
    over = excesses(tenant, used, requested)
    if over:
        return Status(Code.UNSCHEDULABLE, reason(tenant, over), f"tenant over its limit of {over[0].resource}")
    above = bursting(tenant, used.plus(requested))
    if above:
        return Status(Code.SUCCESS, f"tenant {tenant.name} bursts: {', '.join(above)}", "tenant bursts")
    return PASSED


PLUGIN = Plugin(
    name="TenantQuota",
    doc="Keeps the pods of each tenant, over all its namespaces, within its quota or its burst limit.",
    args=TenantQuotaArgs,
    check=check,
    maturity=Maturity.BETA,
    pre_filter=PreFilter(check=within_limit),
    reserve=Reserve(
        take=TenantBook.take,
        release=TenantBook.release,
        missing="the tenant's use changed since the scheduling decision",
    ),
    book=TenantBook,
    watches=(Kind(group="tenancy.trimtab.dev", version="v1alpha1", plural="tenants", kind=KIND, namespaced=False),),
)
