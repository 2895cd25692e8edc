"""Which namespace is whose, when every tenant has its say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from extender.tenancy.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Owners:
    by_namespace: Mapping[str, Tenant]
    problems: Mapping[str, str]
    """Tenant -> which of its namespaces are another's."""


def owners_of(tenants: Iterable[Tenant]) -> Owners:
    """The first that names a namespace has it; the others keep the rest of theirs."""
    owner: dict[str, Tenant] = {}
    problems: dict[str, list[str]] = {}
    for tenant in tenants:
        for namespace in tenant.namespaces:
            first = owner.setdefault(namespace, tenant)
            if first is not tenant:
                problems.setdefault(tenant.name, []).append(f"namespace {namespace} belongs to tenant {first.name}")
    return Owners(owner, {name: "; ".join(told) for name, told in problems.items()})
