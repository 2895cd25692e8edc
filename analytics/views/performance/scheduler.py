"""What kube-scheduler says of itself, out of the samples that were taken of its metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from analytics.store.performance import Rollups, Which
from analytics.views.performance.measures import SCHEDULER
from analytics.views.performance.scrape import quantile

_ATTEMPT: Final = "scheduler_scheduling_attempt_duration_seconds"
_SLI: Final = "scheduler_pod_scheduling_sli_duration_seconds"
_POINT: Final = "scheduler_framework_extension_point_duration_seconds"
_NEWEST_US: Final = 10 * 60_000_000
"""Queues are told as they were in the last so many microseconds of the range."""


def scheduler_of(rollups: Rollups, which: Which) -> dict[str, Any]:
    """`known` False: nothing was sampled in the range."""
    attempts: dict[str, float] = {}
    for labels, _, value in rollups.sampled(which, SCHEDULER, "scheduler_schedule_attempts_total"):
        named = json.loads(labels)
        if _ours(named, which.scheduler):
            result = str(named.get("result", ""))
            attempts[result] = attempts.get(result, 0.0) + value
    points = _histograms(rollups, which, _POINT, "extension_point")
    spent = _sums(rollups, which, _POINT, "extension_point")
    queues = _queues(rollups, which)
    told_points = [
        {"name": name, "total_ms": round(1000 * spent.get(name, 0.0), 3), "p99_ms": _ms(buckets, 0.99)}
        for name, buckets in points.items()
    ]
    return {
        "known": bool(attempts or queues or points),
        "attempts": {result: round(value) for result, value in sorted(attempts.items())},
        "attempt_ms": _three(_histograms(rollups, which, _ATTEMPT).get("", {})),
        "pod_ms": _three(_histograms(rollups, which, _SLI).get("", {})),
        "extension_points": sorted(told_points, key=lambda each: -float(each["total_ms"] or 0.0)),
        "queues": queues,
    }


def _queues(rollups: Rollups, which: Which) -> dict[str, float]:
    """Queue -> pods in it, by the newest samples of the range."""
    recent = Which(max(which.since_us, which.until_us - _NEWEST_US), which.until_us)
    found: dict[str, tuple[int, float]] = {}
    for at_us, labels, _, value, n in rollups.samples_by_step(recent, SCHEDULER, "scheduler_pending_pods", 60_000_000):
        queue = str(json.loads(labels).get("queue", ""))
        if at_us >= found.get(queue, (0, 0.0))[0]:
            found[queue] = (at_us, value / n)
    return {queue: value for queue, (_, value) in sorted(found.items())}


def _histograms(rollups: Rollups, which: Which, metric: str, by: str = "") -> dict[str, dict[float, float]]:
    """Value of the label `by` -> upper bound -> how many; all results together."""
    found: dict[str, dict[float, float]] = {}
    for labels, upper, value in rollups.sampled(which, SCHEDULER, f"{metric}_bucket"):
        named = json.loads(labels)
        if _ours(named, which.scheduler):
            buckets = found.setdefault(str(named.get(by, "")) if by else "", {})
            buckets[upper] = buckets.get(upper, 0.0) + value
    return found


def _sums(rollups: Rollups, which: Which, metric: str, by: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for labels, _, value in rollups.sampled(which, SCHEDULER, f"{metric}_sum"):
        named = json.loads(labels)
        if _ours(named, which.scheduler):
            found[str(named.get(by, ""))] = found.get(str(named.get(by, "")), 0.0) + value
    return found


def _ours(labels: Mapping[str, Any], scheduler: str) -> bool:
    """Metrics without a profile are about all of them."""
    return not scheduler or labels.get("profile", scheduler) == scheduler


def _three(buckets: Mapping[float, float]) -> dict[str, float | None]:
    return {name: _ms(buckets, q) for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}


def _ms(buckets: Mapping[float, float], q: float) -> float | None:
    found = quantile(buckets, q)
    return None if found is None else round(1000 * found, 3)
