"""The analyzer's metrics (R-192 to R-196). Names of schedulers are labels, and so bounded."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

TYPES: Final = ("performance", "failures", "decisions", "utilization")
HEALTH: Final = "health"
SCHEDULERS_MAX: Final = 32
"""Pods choose scheduler names freely: later ones are counted as `other`."""

ANALYSIS_SECONDS = Histogram(
    "scheduler_analyzer_analysis_duration_seconds",
    "Duration of an analysis.",
    ["analysis_type"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=None,
)
DECISIONS_ANALYZED = Counter(
    "scheduler_analyzer_decisions_analyzed_total",
    "Decisions that analyses have looked at.",
    ["scheduler"],
    registry=None,
)
SCORE = Gauge(
    "scheduler_analyzer_performance_score",
    "Performance score of the last hour, 0 to 100; the formula stands in analytics/views/analyzer/README.md.",
    ["scheduler"],
    registry=None,
)
HEALTH_STATUS = Gauge(
    "scheduler_analyzer_health_status", "1 healthy, 0.5 degraded, 0 unhealthy.", ["scheduler"], registry=None
)
EFFICIENCY = Gauge(
    "scheduler_analyzer_utilization_efficiency_percent",
    "Resources used, of those requested, in percent; the smaller of cpu and memory.",
    ["scheduler"],
    registry=None,
)

COLLECTORS = (ANALYSIS_SECONDS, DECISIONS_ANALYZED, SCORE, HEALTH_STATUS, EFFICIENCY)

for _type in (*TYPES, HEALTH):
    ANALYSIS_SECONDS.labels(_type)
DECISIONS_ANALYZED.labels("default-scheduler")
_labels = {"default-scheduler"}


def label(scheduler: str) -> str:
    """The name, or `other` once there are too many."""
    if scheduler in _labels:
        return scheduler
    if len(_labels) >= SCHEDULERS_MAX or not scheduler:
        return "other"
    _labels.add(scheduler)
    return scheduler
