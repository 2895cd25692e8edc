"""What to do (R-155): each with the figures it rests on, and the setting that would change them. Worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from analytics.views.performance.changes import Found, by
from analytics.views.performance.measures import MEASURES

CRITICAL, WARNING, INFO = "critical", "warning", "info"
_ORDER: Final = {CRITICAL: 0, WARNING: 1, INFO: 2}
POLICY, SCHEDULER, CLUSTER = "policy", "kube-scheduler", "cluster"
WORSE: Final = 0.1
"""Share by which a measure must have changed since a revision."""
MUCH_WORSE: Final = 1.0
SUCCESS_WARN: Final = 0.9
SUCCESS_CRITICAL: Final = 0.5
FEW: Final = 20
"""Attempts below which no rate is judged."""
LATENCY_WARN_MS: Final = 500.0
QUEUE_SHARE: Final = 0.8
PLUGIN_SHARE: Final = 0.5
PLUGIN_WARN_MS: Final = 5.0
ATTEMPT_WARN_MS: Final = 100.0
POINT_SHARE: Final = 0.5
FULL_SOON_DAYS: Final = 14.0
FULL_VERY_SOON_DAYS: Final = 3.0
BACKOFF_SHARE: Final = 0.5
WAITING: Final = 10.0
TREND_PER_DAY: Final = 0.1
_REASONS_TOLD: Final = 3
_CHANGES_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """What to change: `where` it stands, its name there, and the page of ours that can change it (or empty)."""

    where: str
    name: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Recommendation:
    id: str
    severity: str
    title: str
    detail: str
    setting: Setting
    evidence: Mapping[str, Any] = field(default_factory=dict)
    phrase: str = ""
    """Which sentences these are, and what stands in them, for those who have them in another language."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Times in milliseconds, shares of 1."""

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "severity": self.severity,
            "title": self.title,
            "detail": self.detail,
            "setting": {"where": self.setting.where, "name": self.setting.name, "href": self.setting.href},
            "evidence": dict(self.evidence),
            "phrase": self.phrase,
            "values": dict(self.values),
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What recommendations are made from; figures are those of the range, milliseconds and shares of 1."""

    outcomes: Mapping[str, int] = field(default_factory=dict)
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    own_p95_ms: float | None = None
    """Of one call of the extender, the slowest verb's."""
    verbs: Sequence[Mapping[str, Any]] = ()
    plugins: Sequence[Mapping[str, Any]] = ()
    changes: Sequence[Found] = ()
    suspects: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Time of a change -> plugins whose time changed most with it."""
    trends: Sequence[Mapping[str, Any]] = ()
    reasons: Sequence[Mapping[str, Any]] = ()
    capacity: Sequence[Mapping[str, Any]] = ()
    queues: Mapping[str, float] = field(default_factory=dict)
    """kube-scheduler's queues: active, backoff, unschedulable, gated."""
    waiting: float | None = None
    attempt_p99_ms: float | None = None
    """Of kube-scheduler's own scheduling attempts."""
    points: Sequence[Mapping[str, Any]] = ()
    """Its extension points, those with the most time first."""


def recommendations_of(facts: Facts) -> list[Recommendation]:
    found = [
        *_since_revisions(facts),
        *_failures(facts),
        *_faults(facts),
        *_plugins(facts),
        *_queue(facts),
        *_latency(facts),
        *_scheduler(facts),
        *_full(facts),
        *_trends(facts),
    ]
    return sorted(found, key=lambda each: _ORDER[each.severity])


def _since_revisions(facts: Facts) -> Iterator[Recommendation]:
    """One for each revision, about its worst measure."""
    worst: dict[str, Found] = {}
    for each in facts.changes:
        if each.tied and each.revision and each.worse and _size(each) >= WORSE:
            known = worst.get(each.revision.revision)
            if known is None or _size(each) > _size(known):
                worst[each.revision.revision] = each
    for name, each in list(worst.items())[-_CHANGES_TOLD:]:
        suspects = facts.suspects.get(each.change.at_us, ())
        plugin = str(suspects[0]["plugin"]) if suspects else ""
        measure = MEASURES[each.metric]
        which = (
            f" Of its plugins {plugin} changed most: p99 {suspects[0]['before_ms']:.3g} to "
            f"{suspects[0]['after_ms']:.3g} ms."
            if suspects
            else ""
        )
        yield Recommendation(
            f"revision.{name}.{each.metric}",
            CRITICAL if _size(each) >= MUCH_WORSE else WARNING,
            f"Since revision {name} the {measure.label} is worse: {by(each.change)}",
            f"It went from {each.change.before:.3g} to {each.change.after:.3g} {measure.unit}.{which} Compare the "
            "revision with the one before, and take back what made it worse.",
            Setting(POLICY, f"plugins.{plugin}" if plugin else f"revision {name}", "/policy/history"),
            {"change": each.told(), "plugins": list(suspects)},
            "advice.revision.plugin" if suspects else "advice.revision",
            {
                "revision": name,
                "metric": each.metric,
                "before": each.change.before,
                "after": each.change.after,
                "share": each.change.share,
                "unit": measure.unit,
                "plugin": plugin,
                "plugin_before": suspects[0]["before_ms"] if suspects else None,
                "plugin_after": suspects[0]["after_ms"] if suspects else None,
            },
        )


