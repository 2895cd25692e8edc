"""What the API server's audit log says about scheduling: events, rules over them, and what they find.

Lives here: reading events (also out of the envelopes of managed clouds), the rules as data and their compiler, the
memory behind thresholds and sequences, latencies, patterns and anomalies, a generator of labelled logs. Never here:
SQL, files that are followed, HTTP, clocks: every time comes from an event.
"""

from __future__ import annotations

from analytics.audit.analysis import Analysis, analyze
from analytics.audit.analyzer import CannotLoad, SchedulingAuditAnalyzer
from analytics.audit.anomalies import Anomalies
from analytics.audit.context import Context
from analytics.audit.engine import Detector, shipped_rules
from analytics.audit.event import AuditEvent, BadEvent, read_event, read_events
from analytics.audit.finding import Finding
from analytics.audit.own import with_own
from analytics.audit.patterns import Pattern, patterns_in
from analytics.audit.rule import Rule
from analytics.audit.rulefile import BadRule, load_rules
from analytics.audit.scheduling import KINDS, Latencies, kind_of

__all__ = [
    "KINDS",
    "Analysis",
    "Anomalies",
    "AuditEvent",
    "BadEvent",
    "BadRule",
    "CannotLoad",
    "Context",
    "Detector",
    "Finding",
    "Latencies",
    "Pattern",
    "Rule",
    "SchedulingAuditAnalyzer",
    "analyze",
    "kind_of",
    "load_rules",
    "patterns_in",
    "read_event",
    "read_events",
    "shipped_rules",
    "with_own",
]
