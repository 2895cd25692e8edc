"""Questions of the scheduler analyzer about one stretch of time and one scheduler. Answers are plain values.

A pod's latency runs from the opening of its first decision, where that lies within LOOK_BACK_US of the stretch, to its
being bound; an attempt is one decision. Times are microseconds since 1970, durations of answers milliseconds.
"""

# ruff: noqa: S608 - texts are put together from our own names; every value is a parameter.
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from analytics.store.joined import OUTCOME_OF_RANK, PERMIT, PHASE_OF_VERB
from analytics.store.store import Store

LOOK_BACK_US: Final = 86_400_000_000
"""A pod that waits for longer counts as first seen within the last day before the stretch."""
_SLACK_US: Final = 60_000_000
_FOREVER: Final = 1 << 62
_VERB_BITS: Final = (("filter", 1), ("preempt", 2), ("prioritize", 4), (PERMIT, 8), ("bind", 16))
QUANTILES: Final = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Decisions of one scheduler (empty: of all) that began at or after `since_us` and before `until_us`."""

    since_us: int
    until_us: int
    scheduler: str = ""


@dataclass(frozen=True, slots=True)
class Latency:
    """Of the pods that were bound in a stretch; averages in milliseconds, None where there was none."""

    pods: int
    average_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    queue_ms: float | None = None
    """Between the first attempt and the one that succeeded: failed attempts and what the scheduler waited between."""
    own_ms: float | None = None
    """Our filter, score and preempt in the attempt that succeeded."""
    held_ms: float | None = None
    """Permit: waiting for other pods of a gang."""
    bind_ms: float | None = None
    rest_ms: float | None = None
    """The scheduler's own part of that attempt: its in-tree plugins, and what lies between calls."""


@dataclass(frozen=True, slots=True)
class Path:
    phases: tuple[str, ...]
    outcome: str
    count: int
    average_ms: float
    """Our own time, without waiting in permit."""


