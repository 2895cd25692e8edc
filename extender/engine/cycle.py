"""One pass over the candidate nodes under one profile: filter, or score, normalise and weigh.

No await between reading the references and the verdict, no log, no I/O. A plugin that raises or leaves
0..100 is neutral for this call, counted and named in the trace (onFailure: open); what else a policy may want is in
oversight.py, and costs nothing where nothing has failed and nothing is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from extender.cluster.state import ClusterState
from extender.engine import oversight
from extender.engine.books import Books
from extender.engine.profile import Profile, Seat
from extender.engine.trace import FilterStep, PodStep, ScoreStep, Trace
from extender.framework.declaration import Cycle, QueueView, Rejection, Status, Tending
from extender.framework.normalize import SCORE_MAX
from extender.ledger.ledger import Ledger
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.telemetry import metrics

STRICT_MAX = 10
NOBODY: Mapping[int, Collection[str]] = {}
UNPROMISED: Mapping[str, Pod] = {}


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
        promised: Mapping[str, Pod] = UNPROMISED,
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
            nominated={**promised, **state.nominated} if promised else state.nominated,
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


@dataclass(slots=True)
class Pass:
    """One pod, one profile, the rows of its candidate nodes (int32, -1 = a node we do not know), one moment."""

    world: World
    profile: Profile
    pod: Pod
    rows: NDArray[np.int32]
    now_s: float
    quiet: bool = False
    """Nobody schedules by it: plugins note nothing."""
    leaving: Mapping[int, Collection[str]] = field(default_factory=lambda: NOBODY)
    """Row -> UIDs of pods that are taken for gone."""
    promised: Mapping[str, Pod] = field(default_factory=lambda: UNPROMISED)
    """UID -> pod with the node that it is about to be nominated to: it counts as if it were."""

    def cycle(self, seat: Seat) -> Cycle:
        return self.world.cycle(
            self.pod,
            self.rows,
            seat,
            self.now_s,
            quiet=self.quiet,
            leaving=self.leaving,
            promised=self.promised,
        )

    def cycles(self, seats: Sequence[Seat]) -> Iterator[tuple[Seat, Cycle]]:
        """Each seat with its cycle, good until the next one: it is the same object, which costs a tenth."""
        if not seats:
            return
        shared, books = self.cycle(seats[0]), self.world.books
        for seat in seats:
            shared.args, shared.book, shared.memo = seat.args, books.of(seat.name), seat.memo
            yield seat, shared


def run_filters(over: Pass, trace: Trace) -> NDArray[np.int16]:
    """0 for each candidate that passes, else 1 + its index in trace.rejections."""
    codes = np.zeros(len(over.rows), np.int16)
    trace.codes = codes
    if not run_pre_filters(over, over.profile.pre_filters, trace):
        codes[:] = len(trace.rejections)
        return codes
    left = len(codes)
    for seat, cycle in over.cycles(over.profile.filters):
        if not left:
            break
        step = _filter(cycle, seat, codes, left, trace)
        trace.filter_steps.append(step)
        left -= step.rejected
    trace.passed = left
    return codes


def run_pre_filters(over: Pass, seats: Sequence[Seat], trace: Trace) -> bool:
    """False as soon as one rejects the pod; its rejection is then the last of the trace."""
    for seat, cycle in over.cycles(seats):
        step = _pre_filter(cycle, seat)
        trace.pod_steps.append(step)
        if step.rejected:
            trace.add_rejection(seat.name, Rejection(step.reason, step.code), step.label)
            return False
    return True


def ask(over: Pass, seat: Seat, phase: Phase, part: Callable[[Cycle], Status], trace: Trace) -> Status:
    """One pod-level part of one plugin, timed and traced. A plugin that raises is neutral: success, and counted."""
    step = _asked(over.cycle(seat), seat, phase, part)
    trace.pod_steps.append(step)
    code = Code.SUCCESS if step.code in (Code.ERROR, Code.SKIP) else step.code
    return Status(code, step.reason, step.label)


def _pre_filter(cycle: Cycle, seat: Seat) -> PodStep:
    part = seat.plugin.pre_filter
    assert part is not None  # noqa: S101 - how Profile chose its pre_filters
    return _asked(cycle, seat, Phase.PRE_FILTER, part.check)


def _asked(cycle: Cycle, seat: Seat, phase: Phase, part: Callable[[Cycle], Status]) -> PodStep:
    started = perf_counter_ns()
    try:
        status = _status(part(cycle), phase)
    except Exception as fault:  # noqa: BLE001 - a plugin may raise anything; it is then neutral
        status = Status(Code.ERROR, count_failure(seat, phase, fault))
    label = status.label or status.reason
    spent = perf_counter_ns() - started
    step = PodStep(seat.name, phase, status.code, status.reason, label, len(cycle.rows), spent)
    return oversight.asked(step, seat, quiet=cycle.quiet) if seat.breaker.listens else step


def _status(said: object, phase: Phase) -> Status:
    if isinstance(said, Status):
        return said
    raise TypeError(f"{phase} answered {type(said).__name__}, not Status")


def _filter(cycle: Cycle, seat: Seat, codes: NDArray[np.int16], nodes_in: int, trace: Trace) -> FilterStep:
    part = seat.plugin.filter
    assert part is not None  # noqa: S101 - how Profile chose its filters
    started = perf_counter_ns()
    base, before, error = len(trace.rejections), codes.copy(), ""
    for rejection in part.rejections:
        trace.add_rejection(seat.name, rejection)
    try:
        rejected = seat.compiled.filter_rows(cycle, codes, base)
    except Exception as fault:  # noqa: BLE001 - as above
        codes[:] = before
        rejected, error = 0, count_failure(seat, Phase.FILTER, fault)
    spent = perf_counter_ns() - started
    step = FilterStep(seat.name, base, len(part.rejections), nodes_in, rejected, spent, error)
    return oversight.filtered(step, seat, codes, before, trace, quiet=cycle.quiet) if seat.breaker.listens else step


def run_scores(over: Pass, scale: str, trace: Trace) -> NDArray[np.int64]:
    """One total per candidate: the exact sum of weight x score (`wide`), or 0..10 (`strict`)."""
    totals = np.zeros(len(over.rows), np.int64)
    weights = 0
    for seat, cycle in over.cycles(over.profile.scorers):
        step = _score(cycle, seat, totals)
        trace.score_steps.append(step)
        if step.normalized is not None:
            weights += step.weight
    trace.totals = to_scale(totals, weights, scale)
    return trace.totals


def to_scale(totals: NDArray[np.int64], weights: int, scale: str) -> NDArray[np.int64]:
    """`strict`: (total x 10 + 50 x W) / (100 x W) in integers, W the sum of the weights (plugins.md §2.2)."""
    if scale == "strict" and weights:
        return (totals * STRICT_MAX + SCORE_MAX // 2 * weights) // (SCORE_MAX * weights)
    return totals


def least_listed(totals: NDArray[np.int64], most: int) -> int | None:
    """The smallest total of a sparse answer: whole levels of equal totals, the best ones that fit into `most`
    candidates (the best level is always there, however many they are). None: all fit, or `most` is 0."""
    if not most or len(totals) <= most:
        return None
    edge = int(np.partition(totals, -most)[-most])
    if int(np.count_nonzero(totals >= edge)) == most or edge == int(totals.max()):
        return edge
    return edge + 1


def _score(cycle: Cycle, seat: Seat, totals: NDArray[np.int64]) -> ScoreStep:
    """Adds to `totals`, unless the plugin fails."""
    started = perf_counter_ns()
    raw = np.zeros(len(cycle.rows), np.int64)
    normalized: NDArray[np.int64] | None = None
    error = ""
    try:
        seat.compiled.score_rows(cycle, raw)
        scores = seat.compiled.normalize(raw)
        if seat.compiled.add_weighted(scores, totals, seat.weight):
            normalized = scores
        else:
            error = f"score outside 0..{SCORE_MAX}: {scores.min()}..{scores.max()}"
            metrics.PLUGIN_FAILURES.labels(seat.name, Phase.SCORE, "range").inc()
            seat.breaker.failed(Phase.SCORE, error)
    except Exception as fault:  # noqa: BLE001 - as above
        error = count_failure(seat, Phase.SCORE, fault)
    step = ScoreStep(seat.name, seat.weight, raw, normalized, perf_counter_ns() - started, error)
    return oversight.scored(step, seat, totals, quiet=cycle.quiet) if seat.breaker.listens else step


def count_failure(seat: Seat, phase: Phase, fault: Exception, strike: str | None = "") -> str:
    """`strike`: what the breaker counts it as, by default the phase; None: it has counted one of this call already."""
    metrics.PLUGIN_FAILURES.labels(seat.name, phase, "raised").inc()
    error = f"{type(fault).__name__}: {fault}"[:200]
    if strike is not None:
        seat.breaker.failed(strike or phase, error)
    return error


def rows_of(state: ClusterState, names: Sequence[str]) -> NDArray[np.int32]:
    """Rows of nodes by name, -1 for the unknown; int32[len(names)]."""
    row = state.nodes.row
    return np.fromiter((row(name) for name in names), np.int32, len(names))
