"""The status of a PodGroup, from its pods: upstream's transitions (plugins.md §4.9), as a pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from extender.model.pod import Pod

PENDING, SCHEDULING, RUNNING, FINISHED, FAILED = "Pending", "Scheduling", "Running", "Finished", "Failed"
ENDED = (FINISHED, FAILED)
# One step for each phase between a new group and its end; more would be a circle.
_STEPS_MAX = 6

Status = dict[str, Any]


def next_status(status: Mapping[str, Any], pods: Sequence[Pod], least: int, now_s: float) -> Status:
    """The status where these pods leave it; a group that has ended stays as it is.

    Upstream takes one step at every event and gets to the same place. Unlike upstream, scheduleStartTime is set when
    the group is scheduled for the first time.
    """
    found = dict(status)
    for _step in range(_STEPS_MAX):
        before, found = found, _step_on(found, pods, least, now_s)
        if found == before:
            break
    return found


def _step_on(status: Status, pods: Sequence[Pod], least: int, now_s: float) -> Status:
    match status.get("phase") or "":
        case "":
            return status | {"phase": PENDING}
        case phase if phase in ENDED:
            return status
        case phase if phase == PENDING:
            return _begun(status, pods, now_s) if len(pods) >= least else status
    return _counted(status, pods, least)


def _begun(status: Status, pods: Sequence[Pod], now_s: float) -> Status:
    begun = status | {"phase": SCHEDULING}
    if pods and pods[0].owners and not status.get("occupiedBy"):
        begun["occupiedBy"] = ",".join(sorted(f"{pods[0].namespace}/{name}" for name in pods[0].owners))
    if not status.get("scheduleStartTime"):
        begun["scheduleStartTime"] = datetime.fromtimestamp(int(now_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return begun


def _counted(status: Status, pods: Sequence[Pod], least: int) -> Status:
    phases = [pod.phase for pod in pods]
    running, succeeded, failed = (phases.count(phase) for phase in ("Running", "Succeeded", "Failed"))
    counted = status | {"running": running, "succeeded": succeeded, "failed": failed}
    if len(pods) < least:
        return counted | {"phase": PENDING}
    phase = RUNNING if succeeded + running >= least else SCHEDULING
    if failed and failed + running + succeeded >= least:
        phase = FAILED
    if succeeded >= least:
        phase = FINISHED
    return counted | {"phase": phase}
