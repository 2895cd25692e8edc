"""`make bench-store`: the decision store filled to millions, and whether pages answer in time.

Some ten thousand decisions go the ordinary way, journal to store; the rest are copies of them, made in SQL, with ids,
UIDs, pod names and times of their own. Prints figures beside their limits; leaves with 1 when one is missed.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from analytics.cluster import Cluster, ClusterView
from analytics.ingest.ingest import Ingest
from analytics.store import Store
from analytics.store.decisions import Decisions
from analytics.store.hours import Hours
from analytics.views.decisions.view import VIEW as DECISIONS
from analytics.views.declaration import Endpoint
from analytics.views.heatmap.view import VIEW as HEATMAP
from analytics.views.sources import Sources
from benchmarks import store_frames
from extender.journal import Journal
from extender.model.node import node_of

PAGE_MS, ONE_MS, MEMORY_BYTES, DECISION_BYTES, RATE = 300.0, 100.0, 1_300_000_000, 550.0, 8000.0
SPAN_US: Final = 30 * 86_400_000_000
"""Decisions are spread over as long as they are kept."""
_TABLES: Final = ("decision", "verdict", "rejection", "detail", "choice", "outcome")
_KEY_OF: Final = "CAST(CAST('0x' || substr(md5({}), 1, 8) AS BIGINT) - 2147483648 AS INTEGER)"
_KEYS: Final = (
    f"INSERT INTO decision_key SELECT at_us, {_KEY_OF.format('uid')}, {_KEY_OF.format('decision')} "  # noqa: S608
    "FROM decision WHERE opens AND at_us >= ? AND at_us < ? ORDER BY at_us"
)
_TEXTS: Final = {"decision": ("decision", "uid", "pod"), "outcome": ("decision", "uid")}
_KEPT_DETAIL_US: Final = 7 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def main(args: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-store", description=__doc__)
    parser.add_argument("--decisions", type=int, default=10_000_000, help="How many there are in the end.")
    parser.add_argument("--real", type=int, default=20_000, help="How many of them go through the journal.")
    parser.add_argument("--rounds", type=int, default=20, help="How often each question is asked.")
    parser.add_argument("--folder", type=Path, help="Where to work; default: a temporary folder.")
    given = parser.parse_args(args)
    if not 0 < given.real <= given.decisions or given.rounds < 1:
        parser.error("--real must lie between 1 and --decisions, --rounds be at least 1")
    console = Console()
    with tempfile.TemporaryDirectory(prefix="trimtab-store-", dir=given.folder) as folder:
        figures = measured(Path(folder), given.decisions, given.real, given.rounds, console.print)
    table = Table("figure", "measured", "limit", "verdict")
    for one in figures:
        sign = "≥" if one.at_least else "≤"
        table.add_row(
            one.name, f"{one.value:,.1f} {one.unit}", f"{sign} {one.limit:,.0f}", "ok" if one.reached else "missed"
        )
    console.print(table)
    return 0 if all(one.reached for one in figures) else 1


def measured(folder: Path, decisions: int, real: int, rounds: int, say: Callable[[str], None]) -> list[Figure]:
    newest_us = time.time_ns() // 1000
    apart_us = max(1, SPAN_US // decisions)
    with closing(Store.open(folder / "store.duckdb")) as store:
        say(f"{real:,} decisions through the journal")
        rate = _ingested(folder, store, real, newest_us, apart_us)
    say(f"{decisions - real:,} copies of them, and sums by the hour")
    # What copying takes is not what the sidecar takes: it is done by another process.
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        total = other.submit(_filled, folder, real, decisions, apart_us, newest_us).result()
    with closing(Store.open(folder / "store.duckdb")) as store:
        size = store.status()["bytes"]
        say(f"{total:,} decisions, {size / 1e9:.2f} GB")
        answered = _asked(store, newest_us, rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return [
        Figure("ingest", rate, RATE, "decisions/s", at_least=True),
        *answered,
        Figure("memory at most", peak / 1e6, MEMORY_BYTES / 1e6, "MB"),
        Figure("bytes a decision", size / total, DECISION_BYTES, "bytes"),
    ]


def _ingested(folder: Path, store: Store, count: int, newest_us: int, apart_us: int) -> float:
    """Decisions a second, from a journal that is there already into committed rows."""
    journal = Journal(folder / "journal", sync="never")
    maker = store_frames.Decisions()
    for at in range(count):
        for frame in maker.one(newest_us - (count - at) * apart_us):
            journal.offer(frame)
        if at % 100 == 0:
            journal.flush()  # it drops what it has no room for
    journal.close()
    ingest = Ingest(store, [folder / "journal"])
    begin = time.perf_counter()
    while ingest.step():
        ingest.maintain()
    took = time.perf_counter() - begin
    ingest.stop()
    return Decisions(store).count() / took


def _filled(folder: Path, real: int, decisions: int, apart_us: int, newest_us: int) -> int:
    with closing(Store.open(folder / "store.duckdb")) as store:
        total = _copied(store, real, decisions, apart_us, newest_us)
        hours = Hours(store)
        while hours.advance(5.0):
            pass
        store.checkpoint()
    return total


def _copied(store: Store, real: int, wanted: int, apart_us: int, newest_us: int) -> int:
    """Fill up to about `wanted` with shifted copies, older and older; details only as far back as they are kept."""
    block_us = real * apart_us
    columns = {table: [row[0] for row in store.query(_COLUMNS, (table,))] for table in _TABLES}
    copies = math.ceil(wanted / real) - 1
    limits = {table: store.query(f"SELECT max(id) FROM {table}")[0][0] for table in _TABLES}  # noqa: S608 our own names
    for at in range(1, copies + 1):
        old = newest_us - (at + 1) * block_us < newest_us - _KEPT_DETAIL_US
        tables = [table for table in _TABLES if not (old and table == "detail")]
        store.execute(
            [
                (_copy(table, columns[table], at, block_us), (newest_us - block_us - 1_000_000, limits[table]))
                for table in tables
            ]
        )
        begin_us = newest_us - (at + 1) * block_us - 1_000_000
        store.execute([(_KEYS, (begin_us, begin_us + block_us))])
        if at % 20 == 0:
            store.checkpoint()
    return Decisions(store).count()


_COLUMNS: Final = "SELECT column_name FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position"


def _copy(table: str, columns: Sequence[str], at: int, block_us: int) -> str:
    """The real rows once more: the newest block is theirs alone, and their ids are below all copies'."""
    made = []
    for column in columns:
        if column in _TEXTS.get(table, ("decision",)):
            made.append(f"{column} || '-{at:x}'")
        elif column == "id":
            made.append(f"id + {at} * (1::BIGINT << 44)")
        elif column == "at_us":
            made.append(f"at_us - {at * block_us}")
        elif column == "created_us":
            made.append(f"CASE WHEN created_us > 0 THEN created_us - {at * block_us} ELSE 0 END")
        else:
            made.append(column)
    return f"INSERT INTO {table} SELECT {', '.join(made)} FROM {table} WHERE at_us >= ? AND id <= ?"  # noqa: S608 our own


