"""One time range of a log: bindings, latency, violations, patterns (R-126, R-130)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics.audit.anomalies import Anomalies
from analytics.audit.context import Context
from analytics.audit.engine import Detector, shipped_rules
from analytics.audit.finding import SEVERITIES, Finding
from analytics.audit.memory import Recent
from analytics.audit.patterns import Pattern, Patterns
from analytics.audit.record import AuditEvent
from analytics.audit.rule import Rule
from analytics.audit.scheduling import Latencies, kind_of

_MOST_SEEN = 200_000
_MOST_VIOLATIONS = 10_000
_FAILED = 400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Analysis:
    """Times in microseconds UTC."""

    start_us: int
    end_us: int
    total_bindings: int = 0
    latencies: int = 0
    """Bindings whose pod's creation is in the log too."""
    average_latency_ms: float = 0.0
    """0 where there is no such binding."""
    violations: list[Finding] = field(default_factory=list)
    """The worst first, of equals the newest first."""
    violations_left_out: int = 0
    """Past the most that one analysis lists."""
    patterns: list[Pattern] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """As `POST /api/audit/analyze` gives it."""
        return {
            "time_range": {"start": rfc3339(self.start_us), "end": rfc3339(self.end_us)},
            "summary": {
                "total_bindings": self.total_bindings,
                "average_latency_ms": round(self.average_latency_ms, 2),
            },
            "security_violations": [violation(one) for one in self.violations],
            "scheduling_patterns": [pattern(one) for one in self.patterns],
        }


def analyze(
    events: Iterable[AuditEvent],
    start_us: int,
    end_us: int,
    rules: Sequence[Rule] | None = None,
    context: Context | None = None,
) -> Analysis:
    """One pass over a log that may begin earlier, from which habits and sequences are then known. `end_us` is the
    first moment behind the range. Raises ValueError for a range that ends before it begins."""
    if end_us < start_us:
        raise ValueError(f"the range ends {rfc3339(end_us)}, before it begins: {rfc3339(start_us)}")
    context = context or Context()
    detector, anomalies = Detector(shipped_rules() if rules is None else rules, context), Anomalies(context)
    latencies, patterns, seen = Latencies(), Patterns(context), Recent[tuple[str, str], bool](_MOST_SEEN)
    result, total_ms = Analysis(start_us, end_us), 0.0
    for event in events:
        if seen.get(event.key):
            continue
        seen.put(event.key, value=True)
        findings = [*detector.see(event), *anomalies.see(event)]
        for finding in findings:
            if start_us <= finding.at_us < end_us:
                if len(result.violations) < _MOST_VIOLATIONS:
                    result.violations.append(finding)
                else:
                    result.violations_left_out += 1
        latency = latencies.see(event)
        if not start_us <= event.at_us < end_us:
            continue
        patterns.see(event)
        if latency is not None:
            result.latencies += 1
            total_ms += latency
        result.total_bindings += _binds(event, context)
    result.average_latency_ms = total_ms / result.latencies if result.latencies else 0.0
    result.violations.sort(key=lambda one: (SEVERITIES.index(one.severity), -one.at_us, one.key))
    result.patterns = patterns.found()
    return result


def _binds(event: AuditEvent, context: Context) -> bool:
    done = event.code < _FAILED and event.stage == "ResponseComplete"
    return done and kind_of(event, context.scheduler_identities) == "binding"


def violation(finding: Finding) -> dict[str, Any]:
    """As `GET /api/audit/violations` lists it."""
    return {
        "id": finding.key,
        "rule": finding.rule,
        "severity": finding.severity,
        "time": rfc3339(finding.at_us),
        "user": finding.user,
        "object": finding.object,
        "description": finding.description,
        "event_ids": list(finding.event_ids),
        "title": finding.title,
        "attack": list(finding.attack),
        "fix": finding.fix,
    }


def pattern(found: Pattern) -> dict[str, Any]:
    """As `GET /api/audit/patterns` lists it."""
    return {
        "id": found.id,
        "kind": found.kind,
        "description": found.description,
        "count": found.count,
        "first_seen": rfc3339(found.first_seen),
        "last_seen": rfc3339(found.last_seen),
    }


def rfc3339(us: int) -> str:
    """UTC, with the fraction only where there is one."""
    return (_EPOCH + us * _MICROSECOND).isoformat().replace("+00:00", "Z")
