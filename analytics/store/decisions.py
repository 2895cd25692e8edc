"""Every question about decisions, and the only SQL about them. Answers are plain dicts, ready for JSON.

A decision is one attempt at one pod: its frames (one row of `decision` per verb call) share a decision id; the row
with `opens` stands for it in lists and counts.
"""

# ruff: noqa: S608 - texts are put together from our own names; every value is a parameter.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from analytics.store.hours import HELD, OWN_US, RANKS, Hours, Sums, quantile
from analytics.store.joined import OUTCOME_OF_RANK, PERMIT, PHASE_OF_VERB, UNENDED, Frames, joined, rfc3339, summary
from analytics.store.store import Store
from analytics.store.tables import DecisionRow, DetailRow, OutcomeRow, RejectionRow, VerdictRow, key_of
from analytics.store.tokens import decoded, encoded

MAX_LIMIT = 1000
OUTCOMES = tuple(OUTCOME_OF_RANK.values())
_RANK_OF = {outcome: rank for rank, outcome in OUTCOME_OF_RANK.items()}
# Lists look at ever longer stretches before the newest decision, so that a short answer reads few rows.
_WINDOWS_US = (10 * 60_000_000, 6 * 3600_000_000, 7 * 86_400_000_000)
# The frames of a decision may be written a little out of order.
_SLACK_US = 60_000_000
# Ends that come later are looked for where there is none before.
_ENDED_WITHIN_US = 86_400_000_000
# Calls of one decision lie closer together than this: --hold-timeout lets no bind be held for more than an hour.
_CALLED_WITHIN_US = 2 * 3600_000_000
_EVER = (-(1 << 62), 1 << 62)


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """What to list. Empty fields do not restrict; times are microseconds, `since_us` included, `until_us` not."""

    namespaces: Sequence[str] = ()
    """Any of these; for a tenant, its namespaces."""
    pod: str = ""
    """Part of the pod's name, or `namespace/name` exactly."""
    uid: str = ""
    node: str = ""
    """The node that was chosen."""
    outcome: str = ""
    """scheduled, unschedulable, error or unknown."""
    plugin: str = ""
    """A plugin that rejected at least one node, or (with `reason`) did so for a reason that holds this text."""
    reason: str = ""
    revision: str = ""
    scheduler: str = ""
    since_us: int | None = None
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some decisions, newest first, and the token for those after them (empty: these were the last)."""

    decisions: list[dict[str, Any]]
    next: str


@dataclass(slots=True)
class Condition:
    """A condition that grows, with its parameters."""

    text: list[str] = field(default_factory=lambda: ["d.opens"])
    params: list[Any] = field(default_factory=list)

    def add(self, text: str, *params: Any) -> None:
        self.text.append(text)
        self.params += params

    def __str__(self) -> str:
        return " AND ".join(f"({text})" for text in self.text)


class Decisions:
    """Questions about decisions, from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(
        self, wanted: DecisionFilter | None = None, *, limit: int = 50, token: str = "", detail: bool = True
    ) -> Page:
        """Newest first, `limit` 1..MAX_LIMIT. With `detail`, each holds `filtered` and `scores` too.

        Raises BadToken, ValueError (limit or outcome out of range), StoreTimeout.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise ValueError(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
        after = decoded(token) if token else None
        wanted = self._narrowed(wanted or DecisionFilter())
        heads = self._heads(wanted, limit + 1, after) if wanted else []
        page, more = heads[:limit], len(heads) > limit
        times = [head[0] for head in page] or [0]
        span = (min(times), max(times))
        frames = self._frames([head[3] for head in page], span, detail=detail)
        found = [joined(frames[head[3]]) if detail else summary(frames[head[3]]) for head in page]
        return Page(found, encoded(page[-1]) if more else "")

    def count(self, wanted: DecisionFilter | None = None) -> int:
        """How many decisions `find` would answer in all."""
        wanted = self._narrowed(wanted or DecisionFilter())
        if wanted is None:
            return 0
        if wanted == DecisionFilter():
            return int(self._store.query("SELECT count(*) FROM decision_key")[0][0])
        where = condition(wanted)
        rows = self._store.query(f"SELECT count(*) FROM decision d WHERE {where}", where.params)
        return int(rows[0][0])

    def get(self, decision: str) -> dict[str, Any] | None:
        """One decision with all that is known: plugins per phase, detail, leases, features. None: not here."""
        times = self._times("id_key", decision)
        if not times:
            return None
        frames = self._frames([decision], (times[0], times[-1]), detail=True)[decision]
        return joined(frames, whole=True) if frames.calls else None

    def get_many(self, decisions: Sequence[str], *, detail: bool = False) -> dict[str, dict[str, Any]]:
        """Decision id -> summary (with `detail`: as in lists), those that are here; for live updates."""
        found = self._frames(list(decisions), _EVER, detail=detail)
        shape = joined if detail else summary
        return {name: shape(frames) for name, frames in found.items() if frames.calls}

    def ids(self, wanted: DecisionFilter, limit: int) -> list[str]:
        """Ids of what `find` would answer, newest first, at most `limit`."""
        narrowed = self._narrowed(wanted)
        return [head[3] for head in self._heads(narrowed, limit, None)] if narrowed else []

    def frames(self, decisions: Sequence[str]) -> list[Frames]:
        """All rows of these, in the order given; one that is not here has no calls."""
        found = self._frames(decisions, _EVER, detail=True)
        return [found[decision] for decision in decisions]

    def created_us(self, uid: str) -> int:
        """When the pod was created; 0: not known."""
        times = self._times("uid_key", uid)
        if not times:
            return 0
        sql = "SELECT max(created_us) FROM decision WHERE uid = ? AND at_us >= ? AND at_us <= ?"
        return int(self._store.query(sql, (uid, times[0], times[-1]))[0][0] or 0)

    def newest_of(self, uids: Sequence[str], *, since_us: int = 0) -> dict[str, dict[str, Any]]:
        """Pod UID -> its newest decision with all that is known (as `get`), of those that began since then."""
        if not uids:
            return {}
        rows = self._store.query(
            "SELECT DISTINCT ON (uid) uid, decision, at_us FROM decision "
            "WHERE opens AND uid = ANY(?) AND at_us >= ? ORDER BY uid, at_us DESC, producer DESC, id DESC",
            (list(uids), since_us - _SLACK_US),
        )
        times = [row[2] for row in rows] or [0]
        frames = self._frames([row[1] for row in rows], (min(times), max(times)), detail=True)
        return {uid: joined(frames[name], whole=True) for uid, name, _ in rows if frames[name].calls}

    def of_pod(self, namespace: str, name: str, *, limit: int = 50) -> Page:
        """The decisions about one pod name, newest first (a name may have had several pods)."""
        return self.find(DecisionFilter(pod=f"{namespace}/{name}"), limit=limit)

    def changed(self, after_us: int, *, limit: int = 200) -> tuple[list[str], int]:
        """Decision ids with rows taken in after `after_us` (a value from here; 0: ever), oldest first, and the value
        to ask with next time. With more than `limit` changes the newest are answered."""
        rows = self._store.query(
            "SELECT decision, max(seen_us) FROM (SELECT decision, seen_us FROM decision WHERE seen_us > ? "
            "UNION ALL SELECT decision, seen_us FROM outcome WHERE seen_us > ? "
            "UNION ALL SELECT decision, seen_us FROM eviction WHERE seen_us > ? AND decision <> '') c "
            "GROUP BY decision ORDER BY 2 DESC, 1 DESC LIMIT ?",
            (after_us, after_us, after_us, limit),
        )
        return [row[0] for row in reversed(rows)], max((row[1] for row in rows), default=after_us)

    def newest_change_us(self) -> int:
        """Where `changed` stands now: when the newest row was taken in; 0: none yet."""
        rows = self._store.query(
            "SELECT max(seen_us) FROM (SELECT max(seen_us) AS seen_us FROM decision "
            "UNION ALL SELECT max(seen_us) FROM outcome UNION ALL SELECT max(seen_us) FROM eviction) s"
        )
        return int(rows[0][0] or 0)

    def newest_us(self) -> int | None:
        """When the newest decision began; None: none yet."""
        value = self._store.query("SELECT max(at_us) FROM decision_key")[0][0]
        return None if value is None else int(value)

    def stats(self, *, since_us: int | None = None, until_us: int | None = None, top: int = 50) -> dict[str, Any]:
        """The statistics of `GET /api/stats`: counts, success rate, latencies, rejections, nodes."""
        span = "d.at_us >= ? AND d.at_us < ?"
        params = (since_us if since_us is not None else -(1 << 62), until_us if until_us is not None else 1 << 62)
        sums = Hours(self._store).sums(*params)
        if sums is not None:
            return _stats_of(sums, top)
        counts = self._counts(span, params)
        ended = sum(count for outcome, count in counts.items() if outcome != UNENDED)
        spent = self._store.query(f"SELECT sum({OWN_US}) FROM decision d {HELD} WHERE {span}", (*params, *params))
        total = sum(counts.values())
        return {
            "total": total,
            **counts,
            "success_rate": counts["scheduled"] / ended if ended else None,
            "average_latency_ms": (spent[0][0] or 0.0) / total / 1000 if total else None,
            "phases": self._latencies(span, params),
            "rejections": self._rejections(span, params, top),
            "nodes": self._nodes(span, params, top),
        }

    def flow(self, *, since_us: int | None = None, until_us: int | None = None) -> dict[str, Any]:
        """Sums per phase and plugin, for the flowchart over many decisions: calls, nodes in and out, rejections."""
        span = "d.at_us >= ? AND d.at_us < ?"
        params = (since_us if since_us is not None else -(1 << 62), until_us if until_us is not None else 1 << 62)
        calls = self._store.query(
            "SELECT d.verb, count(*), sum(d.nodes_in), sum(d.nodes_out), count(*) FILTER (WHERE d.code = 'Success') "
            f"FROM decision d WHERE {span} GROUP BY d.verb",
            params,
        )
        plugins = self._store.query(
            "SELECT d.plugin, d.phase, d.mode, count(*), sum(d.nodes_in), sum(d.rejected), "
            "count(*) FILTER (WHERE d.code = 'Error') "
            f"FROM verdict d WHERE {span} GROUP BY d.plugin, d.phase, d.mode ORDER BY d.phase, d.plugin",
            params,
        )
        return {
            "outcomes": self._counts(span, params),
            "phases": [
                {
                    "phase": PHASE_OF_VERB.get(verb, verb),
                    "calls": n,
                    "nodes_in": int(into),
                    "nodes_out": int(out),
                    "success": s,
                }
                for verb, n, into, out, s in calls
            ],
            "plugins": [
                {"plugin": p, "phase": ph, "mode": m, "calls": n, "nodes_in": int(i), "rejected": int(r), "errors": e}
                for p, ph, m, n, i, r, e in plugins
            ],
            "rejections": self._rejections(span, params, 50),
        }

    def outcomes_by_scheduler(self, *, since_us: int = 0) -> list[tuple[str, str, int]]:
        """(scheduler, outcome, decisions) of the decisions that began since then."""
        rows = self._store.query(
            f"SELECT d.scheduler, coalesce(o.rank, 0), count(*) FROM decision d LEFT JOIN ({RANKS}) o "
            "ON o.decision = d.decision WHERE d.opens AND d.at_us >= ? GROUP BY 1, 2 ORDER BY 1, 2",
            (since_us - _SLACK_US, since_us),
        )
        return [(scheduler, OUTCOME_OF_RANK[rank], count) for scheduler, rank, count in rows]

    def policies(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """Policies that took effect or were refused, newest first."""
        rows = self._store.query(
            "SELECT at_us, revision, hash, source, document, error FROM policy ORDER BY at_us DESC, id DESC LIMIT ?",
            (limit,),
        )
        return [
            {
                "time": rfc3339(at),
                "revision": revision,
                "hash": digest,
                "source": source,
                "document": orjson.loads(document),
                "error": error,
            }
            for at, revision, digest, source, document, error in rows
        ]

    def gaps(self, *, since_us: int = 0) -> list[dict[str, Any]]:
        """What was lost, newest first: times, count (frames; bytes where the cause is "damage") and cause."""
        rows = self._store.query(
            "SELECT at_us, from_us, to_us, count, cause, producer FROM gap WHERE to_us >= ? "
            "ORDER BY at_us DESC LIMIT ?",
            (since_us, MAX_LIMIT),
        )
        return [
            {
                "time": rfc3339(at),
                "from": rfc3339(begin),
                "to": rfc3339(end),
                "count": count,
                "cause": cause,
                "producer": producer,
            }
            for at, begin, end, count, cause, producer in rows
        ]

    def values(self, column: str, *, limit: int = 200) -> list[str]:
        """Distinct values for a filter box: namespace, scheduler, revision, node or plugin, the most used in the last
        day first."""
        sql = _VALUES.get(column)
        if sql is None:
            raise ValueError(f"no such filter: {column!r}; there are {', '.join(_VALUES)}")
        since = (self.newest_us() or 0) - _ENDED_WITHIN_US
        return [row[0] for row in self._store.query(sql, (since, limit))]

    def _times(self, column: str, text: str) -> list[int]:
        """When decisions opened whose UID (`uid_key`) or id (`id_key`) may be this one, oldest first; none: it is not
        here."""
        sql = f"SELECT at_us FROM decision_key WHERE {column} = ? ORDER BY at_us"
        return [int(row[0]) for row in self._store.query(sql, (key_of(text),))]

    def _narrowed(self, wanted: DecisionFilter) -> DecisionFilter | None:
        """The same, between the times at which the pod's decisions opened; None: there are none."""
        if not wanted.uid:
            return wanted
        times = self._times("uid_key", wanted.uid)
        if not times:
            return None
        since = times[0] if wanted.since_us is None else max(wanted.since_us, times[0])
        until = times[-1] + 1 if wanted.until_us is None else min(wanted.until_us, times[-1] + 1)
        return replace(wanted, since_us=since, until_us=until)

    def _heads(self, wanted: DecisionFilter, count: int, after: tuple[int, str, int] | None) -> list[tuple[Any, ...]]:
        newest = after[0] if after else self._store.query("SELECT max(at_us) FROM decision_key")[0][0]
        if newest is None:
            return []
        rows: list[tuple[Any, ...]] = []
        for window in (None,) if wanted.uid else (*_WINDOWS_US, None):
            where = condition(wanted, from_us=None if window is None else newest - window)
            if after:
                where.add("d.at_us <= ?", after[0])
                where.add("(d.at_us, d.producer, d.id) < (?, ?, ?)", *after)
            rows = self._store.query(
                f"SELECT d.at_us, d.producer, d.id, d.decision FROM decision d WHERE {where} "
                "ORDER BY d.at_us DESC, d.producer DESC, d.id DESC LIMIT ?",
                [*where.params, count],
            )
            if len(rows) == count:
                break
        return rows

    def _frames(self, decisions: Sequence[str], span_us: tuple[int, int], *, detail: bool) -> Mapping[str, Frames]:
        """`span_us`: in it they open; what belongs to them is not before, and behind only as long as it may take."""
        found = {decision: Frames() for decision in decisions}
        if not found:
            return found
        # One text is compared in half the time that one in a list is.
        one = len(found) == 1
        named, names = ("decision = ?", next(iter(found))) if one else ("decision = ANY(?)", list(found))
        where = f"{named} AND at_us >= ? AND at_us < ?"
        begin, ended = span_us[0] - _SLACK_US, span_us[1] + _ENDED_WITHIN_US
        params = (names, begin, span_us[1] + _CALLED_WITHIN_US)
        for row in self._store.query(f"SELECT {_names(DecisionRow)} FROM decision WHERE {where}", params):
            call = DecisionRow(*row)
            found[call.decision].calls.append(call)
        for row in self._store.query(f"SELECT {_names(OutcomeRow)} FROM outcome WHERE {where}", (names, begin, ended)):
            outcome = OutcomeRow(*row)
            found[outcome.decision].outcomes.append(outcome)
        self._add_late_ends(found, ended)
        # What belongs to a call has its time, which says much better where to look.
        times = [call.at_us for frames in found.values() for call in frames.calls]
        if times:
            self._add_parts(found, where, (names, min(times), max(times) + 1), detail=detail)
        return found

    def _add_parts(self, found: Mapping[str, Frames], where: str, params: tuple[Any, ...], *, detail: bool) -> None:
        for row in self._store.query(f"SELECT {_names(RejectionRow)} FROM rejection WHERE {where}", params):
            rejection = RejectionRow(*row)
            found[rejection.decision].rejections.append(rejection)
        of_permit = "" if detail else f" AND phase = '{PERMIT}'"
        for row in self._store.query(f"SELECT {_names(VerdictRow)} FROM verdict WHERE {where}{of_permit}", params):
            verdict = VerdictRow(*row)
            found[verdict.decision].verdicts.append(verdict)
        if not detail:
            return
        for row in self._store.query(f"SELECT {_names(DetailRow)} FROM detail WHERE {where}", params):
            body = DetailRow(*row)
            found[body.decision].details.append(body)

    def _add_late_ends(self, found: Mapping[str, Frames], after_us: int) -> None:
        """Ends behind the span, of those that have none in it."""
        open_still = [
            name for name, frames in found.items() if frames.calls and not any(o.rank for o in frames.outcomes)
        ]
        if not open_still or after_us > _EVER[1]:
            return
        sql = f"SELECT {_names(OutcomeRow)} FROM outcome WHERE decision = ANY(?) AND at_us >= ?"
        for row in self._store.query(sql, (open_still, after_us)):
            outcome = OutcomeRow(*row)
            found[outcome.decision].outcomes.append(outcome)

    def _counts(self, span: str, params: tuple[int, int]) -> dict[str, int]:
        rows = self._store.query(
            f"SELECT coalesce(o.rank, 0), count(*) FROM decision d LEFT JOIN ({RANKS}) o ON o.decision = d.decision "
            f"WHERE d.opens AND {span} GROUP BY 1",
            (params[0] - _SLACK_US, *params),
        )
        counts = dict.fromkeys(OUTCOMES, 0)
        for rank, count in rows:
            counts[OUTCOME_OF_RANK[rank]] = count
        return counts

    def _latencies(self, span: str, params: tuple[int, int]) -> dict[str, dict[str, Any]]:
        own = ", ".join(f"percentile_cont({q}) WITHIN GROUP (ORDER BY {OWN_US})" for q in (0.5, 0.95, 0.99))
        rows = self._store.query(
            f"SELECT d.verb, count(*), {own} FROM decision d {HELD} "
            f"WHERE {span} AND d.verb <> '{PERMIT}' GROUP BY d.verb",
            (*params, *params),
        )
        return {
            PHASE_OF_VERB.get(verb, verb): {
                "count": n,
                "p50_ms": p50 / 1000,
                "p95_ms": p95 / 1000,
                "p99_ms": p99 / 1000,
            }
            for verb, n, p50, p95, p99 in rows
        }

    def _rejections(self, span: str, params: tuple[int, int], top: int) -> list[dict[str, Any]]:
        rows = self._store.query(
            "SELECT d.plugin, d.reason, sum(d.nodes), count(DISTINCT d.decision) FROM rejection d "
            f"WHERE {span} AND d.mode = 'enforce' AND d.phase <> 'postFilter' "
            "GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ?",
            (*params, top),
        )
        return [{"plugin": p, "reason": r, "count": int(nodes), "decisions": n} for p, r, nodes, n in rows]

    def _nodes(self, span: str, params: tuple[int, int], top: int) -> list[dict[str, Any]]:
        rows = self._store.query(
            "SELECT d.node, count(DISTINCT d.decision) FROM outcome d "
            f"WHERE {span} AND d.rank = 3 AND d.node <> '' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
            (*params, top),
        )
        return [{"node": node, "scheduled": count} for node, count in rows]


