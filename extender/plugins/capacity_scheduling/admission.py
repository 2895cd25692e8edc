"""Who may start: the quota of the pod's namespace and the sum of all guarantees must hold (plugins.md §5.3)."""

from __future__ import annotations

from extender.framework import PASSED, Code, Cycle, Status
from extender.plugins.capacity_scheduling.asked import asked_by


def within_quota(cycle: Cycle) -> Status:
    """The pod, and pods nominated before it, must fit under its namespace's max and under the sum of all mins."""
    pod, book = cycle.pod, cycle.book
    if not book.has_quota(pod.namespace):
        return PASSED
    _alone, in_namespace, in_all = asked_by(cycle)
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


def _unschedulable(reason: str, label: str) -> Status:
    return Status(Code.UNSCHEDULABLE, reason, label)
