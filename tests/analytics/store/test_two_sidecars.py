"""Two sidecars on one PostgreSQL: each row once, however they meet, and both can tell everything."""

# ruff: noqa: S608 - table names of our own
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from analytics.audit import Context
from analytics.ingest import Ingest
from analytics.ingest.audit import Intake
from analytics.store import Store
from analytics.store import store as module
from analytics.store.decisions import Decisions
from analytics.store.performance import Rollups
from analytics.store.retention import Retention, forget
from analytics.store.tables import TABLES, SampleRow, TenantSampleRow
from analytics.store.tenants import TenantHistory
from analytics.tenants import Uses, register_of
from analytics.views.tenants.view import Watch
from tests.analytics.audit_io.events import bound, created, line, us
from tests.analytics.cluster.clusters import AT_US
from tests.analytics.ingest.a_journal import Writer, ended, whole
from tests.analytics.tenants.a_tenancy import TEAM_A, a_cluster
from tests.analytics.tenants.test_tenants import nine_cpus
from tests.browser.sidecar import REPOSITORY
from tests.known import known
from tests.ports import free_port

WITHIN_S = 60.0


@pytest.fixture
def url(new_postgres_database: Callable[[], str]) -> str:
    return new_postgres_database()


@pytest.fixture
def pair(url: str) -> Iterator[tuple[Store, Store]]:
    """Two stores of one database, as two processes have them."""
    first, second = Store.open(url), Store.open(url)
    yield first, second
    first.close()
    second.close()


def eventually(what: str, holds: Callable[[], bool]) -> None:
    until = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > until:
            pytest.fail(f"not within {WITHIN_S:g} s: {what}")
        time.sleep(0.02)


ROLLED_UP = {"minute_latency": "kind, name, bucket", "minute_count": "kind, name"}
"""A sum has a row for each batch that added to it."""


def counts(store: Store) -> dict[str, Any]:
    rows = {
        table: store.query(f"SELECT count(*) FROM {table}")[0][0]
        for table in sorted(set(TABLES.values()) - {"journal_pos", *ROLLED_UP})
    }
    sums = {
        table: store.query(f"SELECT {of}, CAST(sum(n) AS BIGINT) FROM {table} GROUP BY {of} ORDER BY {of}")
        for table, of in ROLLED_UP.items()
    }
    return rows | sums


def test_sidecars_that_start_together_make_each_step_of_the_schema_once(url: str) -> None:
    opened: list[Store] = []
    wrong: list[Exception] = []
    gate = threading.Barrier(6)

    def start() -> None:
        gate.wait()
        try:
            opened.append(Store.open(url))
        except Exception as fault:  # noqa: BLE001 - told below
            wrong.append(fault)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, len(opened)) == ([], 6)
    versions = [row[0] for row in opened[0].query("SELECT version FROM schema_version ORDER BY version")]
    assert versions == list(range(module._FIRST_VERSION, module.SCHEMA_VERSION + 1))
    for store in opened:
        store.close()


