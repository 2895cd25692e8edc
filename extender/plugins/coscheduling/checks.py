"""May a member of a gang be placed now? Upstream's PreFilter, step by step (plugins.md §4.5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extender.framework import PASSED, Code, Cycle, Pod, Status
from extender.plugins.coscheduling.args import CoschedulingArgs
from extender.plugins.coscheduling.gang import Gang
from extender.plugins.coscheduling.gap import resource_gap

OWN_GATES = "trimtab.dev/"
"""Gates below this are ours: they are lifted from a whole gang at once, so they keep no sibling away."""
PERMITTED_S = 3
"""For so long a passed check of minResources counts where permitWaitingTimeSeconds is 0."""


def checked(cycle: Cycle, gang: Gang, rows: NDArray[np.int32]) -> Status:
    """Of a gang whose PodGroup is there. `rows`: every node, in the order in which minResources are looked for."""
    group, args = gang.group, cycle.args
    assert group is not None  # noqa: S101 - asked by the caller
    if cycle.now_s < gang.backed_off_until_s:
        return failed_recently(gang)
    siblings = siblings_of(gang, cycle.pod)
    lacking = group.min_member - len(siblings)
    if lacking > 0:
        return refused(
            f"pre-filter pod {cycle.pod.name} cannot find enough sibling pods, current pods number: {len(siblings)}, "
            f"minMember of group: {group.min_member}",
            "cannot find enough sibling pods",
        )
    gated = sum(is_gated(pod) for pod in siblings.values())
    if gated and lacking + gated > 0:
        return refused(
            f"pre-filter pod {cycle.pod.name} cannot proceed due to gated pods in the same PodGroup",
            "cannot proceed due to gated pods in the same PodGroup",
        )
    return _resources(cycle, gang, rows, args)


def _resources(cycle: Cycle, gang: Gang, rows: NDArray[np.int32], args: CoschedulingArgs) -> Status:
    group = gang.group
    if group is None or group.min_resources is None or cycle.now_s < gang.permitted_until_s:
        return PASSED
    needed = {**group.min_resources, "pods": group.min_member}
    own = [gang.members[uid] for uid in sorted(gang.bound)]
    gap = resource_gap(needed, cycle.nodes, rows, [*own, *leaving(cycle)])
    if gap is not None:
        listed = " ".join(f"{name}:{amount}" for name, amount in sorted(gap.items()))
        return refused(f"resource gap: map[{listed}]", "resource gap")
    if not cycle.quiet:
        gang.permitted_until_s = cycle.now_s + (args.permit_waiting_time_seconds or PERMITTED_S)
    return PASSED


def leaving(cycle: Cycle) -> list[Pod]:
    """Pods that preemption would evict, were this pod to preempt."""
    return [cycle.pods[uid] for uids in cycle.leaving.values() for uid in uids if uid in cycle.pods]


def failed_recently(gang: Gang) -> Status:
    return refused(f"podGroup {gang.key} failed recently", "podGroup failed recently")


def siblings_of(gang: Gang, pod: Pod) -> dict[str, Pod]:
    """All members by UID; the pod itself is one even if our watch is late. (Pods written by hand may have no UID.)"""
    return gang.members if pod.uid in gang.members or not pod.uid else {**gang.members, pod.uid: pod}


def is_gated(pod: Pod) -> bool:
    return any(not gate.startswith(OWN_GATES) for gate in pod.gates)


def refused(reason: str, label: str = "") -> Status:
    return Status(Code.UNRESOLVABLE, reason, label or reason)
