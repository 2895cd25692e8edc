"""Sums by the hour, so that the statistics of a month do not read a month of rows.

An hour is summed SETTLED_US after its end, by the writing thread. What comes into it later (an end that was long in
coming, another producer's journal, an import) is noticed by its `seen_us`, and the hour is summed again. Hours that are
not summed are read row by row, so that answers are whole at any time; only percentiles become classes of duration,
CLASSES to a factor of e: five in a hundred wide.
"""

# ruff: noqa: S608 - texts are put together from our own names; every value is a parameter.
from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from analytics.store.joined import PERMIT
from analytics.store.store import Store
from analytics.store.tables import key_of

HOUR_US: Final = 3_600_000_000
SETTLED_US: Final = HOUR_US
CLASSES: Final = 20
INTERVALS_MAX: Final = 8
"""With more gaps than this the rows are read instead."""
SLACK_US: Final = 60_000_000
ENDED_WITHIN_US: Final = 24 * HOUR_US
"""A decision whose end comes later than this counts as one without an end."""
# How long permit held a bind back; what remains is the time that was spent on the call. Between two times.
HELD: Final = (
    "LEFT JOIN (SELECT v.producer, v.id, sum(v.duration_us) AS held_us FROM verdict v "
    f"WHERE v.phase = '{PERMIT}' AND v.at_us >= ? AND v.at_us < ? GROUP BY v.producer, v.id) h "
    "ON h.producer = d.producer AND h.id = d.id"
)
OWN_US: Final = "greatest(0.0, d.duration_us - coalesce(h.held_us, 0.0))"
# The standing end of each decision that ended since a time.
RANKS: Final = "SELECT decision, max(rank) AS rank FROM outcome WHERE at_us >= ? GROUP BY decision"
_SPAN: Final = "d.at_us >= ? AND d.at_us < ?"
_CLASS: Final = f"CAST(floor(ln(greatest({OWN_US}, 0.001)) * {CLASSES}) AS BIGINT)"
_ROWS: Final[Mapping[str, str]] = {
    # columns: kind, name, reason, number, amount, decisions, spent
    "outcome": (
        "SELECT 'outcome', '', '', coalesce(o.rank, 0), count(*), count(*), 0.0 FROM decision d "
        "LEFT JOIN (SELECT decision, max(rank) AS rank FROM outcome WHERE at_us >= ? AND at_us < ? GROUP BY 1) o "
        f"ON o.decision = d.decision WHERE d.opens AND {_SPAN} GROUP BY 4"
    ),
    "latency": (
        f"SELECT 'latency', d.verb, '', {_CLASS}, count(*), 0, sum({OWN_US}) FROM decision d {HELD} "
        f"WHERE {_SPAN} GROUP BY 2, 4"
    ),
    "rejection": (
        "SELECT 'rejection', d.plugin, d.reason, 0, CAST(sum(d.nodes) AS BIGINT), count(DISTINCT d.decision), 0.0 "
        f"FROM rejection d WHERE {_SPAN} AND d.mode = 'enforce' AND d.phase <> 'postFilter' GROUP BY 2, 3"
    ),
    "node": (
        "SELECT 'node', d.node, '', 0, count(DISTINCT d.decision), 0, 0.0 FROM outcome d "
        f"WHERE {_SPAN} AND d.rank = 3 AND d.node <> '' GROUP BY 2"
    ),
}


def _params(kind: str, since_us: int, until_us: int) -> tuple[int, ...]:
    span = (since_us, until_us)
    return {"outcome": (since_us - SLACK_US, until_us + ENDED_WITHIN_US, *span), "latency": (*span, *span)}.get(
        kind, span
    )


@dataclass(slots=True)
class Sums:
    """Of one stretch."""

    outcomes: dict[int, int] = field(default_factory=dict)
    """Rank -> decisions."""
    latencies: dict[str, dict[int, int]] = field(default_factory=dict)
    """Verb -> class of duration -> calls."""
    rejections: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """(plugin, reason) -> nodes, decisions."""
    nodes: dict[str, int] = field(default_factory=dict)
    spent_us: float = 0.0

    def add(self, kind: str, name: str, reason: str, number: int, amount: int, decisions: int, spent: float) -> None:
        match kind:
            case "outcome":
                self.outcomes[number] = self.outcomes.get(number, 0) + amount
            case "latency":
                classes = self.latencies.setdefault(name, {})
                classes[number] = classes.get(number, 0) + amount
                self.spent_us += spent
            case "rejection":
                before = self.rejections.get((name, reason), (0, 0))
                self.rejections[name, reason] = (before[0] + amount, before[1] + decisions)
            case "node":
                self.nodes[name] = self.nodes.get(name, 0) + amount


def quantile(classes: Mapping[int, int], share: float) -> float:
    """The middle of the class that holds this share of all, in microseconds; `classes` is not empty."""
    left = share * sum(classes.values())
    for number in sorted(classes):
        left -= classes[number]
        if left <= 0:
            break
    return math.exp((number + 0.5) / CLASSES)


