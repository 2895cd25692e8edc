"""Every question about findings of the audit log and what people said about them, and the only SQL about both."""

# ruff: noqa: S608 - texts are put together from our own names; every value is a parameter.
from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from analytics.store.joined import rfc3339
from analytics.store.store import Store
from analytics.store.tables import FindingRow, FindingStateRow
from analytics.store.tokens import decoded, encoded

MAX_LIMIT = 1000
SEVERITIES = ("critical", "high", "medium", "low")
STATES = ("open", "acknowledged", "suppressed")
_COLUMNS = ", ".join(f"f.{name}" for name in FindingRow.__struct_fields__)
_WIDTH = len(FindingRow.__struct_fields__)
# Its own newest word counts; without one, a suppression of what is similar.
_STATE = (
    "CASE WHEN s.state = 'acknowledged' THEN 'acknowledged' "
    "WHEN s.state = 'suppressed' AND (s.until_us = 0 OR s.until_us > ?) THEN 'suppressed' "
    "WHEN s.state IS NULL AND EXISTS (SELECT 1 FROM newest q WHERE q.state = 'suppressed' AND q.similar_too "
    "AND q.rule = f.rule AND q.actor = f.actor AND (q.until_us = 0 OR q.until_us > ?)) THEN 'suppressed' "
    "ELSE 'open' END"
)
_NEWEST = (
    "WITH newest AS (SELECT finding, at_us, state, who, why, until_us, similar_too, rule, actor FROM "
    "(SELECT t.*, row_number() OVER (PARTITION BY finding ORDER BY at_us DESC) AS turn FROM finding_state t) u "
    "WHERE turn = 1)"
)
_WITH = (
    f"{_NEWEST}, told AS (SELECT {_COLUMNS}, {_STATE} AS state, s.who AS who, s.why AS why, s.at_us AS said_us, "
    "s.until_us AS until_us FROM finding f LEFT JOIN newest s ON s.finding = f.id) "
)


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """What to list. Empty fields do not restrict; times are microseconds, `since_us` included, `until_us` not."""

    rule: str = ""
    severities: Sequence[str] = ()
    states: Sequence[str] = ()
    actor: str = ""
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, and what was said about it last."""

    row: FindingRow
    state: str
    """open, acknowledged or suppressed, now."""
    who: str
    why: str
    said_us: int
    """0: nobody said anything."""
    until_us: int


@dataclass(frozen=True, slots=True)
class FindingPage:
    """Some findings, newest first, and the token for those after them (empty: these were the last)."""

    findings: list[Found]
    next: str


class Findings:
    """Questions about findings, from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, wanted: FindingFilter | None = None, *, limit: int = 50, token: str = "") -> FindingPage:
        """Newest first, `limit` 1..MAX_LIMIT. Raises BadToken, ValueError, StoreTimeout."""
        if not 1 <= limit <= MAX_LIMIT:
            raise ValueError(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
        conditions, params = _where(wanted or FindingFilter())
        if token:
            at_us, finding, _ = decoded(token)
            conditions.append("(at_us, id) < (?, ?)")
            params += [at_us, finding]
        rows = self._rows(conditions, params, limit + 1)
        page, more = rows[:limit], len(rows) > limit
        return FindingPage(page, encoded((page[-1].row.at_us, page[-1].row.id, 0)) if more else "")

    def count(self, wanted: FindingFilter | None = None) -> int:
        """How many findings `find` would answer in all."""
        conditions, params = _where(wanted or FindingFilter())
        text = f"{_WITH} SELECT count(*) FROM told WHERE {' AND '.join(conditions)}"
        return int(self._store.query(text, [*_now(), *params])[0][0])

    def one(self, finding: str) -> Found | None:
        rows = self._rows(["id = ?"], [finding], 1)
        return rows[0] if rows else None

    def about(self, event: str) -> list[Found]:
        """Findings whose evidence holds this event, newest first."""
        return self._rows(["strpos(event_ids, ?) > 0"], [orjson.dumps(event).decode()], 50)

    def said(self, finding: str) -> list[FindingStateRow]:
        """All that was said about it, newest first."""
        columns = ", ".join(FindingStateRow.__struct_fields__)
        rows = self._store.query(
            f"SELECT {columns} FROM finding_state WHERE finding = ? ORDER BY at_us DESC LIMIT 100", (finding,)
        )
        return [FindingStateRow(*row) for row in rows]

    def say(self, row: FindingStateRow) -> None:
        """Raises StoreError."""
        self._store.write([row])

    def quiet(self, now_us: int) -> set[tuple[str, str]]:
        """(rule, actor) whose findings are suppressed before they come."""
        text = f"{_NEWEST} SELECT rule, actor FROM newest WHERE state = 'suppressed' AND similar_too AND "
        rows = self._store.query(text + "(until_us = 0 OR until_us > ?)", (now_us,))
        return {(rule, actor) for rule, actor in rows}

    def by_rule(self, wanted: FindingFilter | None = None) -> dict[str, dict[str, int]]:
        """Rule -> state -> findings."""
        conditions, params = _where(wanted or FindingFilter())
        text = f"{_WITH} SELECT rule, state, count(*) FROM told WHERE {' AND '.join(conditions)} GROUP BY rule, state"
        counts: dict[str, dict[str, int]] = {}
        for rule, state, count in self._store.query(text, [*_now(), *params]):
            counts.setdefault(rule, {})[state] = int(count)
        return counts

    def timeline(self, since_us: int, until_us: int, step_us: int) -> list[tuple[int, str, int]]:
        """(start of the step, severity, findings that are not suppressed), steps without any left out."""
        text = (
            f"{_WITH} SELECT at_us - mod(at_us - ?, ?) AS step, severity, count(*) FROM told "
            "WHERE at_us >= ? AND at_us < ? AND state <> 'suppressed' GROUP BY 1, 2 ORDER BY 1, 2"
        )
        rows = self._store.query(text, [*_now(), since_us, step_us, since_us, until_us])
        return [(int(step), severity, int(count)) for step, severity, count in rows]

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that are stored already."""
        if not ids:
            return set()
        found = self._store.query("SELECT id FROM finding WHERE id IN (SELECT unnest(CAST(? AS TEXT[])))", (list(ids),))
        return {row[0] for row in found}

    def newest_since(self, after_us: int) -> int:
        """When the newest finding was taken in, if after that time (both are `seen_us`); else 0."""
        return int(self._store.query("SELECT max(seen_us) FROM finding WHERE seen_us > ?", (after_us,))[0][0] or 0)

    def _rows(self, conditions: list[str], params: list[Any], limit: int) -> list[Found]:
        text = f"{_WITH} SELECT * FROM told WHERE {' AND '.join(conditions)} ORDER BY at_us DESC, id DESC LIMIT ?"
        return [
            Found(FindingRow(*row[:_WIDTH]), row[_WIDTH], row[_WIDTH + 1] or "", row[_WIDTH + 2] or "",
                  int(row[_WIDTH + 3] or 0), int(row[_WIDTH + 4] or 0))
            for row in self._store.query(text, [*_now(), *params, limit])
        ]  # fmt: skip


def told(found: Found) -> dict[str, Any]:
    """As the required API shows it, and what is ours beside it."""
    row = found.row
    return violation(found) | {
        "title": row.title,
        "attack": orjson.loads(row.attack),
        "fix": row.fix,
        "state": found.state,
        "who": found.who,
        "why": found.why,
        "said": rfc3339(found.said_us) if found.said_us else None,
        "until": rfc3339(found.until_us) if found.until_us else None,
    }


def violation(found: Found) -> dict[str, Any]:
    """R-128."""
    row = found.row
    return {
        "id": row.id,
        "rule": row.rule,
        "severity": row.severity,
        "time": rfc3339(row.at_us),
        "user": row.actor,
        "object": row.object,
        "description": row.description,
        "event_ids": orjson.loads(row.event_ids),
    }


def _now() -> tuple[int, int]:
    """The two times that a question about states begins with."""
    now_us = time.time_ns() // 1000
    return now_us, now_us


def _where(wanted: FindingFilter) -> tuple[list[str], list[Any]]:
    conditions = ["at_us >= ?"]
    values: list[Any] = [wanted.since_us if wanted.since_us is not None else -(1 << 62)]
    if wanted.until_us is not None:
        conditions.append("at_us < ?")
        values.append(wanted.until_us)
    for column, value in (("rule", wanted.rule), ("actor", wanted.actor)):
        if value:
            conditions.append(f"{column} = ?")
            values.append(value)
    for column, chosen, allowed in (
        ("severity", wanted.severities, SEVERITIES),
        ("state", wanted.states, STATES),
    ):
        if unknown := [value for value in chosen if value not in allowed]:
            raise ValueError(f"must be one of {', '.join(allowed)}, not {unknown[0]!r}")
        if chosen:
            conditions.append(f"{column} = ANY(?)")
            values.append(list(chosen))
    return conditions, values
