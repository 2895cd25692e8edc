"""One pass over the candidate nodes under one profile: filter, or score, normalise and weigh.

No await between reading the references and the verdict, no log, no I/O. A plugin that raises or leaves
0..100 is neutral for this call, counted and named in the trace (onFailure: open).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from extender.cluster.state import ClusterState
from extender.engine.books import Books
from extender.engine.profile import Profile, Seat
from extender.engine.trace import FilterStep, PodStep, ScoreStep, Trace
from extender.framework.declaration import Cycle, Rejection
from extender.ledger.ledger import Ledger
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase
from extender.telemetry import metrics

SCORE_MAX = 100
STRICT_MAX = 10


@dataclass(frozen=True, slots=True)
class World:
    """Where a cycle looks: the cluster, the plugins' books, the leases."""

    state: ClusterState
    books: Books
    ledger: Ledger

    def cycle(self, pod: Pod, rows: NDArray[np.int32], seat: Seat, now_s: float) -> Cycle:
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
        )


def run_filters(
    world: World, profile: Profile, pod: Pod, rows: NDArray[np.int32], now_s: float, trace: Trace
) -> NDArray[np.int16]:
    """0 for each candidate that passes, else 1 + its index in trace.rejections. Candidates: rows, -1 = unknown node."""
    codes = np.zeros(len(rows), np.int16)
    trace.codes = codes
    if not run_pre_filters(world, profile, pod, rows, now_s, trace):
        codes[:] = len(trace.rejections)
        return codes
    left = len(rows)
    for seat in profile.filters:
        if not left:
            break
        left -= _filter(world, seat, pod, rows, now_s, trace)
    return codes


def run_pre_filters(
    world: World, profile: Profile, pod: Pod, rows: NDArray[np.int32], now_s: float, trace: Trace
) -> bool:
    """False as soon as one rejects the pod; its rejection is then the last of the trace."""
    for seat in profile.pre_filters:
        started = perf_counter_ns()
        part = seat.plugin.pre_filter
        assert part is not None  # noqa: S101 - how Profile chose its pre_filters
        try:
            status = part.check(world.cycle(pod, rows, seat, now_s))
            code, reason, label = status.code, status.reason, status.label or status.reason
        except Exception as fault:  # noqa: BLE001 - a plugin may raise anything; it is then neutral
            code, reason, label = Code.ERROR, _count_failure(seat, Phase.PRE_FILTER, fault), ""
        spent = perf_counter_ns() - started
        metrics.PLUGIN_SECONDS.labels(seat.name, Phase.PRE_FILTER).observe(spent / 1e9)
        trace.pod_steps.append(PodStep(seat.name, Phase.PRE_FILTER, code, reason, label, len(rows), spent))
        if code in (Code.UNSCHEDULABLE, Code.UNRESOLVABLE, Code.WAIT):
            # Whatever the plugin's code: an in-tree preemptor cannot cure it, so the node is unresolvable for it.
            trace.add_rejection(seat.name, Rejection(reason, Code.UNRESOLVABLE))
            return False
    return True


def _filter(
    world: World, seat: Seat, pod: Pod, rows: NDArray[np.int32], now_s: float, trace: Trace
) -> int:
    part, codes = seat.plugin.filter, trace.codes
    assert part is not None  # noqa: S101 - how Profile chose its filters
    assert codes is not None  # noqa: S101 - set by run_filters
    started = perf_counter_ns()
    base, nodes_in = len(trace.rejections), int(np.count_nonzero(codes == 0))
    for rejection in part.rejections:
        trace.add_rejection(seat.name, rejection)
    error = ""
    before = codes.copy()
    try:
        rejected = seat.compiled.filter_rows(world.cycle(pod, rows, seat, now_s), codes, base)
    except Exception as fault:  # noqa: BLE001 - as above
        codes[:] = before
        rejected, error = 0, _count_failure(seat, Phase.FILTER, fault)
    spent = perf_counter_ns() - started
    metrics.PLUGIN_SECONDS.labels(seat.name, Phase.FILTER).observe(spent / 1e9)
    trace.filter_steps.append(FilterStep(seat.name, base, len(part.rejections), nodes_in, rejected, spent, error))
    return rejected


def run_scores(
    world: World, profile: Profile, pod: Pod, rows: NDArray[np.int32], now_s: float, scale: str, trace: Trace
) -> NDArray[np.int64]:
    """One total per candidate: the exact sum of weight x score (`wide`), or 0..10 (`strict`)."""
    totals = np.zeros(len(rows), np.int64)
    weights = 0
    for seat in profile.scorers:
        step = _score(world, seat, pod, rows, now_s)
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


def _score(world: World, seat: Seat, pod: Pod, rows: NDArray[np.int32], now_s: float) -> ScoreStep:
    started = perf_counter_ns()
    raw = np.zeros(len(rows), np.int64)
    normalized: NDArray[np.int64] | None = None
    error = ""
    try:
        seat.compiled.score_rows(world.cycle(pod, rows, seat, now_s), raw)
        normalized = seat.compiled.normalize(raw)
        if len(normalized) and (normalized.min() < 0 or normalized.max() > SCORE_MAX):
            error = f"score outside 0..100: {normalized.min()}..{normalized.max()}"
            metrics.PLUGIN_FAILURES.labels(seat.name, Phase.SCORE, "range").inc()
            normalized = None
    except Exception as fault:  # noqa: BLE001 - as above
        normalized, error = None, _count_failure(seat, Phase.SCORE, fault)
    spent = perf_counter_ns() - started
    metrics.PLUGIN_SECONDS.labels(seat.name, Phase.SCORE).observe(spent / 1e9)
    return ScoreStep(seat.name, seat.weight, raw, normalized, spent, error)


def _count_failure(seat: Seat, phase: Phase, fault: Exception) -> str:
    metrics.PLUGIN_FAILURES.labels(seat.name, phase, "raised").inc()
    return f"{type(fault).__name__}: {fault}"[:200]


def rows_of(state: ClusterState, names: Sequence[str]) -> NDArray[np.int32]:
    """Rows of nodes by name, -1 for the unknown; int32[len(names)]."""
    row = state.nodes.row
    return np.fromiter((row(name) for name in names), np.int32, len(names))