def test_what_is_done_alone_is_done_whole_or_not_at_all(target: str) -> None:
    store = Store.open(target)
    history = TenantHistory(store)
    sample = TenantSampleRow(AT_US, "team-a", "cpu", 1, 2, 3)

    def broken() -> None:
        with store.alone():
            store.write([sample])
            store.execute([("DELETE FROM tenant_violation WHERE at_us < ?", (1,))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert history.samples("team-a", 0, AT_US + 1) == []
    with store.alone():
        store.write([sample])
    assert history.samples("team-a", 0, AT_US + 1) == [sample]
    store.close()


def test_one_journal_that_both_read_is_taken_in_once(pair: tuple[Store, Store], tmp_path: Path) -> None:
    shared, own = tmp_path / "shared", (tmp_path / "own-0", tmp_path / "own-1")
    writers = [Writer(shared, "s"), Writer(own[0], "a"), Writer(own[1], "b")]
    ingests = [
        Ingest(store, [shared, journal], poll_s=0.0, batch_frames=7, checkpoint_every_s=0.05)
        for store, journal in zip(pair, own, strict=True)
    ]
    for ingest in ingests:
        ingest.start()
    total = 0
    for turn in range(40):
        for at, writer in enumerate(writers):
            writer.put(*whole(total))
            total += 1
            if turn % 9 == at:
                writer.seal()
    frames = 3 * total
    eventually(
        "all frames are in the store",
        lambda: pair[0].query("SELECT count(DISTINCT (producer, id)) FROM decision")[0][0] == frames,
    )
    for ingest in ingests:
        ingest.stop()
    alone = Store.open(tmp_path / "alone.duckdb")
    once = Ingest(alone, [shared, *own])
    while once.step():
        pass
    expected = counts(alone)
    assert expected["decision"] == frames
    assert counts(pair[0]) == expected
    assert pair[0].query("SELECT count(*) FROM decision WHERE opens") == [(total,)]
    assert [ingest.status()["error"] for ingest in ingests] == ["", ""]
    assert sum(ingest.status()["frames"] for ingest in ingests) == frames
    alone.close()


def test_what_the_other_took_in_is_left_and_what_is_new_goes_on(pair: tuple[Store, Store], tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    first, second = (Ingest(store, [tmp_path]) for store in pair)
    writer.put(*whole(1))
    assert (first.step(), second.step()) == (3, 0)
    writer.put(*whole(2))
    assert second.step() == 3
    writer.put(ended("Bound"))
    assert first.step() == 0, "it stands behind the other, and looks where that is"
    assert first.step() == 1
    assert pair[0].query("SELECT count(*) FROM decision") == [(6,)]


def test_who_asks_what_is_new_misses_nothing_of_either(pair: tuple[Store, Store], tmp_path: Path) -> None:
    """The second one's clock is an hour behind."""
    journals = (tmp_path / "a", tmp_path / "b")
    writers = [Writer(journal, journal.name) for journal in journals]
    ingests = [
        Ingest(pair[0], [journals[0]]),
        Ingest(pair[1], [journals[1]], clock=lambda: time.time() - 3600),
    ]
    decisions, stands, seen = Decisions(pair[0]), 0, set()
    for number in range(12):
        writers[number % 2].put(*whole(number))
        ingests[number % 2].step()
        ids, stands = decisions.changed(stands, limit=100)
        seen |= set(ids)
    assert seen == {f"d{number}" for number in range(12)}


def test_both_watch_the_tenants_and_tell_of_each_minute_and_violation_once(pair: tuple[Store, Store]) -> None:
    over = a_cluster(TEAM_A, pods=[*nine_cpus(), *nine_cpus("team-a-prod")])
    calm = a_cluster(TEAM_A, pods=nine_cpus())
    watches = [Watch(TenantHistory(store)) for store in pair]
    told = [
        (at, row.change)
        for step, view in enumerate((over, over, over, calm, calm, calm))
        for at, watch in enumerate(watches)
        for row in watch.evaluate(Uses(view, register_of(view)), AT_US + 10 * step + at)
    ]
    assert told == [(0, "opened"), (0, "closed")]
    history = TenantHistory(pair[1])
    assert [row.change for row in history.violations()] == ["closed", "opened"]
    samples = history.samples("team-a", 0, AT_US)
    assert sorted(row.resource for row in samples) == ["cpu", "gpu", "memory", "pods", "storage"]
    again = Watch(TenantHistory(pair[1]))
    assert again.evaluate(Uses(calm, register_of(calm)), AT_US + 99) == []


def test_samples_of_one_minute_and_source_are_told_once(pair: tuple[Store, Store]) -> None:
    def row(source: str, name: str, at_us: int = AT_US) -> SampleRow:
        return SampleRow(at_us, source, name, "{}", 0.0, 3.0)

    for store in pair:
        Rollups(store).add([row("cluster", "pending"), row("cluster", "waiting")])
    Rollups(pair[1]).add([row("cluster", "pending"), row("kube-scheduler", "attempts"), row("cluster", "pending", 5)])
    found = pair[0].query("SELECT source, name, at_us FROM sample ORDER BY source, name, at_us")
    assert found == [
        ("cluster", "pending", 5), ("cluster", "pending", AT_US), ("cluster", "waiting", AT_US),
        ("kube-scheduler", "attempts", AT_US),
    ]  # fmt: skip


def test_both_merge_what_was_rolled_up_and_no_sum_is_another(pair: tuple[Store, Store], tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    ingest = Ingest(pair[0], [tmp_path], batch_frames=4)
    for number in range(20):
        writer.put(*whole(number))
        ingest.step()
    before = counts(pair[0])
    gate = threading.Barrier(2)

    def merge(store: Store) -> None:
        gate.wait()
        Rollups(store).merge(1 << 60)

    threads = [threading.Thread(target=merge, args=(store,)) for store in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(pair[1]) == before
    assert pair[0].query("SELECT count(*) FROM minute_count WHERE seen_us > 0") == [(0,)]


def test_one_audit_log_that_both_follow_is_stored_once(pair: tuple[Store, Store]) -> None:
    """Both have judged the events before either has stored them."""
    intakes = [Intake(store, Context, clock=lambda: us(60) / 1e6) for store in pair]
    told = [line(created(f"web-{at}", seconds=at)) for at in range(20)]
    told += [line(bound("web-0", "node-3", seconds=5, user="mallory", id="by-mallory"))]
    gate = threading.Barrier(2)
    wrong: list[Exception] = []

    def take(intake: Intake) -> None:
        write = intake._write_all

        def later(rows: list[Any]) -> None:
            gate.wait()
            write(rows)

        intake._write_all = later  # type: ignore[method-assign]
        try:
            intake.take(told, "log", way="file")
        except Exception as fault:  # noqa: BLE001 - told below
            wrong.append(fault)

    threads = [threading.Thread(target=take, args=(intake,)) for intake in intakes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    for table in ("audit_event", "finding"):
        count, names = pair[0].query(f"SELECT count(*), count(DISTINCT id) FROM {table}")[0]
        assert count == names > 0
    assert pair[0].query("SELECT count(*) FROM audit_event") == [(21,)]


def test_both_forget_at_once_and_what_is_young_stays(pair: tuple[Store, Store], tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.put(*[frame for number in range(60) for frame in whole(number)])
    ingest = Ingest(pair[0], [tmp_path])
    while ingest.step():
        pass
    newest_us = known(Decisions(pair[0]).newest_us())
    limit_us = newest_us - 20_000_000
    deleted: list[dict[str, int]] = []
    gate = threading.Barrier(2)

    def run(store: Store) -> None:
        gate.wait()
        deleted.append(forget(store, Retention.of_facts(1.0), limit_us + 1_000_000))

    threads = [threading.Thread(target=run, args=(store,)) for store in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    before = pair[0].query("SELECT count(*) FROM decision WHERE at_us < ?", (limit_us,))
    left = pair[0].query("SELECT count(*) FROM decision")[0][0]
    assert before == [(0,)]
    assert left + sum(one.get("decision", 0) for one in deleted) == 180, "each row went once"


class Console:
    """The real sidecar as a process, beside another on the same database."""

    def __init__(self, folder: Path, url: str, journals: list[Path]) -> None:
        folder.mkdir()
        self._log = (folder / "log").open("wb")
        self.url, metrics = f"http://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "analytics", f"--listen={self.url.removeprefix('http://')}",
                f"--metrics={metrics}", f"--store={url}", "--auth=none",
                *(f"--journal={journal}" for journal in journals),
            ],
            cwd=REPOSITORY, stdout=self._log, stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")},
        )  # fmt: skip
        self.log = folder / "log"

    def data(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            return json.loads(answer.read())["data"]

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            self.data("/api/stats")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()


def test_two_processes_tell_the_same_and_one_that_is_killed_is_not_missed(url: str, tmp_path: Path) -> None:
    journal, own = tmp_path / "journal", tmp_path / "own"
    writers = [Writer(journal, "s"), Writer(own, "o")]
    consoles = [Console(tmp_path / "a", url, [journal]), Console(tmp_path / "b", url, [journal, own])]
    total = 0

    def write(turns: int) -> None:
        nonlocal total
        for _ in range(turns):
            for writer in writers:
                writer.put(*[frame for number in range(total, total + 5) for frame in whole(number)])
                total += 5

    def told(console: Console) -> int:
        return int(console.data("/api/stats?since=30d")["total"])

    try:
        eventually("both answer", lambda: all(console.answers() for console in consoles))
        write(15)
        eventually("both tell all", lambda: [told(console) for console in consoles] == [total, total])
        assert consoles[0].data("/api/stats?since=30d") == consoles[1].data("/api/stats?since=30d")
        write(5)
        consoles[0].end()
        write(10)
        eventually("the other tells all", lambda: told(consoles[1]) == total)
    finally:
        for console in consoles:
            console.end()
    reader = Store.open(url)
    rows = reader.query("SELECT count(*), count(DISTINCT (producer, id)) FROM decision")
    reader.close()
    assert rows == [(3 * total, 3 * total)]
