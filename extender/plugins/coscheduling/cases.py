"""What `explain --batch` answers about a gang: every upstream phase on a plugin that knows nothing but the case.

Upstream passes a labelled pod whose PodGroup is missing in PreFilter and refuses it in Permit. So do these answers;
live, it is refused at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import PASSED, CaseView, Code, Cycle, Pod, Status
from extender.plugins.coscheduling.book import NOT_FOUND
from extender.plugins.coscheduling.checks import checked, failed_recently
from extender.plugins.coscheduling.gang import Gang
from extender.plugins.coscheduling.permission import reject_share_is_passed
from extender.plugins.coscheduling.pod_group import key_of

GROUP_UNDER_TEST = "default/pg1"
"""Whose assigned members the cases count, and whose siblings follow the pod through Permit."""


def case_answers(view: CaseView) -> Mapping[str, Any]:
    cycle = view.cycle
    if cycle is None:
        return {}
    gang = _known(cycle, key_of(cycle.pod))
    pre_filter = _told(_pre_filter(cycle, gang))
    rejected, backed_off = _post_filter(cycle, gang)
    after = _told(failed_recently(gang)) if backed_off and gang else pre_filter
    return {
        "prefilter": pre_filter,
        "assignedBefore": len(_assigned(cycle, GROUP_UNDER_TEST)),
        "permitSequence": _permit_sequence(cycle),
        "postfilter": _told(rejected),
        "prefilterAfterPostfilter": after,
        "assignedAfterPermitUnreserve": _after_unreserve(cycle),
    }


def _known(cycle: Cycle, key: str) -> Gang | None:
    """The gang, if its PodGroup is there."""
    gang: Gang | None = cycle.book.gang(key)
    return gang if gang is not None and gang.group is not None else None


def _assigned(cycle: Cycle, key: str) -> set[str]:
    gang: Gang | None = cycle.book.gang(key)
    return set(gang.bound) if gang is not None else set()


def _pre_filter(cycle: Cycle, gang: Gang | None) -> Status:
    if gang is None:
        return PASSED
    gang.permitted_until_s = 0.0  # the plugin's own preFilter has seen the case before
    return checked(cycle, gang, cycle.rows)


def _permit_sequence(cycle: Cycle) -> list[dict[str, Any]]:
    """The pod, then every unassigned sibling of the group under test, each placed where the ones before left off."""
    followers = [
        pod
        for pod in cycle.pods.values()
        if key_of(pod) == GROUP_UNDER_TEST and not pod.node_name and pod.uid != cycle.pod.uid
    ]
    assigned: dict[str, set[str]] = {}
    return [_permit(cycle, pod, assigned) for pod in (cycle.pod, *followers)]


def _permit(cycle: Cycle, pod: Pod, assigned: dict[str, set[str]]) -> dict[str, Any]:
    key = key_of(pod)
    gang = _known(cycle, key)
    if not key:
        return _permitted(pod, Code.SUCCESS)
    if gang is None or gang.group is None:
        return _permitted(pod, Code.UNSCHEDULABLE, NOT_FOUND)
    placed = assigned.setdefault(key, _assigned(cycle, key))
    placed.add(pod.uid)
    if len(placed) >= gang.group.min_member:
        return _permitted(pod, Code.SUCCESS)
    return _permitted(pod, Code.WAIT, timeout_s=gang.group.wait_s(cycle.args.permit_waiting_time_seconds))


def _permitted(pod: Pod, code: Code, reason: str = "", timeout_s: int = 0) -> dict[str, Any]:
    reasons = [reason] if reason else []
    return {"pod": pod.key, "code": code.value, "reasons": reasons, "timeoutSeconds": timeout_s}


def _post_filter(cycle: Cycle, gang: Gang | None) -> tuple[Status, bool]:
    """(the answer, whether the group is backed off from now on)"""
    if gang is None or gang.group is None:
        return Status(Code.UNSCHEDULABLE, "can not find pod group"), False
    if not reject_share_is_passed(gang, len(gang.bound), cycle.args.pod_group_reject_percentage):
        return Status(Code.UNSCHEDULABLE), False
    rejected = f"PodGroup {gang.key} gets rejected due to Pod {cycle.pod.name} is unschedulable even after PostFilter"
    backs_off = cycle.args.pod_group_backoff_seconds > 0 and len(gang.members) >= gang.group.min_member
    return Status(Code.UNSCHEDULABLE, rejected), backs_off


def _after_unreserve(cycle: Cycle) -> int:
    """Unreserve takes back what Permit noted, and also what had been noted before."""
    assigned = _assigned(cycle, GROUP_UNDER_TEST)
    if _known(cycle, key_of(cycle.pod)) is not None:
        assigned.discard(cycle.pod.uid)
    return len(assigned)


def _told(status: Status) -> dict[str, Any]:
    return {"code": status.code.value, "reasons": [status.reason] if status.reason else []}
