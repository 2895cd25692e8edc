"""What tenants use, by the watch: what TenantQuota charges for pods that have a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from analytics.cluster import ClusterView
from analytics.tenants.register import Register
from extender.model.pod import Pod
from extender.model.resources import request_k8s
from extender.quantity import QuantityError
from extender.tenancy import Amounts, Excess, Tenant, counted, guaranteed, limit

_CHARGED = ("Pending", "Running")


@dataclass(frozen=True, slots=True)
class Use:
    """Of one tenant, or of one of its namespaces."""

    used: Amounts
    pending: Amounts
    """What its pods without a node ask for."""


NOTHING = Use(Amounts(), Amounts())


class Uses:
    """Of everybody at one moment."""

    def __init__(self, view: ClusterView, register: Register) -> None:
        self.view = view
        self.register = register

    @cached_property
    def by_namespace(self) -> Mapping[str, Use]:
        used: dict[str, Amounts] = {}
        pending: dict[str, Amounts] = {}
        for pod in self.view.pods.values():
            if pod.node_name and pod.phase not in _CHARGED:
                continue
            into = used if pod.node_name else pending
            into[pod.namespace] = into.get(pod.namespace, Amounts()).plus(_asked(pod))
        return {
            name: Use(used.get(name, Amounts()), pending.get(name, Amounts())) for name in used.keys() | pending.keys()
        }

    def of(self, tenant: Tenant) -> Use:
        used, pending = Amounts(), Amounts()
        for name in self.register.namespaces(tenant):
            one = self.by_namespace.get(name, NOTHING)
            used, pending = used.plus(one.used), pending.plus(one.pending)
        return Use(used, pending)

    def waiting(self, tenant: Tenant) -> Sequence[Pod]:
        """Its pods without a node, oldest first."""
        own = set(self.register.namespaces(tenant))
        return [pod for pod in self.view.pending if pod.namespace in own]


def _asked(pod: Pod) -> Amounts:
    """As TenantQuota charges the pod with its default arguments."""
    try:
        return msgspec.structs.replace(counted(request_k8s(pod)), pods=1)
    except QuantityError:
        return Amounts(pods=1)


def over_limit(tenant: Tenant, used: Amounts) -> list[Excess]:
    """Every resource of which more is used than the tenant may have, in the order of NAMES."""
    most, sure = limit(tenant), guaranteed(tenant)
    return [
        Excess(name, amount, 0, sure[name], most[name])
        for name, amount in used.items()
        if name in most and amount > most[name]
    ]
