"""The same rows, however the records are cut into batches, whoever reads them, and whatever engine holds them."""

# ruff: noqa: S608 - table names of our own
from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from analytics.ingest import Ingest
from analytics.ingest.batch import build, read
from analytics.ingest.known import FirstSeen, KnownDecisions
from analytics.store import Store, StoreDamaged, StoreError
from analytics.store.tables import TABLES, DecisionRow, KeyRow, key_of
from extender.record.frames import Decision, Event, Frame, Gap, Policy
from extender.record.reader import JournalReader
from tests.analytics.ingest.a_journal import (
    T0,
    Writer,
    bound,
    ended,
    evicted,
    filtered,
    held,
    scored,
    shadowed,
    tallied,
    whole,
)

# What comes in parts that only add up to the same.
_SUMS = {
    "minute_latency": "SELECT at_us, kind, name, scheduler, bucket, CAST(sum(n) AS BIGINT), round(sum(total_us)) "
    "FROM minute_latency GROUP BY 1, 2, 3, 4, 5",
    "minute_count": "SELECT at_us, kind, name, scheduler, CAST(sum(n) AS BIGINT) FROM minute_count GROUP BY 1, 2, 3, 4",
    "skipped": "SELECT producer, kind, CAST(sum(count) AS BIGINT) FROM skipped GROUP BY 1, 2",
}


def _nominated(number: int) -> Frame:
    frame: Decision = filtered(number, code="Unschedulable")
    frame.nominated = True
    return frame


_OF_ONE: list[Callable[[int], Frame]] = [
    filtered,
    lambda n: filtered(n, code="Unschedulable"),
    lambda n: filtered(n, code="Error"),
    _nominated,
    scored,
    held,
    bound,
    lambda n: bound(n, "Error"),
    evicted,
    shadowed,
    tallied,
    lambda n: Policy(at_us=T0 + n, revision=str(n), hash="h", source="file", document={"a": n}),
    lambda n: Gap(at_us=T0 + n, from_us=T0, to_us=T0 + n, count=n + 1, cause="full"),
    lambda n: Event(at_us=T0 + n, generation=n, change="NodeDeleted"),
]
_OF_THE_FIRST: list[Callable[[int], Frame]] = [
    lambda _: ended("bound", node="node-2", seen_by="watch"),
    lambda _: ended("failed"),
    lambda _: ended("deleted"),
]


def _frames(kinds: list[Callable[[int], Frame]], numbers: st.SearchStrategy[int]) -> st.SearchStrategy[list[Frame]]:
    one = st.builds(lambda make, number: make(number), st.sampled_from(kinds), numbers)
    return st.lists(one, max_size=16)


def _content(store: Store) -> dict[str, Counter[tuple[Any, ...]]]:
    """All that was taken in, without what says in which batch."""
    found = {}
    for row, table in TABLES.items():
        if table != "journal_pos":
            columns = ", ".join(name for name in row.__struct_fields__ if name != "seen_us")
            found[table] = Counter(store.query(_SUMS.get(table, f"SELECT {columns} FROM {table}")))
    return found


@settings(max_examples=12, deadline=None)
@given(
    frames=_frames(_OF_ONE + _OF_THE_FIRST, st.integers(0, 4)),
    others=_frames(_OF_ONE, st.integers(5, 7)),
    batch_frames=st.integers(1, 9),
    restarts=st.integers(0, 4),
)
def test_the_same_records_make_the_same_rows_however_they_are_cut_into_batches_and_runs(
    frames: list[Frame], others: list[Frame], batch_frames: int, restarts: int
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Store.open(":memory:")) as at_once,
        closing(Store.open(":memory:")) as parted,
    ):
        journal = Path(folder) / "journal"
        Writer(journal, "a").put(*frames)
        Writer(journal, "b").put(*others)
        Ingest(at_once, [journal]).step()
        for _ in range(restarts):
            Ingest(parted, [journal], batch_frames=batch_frames).step()
        ingest = Ingest(parted, [journal], batch_frames=batch_frames)
        while ingest.step():
            pass
        assert _content(parted) == _content(at_once)


