"""One pass over the candidate nodes under one profile: filter, or score, normalise and weigh.

No await between reading the references and the verdict, no log, no I/O. A plugin that raises or leaves
0..100 is neutral for this call, counted and named in the trace (onFailure: open).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from extender.cluster.state import ClusterState
from extender.engine.books import Books
from extender.engine.profile import Profile, Seat
from extender.engine.trace import FilterStep, PodStep, ScoreStep, Trace
from extender.framework.declaration import Cycle, QueueView, Rejection, Status, Tending
from extender.ledger.ledger import Ledger
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.telemetry import metrics

SCORE_MAX = 100
STRICT_MAX = 10
NOBODY: Mapping[int, Collection[str]] = {}


@dataclass(frozen=True, slots=True)
class World:
    """Where a cycle looks: the cluster, the plugins' books, the leases."""

    state: ClusterState
    books: Books
    ledger: Ledger
    schedulers: Callable[[], Collection[str]] = frozenset
    """schedulerName of every profile in effect."""

    def tending(self, seat: Seat, now_s: float) -> Tending:
        state = self.state
        return Tending(
            nodes=state.nodes,
            args=seat.args,
            book=self.books.of(seat.name),
            pods=state.pods,
            objects=state.objects,
            pods_on=state.pods_on,
            scheduler_names=self.schedulers(),
            now_s=now_s,
        )

    def queue_view(self, seat: Seat) -> QueueView:
        return QueueView(seat.args, self.books.of(seat.name), self.state.objects)

    def cycle(
        self,
        pod: Pod,
        rows: NDArray[np.int32],
        seat: Seat,
        now_s: float,
        *,
        quiet: bool = False,
        leaving: Mapping[int, Collection[str]] = NOBODY,
    ) -> Cycle:
        state = self.state
        return Cycle(
            pod=pod,
            nodes=state.nodes,
            rows=rows,
            args=seat.args,
            book=self.books.of(seat.name),
            memo=seat.memo,
            pods=state.pods,
            nominated=state.nominated,
            objects=state.objects,
            assignments=state.assignments,
            metrics_end_s=state.metrics_end_s,
            now_s=now_s,
            leased=self.ledger,
            pods_on=state.pods_on,
            requested=state.requested_by,
            scheduler_names=self.schedulers(),
            quiet=quiet,
            leaving=leaving,
        )


@dataclass(frozen=True, slots=True)
class Pass:
    """One pod, one profile, the rows of its candidate nodes (int32, -1 = a node we do not know), one moment."""

    world: World
    profile: Profile
    pod: Pod
    rows: NDArray[np.int32]
    now_s: float
    quiet: bool = False
    """Nobody schedules by it: plugins note nothing."""
    leaving: Mapping[int, Collection[str]] = field(default_factory=dict)
    """Row -> UIDs of pods that are taken for gone."""

    def cycle(self, seat: Seat) -> Cycle:
        return self.world.cycle(self.pod, self.rows, seat, self.now_s, quiet=self.quiet, leaving=self.leaving)


def run_filters(over: Pass, trace: Trace) -> NDArray[np.int16]:
    """0 for each candidate that passes, else 1 + its index in trace.rejections."""
    codes = np.zeros(len(over.rows), np.int16)
    trace.codes = codes
    if not run_pre_filters(over, over.profile.pre_filters, trace):
        codes[:] = len(trace.rejections)
        return codes
    left = len(codes)
    for seat in over.profile.filters:
        if not left:
            break
        step = _filter(over, seat, codes, left, trace)
        trace.filter_steps.append(step)
        left -= step.rejected
    return codes


def run_pre_filters(over: Pass, seats: Sequence[Seat], trace: Trace) -> bool:
    """False as soon as one rejects the pod; its rejection is then the last of the trace."""
    for seat in seats:
        step = _pre_filter(over, seat)
        trace.pod_steps.append(step)
        if step.rejected:
            trace.add_rejection(seat.name, Rejection(step.reason, step.code), step.label)
            return False
    return True


def ask(over: Pass, seat: Seat, phase: Phase, part: Callable[[Cycle], Status], trace: Trace) -> Status:
    """One pod-level part of one plugin, timed and traced. A plugin that raises is neutral: success, and counted."""
    step = _asked(over, seat, phase, part)
    trace.pod_steps.append(step)
    code = Code.SUCCESS if step.code in (Code.ERROR, Code.SKIP) else step.code
    return Status(code, step.reason, step.label)