class Hours:
    """Reading from any thread; `advance` by the one that writes. Raises StoreTimeout, StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._checked_us: int | None = None
        """Rows that were seen up to then have been looked at."""

    def sums(self, since_us: int, until_us: int) -> Sums | None:
        """None: no hour of the stretch is summed, or too many in between are not; then read the rows."""
        whole = [
            int(row[0])
            for row in self._store.query(
                "SELECT at_us FROM decision_hour WHERE kind = 'whole' AND at_us >= ? AND at_us <= ? ORDER BY at_us",
                (since_us, until_us - HOUR_US),
            )
        ]
        gaps = list(_gaps(whole, since_us, until_us))
        if not whole or len(gaps) > INTERVALS_MAX:
            return None
        sums = Sums()
        rows = self._store.query(
            "SELECT kind, name, reason, number, CAST(sum(amount) AS BIGINT), CAST(sum(decisions) AS BIGINT), "
            "sum(spent) FROM decision_hour WHERE kind NOT IN ('whole', 'node') AND at_us >= ? AND at_us <= ? "
            "GROUP BY 1, 2, 3, 4",
            (since_us, until_us - HOUR_US),
        )
        # Most rows are those of nodes: one column to group them by.
        rows += self._store.query(
            "SELECT 'node', name, '', 0, CAST(sum(amount) AS BIGINT), 0, 0.0 FROM decision_hour "
            "WHERE kind = 'node' AND at_us >= ? AND at_us <= ? GROUP BY name",
            (since_us, until_us - HOUR_US),
        )
        for begin, end in gaps:
            for kind, sql in _ROWS.items():
                rows += self._store.query(sql, _params(kind, begin, end))
        for row in rows:
            sums.add(*row)
        return sums

    def advance(self, within_s: float = 0.5) -> int:
        """Sum hours that are over and not summed, the oldest first, for about so long; answers how many."""
        bounds = self._store.query("SELECT min(at_us), max(at_us) FROM decision_key")[0]
        if bounds[0] is None:
            return 0
        # A clock that is ahead must not have all hours until then summed.
        first, limit = max(0, int(bounds[0])), min(int(bounds[1]), time.time_ns() // 1000) - SETTLED_US
        first -= first % HOUR_US
        seen_us = self._forget_changed(limit)
        done = {int(row[0]) for row in self._store.query("SELECT at_us FROM decision_hour WHERE kind = 'whole'")}
        until, summed = time.monotonic() + within_s, 0
        for hour in range(first, limit - HOUR_US + 1, HOUR_US):
            if hour in done:
                continue
            self._sum(hour, seen_us)
            summed += 1
            if time.monotonic() > until:
                break
        return summed

    def _sum(self, hour_us: int, seen_us: int) -> None:
        end_us = hour_us + HOUR_US
        self._store.execute(
            [
                ("DELETE FROM decision_hour WHERE at_us = ?", (hour_us,)),
                *(
                    (
                        f"INSERT INTO decision_hour SELECT CAST(? AS BIGINT), s.* FROM ({sql}) s",
                        (hour_us, *_params(kind, hour_us, end_us)),
                    )
                    for kind, sql in _ROWS.items()
                ),
                ("INSERT INTO decision_hour VALUES (?, 'whole', '', '', 0, ?, 0, 0.0)", (hour_us, seen_us)),
            ]
        )

    def _forget_changed(self, limit_us: int) -> int:
        """Take the mark from hours that rows have come into; the seen_us up to which that is now known."""
        if self._checked_us is None:
            marked = self._store.query("SELECT max(amount) FROM decision_hour WHERE kind = 'whole'")[0][0]
            self._checked_us = int(marked or 0)
        after = self._checked_us
        newest = self._store.query(
            "SELECT max(s) FROM (SELECT max(seen_us) AS s FROM decision UNION ALL SELECT max(seen_us) FROM outcome) n"
        )[0][0]
        if not after:  # nothing is summed yet
            self._checked_us = int(newest or 0)
            return self._checked_us
        changed = {
            int(row[0])
            for table in ("decision", "outcome")
            for row in self._store.query(
                f"SELECT DISTINCT at_us - at_us % {HOUR_US} FROM {table} WHERE seen_us > ? AND at_us < ?",
                (after, limit_us),
            )
        }
        late = self._store.query(
            "SELECT DISTINCT o.decision FROM outcome o WHERE o.seen_us > ? AND o.decision NOT IN "
            "(SELECT d.decision FROM decision d WHERE d.opens AND d.at_us >= ?)",
            (after, limit_us),
        )
        keys = [key_of(row[0]) for row in late]
        if keys:
            rows = self._store.query("SELECT DISTINCT at_us FROM decision_key WHERE id_key = ANY(?)", (keys,))
            changed |= {int(row[0]) - int(row[0]) % HOUR_US for row in rows}
        if changed:
            self._store.execute([("DELETE FROM decision_hour WHERE at_us = ANY(?)", (list(changed),))])
        self._checked_us = max(after, int(newest or 0))
        return self._checked_us


def _gaps(whole: list[int], since_us: int, until_us: int) -> Iterator[tuple[int, int]]:
    """What lies between and beside these hours, oldest first."""
    at = since_us
    for hour in whole:
        if hour > at:
            yield at, hour
        at = hour + HOUR_US
    if at < until_us:
        yield at, until_us
