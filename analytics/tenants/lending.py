"""Who borrows, and whose quota is lent.

borrowed  of a tenant: what it uses beyond its quota
idle      what it does not use of it
lent      the part of what is idle that others use: what is borrowed, or used in namespaces of no tenant, takes first
          what nodes can allocate and nobody was promised, and the rest out of what is idle, from each in proportion

Whole numbers, in the unit of the resource, rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analytics.tenants.fairness import capacity
from analytics.tenants.use import Uses
from extender.tenancy import NAMES, guaranteed


@dataclass(frozen=True, slots=True)
class Loan:
    borrowed: int
    idle: int
    lent: int


def loans(uses: Uses) -> dict[str, dict[str, Loan]]:
    """Tenant -> resource that its quota lists -> loan."""
    tenants = list(uses.register.tenants.values())
    sure = {tenant.name: guaranteed(tenant) for tenant in tenants}
    used = {tenant.name: dict(uses.of(tenant).used.items()) for tenant in tenants}
    everything = dict.fromkeys(NAMES, 0)
    for use in uses.by_namespace.values():
        for resource, amount in use.used.items():
            everything[resource] += amount
    found: dict[str, dict[str, Loan]] = {tenant.name: {} for tenant in tenants}
    for resource, have in capacity(uses.view).items():
        quotas = {name: quota[resource] for name, quota in sure.items() if resource in quota}
        amounts = {name: used[name][resource] for name in quotas}
        for name, loan in shared(quotas, amounts, everything[resource], have).items():
            found[name][resource] = loan
    return found


def shared(quotas: Mapping[str, int], used: Mapping[str, int], everything: int, have: int) -> dict[str, Loan]:
    """Of one resource. `everything`: used by anybody; `have`: what nodes can allocate."""
    idle = {name: max(0, quota - used[name]) for name, quota in quotas.items()}
    inside = sum(min(quota, used[name]) for name, quota in quotas.items())
    beyond = max(0, everything - inside)
    unpromised = max(0, have - sum(quotas.values()))
    whole = sum(idle.values())
    taken = min(whole, max(0, beyond - unpromised))
    return {
        name: Loan(max(0, used[name] - quota), idle[name], taken * idle[name] // whole if whole else 0)
        for name, quota in quotas.items()
    }
