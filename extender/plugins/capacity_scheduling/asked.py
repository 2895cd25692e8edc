"""What a pod asks of the quotas, together with the pods that were nominated before it."""

from __future__ import annotations

from typing import NamedTuple

from extender.framework import Cycle, Pod, Resources, request_eq
from extender.plugins.capacity_scheduling.book import QuotaBook


class Asked(NamedTuple):
    alone: Resources
    """The pod's own request (REQ-EQ)."""
    in_namespace: Resources
    """And of nominated pods of its namespace that are at least as important."""
    in_all: Resources
    """And of nominated pods of other quota namespaces that do not borrow."""


def asked_by(cycle: Cycle) -> Asked:
    pod, book = cycle.pod, cycle.book
    alone = in_namespace = in_all = request_eq(pod)
    for other in cycle.nominated.values():
        if not _counts(other, cycle, book):
            continue
        if other.namespace == pod.namespace:
            if other.priority >= pod.priority:
                request = request_eq(other)
                in_namespace, in_all = in_namespace.plus(request), in_all.plus(request)
        elif not book.over_min(other.namespace):
            in_all = in_all.plus(request_eq(other))
    return Asked(alone, in_namespace, in_all)


def _counts(other: Pod, cycle: Cycle, book: QuotaBook) -> bool:
    """A nominated pod that holds a charge is in `used` already."""
    return (
        other.uid != cycle.pod.uid
        and not book.holds(other.uid)
        and book.has_quota(other.namespace)
        and cycle.nodes.row(other.nominated_node_name) >= 0
    )
