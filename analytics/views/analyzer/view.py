"""The endpoints of the scheduler analyzer (R-166 to R-169); POST /api/analysis/run is a call of `control`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from analytics.store.analysis import Analysis
from analytics.views.analyzer import metrics
from analytics.views.analyzer.analyzer import MEASURES, SchedulerAnalyzer
from analytics.views.analyzer.span import TimeRange
from analytics.views.analyzer.worker import watch
from analytics.views.declaration import Endpoint, Kind, NotValid, Parameter, View, Worker
from analytics.views.sources import Sources

NAME_MAX: Final = 253
_START: Final = Parameter("start", "Begin of the range; default: a day before its end.", Kind.TIME)
_END: Final = Parameter("end", "End of the range; default: now.", Kind.TIME)
_SCHEDULER: Final = Parameter(
    "scheduler", "Which scheduler; default: the first that --scheduler names, else the busiest.", length_max=NAME_MAX
)


def performance(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    return _analyzer(sources, given).analyze_performance(range_of(given), measures_of(given["metrics"]))


def decisions(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    paths = _analyzer(sources, given).analyze_decision_paths(range_of(given))
    return {"decision_paths": paths, "total": len(paths)}


def utilization(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    return _analyzer(sources, given).analyze_utilization()


def health(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    return _analyzer(sources, given).analyze_health()


def schedulers(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    span = range_of(given)
    seen = dict(Analysis(sources.store).schedulers(span.since_us, span.until_us))
    names = list(dict.fromkeys([*sources.settings().schedulers, *seen]))
    return {"schedulers": [{"name": name, "decisions": seen.get(name, 0)} for name in names]}


def range_of(given: Mapping[str, Any]) -> TimeRange:
    """Raises NotValid."""
    return TimeRange.of(given["start"], given["end"], int(time.time() * 1_000_000))


def measures_of(text: str | None) -> tuple[str, ...]:
    """`latency,throughput` -> its words. Raises NotValid for an empty list."""
    if not text:
        return MEASURES
    named = tuple(word.strip() for word in text.split(",") if word.strip())
    if not named:
        raise NotValid("metrics", f"must name some of {', '.join(MEASURES)}")
    return named


def _analyzer(sources: Sources, given: Mapping[str, Any]) -> SchedulerAnalyzer:
    return SchedulerAnalyzer(sources, given["scheduler"] or "")


VIEW: Final = View(
    slug="analyzer",
    title="Scheduler analyzer",
    tool="scheduler-analyzer",
    workers=(Worker("analyzer", watch),),
    collectors=metrics.COLLECTORS,
    endpoints=(
        Endpoint(
            "/api/analysis/performance",
            "Latency, throughput and success rate of one scheduler.",
            performance,
            (_START, _END, Parameter("metrics", "Some of latency,throughput,success_rate; default: all."), _SCHEDULER),
        ),
        Endpoint(
            "/api/analysis/decisions",
            "Which ways decisions take through the phases, and to what end.",
            decisions,
            (_START, _END, _SCHEDULER),
        ),
        Endpoint(
            "/api/analysis/utilization",
            "What the nodes offer, what is requested of it, what is used.",
            utilization,
            (_SCHEDULER,),
        ),
        Endpoint(
            "/api/analysis/health", "Is the scheduler well? Not: is this tool well (/health).", health, (_SCHEDULER,)
        ),
        Endpoint("/api/v1/analysis/schedulers", "Schedulers that decided in the range.", schedulers, (_START, _END)),
    ),
)