def _size(each: Found) -> float:
    return abs(each.change.share) if each.change.share is not None else float("inf")


def _failures(facts: Facts) -> Iterator[Recommendation]:
    ended = sum(facts.outcomes.get(end, 0) for end in ("scheduled", "unschedulable", "error"))
    if ended < FEW:
        return
    rate = facts.outcomes.get("scheduled", 0) / ended
    if rate >= SUCCESS_WARN:
        return
    top = facts.reasons[0] if facts.reasons else None
    why = f" Most often {top['plugin']} says “{top['reason']}” ({top['attempts']} attempts)." if top else ""
    setting = Setting(POLICY, f"plugins.{top['plugin']}.args", "/policy") if top else Setting(CLUSTER, "nodes")
    yield Recommendation(
        "success_rate",
        CRITICAL if rate < SUCCESS_CRITICAL else WARNING,
        f"Only {100 * rate:.1f} % of the attempts place their pod",
        f"{ended - facts.outcomes.get('scheduled', 0)} of {ended} attempts failed.{why} See whether the plugin is "
        "meant to be this strict, and whether the pods ask for more than any node has.",
        setting,
        {"success_rate": round(rate, 4), "attempts": ended, "reasons": list(facts.reasons[:_REASONS_TOLD])},
        "advice.success_rate" if top else "advice.success_rate.unknown",
        {"rate": rate, "failed": ended - facts.outcomes.get("scheduled", 0), "ended": ended}
        | ({"plugin": top["plugin"], "reason": top["reason"], "times": top["attempts"]} if top else {}),
    )


def _faults(facts: Facts) -> Iterator[Recommendation]:
    for each in facts.plugins:
        if each.get("faults"):
            yield Recommendation(
                f"faults.{each['plugin']}.{each['phase']}",
                WARNING,
                f"{each['plugin']} failed in {each['faults']} of {each['calls']} calls",
                f"A failure in {each['phase']} is neutral for the call, or refuses the pod where onFailure is closed. "
                "The extender's log has the reason; put the plugin in shadow until it is mended.",
                Setting(POLICY, f"plugins.{each['plugin']}.onFailure", "/policy"),
                {key: each[key] for key in ("plugin", "phase", "faults", "calls")},
                "advice.faults",
                {key: each[key] for key in ("plugin", "phase", "faults", "calls")},
            )


def _plugins(facts: Facts) -> Iterator[Recommendation]:
    """Dearest first: only the first can take more than half."""
    total = sum(float(each["total_ms"]) for each in facts.plugins)
    if not facts.plugins or not total:
        return
    top = facts.plugins[0]
    share = float(top["total_ms"]) / total
    if share <= PLUGIN_SHARE or float(top["p95_ms"]) <= PLUGIN_WARN_MS:
        return
    yield Recommendation(
        f"plugin.{top['plugin']}",
        WARNING,
        f"{top['plugin']} takes {100 * share:.0f} % of the plugins' time",
        f"Its {top['phase']} needs {top['p95_ms']:.3g} ms at p95. See its arguments, give it a deadline, or let "
        "kube-scheduler show fewer nodes (percentageOfNodesToScore).",
        Setting(POLICY, f"plugins.{top['plugin']}.deadline", "/policy"),
        {key: top[key] for key in ("plugin", "phase", "calls", "total_ms", "p95_ms")} | {"share": round(share, 4)},
        "advice.plugin",
        {"plugin": top["plugin"], "phase": top["phase"], "share": share, "p95": top["p95_ms"]},
    )


def _queue(facts: Facts) -> Iterator[Recommendation]:
    waiting = sum(facts.queues.get(name, 0.0) for name in ("active", "backoff", "unschedulable"))
    if waiting < WAITING:
        return
    evidence = {"queues": {name: round(value, 1) for name, value in facts.queues.items()}}
    if facts.queues.get("backoff", 0.0) / waiting > BACKOFF_SHARE:
        yield Recommendation(
            "queue.backoff",
            INFO,
            "Most waiting pods are held back, not looked at",
            "They failed and wait before they are tried again. Where room comes and goes quickly, a shorter backoff "
            "places them sooner; it costs attempts.",
            Setting(SCHEDULER, "podMaxBackoffSeconds"),
            evidence,
            "advice.queue.backoff",
        )
    elif facts.queues.get("active", 0.0) / waiting > BACKOFF_SHARE:
        yield Recommendation(
            "queue.active",
            WARNING,
            "Pods wait for their turn: the scheduler does not keep up",
            "Each attempt takes too long for the pods that come. Fewer nodes to score makes attempts shorter; see "
            "which phase takes the time.",
            Setting(SCHEDULER, "percentageOfNodesToScore"),
            evidence | {"attempt_p99_ms": facts.attempt_p99_ms},
            "advice.queue.active",
        )
    else:
        yield Recommendation(
            "queue.unschedulable",
            WARNING,
            "Most waiting pods fit nowhere",
            "They are tried again when something changes in the cluster. Add nodes, or let them ask for less: "
            "trimtab why NAMESPACE/POD names what would cure one.",
            Setting(CLUSTER, "nodes", "/heatmap"),
            evidence,
            "advice.queue.unschedulable",
        )


