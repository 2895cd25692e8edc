"""One analysis of a time range (R-126, R-130), and the patterns in it (R-122, R-129)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from analytics.audit import Context, Pattern, patterns_in
from analytics.ingest.audit import metrics
from analytics.ingest.audit.rows import event_of
from analytics.store import Store
from analytics.store.audit import Audits
from analytics.store.findings import FindingFilter, Findings, violation
from analytics.store.joined import rfc3339

EVENTS_MAX: Final = 20_000
"""Patterns are looked for among the newest events of the range, so many at most."""
VIOLATIONS_MAX: Final = 1000
_SHOWN: Final = ("open", "acknowledged")


def analyze(store: Store, since_us: int, until_us: int, context: Context | None = None) -> dict[str, Any]:
    """R-130. Suppressed findings are left out. Raises StoreError."""
    with metrics.ANALYSIS_SECONDS.time():
        bindings, wait_us = Audits(store).summary(since_us, until_us)
        wanted = FindingFilter(states=_SHOWN, since_us=since_us, until_us=until_us)
        found = Findings(store).find(wanted, limit=VIOLATIONS_MAX).findings
        return {
            "time_range": {"start": rfc3339(since_us), "end": rfc3339(until_us)},
            "summary": {
                "total_bindings": bindings,
                "average_latency_ms": 0.0 if wait_us is None else round(wait_us / 1000, 2),
            },
            "security_violations": [violation(one) for one in found],
            "scheduling_patterns": patterns(store, since_us, until_us, context),
        }


def patterns(
    store: Store, since_us: int | None, until_us: int | None, context: Context | None = None
) -> list[dict[str, Any]]:
    """R-129, the most frequent first. Raises StoreError."""
    rows = Audits(store).newest(EVENTS_MAX, since_us if since_us is not None else 0, until_us)
    found: Sequence[Pattern] = patterns_in([event_of(row) for row in rows], context)
    return [
        {
            "id": hashlib.sha256(f"{one.kind}\n{one.description}".encode()).hexdigest()[:12],
            "kind": one.kind,
            "description": one.description,
            "count": one.count,
            "first_seen": rfc3339(one.first_seen),
            "last_seen": rfc3339(one.last_seen),
        }
        for one in sorted(found, key=lambda one: (-one.count, one.kind, one.description))
    ]