def _pre_filter(over: Pass, seat: Seat) -> PodStep:
    part = seat.plugin.pre_filter
    assert part is not None  # noqa: S101 - how Profile chose its pre_filters
    return _asked(over, seat, Phase.PRE_FILTER, part.check)


def _asked(over: Pass, seat: Seat, phase: Phase, part: Callable[[Cycle], Status]) -> PodStep:
    started = perf_counter_ns()
    try:
        status = _status(part(over.cycle(seat)), phase)
    except Exception as fault:  # noqa: BLE001 - a plugin may raise anything; it is then neutral
        status = Status(Code.ERROR, count_failure(seat, phase, fault))
    label = status.label or status.reason
    spent = perf_counter_ns() - started
    return PodStep(seat.name, phase, status.code, status.reason, label, len(over.rows), spent)


def _status(said: object, phase: Phase) -> Status:
    if isinstance(said, Status):
        return said
    raise TypeError(f"{phase} answered {type(said).__name__}, not Status")


def _filter(over: Pass, seat: Seat, codes: NDArray[np.int16], nodes_in: int, trace: Trace) -> FilterStep:
    part = seat.plugin.filter
    assert part is not None  # noqa: S101 - how Profile chose its filters
    started = perf_counter_ns()
    base, before, error = len(trace.rejections), codes.copy(), ""
    for rejection in part.rejections:
        trace.add_rejection(seat.name, rejection)
    try:
        rejected = seat.compiled.filter_rows(over.cycle(seat), codes, base)
    except Exception as fault:  # noqa: BLE001 - as above
        codes[:] = before
        rejected, error = 0, count_failure(seat, Phase.FILTER, fault)
    spent = perf_counter_ns() - started
    return FilterStep(seat.name, base, len(part.rejections), nodes_in, rejected, spent, error)


def run_scores(over: Pass, scale: str, trace: Trace) -> NDArray[np.int64]:
    """One total per candidate: the exact sum of weight x score (`wide`), or 0..10 (`strict`)."""
    totals = np.zeros(len(over.rows), np.int64)
    weights = 0
    for seat in over.profile.scorers:
        step = _score(over, seat)
        trace.score_steps.append(step)
        if step.normalized is not None:
            totals += step.normalized * step.weight
            weights += step.weight
    trace.totals = to_scale(totals, weights, scale)
    return trace.totals


def to_scale(totals: NDArray[np.int64], weights: int, scale: str) -> NDArray[np.int64]:
    """`strict`: (total x 10 + 50 x W) / (100 x W) in integers, W the sum of the weights (plugins.md §2.2)."""
    if scale == "strict" and weights:
        return (totals * STRICT_MAX + SCORE_MAX // 2 * weights) // (SCORE_MAX * weights)
    return totals


def _score(over: Pass, seat: Seat) -> ScoreStep:
    started = perf_counter_ns()
    raw = np.zeros(len(over.rows), np.int64)
    normalized: NDArray[np.int64] | None = None
    error = ""
    try:
        seat.compiled.score_rows(over.cycle(seat), raw)
        normalized = seat.compiled.normalize(raw)
        if outside_range(normalized):
            error = f"score outside 0..{SCORE_MAX}: {normalized.min()}..{normalized.max()}"
            metrics.PLUGIN_FAILURES.labels(seat.name, Phase.SCORE, "range").inc()
            normalized = None
    except Exception as fault:  # noqa: BLE001 - as above
        normalized, error = None, count_failure(seat, Phase.SCORE, fault)
    return ScoreStep(seat.name, seat.weight, raw, normalized, perf_counter_ns() - started, error)


def outside_range(scores: NDArray[np.int64]) -> bool:
    """Whether any score is not in 0..100; one pass, because a negative number is a huge one without its sign."""
    return bool((scores.view(np.uint64) > SCORE_MAX).any())


def count_failure(seat: Seat, phase: Phase, fault: Exception) -> str:
    metrics.PLUGIN_FAILURES.labels(seat.name, phase, "raised").inc()
    return f"{type(fault).__name__}: {fault}"[:200]


def rows_of(state: ClusterState, names: Sequence[str]) -> NDArray[np.int32]:
    """Rows of nodes by name, -1 for the unknown; int32[len(names)]."""
    row = state.nodes.row
    return np.fromiter((row(name) for name in names), np.int32, len(names))
