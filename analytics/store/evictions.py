"""Every question about evictions, and the only SQL about them. Answers are plain dicts, ready for JSON."""

# ruff: noqa: S608 - texts are put together from our own names; every value is a parameter.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics.store.joined import rfc3339
from analytics.store.store import Store
from analytics.store.tables import EvictionRow
from analytics.store.tokens import decoded, encoded

MAX_LIMIT = 1000
WHYS = ("preemption", "rescheduling")
RESULTS = ("evicted", "refused", "gone", "failed", "dryRun")
_COLUMNS = ", ".join(EvictionRow.__struct_fields__)
_VICTIMS_MAX = 200


@dataclass(frozen=True, slots=True)
class EvictionFilter:
    """What to list. Empty fields do not restrict; times are microseconds, `since_us` included, `until_us` not."""

    namespaces: Sequence[str] = ()
    pod: str = ""
    """Part of the victim's name, or `namespace/name` exactly."""
    node: str = ""
    plugin: str = ""
    why: str = ""
    """preemption or rescheduling."""
    result: str = ""
    """evicted, refused, gone, failed or dryRun."""
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class EvictionPage:
    """Some evictions, newest first, and the token for those after them (empty: these were the last)."""

    evictions: list[dict[str, Any]]
    next: str


class Evictions:
    """Questions about evictions, from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, wanted: EvictionFilter | None = None, *, limit: int = 50, token: str = "") -> EvictionPage:
        """Newest first, `limit` 1..MAX_LIMIT. Raises BadToken, ValueError, StoreTimeout."""
        if not 1 <= limit <= MAX_LIMIT:
            raise ValueError(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
        conditions, params = _where(wanted or EvictionFilter())
        if token:
            conditions.append("(at_us, producer, id) < (?, ?, ?)")
            params += decoded(token)
        rows = self._rows(conditions, params, limit + 1)
        page, more = rows[:limit], len(rows) > limit
        next_ = encoded((page[-1].at_us, page[-1].producer, page[-1].id)) if more else ""
        return EvictionPage([_told(row) for row in page], next_)

    def count(self, wanted: EvictionFilter | None = None) -> int:
        """How many evictions `find` would answer in all."""
        conditions, params = _where(wanted or EvictionFilter())
        return int(self._store.query(f"SELECT count(*) FROM eviction WHERE {' AND '.join(conditions)}", params)[0][0])

    def of_decision(self, decision: str) -> list[dict[str, Any]]:
        """Whom this decision's pod made leave, or tried to, in order of time."""
        rows = self._rows(["decision = ?"], [decision], _VICTIMS_MAX) if decision else []
        return [_told(row) for row in reversed(rows)]

    def of_victim(self, namespace: str, name: str, uid: str = "") -> list[dict[str, Any]]:
        """What was done to a pod, newest first; by UID where a name has had several pods."""
        conditions, params = ["namespace = ?", "pod = ?"], [namespace, name]
        if uid:
            conditions.append("uid = ?")
            params.append(uid)
        return [_told(row) for row in self._rows(conditions, params, _VICTIMS_MAX)]

    def newest_since(self, after_us: int) -> int:
        """When the newest row was taken in, if after that time (both are `seen_us`); else 0."""
        return int(self._store.query("SELECT max(seen_us) FROM eviction WHERE seen_us > ?", (after_us,))[0][0] or 0)

    def values(self) -> dict[str, list[str]]:
        """Distinct values for filter boxes: plugin, namespace and node, the most used first."""
        return {
            column: [
                row[0]
                for row in self._store.query(
                    f"SELECT {column} FROM eviction WHERE {column} <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 200"
                )
            ]
            for column in ("plugin", "namespace", "node")
        }

    def _rows(self, conditions: list[str], params: list[Any], limit: int) -> list[EvictionRow]:
        found = self._store.query(
            f"SELECT {_COLUMNS} FROM eviction WHERE {' AND '.join(conditions)} "
            "ORDER BY at_us DESC, producer DESC, id DESC LIMIT ?",
            [*params, limit],
        )
        return [EvictionRow(*row) for row in found]


def _where(wanted: EvictionFilter) -> tuple[list[str], list[Any]]:
    conditions = ["at_us >= ?"]
    values: list[Any] = [wanted.since_us if wanted.since_us is not None else -(1 << 62)]
    if wanted.until_us is not None:
        conditions.append("at_us < ?")
        values.append(wanted.until_us)
    if wanted.namespaces:
        conditions.append("namespace = ANY(?)")
        values.append(list(wanted.namespaces))
    namespace, slash, name = wanted.pod.partition("/")
    if slash:
        conditions.append("namespace = ? AND pod = ?")
        values += [namespace, name]
    elif wanted.pod:
        conditions.append("strpos(pod, ?) > 0")
        values.append(wanted.pod)
    for column, value in (
        ("node", wanted.node),
        ("plugin", wanted.plugin),
        ("why", _known(wanted.why, WHYS)),
        ("result", _known(wanted.result, RESULTS)),
    ):
        if value:
            conditions.append(f"{column} = ?")
            values.append(value)
    return conditions, values


def _known(value: str, allowed: Sequence[str]) -> str:
    if value and value not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}, not {value!r}")
    return value


def _told(row: EvictionRow) -> dict[str, Any]:
    by = {"namespace": row.by_namespace, "name": row.by_pod, "uid": row.by_uid} if row.by_pod else None
    return {
        "time": rfc3339(row.at_us),
        "plugin": row.plugin,
        "why": row.why,
        "reason": row.reason,
        "pod": {
            "namespace": row.namespace,
            "name": row.pod,
            "uid": row.uid,
            "owner": row.owner,
            "priority": row.priority,
        },
        "node": row.node,
        "result": row.result,
        "message": row.message,
        "decision": row.decision,
        "preemptor": by,
    }
