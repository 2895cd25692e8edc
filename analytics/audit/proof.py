"""Whether a rule does what its own tests say."""

from __future__ import annotations

from analytics.audit.context import context_from
from analytics.audit.engine import Detector
from analytics.audit.example import events_of
from analytics.audit.finding import Finding
from analytics.audit.record import AuditEvent
from analytics.audit.rule import Rule, Test


def events_in(test: Test) -> list[AuditEvent]:
    """In the order in which they stand there, whatever their times. Raises BadExample."""
    found: list[AuditEvent] = []
    for number, given in enumerate(test.events):
        found += events_of(given, f"e{number}")
    return found


def findings(rule: Rule, test: Test) -> list[Finding]:
    """Of the rule alone. Raises BadExample and BadContext."""
    detector = Detector([rule], context_from(test.context))
    return [finding for event in events_in(test) for finding in detector.see(event)]


def disproof(rule: Rule) -> str:
    """What the first test that fails says; "" where all are right. Raises BadExample and BadContext."""
    for number, test in enumerate(rule.tests):
        found = findings(rule, test)
        if len(found) != test.finds:
            return f"tests[{number}] ({test.name}): {len(found)} findings; want {test.finds}"
        if test.case and test.case not in {finding.case for finding in found}:
            return f"tests[{number}] ({test.name}): not found by case {test.case!r}"
    return ""