def _latency(facts: Facts) -> Iterator[Recommendation]:
    p95, own = facts.latency_p95_ms, facts.own_p95_ms
    if p95 is None or p95 <= LATENCY_WARN_MS:
        return
    if own is not None and own > (1 - QUEUE_SHARE) * p95:
        detail = f"One call of the extender alone takes {own:.3g} ms at p95: see the plugins by time."
        setting, phrase = Setting(POLICY, "plugins", "/policy"), "advice.latency.own"
    else:
        detail = (
            "The extender's own calls are short: pods wait before their attempt, between attempts, or in permit. More "
            "room, or fewer constraints, help; a faster extender does not."
        )
        setting, phrase = Setting(CLUSTER, "nodes", "/analyzer?type=failures"), "advice.latency"
    yield Recommendation(
        "latency",
        WARNING,
        f"Pods wait long: 95 % are placed within {p95 / 1000:.2f} s",
        detail,
        setting,
        {"latency_p50_ms": facts.latency_p50_ms, "latency_p95_ms": p95, "extender_p95_ms": own},
        phrase,
        {"p95": p95, "own": own},
    )


def _scheduler(facts: Facts) -> Iterator[Recommendation]:
    """kube-scheduler itself."""
    if facts.attempt_p99_ms is None or facts.attempt_p99_ms <= ATTEMPT_WARN_MS or not facts.points:
        return
    top, total = facts.points[0], sum(float(each["total_ms"]) for each in facts.points)
    if not total or float(top["total_ms"]) / total <= POINT_SHARE:
        return
    yield Recommendation(
        f"scheduler.{top['name']}",
        WARNING,
        f"kube-scheduler spends most of its time in {top['name']}",
        f"Its attempts take {facts.attempt_p99_ms:.3g} ms at p99, {100 * float(top['total_ms']) / total:.0f} % of what "
        f"its plugins take is {top['name']}. Disable in-tree plugins that nobody needs there, or score fewer nodes.",
        Setting(SCHEDULER, "percentageOfNodesToScore"),
        {"attempt_p99_ms": facts.attempt_p99_ms, "extension_points": list(facts.points[:_REASONS_TOLD])},
        "advice.scheduler",
        {"point": top["name"], "p99": facts.attempt_p99_ms, "share": float(top["total_ms"]) / total},
    )


def _full(facts: Facts) -> Iterator[Recommendation]:
    for each in facts.capacity:
        days = each["days_until_full"]
        if days is None or days > FULL_SOON_DAYS:
            continue
        when = "now" if days == 0 else f"in {days:.1f} days"
        sure = (
            f"; {each['earliest_days']:.1f} days at the earliest" if days and each["earliest_days"] is not None else ""
        )
        yield Recommendation(
            f"full.{each['resource']}",
            CRITICAL if days <= FULL_VERY_SOON_DAYS else WARNING,
            f"All {each['resource']} is promised {when}",
            f"{100 * each['requested_ratio']:.0f} % of it is promised{sure}. Add nodes before, or lower requests that "
            "nobody uses.",
            Setting(CLUSTER, "nodes", "/heatmap"),
            dict(each),
            f"advice.full.{each['resource']}" + ("" if days else ".now"),
            {"days": days, "earliest": each["earliest_days"] or 0.0, "ratio": each["requested_ratio"]},
        )


def _trends(facts: Facts) -> Iterator[Recommendation]:
    """Slow worsening, which no change of level explains."""
    stepped = {each.metric for each in facts.changes}
    for each in facts.trends:
        measure = MEASURES[each["metric"]]
        share = each.get("change_ratio_per_day")
        if each["metric"] in stepped or share is None or abs(share) < TREND_PER_DAY or each["metric"] == "throughput":
            continue
        if each["direction"] == ("rising" if measure.worse_up else "falling"):
            yield Recommendation(
                f"trend.{each['metric']}",
                INFO,
                f"{measure.label[0].upper()}{measure.label[1:]} gets worse: {100 * share:+.0f} % a day",
                "No single revision explains it: see whether nodes, pods or their requests grow, and what the plugins "
                "by time show.",
                Setting(CLUSTER, "nodes", "/heatmap"),
                dict(each),
                "advice.trend",
                {"metric": each["metric"], "share": share},
            )
