"""Every question about audit events, and the only SQL about them. Answers are plain dicts, ready for JSON."""

# ruff: noqa: S608 - texts are put together from our own names; every value is a parameter.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from analytics.store.detail import CODEC, unpack
from analytics.store.joined import rfc3339
from analytics.store.store import Store
from analytics.store.tables import AuditEventRow
from analytics.store.tokens import decoded, encoded

MAX_LIMIT = 1000
UNKNOWN_US = -1
"""`wait_us` of what is no binding, or of a pod whose creation nobody saw."""
_SPLIT_MAX = 20_000
_COLUMNS = ", ".join(AuditEventRow.__struct_fields__)
_BOUND = "kind = 'binding' AND code >= 200 AND code < 300"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What to list. Empty fields do not restrict; times are microseconds, `since_us` included, `until_us` not."""

    kind: str = ""
    verb: str = ""
    actor: str = ""
    namespace: str = ""
    name: str = ""
    """Part of the object's name."""
    node: str = ""
    ids: Sequence[str] | None = None
    """Only these events."""
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, newest first, and the token for those after them (empty: these were the last)."""

    events: list[AuditEventRow]
    next: str


@dataclass(frozen=True, slots=True)
class Split:
    """Where one pod's time went from its creation to its binding, in microseconds, as far as both sides saw it."""

    uid: str
    at_us: int
    """Of the binding."""
    total_us: int
    queue_us: int
    """Creation to the first entry of the journal; can be negative where clocks differ."""
    decision_us: int
    """Our verbs, all attempts, binding apart."""
    bind_us: int
    """The binding request in the API server."""


