"""Where what a tenant may use and what another system promises cannot both hold.

ceiling-below-quota    the other system lets a tenant's namespaces have less than its quota: some can never be used
ceiling-below-limit    it lets them have the quota, and less than the tenant may burst to
guarantee-above-limit  it keeps more for them than the tenant may use: what it admits then waits
promise-spans-tenants  one promise is for namespaces of several tenants: who of them has it, nobody says
overcommitted          it keeps more for all together than nodes can allocate
promise-unreadable     an object that cannot be used, and is left out

A ceiling is a sum over namespaces, so it is only known where every namespace of the tenant has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analytics.tenants.adapters import SYSTEMS, Promise, Promises, System
from analytics.tenants.fairness import capacity
from analytics.tenants.finding import Finding
from analytics.tenants.use import Uses
from extender.tenancy import NAMES, Tenant, guaranteed, limit, told

_SHOWN: Final = 3
_PROBLEMS_SHOWN: Final = 50
"""Of more objects than that, nobody reads the list."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    amount: int
    by: tuple[str, ...]
    """Names of the promises that it is the sum of."""


def contradictions(uses: Uses, promises: Promises) -> Iterator[Finding]:
    """Findings in no order."""
    for system in SYSTEMS:
        counted = [promise for promise in promises.of(system.kind) if not promise.only]
        by_namespace = _by_namespace(counted)
        for tenant in uses.register.tenants.values():
            own = tuple(uses.register.namespaces(tenant))
            yield from _too_low(tenant, system, ceilings(system, by_namespace, own))
            yield from _too_high(tenant, system, _within(by_namespace, own))
        yield from _shared(uses, system, counted)
        yield from _overcommitted(uses, system, counted)
    for problem in promises.problems[:_PROBLEMS_SHOWN]:
        yield Finding("promise-unreadable", "warning", "", f"{problem}; it is left out")
    if (more := len(promises.problems) - _PROBLEMS_SHOWN) > 0:
        yield Finding("promise-unreadable", "warning", "", f"{more} more objects of other systems are left out")


def ceilings(
    system: System, by_namespace: Mapping[str, Sequence[Promise]], namespaces: Sequence[str]
) -> dict[str, Ceiling]:
    """Resource -> the most that the namespaces can have together under a system, where it says."""
    found: dict[str, Ceiling] = {}
    for resource in NAMES:
        chosen: dict[str, Promise] = {}
        for namespace in namespaces:
            held = _holding(system, by_namespace.get(namespace, ()), resource)
            if not held:
                break
            chosen |= {promise.name: promise for promise in held}
        else:
            if chosen:
                total = sum(promise.limit[resource] for promise in chosen.values())
                found[resource] = Ceiling(total, tuple(sorted(chosen)))
    return found


def _holding(system: System, promises: Sequence[Promise], resource: str) -> list[Promise]:
    """Whose limits together hold a namespace; none where nothing does."""
    limiting = [promise for promise in promises if resource in promise.limit]
    if system.adds_up:
        return limiting if len(limiting) == len(promises) else []
    return sorted(limiting, key=lambda promise: (promise.limit[resource], promise.name))[:1]


def _too_low(tenant: Tenant, system: System, found: Mapping[str, Ceiling]) -> Iterator[Finding]:
    sure, most = guaranteed(tenant), limit(tenant)
    for resource, ceiling in found.items():
        if resource not in sure or ceiling.amount >= most[resource]:
            continue
        below_quota = ceiling.amount < sure[resource]
        name, amount = ("quota", sure[resource]) if below_quota else ("limit", most[resource])
        yield Finding(
            f"ceiling-below-{name}",
            "warning" if below_quota else "info",
            tenant.name,
            f"{resource}: its {name} is {told(resource, amount)}, and {system.kind} lets its namespaces have "
            f"{told(resource, ceiling.amount)} ({_names(ceiling.by)})",
        )


def _too_high(tenant: Tenant, system: System, within: Sequence[Promise]) -> Iterator[Finding]:
    for resource, most in limit(tenant).items():
        keeping = [promise for promise in within if promise.guaranteed.get(resource)]
        kept = sum(promise.guaranteed[resource] for promise in keeping)
        if kept > most:
            yield Finding(
                "guarantee-above-limit",
                "warning",
                tenant.name,
                f"{resource}: {system.kind} keeps {told(resource, kept)} for it "
                f"({_names(promise.name for promise in keeping)}), and its limit is {told(resource, most)}",
            )


def _shared(uses: Uses, system: System, promises: Iterable[Promise]) -> Iterator[Finding]:
    for promise in promises:
        owners = {owner.name: owner for name in promise.namespaces if (owner := uses.register.of(name))}
        if len(owners) < 2:  # noqa: PLR2004 - several
            continue
        whole = [one for one in owners.values() if set(uses.register.namespaces(one)) <= set(promise.namespaces)]
        together = {
            resource: sum(guaranteed(one).get(resource, 0) for one in whole)
            for resource in promise.limit
            if len(whole) > 1
        }
        over = [
            f"{resource}: {told(resource, amount)} of quota, limit {told(resource, promise.limit[resource])}"
            for resource, amount in together.items()
            if amount > promise.limit[resource]
        ]
        told_over = f"; {'; '.join(over)}" if over else ""
        yield Finding(
            "promise-spans-tenants",
            "warning" if over else "info",
            "",
            f"{system.kind} {promise.name} is for tenants {_names(sorted(owners))} together{told_over}",
        )


def _overcommitted(uses: Uses, system: System, promises: Iterable[Promise]) -> Iterator[Finding]:
    have = dict(capacity(uses.view).items())
    kept: dict[str, int] = {}
    for promise in promises:
        for resource, amount in promise.guaranteed.items():
            kept[resource] = kept.get(resource, 0) + amount
    for resource in NAMES:
        if uses.view.known and kept.get(resource, 0) > have[resource]:
            amounts = f"{told(resource, kept[resource])} for all together, and nodes can allocate"
            message = f"{resource}: {system.kind} keeps {amounts} {told(resource, have[resource])}"
            yield Finding("overcommitted", "warning", "", message)


def _by_namespace(promises: Iterable[Promise]) -> dict[str, list[Promise]]:
    found: dict[str, list[Promise]] = {}
    for promise in promises:
        for namespace in promise.namespaces:
            found.setdefault(namespace, []).append(promise)
    return found


def _within(by_namespace: Mapping[str, Sequence[Promise]], namespaces: Sequence[str]) -> list[Promise]:
    """Promises that are for these namespaces and no others."""
    own = set(namespaces)
    touching = {promise.name: promise for name in namespaces for promise in by_namespace.get(name, ())}
    return [promise for promise in touching.values() if own.issuperset(promise.namespaces)]


def _names(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
