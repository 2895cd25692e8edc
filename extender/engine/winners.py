"""Whose total is the highest, and whether that is somebody else than before. Masks have one entry per candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extender.engine.cycle import to_scale
from extender.engine.trace import Trace

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]


def best(kept: Mask, totals: NDArray[np.int64]) -> Mask:
    """Those with the highest of the totals, which are those of the `kept` candidates, in their order. Among equals the
    scheduler chooses, by its own scores."""
    found = np.zeros(len(kept), np.bool_)
    if len(totals):
        found[kept] = totals == totals.max()
    return found


def first(winners: Mask, rows: Rows) -> int:
    """The row of the first winner; -1 without one."""
    return int(rows[winners.argmax()]) if winners.any() else -1


def has_moved(before: Mask, after: Mask) -> bool:
    """No winner of before is one of after: the placement cannot have stayed."""
    return bool(before.any() and after.any()) and not (before & after).any()


def has_settled(before: Mask, after: Mask) -> bool:
    """Several were equal, and fewer of them are left."""
    return bool((before & after).any()) and int(np.count_nonzero(after)) < int(np.count_nonzero(before))


class Weighed:
    """Weighted scores of candidates, to be added up before they are brought to the scale of the answer."""

    def __init__(self, candidates: int, *traces: Trace) -> None:
        self._sums = np.zeros(candidates, np.int64)
        self._weights = 0
        for trace in traces:
            for step in trace.score_steps:
                if step.normalized is not None:
                    self._sums += step.normalized * step.weight
                    self._weights += step.weight

    def totals(self, scale: str) -> NDArray[np.int64]:
        return to_scale(self._sums, self._weights, scale)
