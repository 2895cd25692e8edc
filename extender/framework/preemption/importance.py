"""Who is more important: higher priority, then earlier start; a pod that has not started counts as starting now."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from extender.model.pod import Pod


def importance(pod: Pod) -> tuple[int, float]:
    """A sort key: the smaller, the more important."""
    return -pod.priority, inf if pod.started_at_s is None else pod.started_at_s


def by_importance(pods: Iterable[Pod]) -> list[Pod]:
    """Most important first; ties in the order given."""
    return sorted(pods, key=importance)
