"""The analysis itself, for pages, programs and whoever calls it from code:

analyzer = PerformanceAnalyzer(Sources(Store.open("trimtab.duckdb"), extender=""))
analyzer.analyze(analyzer.last(24 * 3600))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from analytics.store.analysis import Analysis, Stretch
from analytics.store.joined import PHASE_OF_VERB, rfc3339
from analytics.store.performance import Rollups, Took, Which
from analytics.trends import wilson
from analytics.views.performance.changes import Found, anomalies_of, changes_of, explained, trends_of, within
from analytics.views.performance.forecasts import ahead_of, capacity_of
from analytics.views.performance.measures import ENDS, MEASURES, Measured, measured, milliseconds
from analytics.views.performance.recommendations import Facts, recommendations_of
from analytics.views.performance.scheduler import scheduler_of
from analytics.views.performance.span import MINUTE_US, Plan, TimeRange
from analytics.views.sources import Sources

ANOMALIES_MAX: Final = 200
"""The newest are told."""
PLUGINS_MAX: Final = 50
SUSPECTS_MAX: Final = 3
_SUSPECT_US: Final = 3_600_000_000
_SUSPECTED: Final = 3
"""Changes, the newest, whose plugins are compared."""
_MOVED: Final = 1.1
"""Factor by which the time of a plugin must have changed to be named."""
REASONS_MAX: Final = 3


class PerformanceAnalyzer:
    """One scheduler's analyses, or with an empty name those of all together; safe for any thread. Raises StoreTimeout,
    StoreError."""

    def __init__(self, sources: Sources, scheduler: str = "", *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives unix seconds."""
        self._sources = sources
        self._rollups = Rollups(sources.store)
        self._clock = clock
        self.scheduler = scheduler

    def last(self, seconds: float) -> TimeRange:
        """The stretch that ends now. Raises NotValid."""
        now = self._now_us()
        return TimeRange.of(now - int(seconds * 1e6), now, now)

    def series(self, span: TimeRange) -> dict[str, Any]:
        """The measures in even steps, for charts: null where nothing was measured."""
        what = self.measured(span)
        first = max(0, -(-(span.since_us - what.plan.since_us) // what.plan.step_us))
        return {
            "time_range": span.told(),
            "scheduler": self.scheduler,
            "step_s": what.plan.step_s,
            "times": [rfc3339(at_us) for at_us in what.series["latency"].at_us[first:].tolist()],
            "units": {name: measure.unit for name, measure in MEASURES.items()},
            "series": {name: _listed(each.values[first:]) for name, each in what.series.items()},
            "attempts": what.ended[first:].tolist(),
            "pods": what.pods[first:].tolist(),
            "revisions": [
                {"time": rfc3339(each.at_us), "revision": each.revision, "source": each.source}
                for each in what.revisions
                if each.at_us >= span.since_us
            ],
        }

    def analyze(self, span: TimeRange) -> dict[str, Any]:
        """R-157, and what it rests on."""
        what = self.measured(span)
        which = Which(span.since_us - span.since_us % MINUTE_US, span.until_us, self.scheduler)
        pods = self._rollups.took_by_name(which, "pod").get("")
        outcomes = dict.fromkeys(ENDS, 0) | self._rollups.counts(which, "outcome")
        ended = sum(outcomes[end] for end in ENDS)
        verbs, plugins = self._verbs(which), self._plugins(which)
        trends, few_trends = trends_of(what)
        ahead = ahead_of(what, span)
        changes = list(within(changes_of(what), span))
        scheduler = scheduler_of(self._rollups, which)
        capacity = capacity_of(self._rollups, min(self._now_us(), span.until_us))
        latency = _latency(pods)
        suspects = {each.change.at_us: self._suspects(each, span) for each in _slower(changes)[-_SUSPECTED:]}
        facts = Facts(
            outcomes=outcomes,
            latency_p50_ms=latency["p50"],
            latency_p95_ms=latency["p95"],
            own_p95_ms=max((float(each["p95_ms"]) for each in verbs if each["phase"] != "bind"), default=None),
            verbs=verbs,
            plugins=plugins,
            changes=changes,
            suspects=suspects,
            trends=trends,
            reasons=self._reasons(span, outcomes),
            capacity=capacity,
            queues=scheduler["queues"],
            attempt_p99_ms=scheduler["attempt_ms"]["p99"],
            points=scheduler["extension_points"],
        )
        return {
            "time_range": span.told(),
            "latency_ms": latency,
            "throughput_pods_per_second": round(outcomes["scheduled"] / self._known_s(span), 4),
            "success_rate": round(outcomes["scheduled"] / ended, 4) if ended else None,
            "trends": trends,
            "forecast": ahead.told(),
            "anomalies": _anomalies(what, span, changes),
            "recommendations": [each.told() for each in recommendations_of(facts)],
            "scheduler": self.scheduler,
            "step_s": what.plan.step_s,
            "looked_at": {"start": rfc3339(what.plan.since_us), "end": rfc3339(what.plan.until_us)},
            "success_rate_interval": _interval(outcomes["scheduled"], ended),
            "attempts": outcomes,
            "pods_scheduled": pods.n if pods else 0,
            "by_verb": verbs,
            "by_plugin": plugins[:PLUGINS_MAX],
            "change_points": [each.told() | {"plugins": list(suspects.get(each.change.at_us, ()))} for each in changes],
            "forecast_quality": ahead.quality(),
            "not_enough": {"trends": few_trends, "forecast": list(ahead.few)},
            "capacity": capacity,
            "kube_scheduler": scheduler,
            "sources": self._told_sources(scheduler),
        }

    def measured(self, span: TimeRange) -> Measured:
        """The series that a range is judged by."""
        # What is still in the journal is not known: it must not look like a standstill.
        behind_us = int(float(self._sources.ingest().get("lag_seconds") or 0.0) * 1e6)
        plan = Plan.of(span, self._now_us() - behind_us, self._rollups.first_us())
        return measured(self._rollups, plan, self.scheduler)

    def _verbs(self, which: Which) -> list[dict[str, Any]]:
        found = self._rollups.took_by_name(which, "verb")
        total_us = sum(took.total_us for took in found.values())
        return [
            {"phase": PHASE_OF_VERB.get(verb, verb)} | _told(took, total_us) for verb, took in found.items() if took.n
        ]

    def _plugins(self, which: Which) -> list[dict[str, Any]]:
        found = self._rollups.took_by_name(which, "plugin")
        faults = self._rollups.counts(which, "fault")
        total_us = sum(took.total_us for took in found.values())
        told = []
        for name, took in found.items():
            plugin, _, phase = name.rpartition("/")
            told.append({"plugin": plugin, "phase": phase} | _told(took, total_us) | {"faults": faults.get(name, 0)})
        return told

    def _suspects(self, found: Found, span: TimeRange) -> list[dict[str, Any]]:
        """Plugins whose p99 changed most from the hour before a change to the hour behind it, in its direction."""
        at_us, now_us = found.change.at_us, self._now_us()
        before = self._rollups.took_by_name(Which(at_us - _SUSPECT_US, at_us, self.scheduler), "plugin")
        end_us = min(at_us + _SUSPECT_US, span.until_us, now_us)
        after = self._rollups.took_by_name(Which(at_us, end_us, self.scheduler), "plugin")
        told: list[tuple[float, dict[str, Any]]] = []
        for name in before.keys() | after.keys():
            old, new = _p99(before.get(name)), _p99(after.get(name))
            up = new > old
            factor = (max(old, new) / min(old, new)) if min(old, new) > 0 else _MOVED
            if up == (found.change.after > found.change.before) and factor >= _MOVED:
                plugin, _, phase = name.rpartition("/")
                row = {"plugin": plugin, "phase": phase, "before_ms": round(old, 4), "after_ms": round(new, 4)}
                told.append((abs(new - old), row))
        return [row for _, row in sorted(told, key=lambda each: (-each[0], each[1]["plugin"]))[:SUSPECTS_MAX]]

    def _reasons(self, span: TimeRange, outcomes: Mapping[str, int]) -> Sequence[Mapping[str, Any]]:
        """Why attempts failed, of those whose decisions are still kept."""
        if not outcomes["unschedulable"]:
            return ()
        return Analysis(self._sources.store).reasons(Stretch(span.since_us, span.until_us, self.scheduler), REASONS_MAX)

    def _known_s(self, span: TimeRange) -> float:
        """Seconds of the range that lie behind the oldest record and before now: nobody knows of others."""
        first = self._rollups.first_us()
        begin = span.since_us if first is None else max(span.since_us, first)
        return max(1.0, (min(span.until_us, self._now_us()) - begin) / 1e6)

    def _told_sources(self, scheduler: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Where figures come from, and what is missing for the others."""
        view, settings = self._sources.cluster.view(), self._sources.settings()
        first = self._rollups.first_us()
        looked = bool(settings.scheduler_metrics)
        return [
            {
                "name": "decisions",
                "ok": first is not None,
                "detail": "no decision has been taken in yet" if first is None else f"since {rfc3339(first)}",
                "phrase": "source.decisions.none" if first is None else "source.decisions",
                "values": {"since": None if first is None else rfc3339(first)},
            },
            {
                "name": "kube-scheduler",
                "ok": bool(scheduler["known"]),
                "detail": settings.scheduler_metrics
                if scheduler["known"]
                else ("no sample of this time" if looked else "not configured: --scheduler-metrics URL"),
                "phrase": ""
                if scheduler["known"]
                else "source.kube-scheduler.none"
                if looked
                else "source.kube-scheduler.off",
                "values": {},
            },
            {
                "name": "cluster",
                "ok": view.known,
                "detail": "watched" if view.known else view.why_not,
                "phrase": "source.cluster" if view.known else "",
                "values": {},
            },
        ]

    def _now_us(self) -> int:
        return int(self._clock() * 1_000_000)


def _latency(whole: Took | None) -> dict[str, float | None]:
    if whole is None:
        return {"average": None, "p50": None, "p95": None, "p99": None}
    return {
        "average": round(whole.total_us / whole.n / 1000, 3),
        "p50": round(milliseconds(whole.p50), 3),
        "p95": round(milliseconds(whole.p95), 3),
        "p99": round(milliseconds(whole.p99), 3),
    }


def _told(took: Took, total_us: float) -> dict[str, Any]:
    return {
        "calls": took.n,
        "total_ms": round(took.total_us / 1000, 3),
        "average_ms": round(took.total_us / took.n / 1000, 4),
        "p50_ms": round(milliseconds(took.p50), 4),
        "p95_ms": round(milliseconds(took.p95), 4),
        "p99_ms": round(milliseconds(took.p99), 4),
        "share": round(took.total_us / total_us, 4) if total_us else 0.0,
    }


def _p99(took: Took | None) -> float:
    return 0.0 if took is None else milliseconds(took.p99)


def _slower(changes: Sequence[Found]) -> list[Found]:
    """Those that a plugin may have made."""
    return [each for each in changes if each.metric in ("latency", "latency_p99", "extender_p99")]


def _anomalies(what: Measured, span: TimeRange, changes: Sequence[Found]) -> list[dict[str, Any]]:
    """`change`: when the level changed that makes this one ordinary; None: nothing does."""
    found = [
        {
            "metric": name,
            "time": rfc3339(each.at_us),
            "value": round(each.value, 4),
            "expected": round(each.expected, 4),
            "severity": each.severity,
            "change": explained(name, each, changes),
        }
        for name, some in anomalies_of(what).items()
        for each in some
        if span.since_us <= each.at_us < span.until_us
    ]
    return sorted(found, key=lambda each: (str(each["time"]), str(each["metric"])))[-ANOMALIES_MAX:]


def _interval(successes: int, total: int) -> list[float] | None:
    """95 % of the share being within (Wilson)."""
    return [round(bound, 4) for bound in wilson(successes, total)] if total else None


def _listed(values: Any) -> list[float | None]:
    """NaN is no JSON."""
    return [None if np.isnan(value) else round(float(value), 4) for value in values]
