"""What a plugin in shadow would have changed in one decision.

It is asked what it would be asked if it were enforced, after everything that is: its filter about the nodes that had
passed, its score about those that are left. Two steps are left out: it reserves nothing, so that its own book knows of
pods that are bound and not of those that are on their way; and it is asked quietly, so that it notes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from extender.engine.call import Call
from extender.engine.cycle import Pass, World, run_filters, run_scores
from extender.engine.profile import Shadow
from extender.engine.trace import Trace
from extender.engine.winners import Rows, Weighed, best, first, has_moved, has_settled

_NONE = np.empty(0, np.int32)


@dataclass(slots=True)
class Difference:
    """Of one plugin, as far as it has been asked. Times are nanoseconds."""

    nodes: int = 0
    """Shown to its filter."""
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    gone: Rows = field(default_factory=lambda: _NONE)
    """Rows that its filter would have rejected."""
    placed: bool = False
    """There is a winner to compare with."""
    moved: tuple[int, int] | None = None
    """(row, row): the first winner without it, and with it."""
    settled: bool = False
    failed: bool = False
    cost_ns: int = 0

    @property
    def rejected_all(self) -> bool:
        return 0 < self.nodes == self.rejected

    @property
    def is_any(self) -> bool:
        return self.rejected > 0 or self.moved is not None


def ask_filter(world: World, call: Call, shadow: Shadow, passed: Rows, found: Difference) -> None:
    """About the rows that passed the filter `call`."""
    trace, over = Trace(), Pass(world, shadow.alone, call.pod, passed, call.now_s, quiet=True)
    codes = run_filters(over, trace)
    found.nodes, found.rejected, found.gone = len(passed), int(np.count_nonzero(codes)), passed[codes != 0]
    for _plugin, reason, nodes in trace.rejected_by():
        found.reasons[reason] = found.reasons.get(reason, 0) + nodes
    _charge(found, trace)


def ask_score(world: World, call: Call, shadow: Shadow, found: Difference) -> None:
    """About the rows of the prioritize `call`, whose own scores stand in its trace, without those that are `gone`."""
    found.placed, rows, scale = True, call.rows, call.policy.scale
    kept = ~np.isin(rows, found.gone) if len(found.gone) else np.ones(len(rows), np.bool_)
    is_whole = bool(kept.all())
    if not kept.any() or (is_whole and not shadow.alone.scorers):
        return
    left = rows if is_whole else rows[kept]
    enforced, trace = call.trace, Trace()
    if not is_whole:  # scores are relative to the nodes that are left, so the others are asked again
        enforced = Trace()
        run_scores(Pass(world, call.profile, call.pod, left, call.now_s, quiet=True), scale, enforced)
    run_scores(Pass(world, shadow.alone, call.pod, left, call.now_s, quiet=True), scale, trace)
    every = kept if is_whole else np.ones(len(rows), np.bool_)
    before = best(every, Weighed(len(rows), call.trace).totals(scale))
    after = best(kept, Weighed(len(left), enforced, trace).totals(scale))
    if has_moved(before, after):
        found.moved = first(before, rows), first(after, rows)
    else:
        found.settled = has_settled(before, after)
    _charge(found, trace)


def _charge(found: Difference, trace: Trace) -> None:
    found.cost_ns += trace.spent_ns
    found.failed = found.failed or trace.failed