def test_a_store_holds_every_row_of_a_batch_field_for_field(store: Store, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    frames = [make(number) for number in range(3) for make in (*_OF_ONE, *_OF_THE_FIRST)]
    Writer(journal).put(*frames)
    items = JournalReader([journal]).read(len(frames), 1 << 30)
    batch = build(read(items), KnownDecisions((), lambda _: None), T0, None, FirstSeen(lambda _: None))
    store.write(batch.rows)
    expected = Counter((type(row), astuple(row)) for row in batch.rows)
    opened = [row for row in batch.rows if isinstance(row, DecisionRow) and row.opens]
    expected.update((KeyRow, (row.at_us, key_of(row.uid), key_of(row.decision))) for row in opened)
    found = Counter(
        (row, tuple(values))
        for row, table in TABLES.items()
        for values in store.query(f"SELECT {', '.join(row.__struct_fields__)} FROM {table}")
    )
    assert found == expected
    assert len({kind for kind, _ in found}) == 15


def test_a_store_that_cannot_say_what_it_knows_costs_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether an end is the first of its decision is asked, where the decision is not remembered."""
    journal = tmp_path / "journal"
    Writer(journal).put(*whole(2), ended("bound", node="node-1"))
    with closing(Store.open(":memory:")) as store:
        ingest = Ingest(store, [journal])
        ask = store.query

        def cannot(sql: str, *given: Any) -> Any:
            if given and given[0] == (key_of("d1"),):
                raise StoreError("away")
            return ask(sql, *given)

        monkeypatch.setattr(store, "query", cannot)
        with pytest.raises(StoreError, match="away"):
            ingest.step()
        monkeypatch.undo()
        while ingest.step():
            pass
        assert store.query("SELECT count(*) FROM quarantine") == [(0,)]
        assert store.query("SELECT count(*) FROM outcome WHERE decision = 'd1'") == [(1,)]
        assert store.query("SELECT count(*) FROM decision") == [(3,)]


def test_what_was_read_ahead_when_the_store_was_lost_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"
    Writer(journal).put(*(frame for number in range(8) for frame in whole(number)))
    with closing(Store.open(tmp_path / "store.duckdb")) as store:
        ingest = Ingest(store, [journal], batch_frames=5)
        ingest.step()

        def lost(_: Any) -> None:
            raise StoreDamaged("the file is broken")

        monkeypatch.setattr(store, "write", lost)
        ingest.step()
        monkeypatch.undo()
        while ingest.step():
            pass
        assert store.query("SELECT count(*) FROM decision") == [(24,)]
        assert store.query("SELECT count(*) FROM decision WHERE opens") == [(8,)]


def test_what_was_read_ahead_and_not_written_when_it_stopped_is_the_next_ones(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "journal")
    writer.put(*whole(1), *whole(2))
    with closing(Store.open(":memory:")) as store:
        first = Ingest(store, [tmp_path / "journal"], batch_frames=2)
        assert first.step() == 2
        first.stop()
        writer.put(*whole(3))
        following = Ingest(store, [tmp_path / "journal"], batch_frames=2)
        while following.step():
            pass
        assert store.query("SELECT count(*), count(DISTINCT id) FROM decision") == [(9, 9)]


def test_what_came_while_nothing_was_read_ahead_waits_for_no_other_step(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "journal")
    writer.put(*whole(1))
    with closing(Store.open(":memory:")) as store:
        ingest = Ingest(store, [tmp_path / "journal"], batch_frames=3)
        assert ingest.step() == 3
        writer.put(*whole(2))
        while ingest.step():
            pass
        assert store.query("SELECT count(*) FROM decision") == [(6,)]
