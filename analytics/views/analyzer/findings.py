"""What an analysis finds: each with the figures it rests on and what to do about it. Worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from analytics.store.analysis import Latency
from analytics.views.analyzer.health import Check
from analytics.views.analyzer.utilization import Utilization

CRITICAL, WARNING, INFO = "critical", "warning", "info"
_ORDER: Final = {CRITICAL: 0, WARNING: 1, INFO: 2}
SUCCESS_WARN: Final = 0.9
SUCCESS_CRITICAL: Final = 0.5
ERRORS_WARN: Final = 0.01
LATENCY_WARN_MS: Final = 500.0
OWN_WARN_MS: Final = 50.0
PLUGIN_SHARE: Final = 0.5
PLUGIN_WARN_MS: Final = 5.0
RETRIES_WARN: Final = 5
FULL: Final = 0.9
EFFICIENCY_WARN: Final = 50.0
IMBALANCE_WARN: Final = 0.2
OPEN_WARN: Final = 0.2
FEW: Final = 10
"""Shares of fewer attempts are not judged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`area`: performance, failures, decisions, utilization or health."""

    id: str
    area: str
    severity: str
    title: str
    detail: str
    remedy: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    phrase: str = ""
    """Which sentences these are, and what stands in them, for those who have them in another language."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Times in milliseconds (of checks: seconds), shares of 1."""

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "area": self.area,
            "severity": self.severity,
            "title": self.title,
            "detail": self.detail,
            "remedy": self.remedy,
            "evidence": dict(self.evidence),
            "phrase": self.phrase,
            "values": dict(self.values),
        }


@dataclass(frozen=True, slots=True)
class Facts:
    outcomes: Mapping[str, int]
    latency: Latency
    verbs: Sequence[Mapping[str, Any]]
    plugins: Sequence[Mapping[str, Any]]
    reasons: Sequence[Mapping[str, Any]]
    errors: Sequence[Mapping[str, Any]]
    failing: Sequence[Mapping[str, Any]]
    utilization: Utilization
    checks: Sequence[Check]


def findings_of(facts: Facts, first: str = "") -> list[Finding]:
    """Worst first; among equals those of the area `first` before others."""
    found = [
        *_health(facts.checks),
        *_success(facts),
        *_errors(facts),
        *_slow(facts.latency),
        *_own(facts.verbs, facts.plugins),
        *_retries(facts.failing),
        *_open(facts.outcomes),
        *_room(facts.utilization),
    ]
    return sorted(found, key=lambda each: (_ORDER[each.severity], each.area != first))


def bottlenecks_of(latency: Latency) -> list[dict[str, Any]]:
    """The parts of the average latency of a pod, the longest first (R-306). Shares add up to 1."""
    if not latency.average_ms:
        return []
    parts = (
        ("queue", latency.queue_ms, "earlier attempts of the same pod, and waiting between them"),
        ("extender", latency.own_ms, "filter, score and preempt of the extender"),
        ("permit", latency.held_ms, "waiting for the other pods of a gang"),
        ("bind", latency.bind_ms, "the Binding at the API server"),
        ("scheduler", latency.rest_ms, "kube-scheduler itself: its own plugins, and what lies between the calls"),
    )
    return [
        {"part": name, "average_ms": round(spent, 3), "share": round(spent / latency.average_ms, 4), "what": what}
        for name, spent, what in sorted(parts, key=lambda part: -(part[1] or 0.0))
        if spent is not None
    ]


def _health(checks: Iterable[Check]) -> Iterator[Finding]:
    for check in checks:
        if not check.ok:
            title = f"Health check failed: {check.name.replace('_', ' ')}"
            yield Finding(
                f"health.{check.name}", "health", check.severity, title, check.detail, check.remedy,
                phrase=check.phrase, values=check.values,
            )  # fmt: skip


def _success(facts: Facts) -> Iterator[Finding]:
    ended = _ended(facts.outcomes)
    rate = facts.outcomes["scheduled"] / ended if ended else 1.0
    if ended < FEW or rate >= SUCCESS_WARN:
        return
    top = facts.reasons[0] if facts.reasons else None
    why = (
        f" The most frequent reason is “{top['reason']}” of {top['plugin']} ({top['attempts']} attempts)."
        if top
        else ""
    )
    yield Finding(
        "failures.success_rate",
        "failures",
        CRITICAL if rate < SUCCESS_CRITICAL else WARNING,
        f"Only {100 * rate:.1f} % of the attempts place their pod",
        f"{ended - facts.outcomes['scheduled']} of {ended} attempts failed.{why}",
        f"See whether {top['plugin']} is meant to be this strict (its arguments stand in the policy), and whether the "
        "pods ask for more than any node has."
        if top
        else "Add nodes, or let pods ask for less; the failing pods are listed by type failures.",
        {"success_rate": round(rate, 4), "attempts": ended, "reasons": list(facts.reasons[:3])},
        "finding.success_rate" if top else "finding.success_rate.unknown",
        {"rate": rate, "failed": ended - facts.outcomes["scheduled"], "ended": ended, **_most(top)},
    )


