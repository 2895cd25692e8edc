"""CapacityScheduling: elastic quotas per namespace, with a guarantee that others may borrow and a ceiling."""

from __future__ import annotations

from extender.framework import (
    PASSED,
    Code,
    Cycle,
    Kind,
    Maturity,
    Plugin,
    Pod,
    PreFilter,
    Reserve,
    Resources,
    Status,
    request_eq,
)
from extender.plugins.capacity_scheduling.book import KIND, QuotaBook


def within_quota(cycle: Cycle) -> Status:
    """The pod, and pods nominated before it, must fit under its namespace's max and under the sum of all mins."""
    pod, book = cycle.pod, cycle.book
    if not book.has_quota(pod.namespace):
        return PASSED
    in_namespace, in_all = _asked(cycle, book)
    rejected = f"Pod {pod.key} is rejected in PreFilter because"
    if book.over_max_with(pod.namespace, in_namespace, besides=pod.uid):
        return _unschedulable(
            f"{rejected} ElasticQuota {pod.namespace} is more than Max", "ElasticQuota used is more than max"
        )
    if book.total_over_min_with(in_all, besides=pod.uid):
        return _unschedulable(
            f"{rejected} total ElasticQuota used is more than min", "total ElasticQuota used is more than min"
        )
    return PASSED


def _asked(cycle: Cycle, book: QuotaBook) -> tuple[Resources, Resources]:
    """What the pod and nominated pods ask: (of its namespace, of all quotas together)."""
    pod = cycle.pod
    in_namespace = in_all = request_eq(pod)
    for other in cycle.nominated.values():
        if not _counts(other, cycle, book):
            continue
        if other.namespace == pod.namespace:
            if other.priority >= pod.priority:
                request = request_eq(other)
                in_namespace, in_all = in_namespace.plus(request), in_all.plus(request)
        elif not book.over_min(other.namespace):
            in_all = in_all.plus(request_eq(other))
    return in_namespace, in_all


def _counts(other: Pod, cycle: Cycle, book: QuotaBook) -> bool:
    """A nominated pod that holds a charge is in `used` already."""
    return (
        other.uid != cycle.pod.uid
        and not book.holds(other.uid)
        and book.has_quota(other.namespace)
        and cycle.nodes.row(other.nominated_node_name) >= 0
    )


def _unschedulable(reason: str, label: str) -> Status:
    return Status(Code.UNSCHEDULABLE, reason, label)


PLUGIN = Plugin(
    name="CapacityScheduling",
    doc="Elastic quotas per namespace: a guaranteed min that others may borrow while it is idle, and a ceiling max.",
    maturity=Maturity.BETA,
    pre_filter=PreFilter(check=within_quota),
    reserve=Reserve(
        take=QuotaBook.take,
        release=QuotaBook.release,
        missing="ElasticQuota changed since the scheduling decision",
    ),
    book=QuotaBook,
    watches=(Kind(group="scheduling.x-k8s.io", version="v1alpha1", plural="elasticquotas", kind=KIND),),
)