class Analysis:
    """Questions from any thread. Raises StoreTimeout, StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def schedulers(self, since_us: int, until_us: int) -> list[tuple[str, int]]:
        """Name and number of attempts, the busiest first."""
        rows = self._store.query(
            "SELECT d.scheduler, count(*) FROM decision d WHERE d.opens AND d.at_us >= ? AND d.at_us < ? "
            "GROUP BY 1 ORDER BY 2 DESC, 1",
            (since_us, until_us),
        )
        return [(str(name), int(count)) for name, count in rows]

    def first_us(self) -> int | None:
        """When the oldest decision began that is still kept."""
        return _whole(self._store.query("SELECT min(at_us) FROM decision WHERE opens")[0][0])

    def newest_us(self, scheduler: str = "") -> int | None:
        """When the newest decision began."""
        of, params = _of(scheduler)
        return _whole(self._store.query(f"SELECT max(d.at_us) FROM decision d WHERE d.opens{of}", params)[0][0])

    def outcomes(self, stretch: Stretch) -> dict[str, int]:
        """Attempts by outcome: scheduled, unschedulable, error, unknown (no end is known)."""
        where, params = _opened(stretch)
        rows = self._store.query(
            f"SELECT coalesce(o.rank, 0), count(*) FROM decision d LEFT JOIN ({_RANKS}) o ON o.decision = d.decision "
            f"WHERE {where} GROUP BY 1",
            (stretch.since_us - _SLACK_US, *params),
        )
        counts = dict.fromkeys(OUTCOME_OF_RANK.values(), 0)
        for rank, count in rows:
            counts[OUTCOME_OF_RANK[rank]] = int(count)
        return counts

    def latency(self, stretch: Stretch) -> Latency:
        of, named = _of(stretch.scheduler)
        begin = stretch.since_us - LOOK_BACK_US
        # A bind's end is its begin and its duration; the row of its outcome has the time at which it began.
        whole = "(greatest(h.at_us, coalesce(s.done_us, 0.0)) - f.at_us)"
        quantiles = ", ".join(f"percentile_cont({q}) WITHIN GROUP (ORDER BY {whole})" for q in QUANTILES)
        row = self._store.query(
            "WITH bound AS (SELECT o.decision, min(o.at_us) AS at_us FROM outcome o "
            "WHERE o.rank = 3 AND o.at_us >= ? AND o.at_us < ? GROUP BY o.decision), "
            "heads AS (SELECT d.decision, d.uid, d.at_us AS opened_us, greatest(b.at_us, d.at_us) AS at_us "
            f"FROM decision d JOIN bound b ON b.decision = d.decision WHERE d.opens AND d.at_us >= ?{of}), "
            "firsts AS (SELECT d.uid, min(d.at_us) AS at_us FROM decision d "
            "WHERE d.opens AND d.at_us >= ? AND d.uid IN (SELECT uid FROM heads) GROUP BY d.uid), "
            "spent AS (SELECT d.decision, sum(CASE WHEN d.verb IN ('filter', 'prioritize', 'preempt') "
            "THEN d.duration_us ELSE 0 END) AS own_us, sum(CASE WHEN d.verb = 'bind' THEN d.duration_us ELSE 0 END) "
            "AS bind_us, max(CASE WHEN d.verb = 'bind' THEN d.at_us + d.duration_us END) AS done_us "
            "FROM decision d WHERE d.at_us >= ? AND d.decision IN (SELECT decision FROM heads) "
            "GROUP BY d.decision), "
            f"held AS (SELECT v.decision, sum(v.duration_us) AS held_us FROM verdict v WHERE v.phase = '{PERMIT}' "
            "AND v.at_us >= ? AND v.decision IN (SELECT decision FROM heads) GROUP BY v.decision) "
            f"SELECT count(*), avg({whole}), {quantiles}, avg(h.opened_us - f.at_us), avg(s.own_us), "
            "avg(coalesce(p.held_us, 0.0)), avg(greatest(0.0, s.bind_us - coalesce(p.held_us, 0.0))) "
            "FROM heads h JOIN firsts f ON f.uid = h.uid JOIN spent s ON s.decision = h.decision "
            "LEFT JOIN held p ON p.decision = h.decision",
            (stretch.since_us, stretch.until_us, begin, *named, begin, begin, begin),
        )[0]
        pods = int(row[0])
        if not pods:
            return Latency(0)
        average, p50, p95, p99, queue, own, held, bind = (float(value) / 1000 for value in row[1:])
        return Latency(
            pods, average, p50, p95, p99, queue, own, held, bind, max(0.0, average - queue - own - held - bind)
        )

    def paths(self, stretch: Stretch) -> list[Path]:
        """Which phases attempts went through, and to what end; the most frequent first. Phases stand in the order in
        which a scheduler asks for them."""
        where, params = _opened(stretch)
        bits = " ".join(f"WHEN '{verb}' THEN {bit}" for verb, bit in _VERB_BITS)
        since = stretch.since_us - _SLACK_US
        rows = self._store.query(
            f"WITH heads AS (SELECT d.decision FROM decision d WHERE {where}), "
            f"calls AS (SELECT d.decision, bit_or(CASE d.verb {bits} ELSE 0 END) AS verbs, "
            "sum(d.duration_us) AS all_us FROM decision d WHERE d.at_us >= ? "
            "AND d.decision IN (SELECT decision FROM heads) GROUP BY d.decision), "
            f"held AS (SELECT v.decision, sum(v.duration_us) AS held_us FROM verdict v WHERE v.phase = '{PERMIT}' "
            "AND v.at_us >= ? AND v.decision IN (SELECT decision FROM heads) GROUP BY v.decision), "
            f"ends AS ({_RANKS}) "
            "SELECT c.verbs, coalesce(e.rank, 0), count(*), avg(greatest(0.0, c.all_us - coalesce(h.held_us, 0.0))) "
            "FROM calls c LEFT JOIN ends e ON e.decision = c.decision LEFT JOIN held h ON h.decision = c.decision "
            "GROUP BY 1, 2",
            (*params, since, since, since),
        )
        return _merged([(int(verbs), int(rank), int(count), float(spent) / 1000) for verbs, rank, count, spent in rows])

    def verbs(self, stretch: Stretch) -> list[dict[str, Any]]:
        """Our time by phase: calls, total and quantiles of it, without waiting in permit."""
        of, named = _of(stretch.scheduler)
        own = "greatest(0.0, d.duration_us - coalesce(h.held_us, 0.0))"
        quantiles = ", ".join(f"percentile_cont({q}) WITHIN GROUP (ORDER BY {own})" for q in QUANTILES)
        span = (stretch.since_us, stretch.until_us)
        rows = self._store.query(
            f"SELECT d.verb, count(*), sum({own}), {quantiles} FROM decision d LEFT JOIN (SELECT v.producer, v.id, "
            f"sum(v.duration_us) AS held_us FROM verdict v WHERE v.phase = '{PERMIT}' AND v.at_us >= ? AND v.at_us < ? "
            "GROUP BY v.producer, v.id) h ON h.producer = d.producer AND h.id = d.id "
            f"WHERE d.at_us >= ? AND d.at_us < ? AND d.verb <> '{PERMIT}'{of} GROUP BY d.verb ORDER BY 3 DESC",
            (*span, *span, *named),
        )
        return [
            {
                "phase": PHASE_OF_VERB.get(verb, verb),
                "calls": int(calls),
                "total_ms": round(float(total) / 1000, 3),
                "p50_ms": round(p50 / 1000, 4),
                "p95_ms": round(p95 / 1000, 4),
                "p99_ms": round(p99 / 1000, 4),
            }
            for verb, calls, total, p50, p95, p99 in rows
        ]

    def plugins(self, stretch: Stretch, limit: int = 10) -> list[dict[str, Any]]:
        """Which plugins take our time, permit's waiting left out; the dearest first."""
        within, params = _within("d", stretch)
        rows = self._store.query(
            "SELECT d.plugin, d.phase, count(*), sum(d.duration_us), percentile_cont(0.95) WITHIN GROUP (ORDER BY "
            f"d.duration_us), count(*) FILTER (WHERE d.code = 'Error') FROM verdict d WHERE d.phase <> '{PERMIT}' AND "
            f"{within} GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2 LIMIT ?",
            (*params, limit),
        )
        return [
            {
                "plugin": plugin,
                "phase": phase,
                "calls": int(calls),
                "total_ms": round(float(total) / 1000, 3),
                "p95_ms": round(p95 / 1000, 4),
                "errors": int(errors),
            }
            for plugin, phase, calls, total, p95, errors in rows
        ]

    def reasons(self, stretch: Stretch, limit: int = 10) -> list[dict[str, Any]]:
        """Why nodes were rejected in attempts that failed, by plugin and reason; the most attempts first."""
        within, params = _within("d", stretch)
        rows = self._store.query(
            "SELECT d.plugin, d.reason, count(DISTINCT d.decision), sum(d.nodes) FROM rejection d "
            f"JOIN ({_RANKS}) o ON o.decision = d.decision AND o.rank = 1 "
            f"WHERE d.mode = 'enforce' AND d.phase <> 'postFilter' AND {within} "
            "GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC, 1, 2 LIMIT ?",
            (stretch.since_us - _SLACK_US, *params, limit),
        )
        return [
            {"plugin": plugin, "reason": reason, "attempts": int(attempts), "nodes": int(nodes)}
            for plugin, reason, attempts, nodes in rows
        ]

    def errors(self, stretch: Stretch, limit: int = 10) -> list[dict[str, Any]]:
        """What failed binds and faults said, the most frequent first."""
        where, params = _opened(stretch)
        rows = self._store.query(
            f"SELECT o.message, count(DISTINCT o.decision), max(o.at_us) FROM outcome o JOIN decision d "
            f"ON d.decision = o.decision WHERE o.rank = 2 AND {where} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
            (*params, limit),
        )
        return [{"message": message, "attempts": int(count), "at_us": int(at)} for message, count, at in rows]

    def failing(self, stretch: Stretch, limit: int = 10) -> list[dict[str, Any]]:
        """Pods with attempts that failed and none that succeeded in the stretch, those with the most attempts first."""
        where, params = _opened(stretch)
        rows = self._store.query(
            "SELECT d.namespace, d.pod, d.uid, count(*), max(d.at_us), max(d.decision) FROM decision d "
            f"JOIN ({_RANKS}) o ON o.decision = d.decision WHERE {where} GROUP BY 1, 2, 3 "
            "HAVING max(o.rank) IN (1, 2) ORDER BY 4 DESC, 1, 2 LIMIT ?",
            (stretch.since_us - _SLACK_US, *params, limit),
        )
        return [
            {"namespace": namespace, "pod": pod, "uid": uid, "attempts": int(n), "at_us": int(at), "decision": decision}
            for namespace, pod, uid, n, at, decision in rows
        ]

    def failing_namespaces(self, stretch: Stretch, limit: int = 10) -> list[dict[str, Any]]:
        """Failed attempts by namespace, the most first."""
        where, params = _opened(stretch)
        rows = self._store.query(
            f"SELECT d.namespace, count(*), count(DISTINCT d.uid) FROM decision d JOIN ({_RANKS}) o "
            f"ON o.decision = d.decision AND o.rank IN (1, 2) WHERE {where} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
            (stretch.since_us - _SLACK_US, *params, limit),
        )
        return [{"namespace": name, "attempts": int(attempts), "pods": int(pods)} for name, attempts, pods in rows]

    def losses(self, since_us: int, until_us: int = _FOREVER) -> tuple[dict[str, int], int]:
        """What the journal lost (cause -> frames; bytes for damage), and how many records are in quarantine."""
        gaps = self._store.query(
            "SELECT cause, sum(count) FROM gap WHERE to_us >= ? AND from_us < ? GROUP BY 1 ORDER BY 1",
            (since_us, until_us),
        )
        set_aside = self._store.query(
            "SELECT count(*) FROM quarantine WHERE at_us >= ? AND at_us < ?", (since_us, until_us)
        )
        return {str(cause): int(count) for cause, count in gaps}, int(set_aside[0][0])