_VALUES = {
    column: (
        f"SELECT {column} FROM {table} WHERE {column} <> '' AND at_us >= ? GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ?"
    )
    for column, table in (
        ("namespace", "decision"),
        ("scheduler", "decision"),
        ("revision", "decision"),
        ("node", "outcome"),
        ("plugin", "verdict"),
    )
}


def _stats_of(sums: Sums, top: int) -> dict[str, Any]:
    """The same of sums by the hour; percentiles are middles of classes that are five in a hundred wide."""
    counts = dict.fromkeys(OUTCOMES, 0) | {OUTCOME_OF_RANK[rank]: count for rank, count in sums.outcomes.items()}
    total = sum(counts.values())
    ended = total - counts[UNENDED]
    rejections = sorted(sums.rejections.items(), key=lambda item: (-item[1][0], item[0]))
    nodes = sorted(sums.nodes.items(), key=lambda item: (-item[1], item[0]))
    return {
        "total": total,
        **counts,
        "success_rate": counts["scheduled"] / ended if ended else None,
        "average_latency_ms": sums.spent_us / total / 1000 if total else None,
        "phases": {
            PHASE_OF_VERB.get(verb, verb): {
                "count": sum(classes.values()),
                **{f"p{share:g}_ms": quantile(classes, share / 100) / 1000 for share in (50, 95, 99)},
            }
            for verb, classes in sums.latencies.items()
            if verb != PERMIT
        },
        "rejections": [
            {"plugin": plugin, "reason": reason, "count": count, "decisions": decisions}
            for (plugin, reason), (count, decisions) in rejections[:top]
        ],
        "nodes": [{"node": node, "scheduled": count} for node, count in nodes[:top]],
    }


