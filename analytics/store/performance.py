"""Questions of the performance analyzer: roll-ups by minute, samples of others' figures, policy revisions.

Times are microseconds since 1970, durations microseconds. Latencies come as log buckets of analytics/trends/sketch.py;
a quantile is the first bucket at which so large a share has been seen, so that only buckets leave the database.
"""

# ruff: noqa: S608 - texts are put together from our own names and numbers; every text from outside is a parameter.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics.store.store import Store
from analytics.store.tables import SampleRow

MINUTE_US: Final = 60_000_000
QUANTILES: Final = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Which:
    """Roll-ups of a time, of one scheduler (empty: of all)."""

    since_us: int
    until_us: int
    scheduler: str = ""


@dataclass(frozen=True, slots=True)
class Took:
    """How long `n` things took: their sum, and the buckets of p50, p95 and p99."""

    n: int
    total_us: float
    p50: int
    p95: int
    p99: int


@dataclass(frozen=True, slots=True)
class Revision:
    """A policy took effect."""

    at_us: int
    revision: str
    source: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """What was rolled up of one scheduler since somebody looked last."""

    bound: Sequence[tuple[int, int, float]]
    """Pods that were bound: bucket, number, sum of microseconds."""
    outcomes: dict[str, int]


class Rollups:
    """Questions from any thread; `add` and `merge` from one. Raises StoreTimeout, StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def took_by_step(self, which: Which, kind: str, step_us: int, names: Sequence[str] = ()) -> dict[int, Took]:
        """Begin of a step -> what was measured in it; steps without anything are absent. `step_us`: whole minutes."""
        step = f"at_us - at_us % {int(step_us)}"
        return {int(key): took for key, took in self._took(which, kind, step, names).items()}

    def took_by_name(self, which: Which, kind: str) -> dict[str, Took]:
        """Of verbs, or of plugins (`plugin/phase`), those with the most time first."""
        found = self._took(which, kind, "name")
        return dict(sorted(found.items(), key=lambda each: -each[1].total_us))

    def counts_by_step(self, which: Which, kind: str, step_us: int) -> dict[int, dict[str, int]]:
        """Begin of a step -> name -> how many."""
        of, params = _where(which, kind)
        rows = self._store.query(
            f"SELECT at_us - at_us % {int(step_us)}, name, sum(n) FROM minute_count WHERE {of} GROUP BY 1, 2", params
        )
        found: dict[int, dict[str, int]] = {}
        for at_us, name, n in rows:
            found.setdefault(int(at_us), {})[str(name)] = int(n)
        return found

    def counts(self, which: Which, kind: str) -> dict[str, int]:
        of, params = _where(which, kind)
        rows = self._store.query(f"SELECT name, sum(n) FROM minute_count WHERE {of} GROUP BY 1", params)
        return {str(name): int(n) for name, n in rows}

    def schedulers(self, since_us: int, until_us: int) -> list[tuple[str, int]]:
        """Name and number of attempts that ended, the busiest first."""
        rows = self._store.query(
            "SELECT scheduler, sum(n) FROM minute_count WHERE kind = 'outcome' AND at_us >= ? AND at_us < ? "
            "GROUP BY 1 ORDER BY 2 DESC, 1",
            (since_us, until_us),
        )
        return [(str(name), int(n)) for name, n in rows]

    def first_us(self) -> int | None:
        """The oldest minute that is kept."""
        found = self._store.query("SELECT min(at_us) FROM minute_latency WHERE kind = 'verb'")[0][0]
        return None if found is None else int(found)

    def samples_by_step(
        self, which: Which, source: str, name: str, step_us: int
    ) -> list[tuple[int, str, float, float, int]]:
        """(begin of a step, labels as JSON, upper bound, sum of the values, how many samples), oldest first."""
        rows = self._store.query(
            f"SELECT at_us - at_us % {int(step_us)}, labels, upper, sum(value), count(*) FROM sample "
            "WHERE source = ? AND name = ? AND at_us >= ? AND at_us < ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            (source, name, which.since_us, which.until_us),
        )
        return [(int(at), str(labels), float(upper), float(value), int(n)) for at, labels, upper, value, n in rows]

    def sampled(self, which: Which, source: str, name: str) -> list[tuple[str, float, float]]:
        """(labels as JSON, upper bound, sum of the values) over the whole time."""
        rows = self._store.query(
            "SELECT labels, upper, sum(value) FROM sample WHERE source = ? AND name = ? AND at_us >= ? AND at_us < ? "
            "GROUP BY 1, 2 ORDER BY 1, 2",
            (source, name, which.since_us, which.until_us),
        )
        return [(str(labels), float(upper), float(value)) for labels, upper, value in rows]

    def promised_by_step(self, since_us: int, until_us: int, step_us: int) -> dict[str, list[tuple[int, float, float]]]:
        """What the nodes offer and what is promised of it, from the heatmap's samples: resource -> (begin of a step,
        requested, allocatable), the average of the samples in it."""
        rows = self._store.query(
            f"SELECT t - t % {int(step_us)}, avg(cpu), avg(cpu_of), avg(memory), avg(memory_of), avg(pods), "
            "avg(pods_of) FROM (SELECT at_us AS t, sum(cpu_requested) AS cpu, sum(cpu_allocatable) AS cpu_of, "
            "sum(memory_requested) AS memory, sum(memory_allocatable) AS memory_of, sum(pods) AS pods, "
            "sum(pods_allocatable) AS pods_of FROM node_sample WHERE schedulable AND ready AND at_us >= ? "
            "AND at_us < ? GROUP BY at_us) s GROUP BY 1 ORDER BY 1",
            (since_us, until_us),
        )
        found: dict[str, list[tuple[int, float, float]]] = {"cpu": [], "memory": [], "pods": []}
        for row in rows:
            for at, resource in enumerate(found):
                requested, allocatable = row[1 + 2 * at], row[2 + 2 * at]
                if allocatable:
                    found[resource].append((int(row[0]), float(requested), float(allocatable)))
        return found

    def revisions(self, since_us: int, until_us: int) -> list[Revision]:
        """Policies that took effect in the time, and the one that was in effect when it began; oldest first. One that
        was loaded again, or by another replica, counts once."""
        rows = self._store.query(
            "SELECT at_us, revision, source FROM policy WHERE error = '' AND at_us < ? AND at_us >= coalesce("
            "(SELECT max(at_us) FROM policy WHERE error = '' AND at_us <= ?), 0) ORDER BY at_us, id",
            (until_us, since_us),
        )
        found: list[Revision] = []
        for at_us, revision, source in rows:
            if not found or found[-1].revision != revision:
                found.append(Revision(int(at_us), str(revision), str(source)))
        return found

    def newest_seen_us(self) -> int:
        """Up to where batches have been rolled up."""
        rows = self._store.query(
            "SELECT (SELECT max(seen_us) FROM minute_latency), (SELECT max(seen_us) FROM minute_count)"
        )[0]
        return max(int(value or 0) for value in rows)

    def arrived(self, after_us: int, upto_us: int, since_us: int = 0) -> dict[str, Arrived]:
        """Scheduler -> what batches with `after_us < seen_us <= upto_us` brought, of minutes not before `since_us`."""
        seen = "seen_us > ? AND seen_us <= ? AND at_us >= ?"
        span = (after_us, upto_us, since_us)
        bound = self._store.query(
            "SELECT scheduler, bucket, sum(n), sum(total_us) FROM minute_latency WHERE kind = 'pod' AND "
            f"{seen} GROUP BY 1, 2 ORDER BY 1, 2",
            span,
        )
        ended = self._store.query(
            f"SELECT scheduler, name, sum(n) FROM minute_count WHERE kind = 'outcome' AND {seen} GROUP BY 1, 2", span
        )
        found: dict[str, tuple[list[tuple[int, int, float]], dict[str, int]]] = {}
        for scheduler, bucket, n, total_us in bound:
            found.setdefault(scheduler, ([], {}))[0].append((int(bucket), int(n), float(total_us)))
        for scheduler, name, n in ended:
            found.setdefault(scheduler, ([], {}))[1][str(name)] = int(n)
        return {scheduler: Arrived(pods, outcomes) for scheduler, (pods, outcomes) in found.items()}

    def add(self, rows: Sequence[SampleRow]) -> None:
        """Those of moments and sources that another sidecar has not told of. Raises StoreError."""
        with self._store.alone():
            moments = sorted({row.at_us for row in rows})
            told = (
                {
                    (int(at_us), str(source))
                    for at_us, source in self._store.query(
                        "SELECT DISTINCT at_us, source FROM sample WHERE at_us >= ? AND at_us <= ?",
                        (moments[0], moments[-1]),
                    )
                }
                if moments
                else set()
            )
            self._store.write(row for row in rows if (row.at_us, row.source) not in told)

    def merge(self, seen_before_us: int) -> int:
        """One row where several batches have added to one sum; the rows that went. What comes later to a minute that
        has been merged stands beside it."""
        gone = 0
        for table, keys, sums in (
            ("minute_latency", "kind, name, scheduler, bucket", "sum(n), sum(total_us)"),
            ("minute_count", "kind, name, scheduler", "sum(n)"),
        ):
            seen = "seen_us > 0 AND seen_us < ?"
            merged = f"SELECT at_us, 0, {keys}, {sums} FROM {table} WHERE {seen} GROUP BY at_us, {keys}"
            span = (seen_before_us,)
            gone += self._store.execute(
                [(f"INSERT INTO {table} {merged}", span), (f"DELETE FROM {table} WHERE {seen}", span)]
            )
        return gone

    def _took(self, which: Which, kind: str, key: str, names: Sequence[str] = ()) -> dict[Any, Took]:
        of, params = _where(which, kind)
        if names:
            of += f" AND name IN ({', '.join('?' for _ in names)})"
        quantiles = ", ".join(f"min(CASE WHEN upto >= {q} * whole THEN bucket END)" for q in QUANTILES)
        rows = self._store.query(
            f"WITH sums AS (SELECT {key} AS part, bucket, sum(n) AS n, sum(total_us) AS us FROM minute_latency "
            f"WHERE {of} GROUP BY 1, 2), "
            "running AS (SELECT part, bucket, n, us, sum(n) OVER (PARTITION BY part ORDER BY bucket) AS upto, "
            "sum(n) OVER (PARTITION BY part) AS whole FROM sums) "
            f"SELECT part, sum(n), sum(us), {quantiles} FROM running GROUP BY part",
            (*params, *names),
        )
        return {part: Took(int(n), float(us), int(p50), int(p95), int(p99)) for part, n, us, p50, p95, p99 in rows}


def _where(which: Which, kind: str) -> tuple[str, tuple[Any, ...]]:
    text, params = "kind = ? AND at_us >= ? AND at_us < ?", (kind, which.since_us, which.until_us)
    return (f"{text} AND scheduler = ?", (*params, which.scheduler)) if which.scheduler else (text, params)
