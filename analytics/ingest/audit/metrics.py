"""What the audit analyzer counts (R-186 to R-188, and ours). `COLLECTORS` belong in the registry of /metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from analytics.audit import KINDS, Rule, shipped_rules
from analytics.audit.anomalies import KINDS as UNUSUAL

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

EVENTS = Counter("scheduler_audit_events_total", "Scheduling-related audit events read.", ["kind"], registry=None)
VIOLATIONS = Counter(
    "scheduler_audit_violations_total", "Security violations found.", ["rule", "severity"], registry=None
)
ANALYSIS_SECONDS = Histogram(
    "scheduler_audit_analysis_duration_seconds", "Duration of one audit analysis.", buckets=_SECONDS, registry=None
)
LEFT_OUT = Counter(
    "trimtab_audit_left_out_total", "Audit events that were read and not stored, by why.", ["why"], registry=None
)
BAD = Counter("trimtab_audit_bad_total", "Lines and items that are no audit event.", ["way"], registry=None)
RULE_FAULTS = Counter(
    "trimtab_audit_rule_faults_total", "Events that the rules could not be asked about.", registry=None
)
SKEW = Counter("trimtab_audit_skew_total", "Bindings that seem older than their pods: clocks differ.", registry=None)
FAILURES = Counter("trimtab_audit_failures_total", "Batches that could not be stored at once.", registry=None)
BEHIND_BYTES = Gauge("trimtab_audit_behind_bytes", "Bytes of audit logs that have not been read yet.", registry=None)

COLLECTORS: Final = (
    EVENTS, VIOLATIONS, ANALYSIS_SECONDS, LEFT_OUT, BAD, RULE_FAULTS, SKEW, FAILURES, BEHIND_BYTES,
)  # fmt: skip

WHYS_LEFT: Final = ("other", "duplicate", "early stage")
WAYS: Final = ("file", "webhook")


def expect(rules: Iterable[Rule]) -> None:
    """Each series is there before its rule finds something."""
    for rule in rules:
        for severity in {rule.severity, *(case.severity or rule.severity for case in rule.cases)}:
            VIOLATIONS.labels(rule.id, severity)


for _kind in KINDS:
    EVENTS.labels(_kind)
expect(shipped_rules())
for _name, _unusual in UNUSUAL.items():
    VIOLATIONS.labels(_name, _unusual.severity)
for _why in WHYS_LEFT:
    LEFT_OUT.labels(_why)
for _way in WAYS:
    BAD.labels(_way)
