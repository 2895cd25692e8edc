"""Forgetting: how long rows are kept, by kind, and deleting what is older."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from analytics.store.store import Store

DAY_S = 86_400.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S, "y": 365 * DAY_S}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdwy])")
# One DELETE covers at most so much time, so that none of them holds the writer for long.
_SLICE_US = 86_400_000_000
_SLICES_PER_RUN = 400


class BadRetention(ValueError):
    """The text says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that rows stay."""

    detail_s: float = 7 * DAY_S
    """Best scores, rejected nodes, features: most of the bytes."""
    facts_s: float = 30 * DAY_S
    """Decisions, verdicts, rejections, outcomes, evictions, what shadows would have changed, audit events."""
    policy_s: float = 365 * DAY_S
    """Policies that took effect or were refused; findings of the audit log, and what was said about them."""
    loss_s: float = 90 * DAY_S
    """Gaps, quarantined records, counts of skipped frames."""
    rollup_s: float = 90 * DAY_S
    """Sums by minute that performance is judged by, and samples of kube-scheduler's own figures."""

    @classmethod
    def of_facts(cls, facts_s: float) -> Retention:
        """Facts for so long, detail no longer than that, and roll-ups no shorter."""
        return cls(facts_s=facts_s, detail_s=min(cls().detail_s, facts_s), rollup_s=max(cls().rollup_s, facts_s))

    @classmethod
    def parse(cls, text: str) -> Retention:
        """`30d` (facts; detail no longer) or `detail=7d,facts=30d,policy=1y,loss=90d,rollup=90d`, any of them.

        Raises BadRetention.
        """
        if "=" not in text:
            return cls.of_facts(seconds(text))
        names = {field.name.removesuffix("_s") for field in fields(cls)}
        given: dict[str, float] = {}
        for part in text.split(","):
            name, equals, value = part.strip().partition("=")
            if not equals or name not in names or f"{name}_s" in given:
                raise BadRetention(f"--retention {text!r}: {part.strip()!r} is none of {', '.join(sorted(names))}=TIME")
            given[f"{name}_s"] = seconds(value)
        if "facts_s" in given and "detail_s" not in given:
            given["detail_s"] = min(cls().detail_s, given["facts_s"])
        if "facts_s" in given and "rollup_s" not in given:
            given["rollup_s"] = max(cls().rollup_s, given["facts_s"])
        return cls(**given)


_TABLES = {
    "decision": "facts_s",
    "verdict": "facts_s",
    "rejection": "facts_s",
    "choice": "facts_s",
    "decision_hour": "facts_s",
    "decision_key": "facts_s",
    "outcome": "facts_s",
    "eviction": "facts_s",
    "shadow": "facts_s",
    "shadow_tally": "facts_s",
    "detail": "detail_s",
    "policy": "policy_s",
    "gap": "loss_s",
    "quarantine": "loss_s",
    "audit_event": "facts_s",
    "finding": "policy_s",
    "finding_state": "policy_s",
    "skipped": "loss_s",
    "minute_latency": "rollup_s",
    "minute_count": "rollup_s",
    "sample": "rollup_s",
}


def forget(store: Store, retention: Retention, now_us: int) -> dict[str, int]:
    """Delete what is too old; answers the rows deleted, by table, only tables that lost some."""
    deleted: dict[str, int] = {}
    for table, kept in _TABLES.items():
        limit_us = now_us - int(getattr(retention, kept) * 1_000_000)
        rows = _delete_before(store, table, limit_us)
        if rows:
            deleted[table] = rows
    return deleted


def prune_positions(store: Store) -> None:
    """Keep the newest position of each producer."""
    for producer, place in store.positions().items():
        store.execute(
            [
                (
                    "DELETE FROM journal_pos WHERE producer = ? AND (segment < ? OR (segment = ? AND position < ?))",
                    (producer, place.segment, place.segment, place.offset),
                )
            ]
        )


def seconds(text: str) -> float:
    """`90s`, `15m`, `6h`, `7d`, `2w`, `1y`, or several together (`1d12h`). Raises BadRetention."""
    parts = _DURATION.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise BadRetention(f"{text!r} is no time: write a number with s, m, h, d, w or y, as in 30d")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _delete_before(store: Store, table: str, limit_us: int) -> int:
    deleted = 0
    for _ in range(_SLICES_PER_RUN):
        oldest = store.query(f"SELECT min(at_us) FROM {table}")[0][0]  # noqa: S608 our own table names
        if oldest is None or oldest >= limit_us:
            break
        until = min(limit_us, oldest + _SLICE_US)
        deleted += store.execute([(f"DELETE FROM {table} WHERE at_us < ?", (until,))])  # noqa: S608
    return deleted