class Audits:
    """Questions about the audit log, from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, wanted: EventFilter | None = None, *, limit: int = 50, token: str = "") -> EventPage:
        """Newest first, `limit` 1..MAX_LIMIT. Raises BadToken, ValueError, StoreTimeout."""
        if not 1 <= limit <= MAX_LIMIT:
            raise ValueError(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
        conditions, params = _where(wanted or EventFilter())
        if token:
            at_us, event, _ = decoded(token)
            conditions.append("(at_us, id) < (?, ?)")
            params += [at_us, event]
        rows = self._rows(conditions, params, limit + 1)
        page, more = rows[:limit], len(rows) > limit
        return EventPage(page, encoded((page[-1].at_us, page[-1].id, 0)) if more else "")

    def count(self, wanted: EventFilter | None = None) -> int:
        """How many events `find` would answer in all."""
        conditions, params = _where(wanted or EventFilter())
        found = self._store.query(f"SELECT count(*) FROM audit_event WHERE {' AND '.join(conditions)}", params)
        return int(found[0][0])

    def one(self, event: str) -> AuditEventRow | None:
        rows = self._rows(["id = ?"], [event], 1)
        return rows[0] if rows else None

    def known(self, ids: Sequence[str], since_us: int) -> set[str]:
        """Those of `ids` that are stored already, as far as they happened at or after that time."""
        if not ids:
            return set()
        found = self._store.query(
            "SELECT id FROM audit_event WHERE at_us >= ? AND id IN (SELECT unnest(CAST(? AS TEXT[])))",
            (since_us, list(ids)),
        )
        return {row[0] for row in found}

    def newest(self, limit: int, since_us: int, until_us: int | None = None) -> list[AuditEventRow]:
        """The last `limit` events of that time, oldest first."""
        conditions, params = _where(EventFilter(since_us=since_us, until_us=until_us))
        return list(reversed(self._rows(conditions, params, limit)))

    def open_pods(self, since_us: int, limit: int) -> list[AuditEventRow]:
        """Creations of pods since then that no binding followed, oldest first."""
        rows = self._rows(
            [
                "kind = 'create' AND code >= 200 AND code < 300 AND at_us >= ?",
                f"uid NOT IN (SELECT uid FROM audit_event WHERE {_BOUND} AND at_us >= ?)",
            ],
            [since_us, since_us],
            limit,
        )
        return list(reversed(rows))

    def summary(self, since_us: int, until_us: int) -> tuple[int, float | None]:
        """Bindings that succeeded, and the mean time from creation to binding in microseconds (None: not known)."""
        bound, wait_us = self._store.query(
            f"SELECT count(*), avg(CASE WHEN wait_us >= 0 THEN CAST(wait_us AS FLOAT8) END) FROM audit_event "
            f"WHERE {_BOUND} AND at_us >= ? AND at_us < ?",
            (since_us, until_us),
        )[0]
        return int(bound), None if wait_us is None else float(wait_us)

    def splits(self, since_us: int, until_us: int) -> list[Split]:
        """The newest bindings that the log and the journal both know, by pod UID."""
        rows = self._store.query(
            "WITH bound AS (SELECT uid, min(at_us) AS at_us, min(received_us) AS received_us FROM audit_event "
            f"WHERE {_BOUND} AND uid <> '' AND at_us >= ? AND at_us < ? GROUP BY uid ORDER BY 2 DESC LIMIT ?), "
            "made AS (SELECT uid, min(at_us) AS at_us FROM audit_event WHERE kind = 'create' AND code >= 200 "
            "AND code < 300 AND uid IN (SELECT uid FROM bound) GROUP BY uid), "
            "ours AS (SELECT uid, min(at_us) AS at_us, "
            "sum(CASE WHEN verb = 'bind' THEN 0 ELSE duration_us END) AS decision_us "
            "FROM decision WHERE uid IN (SELECT uid FROM bound) GROUP BY uid) "
            "SELECT b.uid, b.at_us, b.at_us - m.at_us, o.at_us - m.at_us, CAST(o.decision_us AS BIGINT), "
            "b.at_us - b.received_us FROM bound b JOIN made m ON m.uid = b.uid JOIN ours o ON o.uid = b.uid "
            "ORDER BY b.at_us DESC, b.uid",
            (since_us, until_us, _SPLIT_MAX),
        )
        return [Split(*row) for row in rows]

    def kinds(self, since_us: int, until_us: int) -> dict[str, int]:
        """Kind -> events, the most frequent first."""
        rows = self._store.query(
            "SELECT kind, count(*) FROM audit_event WHERE at_us >= ? AND at_us < ? GROUP BY kind ORDER BY 2 DESC, 1",
            (since_us, until_us),
        )
        return {kind: int(count) for kind, count in rows}

    def values(self) -> dict[str, list[str]]:
        """Distinct values for filter boxes, the most used first."""
        return {
            name: [
                row[0]
                for row in self._store.query(
                    f"SELECT {column} FROM audit_event WHERE {column} <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 "
                    "LIMIT 200"
                )
            ]
            for name, column in (("kind", "kind"), ("user", "actor"), ("namespace", "namespace"), ("verb", "verb"))
        }

    def bounds(self) -> tuple[int, int, int]:
        """Events stored, the time of the oldest and that of the newest; zeros where there are none."""
        count, oldest, newest = self._store.query("SELECT count(*), min(at_us), max(at_us) FROM audit_event")[0]
        return int(count), int(oldest or 0), int(newest or 0)

    def positions(self, source: str) -> dict[str, tuple[int, int]]:
        """File -> how far it has been read, and when that was last written."""
        rows = self._store.query(
            "SELECT file, max(position), max(at_us) FROM audit_pos WHERE source = ? GROUP BY file", (source,)
        )
        return {file: (int(position), int(at_us)) for file, position, at_us in rows}

    def prune_positions(self, source: str, before_us: int) -> None:
        """Keep the newest position of each file, and none of files that have not moved since that time."""
        gone: list[tuple[str, Sequence[Any]]] = []
        for file, (position, at_us) in self.positions(source).items():
            limit = position if at_us >= before_us else position + 1
            gone.append(("DELETE FROM audit_pos WHERE source = ? AND file = ? AND position < ?", (source, file, limit)))
        if gone:
            self._store.execute(gone)

    def _rows(self, conditions: list[str], params: list[Any], limit: int) -> list[AuditEventRow]:
        found = self._store.query(
            f"SELECT {_COLUMNS} FROM audit_event WHERE {' AND '.join(conditions)} ORDER BY at_us DESC, id DESC LIMIT ?",
            [*params, limit],
        )
        return [AuditEventRow(*row) for row in found]


def sent(row: AuditEventRow) -> dict[str, Any] | None:
    """What the request sent, as far as it is kept. A body that cannot be unpacked is none."""
    if not row.body:
        return None
    try:
        return unpack(CODEC, row.body)
    except ValueError:
        return None


def told(row: AuditEventRow) -> dict[str, Any]:
    """Everything about one event but what it sent."""
    return {
        "id": row.id,
        "stage": row.stage,
        "time": rfc3339(row.at_us),
        "kind": row.kind,
        "level": row.level,
        "verb": row.verb,
        "user": row.actor,
        "groups": orjson.loads(row.actor_groups),
        "impersonated": row.impersonated,
        "address": row.address,
        "user_agent": row.agent,
        "api_group": row.api_group,
        "resource": row.resource,
        "subresource": row.subresource,
        "namespace": row.namespace,
        "name": row.name,
        "uid": row.uid,
        "node": row.node,
        "code": row.code,
        "uri": row.uri,
        "request_ms": max(0, row.at_us - row.received_us) / 1000,
        "latency_ms": row.wait_us / 1000 if row.wait_us >= 0 else None,
        "annotations": orjson.loads(row.notes),
        "source": row.source,
    }


def _where(wanted: EventFilter) -> tuple[list[str], list[Any]]:
    conditions = ["at_us >= ?"]
    values: list[Any] = [wanted.since_us if wanted.since_us is not None else -(1 << 62)]
    if wanted.until_us is not None:
        conditions.append("at_us < ?")
        values.append(wanted.until_us)
    if wanted.ids is not None:
        conditions.append("id = ANY(?)")
        values.append(list(wanted.ids))
    if wanted.name:
        conditions.append("strpos(name, ?) > 0")
        values.append(wanted.name)
    for column, value in (
        ("kind", wanted.kind),
        ("verb", wanted.verb),
        ("actor", wanted.actor),
        ("namespace", wanted.namespace),
        ("node", wanted.node),
    ):
        if value:
            conditions.append(f"{column} = ?")
            values.append(value)
    return conditions, values
