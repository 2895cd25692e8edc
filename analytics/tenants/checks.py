"""What is wrong, or will be: one function for each rule, with what it saw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analytics.tenants.adapters import Promises, promises_of
from analytics.tenants.contradictions import contradictions
from analytics.tenants.fairness import capacity
from analytics.tenants.finding import Finding
from analytics.tenants.use import Uses, over_limit
from extender.model.resources import request_k8s
from extender.quantity import QuantityError
from extender.tenancy import Amounts, Tenant, bursting, guaranteed, told

STARVING_S: Final = 300.0
"""A pod that waits so long, while its tenant has not what it was promised, is left out."""
_SHOWN: Final = 3


def findings(uses: Uses, promises: Promises | None = None) -> list[Finding]:
    """The worst first. `promises`: of other systems, where they have been read already."""
    found = [
        *contradictions(uses, promises_of(uses.view) if promises is None else promises),
        *_promised_too_much(uses),
        *_problems(uses),
        *(finding for tenant in uses.register.tenants.values() for finding in _of(uses, tenant)),
    ]
    order = ("critical", "warning", "info")
    return sorted(found, key=lambda one: (order.index(one.severity), one.rule, one.tenant))


def _of(uses: Uses, tenant: Tenant) -> Iterator[Finding]:
    use = uses.of(tenant)
    for excess in over_limit(tenant, use.used):
        used, most = told(excess.resource, excess.used), told(excess.resource, excess.limit)
        yield Finding(
            "over-limit", "critical", tenant.name, f"{excess.resource}: {used} used is over the limit of {most}"
        )
    yield from _starving(uses, tenant, use.used)
    yield from _unmeasured(uses, tenant)
    above = bursting(tenant, use.used)
    if above:
        yield Finding("bursting", "info", tenant.name, f"uses more than its quota of {', '.join(above)}")


def _starving(uses: Uses, tenant: Tenant, used: Amounts) -> Iterator[Finding]:
    """Its pods wait although it has less than it was promised: the scheduler's doing, not the tenant's."""
    now_s = uses.view.at_us / 1e6
    late = [pod for pod in uses.waiting(tenant) if not pod.gates and now_s - pod.created_at_s > STARVING_S]
    sure = guaranteed(tenant)
    held = dict(used.items())
    below = [name for name, amount in sure.items() if held[name] < amount]
    if late and sure and len(below) == len(sure):
        names = ", ".join(pod.key for pod in late[:_SHOWN])
        yield Finding(
            "starving",
            "warning",
            tenant.name,
            f"{len(late)} pods wait for over {STARVING_S:g} s below its quota: {names}",
        )


def _unmeasured(uses: Uses, tenant: Tenant) -> Iterator[Finding]:
    limited = [name for name in ("cpu", "memory") if name in guaranteed(tenant)]
    own = set(uses.register.namespaces(tenant))
    silent = 0
    for pod in uses.view.pods.values():
        if pod.namespace not in own or not pod.node_name:
            continue
        try:
            asked = request_k8s(pod)
        except QuantityError:
            continue
        silent += any({"cpu": asked.cpu_milli, "memory": asked.memory_bytes}[name] == 0 for name in limited)
    if silent:
        yield Finding(
            "no-requests",
            "info",
            tenant.name,
            f"{silent} pods request no {' or '.join(limited)}, and so use none of its quota",
        )


def _promised_too_much(uses: Uses) -> Iterator[Finding]:
    promised = Amounts()
    for tenant in uses.register.tenants.values():
        promised = promised.plus(Amounts(**guaranteed(tenant)))
    have = dict(capacity(uses.view).items())
    for name, amount in promised.items():
        if amount > have[name] and uses.view.known:
            promised_text, offered = told(name, amount), told(name, have[name])
            message = f"{name}: {promised_text} is promised to all together, and nodes can allocate {offered}"
            yield Finding("overcommitted", "warning", "", message)


def _problems(uses: Uses) -> Iterator[Finding]:
    for where, why in uses.register.problems:
        yield Finding(
            "configuration",
            "warning",
            where.removeprefix("tenant ") if where.startswith("tenant ") else "",
            f"{where}: {why}",
        )