def _asked(store: Store, newest_us: int, rounds: int) -> list[Figure]:
    sources = Sources(store, Cluster.of(_cluster(newest_us)))
    uids = [row[0] for row in store.query("SELECT uid FROM decision WHERE opens USING SAMPLE 100 ROWS")]

    def of_pod(at: int) -> None:
        told = _endpoint("/api/decisions", sources, uid=uids[at % len(uids)], limit=1)
        assert told["decisions"]  # noqa: S101 the store holds it

    questions: dict[str, tuple[float, Callable[[int], object]]] = {
        "page: newest 50 decisions": (
            PAGE_MS,
            lambda _: _endpoint("/api/decisions", sources, limit=50, view="summary"),
        ),
        "page: figures": (PAGE_MS, lambda _: _endpoint("/api/stats", sources)),
        "page: flow of a day": (
            PAGE_MS,
            lambda _: _endpoint("/api/flowchart", sources, since=newest_us - 86_400_000_000),
        ),
        "page: values of filters": (PAGE_MS, lambda _: _endpoint("/api/v1/decisions/values", sources)),
        "page: statistics by plugin": (PAGE_MS, lambda _: _endpoint("/api/v1/decisions/statistics", sources)),
        "page: statistics by owner": (
            PAGE_MS,
            lambda _: _endpoint("/api/v1/decisions/statistics", sources, by="owner"),
        ),
        "page: agreement": (PAGE_MS, lambda _: _endpoint("/api/v1/decisions/agreement", sources)),
        "page: heatmap": (PAGE_MS, lambda _: _endpoint("/api/v1/heatmap", sources)),
        "one decision by pod UID": (ONE_MS, of_pod),
    }
    return [Figure(f"{name}, p95", _p95(ask, rounds), limit, "ms") for name, (limit, ask) in questions.items()]


def _p95(ask: Callable[[int], object], rounds: int) -> float:
    took = []
    for at in range(rounds):
        begin = time.perf_counter()
        ask(at)
        took.append(1000 * (time.perf_counter() - begin))
    return sorted(took)[math.ceil(0.95 * rounds) - 1]


def _endpoint(path: str, sources: Sources, **given: Any) -> Any:
    endpoint = _ENDPOINTS[path]
    values = {parameter.name: parameter.default for parameter in endpoint.parameters}
    return endpoint.answer(sources, values | given)


_ENDPOINTS: Final[dict[str, Endpoint]] = {
    endpoint.path: endpoint for view in (DECISIONS, HEATMAP) for endpoint in view.endpoints
}


def _cluster(at_us: int) -> ClusterView:
    offered = {"cpu": "32", "memory": "128Gi", "pods": "110"}
    ready = [{"type": "Ready", "status": "True"}]
    nodes = (
        node_of(
            {
                "metadata": {"name": f"node-{at:04d}", "labels": {"topology.kubernetes.io/zone": f"zone-{at % 3}"}},
                "status": {"allocatable": offered, "capacity": offered, "conditions": ready},
            }
        )
        for at in range(store_frames.NODES)
    )
    return ClusterView(
        at_us=at_us, known=True, nodes={node.name: node for node in nodes}, pods={}, usage={}, objects={}
    )


if __name__ == "__main__":
    sys.exit(main())
