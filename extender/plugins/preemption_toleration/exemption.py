"""Whether a pod must be left where it is (plugins.md §13, first match wins)."""

from __future__ import annotations

from extender.framework import Pod
from extender.plugins.preemption_toleration.book import TolerationBook
from extender.plugins.preemption_toleration.policy import Toleration, nanoseconds

_BEGINNING_OF_TIME_S = -62_135_596_800
"""Go's zero time, where a condition names no transition."""


class ClassNotFound(LookupError):
    """The victim's priority class is unknown: nobody can say whether it is protected."""

    def __init__(self, name: str) -> None:
        super().__init__(f'priorityclass.scheduling.k8s.io "{name}" not found')


def exempted(book: TolerationBook, victim: Pod, preemptor: Pod, now_s: float) -> bool:
    """Raises ClassNotFound."""
    if not victim.priority_class:
        return False
    if not book.knows(victim.priority_class):
        raise ClassNotFound(victim.priority_class)
    if preemptor.preemption_policy == "Never":
        return True
    toleration = book.toleration(victim.priority_class)
    if toleration is None or preemptor.priority >= toleration.minimum_preemptable_priority:
        return False
    return _still_tolerated(toleration, victim, now_s)


def why_exempt(book: TolerationBook, victim: Pod, preemptor: Pod, now_s: float) -> str:
    """For everybody else who evicts: a pod of an unknown class stays too."""
    try:
        protected = exempted(book, victim, preemptor, now_s)
    except ClassNotFound as unknown:
        return str(unknown)
    return f"priority class {victim.priority_class} protects it from this preemptor" if protected else ""


def _still_tolerated(toleration: Toleration, victim: Pod, now_s: float) -> bool:
    if toleration.toleration_seconds < 0 or victim.scheduled_at_s is None:
        return True
    since_s = victim.scheduled_at_s or _BEGINNING_OF_TIME_S
    return _nanoseconds_of(since_s) + nanoseconds(toleration.toleration_seconds) > _nanoseconds_of(now_s)


def _nanoseconds_of(moment_s: float) -> int:
    """Exact for whole seconds, and to the microsecond otherwise, which is all that a float holds."""
    return round(moment_s * 10**6) * 10**3
