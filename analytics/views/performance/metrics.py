"""R-174 to R-177. Names of schedulers are labels, and so bounded."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from analytics.views.performance.measures import JUDGED

SEVERITIES: Final = ("warning", "critical")
SCHEDULERS_MAX: Final = 32
"""Pods choose scheduler names freely: later ones are told as `other`."""
DEFAULT_SCHEDULER: Final = "default-scheduler"

LATENCY = Histogram(
    "scheduler_performance_latency_seconds_histogram",
    "Scheduling latency of a pod, from first seen pending to bound.",
    ["scheduler"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0),
    registry=None,
)
THROUGHPUT = Gauge(
    "scheduler_performance_throughput_pods_per_second",
    "Pods scheduled per second over the last interval.",
    ["scheduler"],
    registry=None,
)
SUCCESS = Gauge(
    "scheduler_performance_success_rate_ratio",
    "Scheduling attempts that succeeded, as a share of all that ended, in the newest interval in which some did.",
    ["scheduler"],
    registry=None,
)
ANOMALIES = Counter(
    "scheduler_performance_anomalies_total",
    "Anomalies that lasted: two of three steps out of the ordinary on the same side.",
    ["metric", "severity"],
    registry=None,
)
SCRAPE_FAILURES = Counter(
    "trimtab_scheduler_scrape_failures_total", "Looks at kube-scheduler's metrics that failed.", registry=None
)
COLLECTORS: Final = (LATENCY, THROUGHPUT, SUCCESS, ANOMALIES, SCRAPE_FAILURES)

for _metric in JUDGED:
    for _severity in SEVERITIES:
        ANOMALIES.labels(_metric, _severity)
LATENCY.labels(DEFAULT_SCHEDULER)
THROUGHPUT.labels(DEFAULT_SCHEDULER)
_labels = {DEFAULT_SCHEDULER}


def label(scheduler: str) -> str:
    """The name, or `other` once there are too many."""
    if scheduler in _labels:
        return scheduler
    if len(_labels) >= SCHEDULERS_MAX or not scheduler:
        return "other"
    _labels.add(scheduler)
    return scheduler


def known() -> frozenset[str]:
    """Schedulers that have a label of their own."""
    return frozenset(_labels)
