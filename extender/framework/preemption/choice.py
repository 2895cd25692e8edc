"""Which node preemption takes, and what it says when it finds none: kube-scheduler's rules (plugins.md §1.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from extender.framework.declaration import Selection, Status

_PRIORITY_OFFSET = 2**31
"""Makes every priority positive, so that in the sum each victim weighs."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node with at least one victim."""

    node: str
    selection: Selection


def best_of(candidates: Iterable[Candidate]) -> Candidate | None:
    """The node whose victims cost least; the first of several equals."""
    return min(candidates, key=_cost, default=None)


def _cost(candidate: Candidate) -> tuple[int, int, int, int, float]:
    """Fewest budgets broken, lowest highest priority, smallest sum of priorities, fewest victims, latest start."""
    victims = candidate.selection.victims
    return (
        candidate.selection.pdb_violations,
        victims[0].priority,
        sum(pod.priority + _PRIORITY_OFFSET for pod in victims),
        len(victims),
        -_earliest_start(candidate.selection),
    )


def _earliest_start(selection: Selection) -> float:
    """Of the victims with the highest priority; one that has not started starts now, later than all others."""
    top = max(pod.priority for pod in selection.victims)
    starts = (pod.started_at_s for pod in selection.victims if pod.priority == top)
    return min(inf if start is None else start for start in starts)


def failure_text(nodes: int, tried: Mapping[str, Status]) -> str:
    """What the scheduler says of a preemption without a candidate. `tried`: node -> why not."""
    counted = Counter(reason for status in tried.values() for reason in reasons_of(status))
    if untried := nodes - len(tried):
        counted["Preemption is not helpful for scheduling"] += untried
    return f"0/{nodes} nodes are available: {', '.join(sorted(f'{n} {reason}' for reason, n in counted.items()))}."


def reasons_of(status: Status) -> list[str]:
    """A misfit has several reasons in one text."""
    return status.reason.split(", ") if status.reason else []
