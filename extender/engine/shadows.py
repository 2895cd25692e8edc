"""Plugins in shadow are asked behind the answers: their filter behind that of filter, their score behind that of
prioritize. Each is asked only while the state is still the one that was answered about, and while there is time left in
the share that all of them have together; what could not be asked is counted. Nothing that they say reaches an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from extender.engine.attempts import pod_ref
from extender.engine.budget import Budget
from extender.engine.call import Call
from extender.engine.cycle import World
from extender.engine.profile import Shadow
from extender.engine.shadow import Difference, ask_filter, ask_score
from extender.engine.tallies import Tallies
from extender.engine.verdicts import Moment
from extender.engine.winners import Rows
from extender.record import frames
from extender.telemetry import metrics

SHARE = 0.05
"""Of the one core that answers."""


NAMED_MOST = 10
"""Nodes that one frame names."""


@dataclass(slots=True)
class Question:
    """One decision as it was answered, and what has been said about it."""

    call: Call
    """Its newest one: filter, then prioritize."""
    moment: Moment
    """After its answer: as long as it holds, a plugin sees what it would have seen."""
    codes: NDArray[np.int16] | None = None
    """What filter said of the rows of its call, 0: passed; None: filter was not ours."""
    moved_on: bool = False
    """Something has happened since the filter call, before the filters were asked."""
    found: dict[str, Difference] = field(default_factory=dict)
    """By plugin that was asked anything."""
    why: dict[str, str] = field(default_factory=dict)
    """Plugin -> why something could not be asked."""
    is_paid: bool | None = None
    """There was time left when it was first asked; then all plugins are asked all of it."""
    is_old: bool = False
    """It was there at the tick before."""


class Shadows:
    """Owned by the event loop."""

    def __init__(
        self,
        world: World,
        moment: Callable[[], Moment],
        offer: Callable[[frames.Frame], None],
        clock: Callable[[], float],
        ticks: Callable[[], int] = perf_counter_ns,
    ) -> None:
        """`moment` is the engine's; `offer` takes journal frames; `clock` gives unix seconds, `ticks` nanoseconds."""
        self._world = world
        self._moment = moment
        self._offer = offer
        self._clock = clock
        self._ticks = ticks
        self._budget = Budget(SHARE, ticks)
        self._tallies = Tallies(offer, clock)
        self._open: Question | None = None
        """The decision that was filtered last, until its scores have been asked about, or nobody scores it."""

    # The calls.

    def filtered(self, call: Call, codes: NDArray[np.int16]) -> None:
        """A filter call is over, its charges included."""
        self._close()
        if call.profile.shadows:
            self._open = Question(call, self._moment(), codes)

    def scoring(self, call: Call) -> Question | None:
        """A prioritize call begins: the question that it carries on, if there is one to ask."""
        question = self._open
        if question is not None and question.call.attempt is call.attempt:
            question.moved_on = question.moved_on or question.moment != self._moment()
            return question
        # One that was filtered has been closed already, or nobody was in shadow then.
        return None if call.attempt.filtered or not call.profile.shadows else Question(call, self._moment())

    def scored(self, question: Question, call: Call) -> None:
        """The prioritize call is decided, ahead of its time perhaps."""
        question.call, question.moment = call, self._moment()

    # Behind the answers.

    def after_filter(self, call: Call) -> None:
        question = self._open
        if question is None or question.call.attempt is not call.attempt or question.codes is None:
            return
        passed: Rows = call.rows[question.codes == 0]
        holds = not question.moved_on and question.moment == self._moment()
        for shadow in call.profile.shadows:
            if len(passed) and (shadow.alone.pre_filters or shadow.alone.filters):
                with self._asking(question, shadow, holds=holds) as found:
                    if found is not None:
                        ask_filter(self._world, call, shadow, passed, found)
        if len(passed) <= 1:  # nobody asks for scores
            for shadow in call.profile.shadows:
                if shadow.name not in question.why:
                    _found(question, shadow).placed = len(passed) == 1
            self._close()

    def after_prioritize(self, question: Question) -> None:
        call, holds = question.call, question.moment == self._moment()
        for shadow in call.profile.shadows:
            if shadow.name not in question.why:
                with self._asking(question, shadow, holds=holds) as found:
                    if found is not None:
                        ask_score(self._world, call, shadow, found)
        self._finish(question)
        if self._open is question:
            self._open = None

    def tick(self) -> None:
        """About once a second."""
        if self._open is not None:
            if self._open.is_old:
                self._close()
            else:
                self._open.is_old = True
        self._tallies.tick()

    def flush(self) -> None:
        """Write what has been counted."""
        self._close()
        self._tallies.flush()

    # Parts.

    @contextmanager
    def _asking(self, question: Question, shadow: Shadow, *, holds: bool) -> Iterator[Difference | None]:
        """What is to be filled in; None: not now."""
        if question.is_paid is None:
            question.is_paid = self._budget.has_some()
        if not holds or not question.is_paid:
            question.why[shadow.name] = "budget" if holds else "moved"
            yield None
            return
        started = self._ticks()
        try:
            with self._world.books.quietly():
                yield _found(question, shadow)
        finally:
            self._budget.spend(started)

    def _close(self) -> None:
        """Nobody will score it any more."""
        question, self._open = self._open, None
        if question is not None:
            self._finish(question)

    def _finish(self, question: Question) -> None:
        for shadow in question.call.profile.shadows:
            plugin = shadow.name
            if plugin in question.found:
                self._note(question.call, shadow, question.found[plugin])
            elif plugin in question.why:
                metrics.SHADOW_SKIPPED.labels(question.why[plugin]).inc()
                self._tallies.skip(question.call, plugin, question.why[plugin])

    def _note(self, call: Call, shadow: Shadow, found: Difference) -> None:
        plugin = shadow.name
        self._tallies.count(call, plugin, found)
        metrics.SHADOW_EVALUATIONS.labels(plugin).inc()
        metrics.SHADOW_SECONDS.labels(plugin).observe(found.cost_ns / 1e9)
        for reason, nodes in found.reasons.items():
            metrics.SHADOW_REJECTIONS.labels(plugin, reason).inc(nodes)
        if found.rejected:
            kind = "rejected_all" if found.rejected_all else "rejected_some"
            metrics.SHADOW_DIFFERENCES.labels(plugin, kind).inc()
        if found.moved:
            metrics.SHADOW_DIFFERENCES.labels(plugin, "moved").inc()
        if found.is_any:
            self._offer(self._frame(call, shadow, found))

    def _frame(self, call: Call, shadow: Shadow, found: Difference) -> frames.Shadow:
        names = self._world.state.nodes.names
        return frames.Shadow(
            at_us=int(self._clock() * 1e6),
            decision=call.attempt.decision,
            pod=pod_ref(call.pod),
            profile=call.profile.scheduler_name,
            plugin=shadow.name,
            phases=sorted(shadow.phases),
            revision=call.policy.revision,
            nodes=found.nodes,
            would_reject=found.reasons,
            would_reject_all=found.rejected_all,
            rejected=[names[row] for row in found.gone[:NAMED_MOST].tolist() if row >= 0],
            moved=frames.Moved(*(names[row] if row >= 0 else "" for row in found.moved)) if found.moved else None,
            cost_us=found.cost_ns / 1000,
        )


def _found(question: Question, shadow: Shadow) -> Difference:
    return question.found.setdefault(shadow.name, Difference())
