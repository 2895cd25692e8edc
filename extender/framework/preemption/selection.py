"""Choosing victims on one node: first everybody who may go is gone, then as many as possible come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from extender.framework.declaration import Selection, Status
from extender.framework.preemption.budgets import Budgets
from extender.framework.preemption.importance import by_importance, importance
from extender.model.pod import Pod
from extender.model.verdict import Code


def no_victims(preemptor: Pod, node: str) -> Selection:
    """Nobody on the node may go."""
    reason = f"No victims found on node {node} for preemptor pod {preemptor.name}"
    return Selection(status=Status(Code.UNRESOLVABLE, reason, "no victims"))


def unjudged(preemptor: Pod, proposed: Selection) -> tuple[str, ...]:
    """Constraints of the preemptor, or of a proposed victim against it, that no simulation here covers."""
    repelling = any("podAntiAffinity" in victim.placement.unjudged for victim in proposed.victims)
    return preemptor.placement.unjudged or (("podAntiAffinity",) if repelling else ())


class WayBack:
    """Lets pods come back one by one, as long as something is left in every respect."""

    def __init__(self, left: Sequence[int], amounts: Callable[[Pod], Sequence[int]]) -> None:
        """`left`: in any respects, without the pods; `amounts`: what one pod takes, in the same order."""
        self._left = left
        self._amounts = amounts

    def takes(self, pod: Pod) -> bool:
        after = [left - amount for left, amount in zip(self._left, self._amounts(pod), strict=True)]
        if min(after) < 0:
            return False
        self._left = after
        return True


def reprieved(
    potential: Sequence[Pod],
    budgets: Budgets,
    comes_back: Callable[[Pod], bool],
    *,
    counts: Callable[[Pod], bool] = lambda _victim: True,
) -> Selection:
    """Who of `potential`, all of whom are gone, cannot come back (plugins.md §1.5, §5.4 step 7).

    `comes_back` puts the pod back and says whether it may stay; if not, it has taken it away again. Pods whose going
    breaks a budget are asked first, then the others, each group by importance. `counts`: whether a victim that breaks
    a budget counts as a violation.
    """
    violating, others = budgets.split(by_importance(potential))
    broken = [pod for pod in violating if not comes_back(pod)]
    victims = broken + [pod for pod in others if not comes_back(pod)]
    if violating and others:
        victims.sort(key=importance)
    return Selection(tuple(victims), sum(counts(pod) for pod in broken))
