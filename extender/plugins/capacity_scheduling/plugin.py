"""CapacityScheduling: elastic quotas per namespace, with a guarantee that others may borrow and a ceiling."""

from __future__ import annotations

from extender.framework import Cycle, Kind, Maturity, Plugin, PostFilter, PreFilter, Reserve
from extender.framework.preemption import BUDGET
from extender.plugins.capacity_scheduling.admission import within_quota
from extender.plugins.capacity_scheduling.book import KIND, QuotaBook
from extender.plugins.capacity_scheduling.cases import answers
from extender.plugins.capacity_scheduling.preemption import eligible, search


def has_quota(cycle: Cycle) -> bool:
    """What a namespace is guaranteed is brought back for it; the others have kube-scheduler's own preemption."""
    found: bool = cycle.book.has_quota(cycle.pod.namespace)
    return found


PLUGIN = Plugin(
    name="CapacityScheduling",
    doc="Elastic quotas per namespace: a guaranteed min that others may borrow while it is idle, and a ceiling max.",
    maturity=Maturity.BETA,
    pre_filter=PreFilter(check=within_quota),
    post_filter=PostFilter(eligible, search, reclaims=has_quota),
    reserve=Reserve(
        take=QuotaBook.take,
        release=QuotaBook.release,
        missing="ElasticQuota changed since the scheduling decision",
    ),
    case_answers=answers,
    book=QuotaBook,
    watches=(Kind(group="scheduling.x-k8s.io", version="v1alpha1", plural="elasticquotas", kind=KIND), BUDGET),
)
