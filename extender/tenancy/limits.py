"""What a tenant is guaranteed, how far it may burst, and what a request would exceed.

    guaranteed  the quota
    limit       floor(quota x maxBurstRatio) per resource, in millicores, bytes or units, where allowBurstable is set
                and the scheduling policy is BestEffort; else the quota

Between the two a tenant bursts.

A resource that the quota does not list has no limit. The ratio is the decimal number that was written: 10 x 1.1 is 11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from extender.quantity import milli, value
from extender.tenancy.amounts import NAMES, Amounts, told
from extender.tenancy.tenant import SchedulingPolicy, Tenant

Limits = Mapping[str, int]
"""By name, only the resources that are limited."""


@dataclass(frozen=True, slots=True)
class Excess:
    """One resource of which a request would take too much."""

    resource: str
    used: int
    requested: int
    quota: int
    limit: int

    def __str__(self) -> str:
        used, asked, most = (told(self.resource, amount) for amount in (self.used, self.requested, self.limit))
        return f"{self.resource}: {used} used + {asked} requested is over the limit of {most}"


def guaranteed(tenant: Tenant) -> Limits:
    quota = tenant.quota
    listed = {
        "cpu": None if quota.cpu is None else milli(quota.cpu),
        "memory": None if quota.memory is None else value(quota.memory),
        "storage": None if quota.storage is None else value(quota.storage),
        "gpu": None if quota.gpu is None else value(quota.gpu),
        "pods": quota.pods,
    }
    return {name: amount for name, amount in listed.items() if amount is not None}


def limit(tenant: Tenant) -> Limits:
    policies = tenant.policies
    if not policies.allow_burstable or policies.scheduling_policy is not SchedulingPolicy.BEST_EFFORT:
        return guaranteed(tenant)
    # A float's own text is the shortest decimal that means it: what was written.
    ratio = Fraction(repr(policies.max_burst_ratio))
    return {name: int(amount * ratio) for name, amount in guaranteed(tenant).items()}


def bursting(tenant: Tenant, used: Amounts) -> list[str]:
    """Names of the resources of which more is used than is guaranteed."""
    sure = guaranteed(tenant)
    return [name for name, amount in used.items() if name in sure and amount > sure[name]]


def excesses(tenant: Tenant, used: Amounts, requested: Amounts) -> list[Excess]:
    """Every resource that is asked for and would then be over the limit, in the order of NAMES; reaching it is fine."""
    most, sure = limit(tenant), guaranteed(tenant)
    held, asked = dict(used.items()), dict(requested.items())
    return [
        Excess(name, held[name], asked[name], sure[name], most[name])
        for name in NAMES
        if name in most and asked[name] > 0 and held[name] + asked[name] > most[name]
    ]


def reason(tenant: Tenant, found: Sequence[Excess]) -> str:
    """For the owner of the tenant."""
    return f"tenant {tenant.name}: {'; '.join(map(str, found))}"
