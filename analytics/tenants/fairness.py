"""How evenly the cluster is shared.

dominant share   of a tenant: the largest share of any resource of the cluster that it uses (dominant resource
                 fairness, Ghodsi et al. 2011)
Jain index       (sum x)^2 / (n sum x^2) over the dominant shares of tenants that use or want something (Jain et al.
                 1984): 1 is even, 1/n is one tenant with everything
wait             from a pod's creation until it was scheduled, of pods that are there; p95 against the median of all
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analytics.cluster import ClusterView
from analytics.tenants.use import Uses
from extender.model.resources import Resources, resources_of
from extender.quantity import QuantityError
from extender.tenancy import Amounts, Tenant, counted


def capacity(view: ClusterView) -> Amounts:
    """What all nodes can allocate together."""
    total = Resources()
    for node in view.nodes.values():
        try:
            total = total.plus(resources_of(node.allocatable))
        except QuantityError:
            continue  # the heatmap's check names it
    return counted(total)


def dominant(used: Amounts, whole: Amounts) -> tuple[str, float]:
    """(resource, share 0 to 1); ("", 0) where nothing is used."""
    of = dict(whole.items())
    shares = [
        (amount / of[name], name) for name, amount in used.items() if of[name] > 0 and amount > 0 and name != "pods"
    ]
    share, name = max(shares, default=(0.0, ""))
    return name, share


def jain(shares: Sequence[float]) -> float | None:
    """None without anybody who uses something."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares > 0 else None


def waits_s(uses: Uses) -> Mapping[str, list[float]]:
    """Tenant -> seconds that its placed pods had waited."""
    found: dict[str, list[float]] = {}
    for pod in uses.view.pods.values():
        tenant = uses.register.of(pod.namespace)
        if tenant is not None and pod.scheduled_at_s is not None and pod.created_at_s:
            found.setdefault(tenant.name, []).append(max(0.0, pod.scheduled_at_s - pod.created_at_s))
    return found


def percentile(values: Sequence[float], share: float) -> float | None:
    return float(np.percentile(values, share)) if values else None


def active(uses: Uses, tenants: Sequence[Tenant]) -> list[Tenant]:
    """Those that use or want something."""
    return [tenant for tenant in tenants if (use := uses.of(tenant)).used.pods or use.pending.pods]
