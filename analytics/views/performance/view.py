"""The endpoints of the performance analyzer (R-157, and the series of its charts)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from analytics.store.performance import Rollups
from analytics.views.declaration import Endpoint, Kind, Parameter, View, Worker
from analytics.views.performance import metrics
from analytics.views.performance.analyzer import PerformanceAnalyzer
from analytics.views.performance.span import TimeRange
from analytics.views.performance.worker import watch
from analytics.views.sources import Sources

NAME_MAX: Final = 253
_START: Final = Parameter("start", "Begin of the range; default: a day before its end.", Kind.TIME)
_END: Final = Parameter("end", "End of the range; default: now.", Kind.TIME)
_SCHEDULER: Final = Parameter("scheduler", "Which scheduler; default: all together.", length_max=NAME_MAX)


def analysis(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    return PerformanceAnalyzer(sources, given["scheduler"] or "").analyze(range_of(given))


def series(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    return PerformanceAnalyzer(sources, given["scheduler"] or "").series(range_of(given))


def schedulers(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    span = range_of(given)
    seen = dict(Rollups(sources.store).schedulers(span.since_us, span.until_us))
    names = list(dict.fromkeys([*sources.settings().schedulers, *seen]))
    return {"schedulers": [{"name": name, "attempts": seen.get(name, 0)} for name in names]}


def range_of(given: Mapping[str, Any]) -> TimeRange:
    """Raises NotValid."""
    return TimeRange.of(given["start"], given["end"], int(time.time() * 1_000_000))


VIEW: Final = View(
    slug="performance",
    title="Performance",
    tool="performance-analyzer",
    workers=(Worker("performance", watch),),
    collectors=metrics.COLLECTORS,
    endpoints=(
        Endpoint(
            "/api/analysis",
            "How scheduling performs: figures, trends, forecast, anomalies, changes and since which revision, advice.",
            analysis,
            (_START, _END, _SCHEDULER),
        ),
        Endpoint(
            "/api/v1/performance/series",
            "The measures in even steps, and when policies took effect.",
            series,
            (_START, _END, _SCHEDULER),
        ),
        Endpoint("/api/v1/performance/schedulers", "Schedulers that decided in the range.", schedulers, (_START, _END)),
    ),
)
