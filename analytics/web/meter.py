"""Turns what the ingest has taken in into the visualizer's metrics (R-182 to R-185)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from analytics.ingest import Taken
from analytics.store.tables import DecisionRow, OutcomeRow
from analytics.web import metrics

SCORED_MAX: Final = 10_000
"""Decisions that wait for somebody else's bind; the oldest are forgotten and then have no bind time."""
_SECONDS_OF: Final = {
    "filter": metrics.FILTER_SECONDS,
    "prioritize": metrics.SCORE_SECONDS,
    "bind": metrics.BIND_SECONDS,
}


class Meter:
    """Belongs to the ingest's thread."""

    def __init__(self) -> None:
        self._schedulers = {"default-scheduler"}
        self._scored: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def observe(self, taken: Taken) -> None:
        for call in taken.calls:
            self._call(call)
        for end in taken.outcomes:
            self._end(end)
        for scheduler, outcome in taken.ended:
            metrics.DECISIONS.labels(self._label(scheduler), outcome).inc()

    def _call(self, call: DecisionRow) -> None:
        seconds = _SECONDS_OF.get(call.verb)
        if seconds is not None:
            seconds.labels(self._label(call.scheduler)).observe(call.duration_us / 1e6)
        if call.verb == "prioritize":
            self._scored[call.decision] = (call.scheduler, call.at_us)
            while len(self._scored) > SCORED_MAX:
                self._scored.popitem(last=False)
        elif call.verb == "bind":
            self._scored.pop(call.decision, None)

    def _end(self, end: OutcomeRow) -> None:
        """A bind that is not ours: the time from scoring to the pod being seen bound stands for it."""
        scored = self._scored.pop(end.decision, None)
        if scored is not None and end.result == "bound" and end.seen_by == "watch":
            scheduler, at_us = scored
            metrics.BIND_SECONDS.labels(self._label(scheduler)).observe(max(0, end.at_us - at_us) / 1e6)

    def _label(self, scheduler: str) -> str:
        """Pods choose scheduler names freely; only so many become labels."""
        if scheduler in self._schedulers:
            return scheduler
        if len(self._schedulers) >= metrics.SCHEDULERS_MAX:
            return "other"
        self._schedulers.add(scheduler)
        for outcome in metrics.OUTCOMES:
            metrics.DECISIONS.labels(scheduler, outcome)
        return scheduler
