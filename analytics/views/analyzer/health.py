"""Is the scheduler well (R-164, R-169)? Each check has a sentence; a failed one is critical or a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from analytics.cluster import ClusterView
from analytics.views.analyzer.chain import Chain
from analytics.views.analyzer.span import spoken

CRITICAL, WARNING = "critical", "warning"
HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"
VALUES: Final[Mapping[str, float]] = {HEALTHY: 1.0, DEGRADED: 0.5, UNHEALTHY: 0.0}
"""R-195."""
LOOKED_AT_S: Final = 600
"""Errors and losses of the last ten minutes count."""
IDLE_S: Final = 120
"""Pods that wait while nothing has been decided for so long are a standstill."""
LONG_S: Final = 600
"""Without a cluster to ask, silence of this length is at least odd."""
ERRORS_WARN: Final = 0.01
ERRORS_CRITICAL: Final = 0.5
FEW: Final = 10
"""A share of fewer attempts says little."""
LATENCY_WARN_S: Final = 0.5
"""The threshold of the alert (R-206)."""
LAG_WARN_S: Final = 180.0
"""Bookmarks come about every minute."""
BEHIND_BYTES: Final = 64 << 20
BEHIND_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str
    severity: str = WARNING
    remedy: str = ""
    phrase: str = ""
    """Which sentence `detail` is, and what stands in it, for those who have it in another language."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Durations in seconds, shares of 1."""

    def told(self) -> dict[str, Any]:
        more = {} if self.ok else {"severity": self.severity, "remedy": self.remedy}
        said = {"phrase": self.phrase, "values": dict(self.values)}
        return {"name": self.name, "ok": self.ok, "detail": self.detail, **more, **said}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is judged. Seconds; None: unknown."""

    scheduler: str
    now_us: int
    newest_us: int | None
    outcomes: Mapping[str, int]
    """Of the last LOOKED_AT_S."""
    latency_p95_s: float | None
    lost: Mapping[str, int]
    quarantined: int
    chain: Chain
    view: ClusterView
    ingest: Mapping[str, Any]
    """Status of the ingest; empty: none runs here."""


def health_of(checks: Sequence[Check]) -> str:
    failed = {check.severity for check in checks if not check.ok}
    return UNHEALTHY if CRITICAL in failed else DEGRADED if failed else HEALTHY


def checks_of(facts: Facts) -> list[Check]:
    return [
        *_deciding(facts),
        _errors(facts),
        _latency(facts),
        *_extender(facts.chain),
        *_journal(facts),
    ]


def waiting_pods(view: ClusterView, scheduler: str) -> list[int]:
    """Unix seconds at which the pods were made that this scheduler has to place now; gated ones do not wait for it."""
    return [
        pod.created_at_s for pod in view.pending if not pod.gates and (not scheduler or pod.scheduler_name == scheduler)
    ]


def _deciding(facts: Facts) -> Iterator[Check]:
    now_s = facts.now_us / 1e6
    silent_s = None if facts.newest_us is None else max(0.0, now_s - facts.newest_us / 1e6)
    said = "no decision is recorded" if silent_s is None else f"last decision {spoken(silent_s)} ago"
    phrase = "check.recent_decisions." + ("never" if silent_s is None else "ago")
    values = {"silent": silent_s}
    idle = silent_s is None or silent_s > IDLE_S
    if not facts.view.known:
        well = silent_s is not None and silent_s <= LONG_S
        yield Check(
            "recent_decisions",
            well,
            said if well else f"{said}, and there is no cluster to ask whether pods wait",
            remedy="Start the console with --kubeconfig, and see that the scheduler runs and calls the extender.",
            phrase=phrase if well else f"{phrase}.unasked",
            values=values,
        )
        return
    waits = [made for made in waiting_pods(facts.view, facts.scheduler) if now_s - made > IDLE_S]
    still = idle and bool(waits)
    yield Check(
        "recent_decisions",
        not still,
        f"{said}, and no pod waits" if idle and not waits else said,
        CRITICAL,
        "See that the scheduler runs, that its name is right and that its configuration names the extender "
        "(trimtab doctor checks all three).",
        f"{phrase}.idle" if idle and not waits else phrase,
        values,
    )
    oldest = spoken(now_s - min(waits)) if waits else ""
    yield Check(
        "pending_pods",
        not still,
        f"{len(waits)} {'pod waits' if len(waits) == 1 else 'pods wait'} for longer than {spoken(IDLE_S)}, "
        f"the oldest for {oldest}" + (", and nothing is decided" if still else "")
        if waits
        else "no pod waits for long",
        CRITICAL,
        "The pods wait for a scheduler that does not act: look at its log and at its leader lease.",
        "check.pending_pods." + ("none" if not waits else "still" if still else "wait"),
        {"n": len(waits), "long": IDLE_S, "oldest": now_s - min(waits, default=now_s)},
    )


def _errors(facts: Facts) -> Check:
    counts = facts.outcomes
    ended = counts["scheduled"] + counts["unschedulable"] + counts["error"]
    share = counts["error"] / ended if ended else 0.0
    return Check(
        "errors",
        not counts["error"] or share <= ERRORS_WARN,
        f"{counts['error']} of {ended} attempts of the last {spoken(LOOKED_AT_S)} ended in an error",
        CRITICAL if share >= ERRORS_CRITICAL and ended >= FEW else WARNING,
        "Look at the messages of the failed attempts: the list of decisions, filtered by the outcome error.",
        "check.errors",
        {"errors": counts["error"], "ended": ended, "span": LOOKED_AT_S},
    )


def _latency(facts: Facts) -> Check:
    p95 = facts.latency_p95_s
    return Check(
        "latency",
        p95 is None or p95 <= LATENCY_WARN_S,
        "no pod was bound lately"
        if p95 is None
        else f"95 of 100 pods are bound within {p95:.3g} s of their first attempt",
        remedy="The analysis by type performance splits the time into its parts.",
        phrase="check.latency.none" if p95 is None else "check.latency",
        values={"p95": p95},
    )


def _extender(chain: Chain) -> Iterator[Check]:
    if not chain.asked:
        return
    yield Check(
        "extender",
        chain.ready,
        ("ready, and leads" if chain.leads else "ready, another replica leads") if chain.ready else chain.trouble,
        CRITICAL,
        "Start the extender, or name its admin address with --extender; its log says why it is not ready.",
        "check.extender." + (("leads" if chain.leads else "follows") if chain.ready else "down"),
        {"why": chain.trouble},
    )
    if not chain.reachable:
        return
    yield Check(
        "policy",
        not chain.refused,
        f"the newest text is not in effect: {chain.refused}" if chain.refused else f"revision {chain.revision} applies",
        remedy="Mend the policy: trimtab policy validate names each place; until then the last good one stays.",
        phrase="check.policy." + ("refused" if chain.refused else "applies"),
        values={"why": chain.refused, "revision": chain.revision},
    )
    open_ones = [f"{each.get('plugin')} ({each.get('lastError') or each.get('state')})" for each in chain.breakers]
    yield Check(
        "breakers",
        not open_ones,
        f"taken out after failures: {', '.join(open_ones)}" if open_ones else "every plugin takes part",
        remedy="Look at the plugin's error; it is tried again by itself, and trimtab plugin disable keeps it out.",
        phrase="check.breakers." + ("out" if open_ones else "none"),
        values={"plugins": ", ".join(open_ones)},
    )
    late = {name: lag for name, lag in chain.lags_s.items() if lag > LAG_WARN_S}
    yield Check(
        "watch_lag",
        not late,
        "silent for too long: " + ", ".join(f"{name} {spoken(lag)}" for name, lag in sorted(late.items()))
        if late
        else f"the longest silence of a watch is {spoken(max(chain.lags_s.values(), default=0.0))}",
        remedy="The extender decides by an old picture of the cluster: look at its connection to the API server.",
        phrase="check.watch_lag." + ("late" if late else "none"),
        values={"watches": ", ".join(sorted(late)), "longest": max(chain.lags_s.values(), default=0.0)},
    )


def _journal(facts: Facts) -> Iterator[Check]:
    if facts.ingest:
        behind, lag = int(facts.ingest.get("behind_bytes", 0)), float(facts.ingest.get("lag_seconds", 0.0))
        late = behind > BEHIND_BYTES or lag > BEHIND_S
        trouble = str(facts.ingest.get("error") or "") or facts.chain.journal_trouble
        yield Check(
            "journal",
            not late and not trouble,
            trouble or f"{behind:,} bytes are not read yet" + (f", {spoken(lag)} late" if lag else ""),
            remedy="See that the disk has room and that nothing else holds the store; the reader catches up by itself.",
            phrase="check.journal." + ("trouble" if trouble else "late" if lag else "behind"),
            values={"why": trouble, "bytes": behind, "lag": lag},
        )
    frames = sum(count for cause, count in facts.lost.items() if cause != "damage")
    parts = [f"{count} {'bytes' if cause == 'damage' else 'frames'} ({cause})" for cause, count in facts.lost.items()]
    parts += [f"{facts.quarantined} records set aside"] if facts.quarantined else []
    yield Check(
        "records",
        not parts,
        f"lost in the last {spoken(LOOKED_AT_S)}: {', '.join(parts)}" if parts else "no record was lost lately",
        remedy="Give the journal more room (--journal-budget of the extender) or a faster disk."
        if frames
        else "Look at the quarantine: the records were written by another version, or the disk is damaged.",
        phrase="check.records." + ("none" if not parts else "lost" if frames else "aside"),
        values={"lost": ", ".join(parts), "span": LOOKED_AT_S},
    )
