"""Every metric of the sidecar's HTTP and of the decisions it collects (requirements R-182 to R-185, R-197 to R-203)."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

# A second series for every one, saying when it began: nobody reads it.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)

_ANSWER_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_PHASE_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
OUTCOMES: Final = ("scheduled", "unschedulable", "error")
SCHEDULERS_MAX: Final = 32
"""Scheduler names become labels; pods choose them freely, so later ones are counted as `other`."""

LATENCY = Histogram(
    "scheduler_latency_seconds",
    "Time until an HTTP answer began.",
    ["tool", "path"],
    buckets=_ANSWER_SECONDS,
    registry=REGISTRY,
)
REQUESTS = Counter("scheduler_requests_total", "HTTP requests answered.", ["tool", "path", "code"], registry=REGISTRY)
API_SECONDS = Histogram(
    "trimtab_api_request_duration_seconds",
    "Time until an API answer began.",
    ["method", "path", "code"],
    buckets=_ANSWER_SECONDS,
    registry=REGISTRY,
)
API_ERRORS = Counter(
    "trimtab_api_errors_total", "API answers with status 500 or above.", ["operation"], registry=REGISTRY
)

DECISIONS = Counter(
    "scheduler_visualizer_decisions_total", "Decisions collected.", ["scheduler", "outcome"], registry=REGISTRY
)
FILTER_SECONDS = Histogram(
    "scheduler_visualizer_filter_duration_seconds",
    "Filter phase of a decision.",
    ["scheduler"],
    buckets=_PHASE_SECONDS,
    registry=REGISTRY,
)
SCORE_SECONDS = Histogram(
    "scheduler_visualizer_score_duration_seconds",
    "Score phase of a decision.",
    ["scheduler"],
    buckets=_PHASE_SECONDS,
    registry=REGISTRY,
)
BIND_SECONDS = Histogram(
    "scheduler_visualizer_bind_duration_seconds",
    "Binding of a decision.",
    ["scheduler"],
    buckets=_PHASE_SECONDS,
    registry=REGISTRY,
)

LIVE_CLIENTS = Gauge("trimtab_live_clients", "Browsers that follow the event stream.", registry=REGISTRY)
LIVE_REFUSED = Counter(
    "trimtab_live_refused_total", "Event streams refused because too many were open.", registry=REGISTRY
)
LIVE_RESYNCS = Counter(
    "trimtab_live_resyncs_total",
    "Times a client had to load afresh, by cause.",
    ["cause"],
    registry=REGISTRY,
)
BUILD_INFO = Gauge("trimtab_analytics_build_info", "Version of the program.", ["version"], registry=REGISTRY)

for _cause in ("slow", "burst", "gone"):
    LIVE_RESYNCS.labels(_cause)
for _outcome in OUTCOMES:
    DECISIONS.labels("default-scheduler", _outcome)
