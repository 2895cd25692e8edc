"""The analysis itself, for pages, programs and whoever calls it from code (R-103):

analyzer = SchedulerAnalyzer(Sources(Store.open("trimtab.duckdb"), extender=""), "default-scheduler")
analyzer.analyze_performance(analyzer.last(24 * 3600), ("latency", "throughput"))
analyzer.analyze_decision_paths(analyzer.last(3600))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from analytics.store.analysis import Analysis, Latency, Stretch
from analytics.store.joined import rfc3339
from analytics.views.analyzer import findings, health, metrics
from analytics.views.analyzer.chain import Chain, ask
from analytics.views.analyzer.score import parts_of, score_of
from analytics.views.analyzer.span import TimeRange
from analytics.views.analyzer.utilization import Utilization, utilization_of
from analytics.views.declaration import NotValid
from analytics.views.sources import Sources

MEASURES: Final = ("latency", "throughput", "success_rate")
TYPES: Final = metrics.TYPES
DEFAULT_SCHEDULER: Final = "default-scheduler"
RECENT_S: Final = health.LOOKED_AT_S


class SchedulerAnalyzer:
    """One scheduler's analyses; safe for any thread. Raises StoreTimeout, StoreError, NotValid."""

    def __init__(
        self,
        sources: Sources,
        scheduler: str = "",
        *,
        clock: Callable[[], float] = time.time,
        ask_extender: Callable[[str], Chain] = ask,
    ) -> None:
        """`scheduler` empty: the first that the operator names, else the busiest of the last day. `clock` gives unix
        seconds. An empty `sources.extender` leaves the extender out."""
        self._sources = sources
        self._store = Analysis(sources.store)
        self._clock = clock
        self._ask = ask_extender
        self.scheduler = scheduler or self._chosen()

    def last(self, seconds: float) -> TimeRange:
        """The stretch that ends now."""
        now = self._now_us()
        return TimeRange.of(now - int(seconds * 1e6), now, now)

    def analyze_performance(self, span: TimeRange, measures: Sequence[str] = MEASURES) -> dict[str, Any]:
        """R-161, R-166: only the keys of the chosen measures, and what they rest on."""
        stretch = self._stretch(span)
        latency, outcomes = self._store.latency(stretch), self._store.outcomes(stretch)
        return self._performance(span, _checked(measures), latency, outcomes)

    def analyze_decision_paths(self, span: TimeRange) -> list[dict[str, Any]]:
        """R-162, R-167: the most frequent first; shares add up to 1."""
        paths = self._store.paths(self._stretch(span))
        total = sum(path.count for path in paths)
        return [
            {
                "path": list(path.phases),
                "outcome": path.outcome,
                "count": path.count,
                "share": round(path.count / total, 4),
                "average_latency_ms": round(path.average_ms, 3),
            }
            for path in paths
        ]

    def analyze_utilization(self) -> dict[str, Any]:
        """R-163, R-168, of this moment."""
        return self.utilization().told()

    def analyze_health(self) -> dict[str, Any]:
        """R-164, R-169, of this moment."""
        checks = self._checks()
        return {
            "scheduler": self.scheduler,
            "health": health.health_of(checks),
            "checks": [check.told() for check in checks],
        }

    def analyze_failures(self, span: TimeRange) -> dict[str, Any]:
        """R-303: why pods failed."""
        stretch = self._stretch(span)
        return {
            "reasons": self._store.reasons(stretch),
            "errors": [_timed(row) for row in self._store.errors(stretch)],
            "pods": [_timed(row) for row in self._store.failing(stretch)],
            "namespaces": self._store.failing_namespaces(stretch),
        }

    def run(self, kind: str, span: TimeRange, measures: Sequence[str] = MEASURES) -> dict[str, Any]:
        """R-170: everything at once, deepened by the kind (one of TYPES). Raises NotValid."""
        if kind not in TYPES:
            raise NotValid("analysis_type", f"must be one of {', '.join(TYPES)}")
        with metrics.ANALYSIS_SECONDS.labels(kind).time():
            answer, attempts = self._run(kind, span, _checked(measures))
        metrics.DECISIONS_ANALYZED.labels(metrics.label(self.scheduler)).inc(attempts)
        return answer

    def utilization(self) -> Utilization:
        return utilization_of(self._sources.cluster.view())

    def score(self, span: TimeRange) -> float | None:
        """R-194, 0 to 100; None: nothing was decided."""
        stretch = self._stretch(span)
        latency, verbs = self._store.latency(stretch), self._store.verbs(stretch)
        return score_of(_parts(self._store.outcomes(stretch), latency, verbs))

    def _run(self, kind: str, span: TimeRange, measures: Sequence[str]) -> tuple[dict[str, Any], int]:
        stretch = self._stretch(span)
        latency, outcomes, verbs = (
            self._store.latency(stretch),
            self._store.outcomes(stretch),
            self._store.verbs(stretch),
        )
        failures = self.analyze_failures(span)
        plugins = self._store.plugins(stretch)
        use, checks = self.utilization(), self._checks()
        facts = findings.Facts(
            outcomes, latency, verbs, plugins, failures["reasons"], failures["errors"], failures["pods"], use, checks
        )
        parts = _parts(outcomes, latency, verbs)
        score = score_of(parts)
        answer = {
            "analysis_type": kind,
            "scheduler": self.scheduler,
            "performance": self._performance(span, measures, latency, outcomes),
            "decision_paths": self.analyze_decision_paths(span),
            "utilization": use.told(),
            "health": {
                "scheduler": self.scheduler,
                "health": health.health_of(checks),
                "checks": [check.told() for check in checks],
            },
            "score": {
                "value": None if score is None else round(score, 1),
                "parts": {name: None if part is None else round(part, 4) for name, part in parts.items()},
            },
            "findings": [each.told() for each in findings.findings_of(facts, kind)],
            "bottlenecks": findings.bottlenecks_of(latency),
            "phases": verbs,
            "plugins": plugins,
            "failures": failures,
        }
        return answer, sum(outcomes.values())

    def _performance(
        self, span: TimeRange, measures: Sequence[str], latency: Latency, outcomes: Mapping[str, int]
    ) -> dict[str, Any]:
        ended = sum(outcomes.values()) - outcomes["unknown"]
        answer: dict[str, Any] = {"scheduler": self.scheduler, "time_range": span.told()}
        if "latency" in measures:
            answer["average_latency_ms"] = _rounded(latency.average_ms, 2)
        if "throughput" in measures:
            answer["throughput_pods_per_second"] = round(latency.pods / self._known_s(span), 2)
        if "success_rate" in measures:
            answer["success_rate"] = round(outcomes["scheduled"] / ended, 4) if ended else None
        if "latency" in measures:
            answer["latency_ms"] = {
                name: _rounded(value, 2)
                for name, value in (("p50", latency.p50_ms), ("p95", latency.p95_ms), ("p99", latency.p99_ms))
            }
        return answer | {"pods_scheduled": latency.pods, "attempts": dict(outcomes)}

    def _known_s(self, span: TimeRange) -> float:
        """Seconds of the stretch that lie behind the oldest record and before now: nobody knows of others."""
        first = self._store.first_us()
        begin = span.since_us if first is None else max(span.since_us, first)
        return max(1.0, (min(span.until_us, self._now_us()) - begin) / 1e6)

    def _checks(self) -> list[health.Check]:
        with metrics.ANALYSIS_SECONDS.labels(metrics.HEALTH).time():
            recent = self.last(RECENT_S)
            latency = self._store.latency(self._stretch(recent))
            lost, quarantined = self._store.losses(recent.since_us)
            return health.checks_of(
                health.Facts(
                    scheduler=self.scheduler,
                    now_us=self._now_us(),
                    newest_us=self._store.newest_us(self.scheduler),
                    outcomes=self._store.outcomes(self._stretch(recent)),
                    latency_p95_s=None if latency.p95_ms is None else latency.p95_ms / 1000,
                    lost=lost,
                    quarantined=quarantined,
                    chain=self._ask(self._sources.extender),
                    view=self._sources.cluster.view(),
                    ingest=self._sources.ingest(),
                )
            )

    def _chosen(self) -> str:
        named = self._sources.settings().schedulers
        if named:
            return named[0]
        now = self._now_us()
        busiest = self._store.schedulers(now - 86_400_000_000, now + 1)
        return busiest[0][0] if busiest else DEFAULT_SCHEDULER

    def _stretch(self, span: TimeRange) -> Stretch:
        return Stretch(span.since_us, span.until_us, self.scheduler)

    def _now_us(self) -> int:
        return int(self._clock() * 1_000_000)


def _checked(measures: Sequence[str]) -> Sequence[str]:
    unknown = sorted(set(measures) - set(MEASURES))
    if unknown or not measures:
        raise NotValid(
            "metrics", f"must name some of {', '.join(MEASURES)}" + (f", not {unknown[0]}" if unknown else "")
        )
    return measures


def _parts(
    outcomes: Mapping[str, int], latency: Latency, verbs: Sequence[Mapping[str, Any]]
) -> dict[str, float | None]:
    own = [float(verb["p99_ms"]) for verb in verbs if verb["phase"] != "bind"]
    return parts_of(outcomes, latency.p95_ms, max(own, default=None))


def _timed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "at_us"} | {"last": rfc3339(row["at_us"])}


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