def _most(top: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"plugin": top["plugin"], "reason": top["reason"], "times": top["attempts"]} if top else {}


def _errors(facts: Facts) -> Iterator[Finding]:
    ended, errors = _ended(facts.outcomes), facts.outcomes["error"]
    if not errors:
        return
    share = errors / ended
    said = f" Most often: {facts.errors[0]['message']}." if facts.errors else ""
    yield Finding(
        "failures.errors",
        "failures",
        WARNING if share > ERRORS_WARN else INFO,
        "One attempt ended in an error" if errors == 1 else f"{errors} attempts ended in errors",
        f"That is {100 * share:.1f} % of all that ended.{said}",
        "Errors are no verdicts about room: look at the API server's answer to the Binding, and at the extender's log.",
        {"errors": errors, "attempts": ended, "messages": list(facts.errors[:3])},
        "finding.errors",
        {"n": errors, "share": share, "message": facts.errors[0]["message"] if facts.errors else "–"},
    )


def _slow(latency: Latency) -> Iterator[Finding]:
    if latency.p95_ms is None or latency.p95_ms <= LATENCY_WARN_MS:
        return
    parts = bottlenecks_of(latency)
    worst = parts[0]
    yield Finding(
        "performance.latency",
        "performance",
        WARNING,
        f"Scheduling is slow: the 95th percentile is {latency.p95_ms / 1000:.2f} s",
        f"On average {100 * worst['share']:.0f} % of a pod's {latency.average_ms or 0:.0f} ms go into {worst['what']}.",
        _REMEDIES[worst["part"]],
        {"p95_ms": round(latency.p95_ms, 2), "pods": latency.pods, "parts": parts},
        f"finding.latency.{worst['part']}",
        {"p95": latency.p95_ms, "share": worst["share"], "average": latency.average_ms or 0.0},
    )


_REMEDIES: Final = {
    "queue": "Pods fail before they succeed: see the reasons by type failures; more room or fewer constraints help, "
    "a faster extender does not.",
    "extender": "See which plugin takes the time (below), disable it, or let it look at fewer nodes with "
    "percentageOfNodesToScore of kube-scheduler.",
    "permit": "Members of gangs wait for each other: create them together, or shorten the plugin's waiting time.",
    "bind": "The API server or etcd answers slowly, or the client is throttled: look at their own latencies.",
    "scheduler": "kube-scheduler spends the time: look at its scheduler_framework_extension_point_duration_seconds, "
    "and give it more CPU.",
}


