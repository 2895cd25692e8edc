"""The measures, as series of even steps out of the roll-ups (R-152)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.store.performance import Revision, Rollups, Took, Which
from analytics.trends import Series
from analytics.trends.sketch import value_of
from analytics.views.performance.span import Plan

OWN_VERBS: Final = ("filter", "prioritize", "preempt")
ENDS: Final = ("scheduled", "unschedulable", "error")
PENDING: Final = "pending_pods"
CLUSTER, SCHEDULER = "cluster", "kube-scheduler"


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    unit: str
    label: str
    """In a sentence."""
    floor: float
    """Smaller changes are of no interest, in the unit."""
    worse_up: bool
    """Whether it is bad if this rises."""


MEASURES: Final = {
    measure.name: measure
    for measure in (
        Measure("latency", "ms", "average latency", 5.0, worse_up=True),
        Measure("latency_p50", "ms", "p50", 5.0, worse_up=True),
        Measure("latency_p95", "ms", "p95", 10.0, worse_up=True),
        Measure("latency_p99", "ms", "p99", 10.0, worse_up=True),
        Measure("extender_p99", "ms", "p99 of the extender's calls", 0.5, worse_up=True),
        Measure("throughput", "pods/s", "throughput", 0.02, worse_up=False),
        Measure("success_rate", "ratio", "success rate", 0.05, worse_up=False),
        Measure("pending", "pods", "waiting pods", 5.0, worse_up=True),
    )
}
JUDGED: Final = ("latency", "latency_p99", "extender_p99", "throughput", "success_rate", "pending")
"""Trends, anomalies, change points and forecasts are told of these; the others are drawn."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All that series hold of a plan; shapes are those of the plan's steps."""

    plan: Plan
    series: Mapping[str, Series]
    scheduled: NDArray[np.int64]
    ended: NDArray[np.int64]
    pods: NDArray[np.int64]
    """Pods whose latency was measured."""
    revisions: tuple[Revision, ...] = field(default_factory=tuple)
    """Those of the time, and the one that was in effect when it began."""


def measured(rollups: Rollups, plan: Plan, scheduler: str) -> Measured:
    """Raises StoreTimeout, StoreError."""
    which = Which(plan.since_us, plan.until_us, scheduler)
    pods = rollups.took_by_step(which, "pod", plan.step_us)
    own = rollups.took_by_step(which, "verb", plan.step_us, OWN_VERBS)
    counts = rollups.counts_by_step(which, "outcome", plan.step_us)
    ended = {at: sum(named.get(end, 0) for end in ENDS) for at, named in counts.items()}
    scheduled = {at: named.get("scheduled", 0) for at, named in counts.items()}
    series = {
        "latency": {at: took.total_us / took.n / 1000 for at, took in pods.items()},
        "latency_p50": _quantile(pods, "p50"),
        "latency_p95": _quantile(pods, "p95"),
        "latency_p99": _quantile(pods, "p99"),
        "extender_p99": _quantile(own, "p99"),
        "success_rate": {at: scheduled[at] / n for at, n in ended.items() if n},
        "pending": pending(rollups, which, plan.step_us),
    }
    told = {name: _series(plan, points) for name, points in series.items()}
    done = _counts(plan, scheduled)
    # A step without an attempt is one in which nothing was placed, not one that nobody measured.
    told["throughput"] = Series(plan.since_us, plan.step_s, done / plan.step_s)
    return Measured(
        plan,
        told,
        done,
        _counts(plan, ended),
        _counts(plan, {at: took.n for at, took in pods.items()}),
        tuple(rollups.revisions(plan.since_us, plan.until_us)) if plan.steps else (),
    )


def pending(rollups: Rollups, which: Which, step_us: int) -> dict[int, float]:
    """Begin of a step -> pods that waited, on average: as the API server tells them, else as kube-scheduler does."""
    of_cluster = rollups.samples_by_step(which, CLUSTER, PENDING, step_us)
    rows = of_cluster or rollups.samples_by_step(which, SCHEDULER, f"scheduler_{PENDING}", step_us)
    found: dict[int, float] = {}
    for at_us, labels, _, value, n in rows:
        named = json.loads(labels)
        if of_cluster and which.scheduler and named.get("scheduler") != which.scheduler:
            continue
        if named.get("queue") == "gated":
            continue
        found[at_us] = found.get(at_us, 0.0) + value / n
    return found


def milliseconds(bucket: int) -> float:
    return float(value_of(bucket)) / 1000


def _quantile(took: Mapping[int, Took], name: str) -> dict[int, float]:
    if not took:
        return {}
    values = value_of([getattr(each, name) for each in took.values()]) / 1000
    return dict(zip(took, values.tolist(), strict=True))


def _series(plan: Plan, points: Mapping[int, float]) -> Series:
    values = np.full(plan.steps, np.nan)
    for at_us, value in points.items():
        place = (at_us - plan.since_us) // plan.step_us
        if 0 <= place < plan.steps:
            values[place] = value
    return Series(plan.since_us, plan.step_s, values)


def _counts(plan: Plan, points: Mapping[int, int]) -> NDArray[np.int64]:
    found = np.zeros(plan.steps, dtype=np.int64)
    for at_us, value in points.items():
        place = (at_us - plan.since_us) // plan.step_us
        if 0 <= place < plan.steps:
            found[place] = value
    return found
