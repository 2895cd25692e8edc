"""What the policy makes of a part that failed or took too long: deadline, onFailure, and word to the breaker.

A part is never interrupted. An overrun is seen when it returns, and what it said is then replaced: by nothing
(`onFailure: open`), or by a refusal (`closed`). A score cannot refuse: it is left out of the sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extender.engine.profile import Seat
from extender.engine.trace import FilterStep, PodStep, ScoreStep, Trace
from extender.framework.declaration import Permission, Rejection
from extender.model.verdict import Code, Phase
from extender.telemetry import metrics

AT_ONCE = 10
"""An overrun so many times as long as the deadline opens the breaker by itself."""


def filtered(
    step: FilterStep, seat: Seat, codes: NDArray[np.int16], before: NDArray[np.int16], trace: Trace, *, quiet: bool
) -> FilterStep:
    """`before`: the codes as they were when the filter was asked."""
    step.error = judged(seat, Phase.FILTER, step.duration_ns, step.error, quiet=quiet)
    if step.error:
        codes[:] = before
        step.rejected = 0
        if seat.fails_closed:
            codes[before == 0] = trace.add_rejection(seat.name, Rejection(refusal(seat)))
            step.count, step.rejected = step.count + 1, step.nodes_in
    return step


def scored(step: ScoreStep, seat: Seat, totals: NDArray[np.int64], *, quiet: bool) -> ScoreStep:
    step.error = judged(seat, Phase.SCORE, step.duration_ns, step.error, quiet=quiet)
    if step.error and step.normalized is not None:
        totals -= step.normalized * step.weight
        step.normalized = None
    return step


def asked(step: PodStep, seat: Seat, *, quiet: bool) -> PodStep:
    said = step.reason if step.code is Code.ERROR else ""
    error = judged(seat, step.phase, step.duration_ns, said, quiet=quiet)
    if error:
        step.code, step.reason = (Code.UNSCHEDULABLE, refusal(seat)) if seat.fails_closed else (Code.ERROR, error)
        step.label = step.reason
    return step


def permitted(seat: Seat, said: Permission, duration_ns: int, error: str) -> Permission:
    if not judged(seat, Phase.PERMIT, duration_ns, error, quiet=False):
        return said
    return Permission(Code.UNSCHEDULABLE, refusal(seat)) if seat.fails_closed else Permission()


def judged(seat: Seat, phase: Phase, duration_ns: int, error: str, *, quiet: bool) -> str:
    """Why what the part said is not used, or "". An `error` has been told to the breaker already. Nobody schedules by
    a quiet question, and it may derive what others find: its time is not counted."""
    if error or quiet:
        return error
    if not seat.deadline_ns or duration_ns <= seat.deadline_ns:
        seat.breaker.passed(phase)
        return ""
    late = f"took {duration_ns / 1e6:.3g} ms, and its deadline is {seat.deadline_ns / 1e6:g} ms"
    metrics.PLUGIN_FAILURES.labels(seat.name, phase, "deadline").inc()
    seat.breaker.failed(phase, late, at_once=duration_ns >= AT_ONCE * seat.deadline_ns)
    return late


def refusal(seat: Seat) -> str:
    return f"{seat.name} failed or took too long, and its policy says onFailure: closed"