def condition(wanted: DecisionFilter, from_us: int | None = None) -> Condition:
    """The condition on opening rows. `from_us` narrows what is looked at."""
    where = Condition()
    begin = max((t for t in (wanted.since_us, from_us) if t is not None), default=None)
    if begin is not None:
        where.add("d.at_us >= ?", begin)
    if wanted.until_us is not None:
        where.add("d.at_us < ?", wanted.until_us)
    _add_columns(where, wanted)
    after = (begin if begin is not None else -(1 << 62)) - _SLACK_US
    if wanted.node:
        where.add(
            "d.decision IN (SELECT o.decision FROM outcome o WHERE o.at_us >= ? AND o.rank = 3 AND o.node = ?)",
            after,
            wanted.node,
        )
    if wanted.plugin or wanted.reason:
        _add_rejection(where, wanted, after)
    if wanted.outcome:
        _add_outcome(where, wanted.outcome, after)
    return where


def _add_columns(where: Condition, wanted: DecisionFilter) -> None:
    if wanted.namespaces:
        where.add("d.namespace = ANY(?)", list(wanted.namespaces))
    if wanted.pod:
        _add_pod(where, wanted.pod)
    for column in ("uid", "scheduler", "revision"):
        if value := getattr(wanted, column):
            where.add(f"d.{column} = ?", value)


