"""Events of the shortest form, and what a detector of the shipped rules says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from analytics.audit import AuditEvent, Context, Detector, Finding, Rule, shipped_rules
from analytics.audit.example import events_of
from analytics.audit.generator import Corpus, generate

GITOPS = "system:serviceaccount:gitops:applier"
KNOWN = replace(Context(), deployers=frozenset({GITOPS}))
"""A cluster whose operator has said who deploys."""


def made(name: str = "e", **given: Any) -> list[AuditEvent]:
    return list(events_of(given, name))


def rule(name: str) -> Rule:
    return next(one for one in shipped_rules() if one.id == name)


def found(events: Iterable[AuditEvent], *names: str, context: Context | None = None) -> list[Finding]:
    """By the rules with these ids; without any by all."""
    rules = [rule(name) for name in names] or shipped_rules()
    detector = Detector(rules, context or Context())
    return [finding for event in events for finding in detector.see(event)]


def evictions(count: int, every: float = 1.0, user: str = "alice") -> list[AuditEvent]:
    return made(
        f"{user}-evicts", verb="create", user=user, object="pods/shop/web-#/eviction", repeat=count, every=every
    )


@cache
def corpus(seed: int = 3, scenes: int = 250) -> Corpus:
    return generate(seed, scenes=scenes)
