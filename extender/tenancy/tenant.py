"""A tenant as it is registered (R-106). Fields on the wire are in lower camel case."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct


class PreemptionPolicy(StrEnum):
    LOWER_PRIORITY = "LowerPriority"
    """May displace pods of lower priority."""
    NEVER = "Never"


class SchedulingPolicy(StrEnum):
    BEST_EFFORT = "BestEffort"
    """May run beyond its quota, inside the burst limit."""
    GUARANTEED = "Guaranteed"
    """Only inside its quota."""


class Policies(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    allow_burstable: bool = False
    max_burst_ratio: Annotated[float, Meta(ge=1)] = 1.0
    preemption_policy: PreemptionPolicy = PreemptionPolicy.LOWER_PRIORITY
    scheduling_policy: SchedulingPolicy = SchedulingPolicy.BEST_EFFORT


class Quota(Struct, frozen=True, forbid_unknown_fields=True):
    """Quantities as written; None: not limited."""

    cpu: str | int | float | None = None
    memory: str | int | float | None = None
    storage: str | int | float | None = None
    gpu: str | int | float | None = None
    pods: Annotated[int, Meta(ge=0)] | None = None


class Tenant(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1)]
    namespaces: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
    quota: Quota = Quota()
    priority: int = 0
    policies: Policies = Policies()
