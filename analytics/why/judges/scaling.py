"""A node is on its way: an autoscaler said so."""

from __future__ import annotations

from typing import Final

from analytics.why.answer import Found
from analytics.why.facts import Facts

RECENT_S: Final = 900.0
"""So long a new node may take; after that the pod waits again for what it waited for before."""


def adding(facts: Facts) -> Found | None:
    if not facts.waits or facts.fitting:
        return None
    found = facts.happened("TriggeredScaleUp", "Nominated", within_s=RECENT_S)
    return Found("scale.adding", {"pod": facts.key, "reason": found.message or found.reason}) if found else None
