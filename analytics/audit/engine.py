"""The detector: every event goes by every case that may concern it, once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache

from analytics.audit.case import CompiledCase, outcome_of
from analytics.audit.context import Context
from analytics.audit.facts import Facts
from analytics.audit.fields import who
from analytics.audit.finding import Finding
from analytics.audit.memory import Clock, Recent
from analytics.audit.record import AuditEvent
from analytics.audit.rule import Rule
from analytics.audit.rulefile import SHIPPED, load_rules

_MOST_SEEN = 200_000
"""Requests that are remembered for delivery more than once, about 150 bytes each."""
_MOST_PODS = 50_000
_MOST_KINDS = 5_000
_MOST_WHO = 10_000
"""About 1 kB each."""
_LONGEST_WHO = 2_000
"""Characters."""
_RANKS = {"ResponseStarted": 1, "ResponseComplete": 2, "Panic": 2}
"""Stages that have an answer. RequestReceived comes before anything is decided."""


class Detector:
    """State of thresholds and sequences; not thread-safe. Raises BadCondition for rules that did not come through
    load_rules and do not hold together."""

    def __init__(self, rules: Sequence[Rule], context: Context) -> None:
        self.rules = tuple(rules)
        self.context = context
        self.duplicates = 0
        self._clock = Clock()
        self._seen: Recent[str, int] = Recent(_MOST_SEEN)
        self._creators: Recent[tuple[str, str], str] = Recent(_MOST_PODS)
        self._cases = [
            CompiledCase(rule, case, context, f"{rule.id}.cases[{number}]")
            for rule in self.rules
            for number, case in enumerate(rule.cases)
        ]
        self._index = _Index(self._cases)

    @property
    def skewed(self) -> int:
        """Events whose time was more than a day ahead of the log's, and was taken for the log's own."""
        return self._clock.skewed

    @property
    def folded(self) -> int:
        """Findings that said what had just been said."""
        return sum(case.folded for case in self._cases)

    @property
    def late(self) -> int:
        """Events that came after the window they belonged to."""
        return sum(case.windows.late for case in self._cases if case.windows is not None)

    def see(self, event: AuditEvent) -> list[Finding]:
        """What this event makes known: nothing for an event seen before."""
        rank = _RANKS.get(event.stage, 0)
        if not rank:
            return []
        # An exec is logged when it starts and when it ends: it is one act, and known when it starts.
        if self._seen.get(event.audit_id) is not None:
            self.duplicates += 1
            return []
        self._seen.put(event.audit_id, rank)
        at_us = self._clock.clamp(event.at_us)
        facts = Facts(event, self.context, self._creator(event))
        found: list[Finding] = []
        outcome = outcome_of(event)
        for case in self._index.cases(facts, outcome):
            found += case.see(facts, at_us)
        return found

    def _creator(self, event: AuditEvent) -> str:
        if event.resource != "pods" or not event.name:
            return ""
        pod = event.namespace, event.name
        if event.verb == "create" and not event.subresource:
            self._creators.put(pod, event.user)
            return event.user
        return self._creators.get(pod) or ""


class _Index:
    """Which cases may concern an event: by its resource, verb, subresource and outcome, then by who asked from where.

    What is left for the cases to ask are names and bodies. A log may name any number of resources and users: what is
    kept of them has bounds.
    """

    def __init__(self, cases: Sequence[CompiledCase]) -> None:
        self._all = tuple(cases)
        self._by_kind: dict[tuple[str, str, str, str], tuple[CompiledCase, ...]] = {}
        self._by_who: dict[Hashable, tuple[CompiledCase, ...]] = {}
        self._same: dict[tuple[CompiledCase, ...], tuple[CompiledCase, ...]] = {}
        """Equal ones are kept once."""

    def cases(self, facts: Facts, outcome: str) -> tuple[CompiledCase, ...]:
        key = who(facts.event, outcome)
        found = self._by_who.get(key)
        if found is None:
            found = tuple(case for case in self._of_kind(facts.event, outcome) if case.concerns_who(facts))
            if _is_short(facts.event):
                if len(self._by_who) >= _MOST_WHO:
                    self._by_who.clear()
                    self._same.clear()
                self._by_who[key] = found = self._same.setdefault(found, found)
        return found

    def _of_kind(self, event: AuditEvent, outcome: str) -> tuple[CompiledCase, ...]:
        kind = event.resource, event.verb, event.subresource, outcome
        found = self._by_kind.get(kind)
        if found is None:
            found = tuple(case for case in self._all if case.concerns(*kind))
            if len(self._by_kind) >= _MOST_KINDS:
                self._by_kind.clear()
            self._by_kind[kind] = found
        return found


def _is_short(event: AuditEvent) -> bool:
    """Worth being remembered: what anybody may send, such as a user agent, may be very long."""
    what = event.verb, event.resource, event.subresource, event.namespace
    texts = (*what, event.user, event.user_agent, event.impersonated, *event.groups, *event.source_ips[-1:])
    return sum(map(len, texts)) <= _LONGEST_WHO


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """The 24 rules that come with us, SCH-01 to SCH-24."""
    return load_rules(SHIPPED)