def _own(verbs: Sequence[Mapping[str, Any]], plugins: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    slow = [verb for verb in verbs if verb["phase"] != "bind" and verb["p99_ms"] > OWN_WARN_MS]
    for verb in slow:
        yield Finding(
            f"performance.extender.{verb['phase']}",
            "performance",
            WARNING,
            f"The extender's {verb['phase']} is slow: p99 {verb['p99_ms']:.1f} ms",
            f"{verb['calls']} calls, half of them within {verb['p50_ms']:.2f} ms.",
            "Look at the plugins by time below; a slow core, or other work on it, shows in every phase alike.",
            dict(verb),
            "finding.extender",
            {"phase": verb["phase"], "p99": verb["p99_ms"], "p50": verb["p50_ms"], "calls": verb["calls"]},
        )
    total = sum(plugin["total_ms"] for plugin in plugins)
    if plugins and total and plugins[0]["total_ms"] / total > PLUGIN_SHARE and plugins[0]["p95_ms"] > PLUGIN_WARN_MS:
        top = plugins[0]
        yield Finding(
            f"performance.plugin.{top['plugin']}",
            "performance",
            WARNING,
            f"{top['plugin']} takes most of the extender's time",
            f"{100 * top['total_ms'] / total:.0f} % of the plugins' time is its {top['phase']}, "
            f"with a p95 of {top['p95_ms']:.1f} ms.",
            "Give it a deadline in the policy, put it into shadow, or disable it and compare.",
            dict(top),
            "finding.plugin",
            {
                "plugin": top["plugin"],
                "phase": top["phase"],
                "share": top["total_ms"] / total,
                "p95": top["p95_ms"],
            },
        )
    for plugin in plugins:
        if plugin["errors"]:
            yield Finding(
                f"failures.plugin.{plugin['plugin']}.{plugin['phase']}",
                "failures",
                WARNING,
                f"{plugin['plugin']} fails in {plugin['phase']}",
                f"{plugin['errors']} of {plugin['calls']} calls raised an error, and counted as its policy says.",
                "The decision that it failed in holds its message; GET /configz of the extender shows its breaker.",
                dict(plugin),
                "finding.faults",
                {key: plugin[key] for key in ("plugin", "phase", "errors", "calls")},
            )


def _retries(failing: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    often = [pod for pod in failing if pod["attempts"] >= RETRIES_WARN]
    if often:
        worst = often[0]
        yield Finding(
            "failures.retries",
            "failures",
            WARNING,
            "A pod is tried again and again" if len(often) == 1 else f"{len(often)} pods are tried again and again",
            f"{worst['namespace']}/{worst['pod']} leads with {worst['attempts']} attempts, none of which placed it.",
            f"Ask why: trimtab why {worst['namespace']}/{worst['pod']} names the one cause that would cure it.",
            {"pods": [{key: pod[key] for key in ("namespace", "pod", "attempts")} for pod in often[:5]]},
            "finding.retries",
            {"n": len(often), "pod": f"{worst['namespace']}/{worst['pod']}", "attempts": worst["attempts"]},
        )


def _open(outcomes: Mapping[str, int]) -> Iterator[Finding]:
    total = sum(outcomes.values())
    share = outcomes["unknown"] / total if total else 0.0
    if total >= FEW and share > OPEN_WARN:
        yield Finding(
            "decisions.open",
            "decisions",
            INFO,
            f"{100 * share:.0f} % of the decisions have no known end",
            f"{outcomes['unknown']} of {total}: their pods were not seen bound, and nobody said that they failed.",
            "If the extender does not bind, let it watch pods (--kubeconfig); else look at the journal's losses.",
            {"unknown": outcomes["unknown"], "total": total},
            "finding.open",
            {"share": share, "unknown": outcomes["unknown"], "total": total},
        )


def _room(use: Utilization) -> Iterator[Finding]:
    if not use.known:
        return
    for name, amounts in (("cpu", use.cpu), ("memory", use.memory)):
        ratio = amounts.requested_ratio
        if ratio is not None and ratio > FULL:
            yield Finding(
                f"utilization.full.{name}",
                "utilization",
                WARNING,
                f"{100 * ratio:.0f} % of all {name} is promised",
                "New pods find room only where something leaves; fragmentation keeps large ones out earlier.",
                "Add nodes, or lower requests that are not used (below).",
                {"requested_ratio": round(ratio, 4)},
                f"finding.full.{name}",
                {"ratio": ratio},
            )
    if use.efficiency_percent is not None and use.efficiency_percent < EFFICIENCY_WARN:
        yield Finding(
            "utilization.efficiency",
            "utilization",
            INFO,
            f"Only {use.efficiency_percent:.0f} % of what pods request is used",
            "What is requested and idle is out of reach for the scheduler.",
            "Lower the requests of the workloads that use least of theirs, or score by real load (TargetLoadPacking).",
            {"efficiency_percent": round(use.efficiency_percent, 1)},
            "finding.efficiency",
            {"ratio": use.efficiency_percent / 100},
        )
    for name in ("cpu", "memory"):
        spread = use.imbalance(name)
        if spread is not None and spread > IMBALANCE_WARN:
            yield Finding(
                f"utilization.imbalance.{name}",
                "utilization",
                INFO,
                f"{name} is spread unevenly over the nodes",
                f"The standard deviation of requested to allocatable is {spread:.2f}.",
                "Moves can level it (Rescheduler), if the even spread is wanted at all: bin packing makes it, too.",
                {"imbalance": round(spread, 3)},
                f"finding.imbalance.{name}",
                {"spread": round(spread, 2)},
            )
    if use.not_ready:
        yield Finding(
            "utilization.not_ready",
            "utilization",
            WARNING,
            "One node is not ready" if len(use.not_ready) == 1 else f"{len(use.not_ready)} nodes are not ready",
            f"No pods are placed there: {', '.join(use.not_ready[:5])}.",
            "See the conditions of the nodes: kubectl describe node.",
            {"nodes": list(use.not_ready[:20])},
            "finding.not_ready",
            {"n": len(use.not_ready), "nodes": ", ".join(use.not_ready[:5])},
        )


def _ended(outcomes: Mapping[str, int]) -> int:
    return outcomes["scheduled"] + outcomes["unschedulable"] + outcomes["error"]