def _merged(rows: list[tuple[int, int, int, float]]) -> list[Path]:
    """(bits, rank, attempts, average) -> paths. A pod that somebody else bound went through bind, too."""
    sums: dict[tuple[int, int], tuple[int, float]] = {}
    for verbs, rank, count, average in rows:
        key = (verbs | 16 if rank == 3 else verbs, rank)  # noqa: PLR2004 - scheduled
        attempts, spent = sums.get(key, (0, 0.0))
        sums[key] = (attempts + count, spent + count * average)
    paths = [
        Path(
            tuple(PHASE_OF_VERB[verb] for verb, bit in _VERB_BITS if verbs & bit),
            OUTCOME_OF_RANK[rank],
            count,
            spent / count,
        )
        for (verbs, rank), (count, spent) in sums.items()
    ]
    return sorted(paths, key=lambda path: (-path.count, path.phases, path.outcome))


def _of(scheduler: str) -> tuple[str, tuple[str, ...]]:
    return (" AND d.scheduler = ?", (scheduler,)) if scheduler else ("", ())


def _opened(stretch: Stretch) -> tuple[str, tuple[Any, ...]]:
    """A condition on `decision d`: the opening rows of the stretch."""
    of, named = _of(stretch.scheduler)
    return f"d.opens AND d.at_us >= ? AND d.at_us < ?{of}", (stretch.since_us, stretch.until_us, *named)


def _within(row: str, stretch: Stretch) -> tuple[str, tuple[Any, ...]]:
    """A condition on rows that name a decision and no scheduler."""
    text = f"{row}.at_us >= ? AND {row}.at_us < ?"
    span = (stretch.since_us, stretch.until_us)
    if not stretch.scheduler:
        return text, span
    begin = stretch.since_us - LOOK_BACK_US
    ours = "SELECT c.decision FROM decision c WHERE c.opens AND c.scheduler = ? AND c.at_us >= ? AND c.at_us < ?"
    return f"{text} AND {row}.decision IN ({ours})", (*span, stretch.scheduler, begin, stretch.until_us)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


# The standing end of each decision that ended since a time.
_RANKS = "SELECT decision, max(rank) AS rank FROM outcome WHERE at_us >= ? GROUP BY decision"