def _add_pod(where: Condition, text: str) -> None:
    namespace, slash, name = text.partition("/")
    if slash:
        where.add("d.namespace = ? AND d.pod = ?", namespace, name)
    else:
        where.add("strpos(d.pod, ?) > 0", text)


def _add_rejection(where: Condition, wanted: DecisionFilter, after: int) -> None:
    text = "r.at_us >= ?"
    conditions: list[Any] = [after]
    if wanted.plugin:
        text += " AND r.plugin = ?"
        conditions.append(wanted.plugin)
    if wanted.reason:
        text += " AND strpos(r.reason, ?) > 0"
        conditions.append(wanted.reason)
    where.add(f"d.decision IN (SELECT r.decision FROM rejection r WHERE {text})", *conditions)


def _add_outcome(where: Condition, outcome: str, after: int) -> None:
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, not {outcome!r}")
    ended = "SELECT o.decision FROM outcome o WHERE o.at_us >= ? GROUP BY o.decision HAVING max(o.rank)"
    if outcome == UNENDED:
        where.add(f"d.decision NOT IN ({ended} > 0)", after)
    else:
        where.add(f"d.decision IN ({ended} = ?)", after, _RANK_OF[outcome])


def _names(row: type[DecisionRow | OutcomeRow | RejectionRow | VerdictRow | DetailRow]) -> str:
    return ", ".join(row.__struct_fields__)
