"""Nobody tries the pod, or whoever does fails."""

from __future__ import annotations

from typing import Final

from analytics.why.answer import Found
from analytics.why.facts import Facts

NEW_S: Final = 20.0
"""So long a scheduler may take to say anything."""
_EXTENDER: Final = ("extender", "/filter", "/prioritize", "/bind", "/preempt")
_SLOW: Final = ("deadline exceeded", "timeout", "timed out")
_DOWN: Final = ("connection refused", "no such host", "no route to host", "eof", "connection reset", "x509", "tls:")


def absent(facts: Facts) -> Found | None:
    pod = facts.pod
    if pod is None or not facts.waits or facts.tried:
        return None
    values: dict[str, str | int] = {
        "pod": facts.key,
        "scheduler": pod.scheduler_name,
        "seconds": int(min(facts.age_s, 10**9)),
    }
    if facts.age_s < NEW_S:
        return Found("scheduler.new", values)
    if pod.scheduler_name not in facts.schedulers:
        values["known"] = ", ".join(sorted(facts.schedulers)) or "-"
        return Found("scheduler.nobody", values)
    return Found("scheduler.silent", values)


def failed(facts: Facts) -> Found | None:
    """The scheduler ran into an error of its own, or of the extender."""
    pod = facts.pod
    if pod is None or not facts.waits or pod.unscheduled_reason != "SchedulerError":
        return None
    text = facts.detail.message
    said = text.lower()
    values: dict[str, str | int] = {"pod": facts.key, "scheduler": pod.scheduler_name, "text": text or "-"}
    if any(part in said for part in _EXTENDER):
        if any(part in said for part in _SLOW):
            return Found("scheduler.extender_slow", values)
        if any(part in said for part in _DOWN):
            return Found("scheduler.extender_down", values)
    if facts.newest is not None and facts.newest.bind_code not in ("", "Success", "Wait"):
        return None
    return Found("scheduler.error", values)
