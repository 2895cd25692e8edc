"""Decisions as files, and back from Parquet into a store, on every engine."""

from __future__ import annotations

import csv
import io

import duckdb
import orjson
import pytest
from msgspec.structs import replace

from analytics.ingest.batch import build
from analytics.ingest.known import KnownDecisions
from analytics.store import Store
from analytics.store.decisions import DecisionFilter, Decisions
from analytics.store.exports import Exports, NotExported, TooMany, take_in
from analytics.store.tables import TABLES, ChoiceRow, DecisionRow, DetailRow, PositionRow, RejectionRow, VerdictRow
from tests.analytics.web.a_console import T0_US, found
from tests.browser.frames import Cluster

COUNT = 30


def recorded(count=COUNT, seed=1):
    """Rows of that many decisions, as the ingest makes them."""
    cluster = Cluster(seed)
    frames = [frame for at in range(count) for frame in cluster.decision(T0_US + at * 1_000_000)]
    return build(found(frames), KnownDecisions([], lambda _: None), T0_US).rows


@pytest.fixture(scope="module")
def filled(new_target):
    store = Store.open(new_target())
    store.write(recorded())
    yield store
    store.close()


@pytest.fixture
def exports(filled):
    return Exports(filled)


def everything(exports):
    return exports.chosen(DecisionFilter(), COUNT)


def test_csv_has_a_line_for_each_decision_and_the_values_of_the_list(filled, exports):
    text = b"".join(exports.csv(everything(exports))).decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    listed = Decisions(filled).find(limit=COUNT).decisions
    assert [line["id"] for line in lines] == [decision["id"] for decision in listed]
    for line, decision in zip(lines, listed, strict=True):
        assert (line["pod"], line["node"], line["outcome"]) == (
            decision["pod"]["name"], decision["node"], decision["outcome"],
        )  # fmt: skip
        assert float(line["duration_ms"]) == decision["duration_ms"]
        assert orjson.loads(line["rejections"]) == decision["rejections"]


def test_json_is_an_array_of_what_the_list_answers(filled, exports):
    assert orjson.loads(b"".join(exports.json(everything(exports)))) == Decisions(filled).find(limit=COUNT).decisions
    assert orjson.loads(b"".join(exports.json([]))) == []


def test_a_text_that_looks_like_a_formula_is_no_formula(store):
    rows = recorded(1)
    store.write([replace(r, owner="=1+1", revision="plain") if isinstance(r, DecisionRow) else r for r in rows])
    exports = Exports(store)
    text = b"".join(exports.csv(exports.chosen(DecisionFilter(), 1))).decode()
    line = next(iter(csv.DictReader(io.StringIO(text))))
    assert (line["owner"], line["revision"]) == ("'=1+1", "plain")


def test_more_decisions_than_the_limit_are_refused_with_their_number(exports):
    with pytest.raises(TooMany) as many:
        exports.chosen(DecisionFilter(), COUNT - 1)
    assert (many.value.found, many.value.limit) == (COUNT, COUNT - 1)


def written(exports, path, ids=None):
    path.write_bytes(b"".join(exports.parquet(everything(exports) if ids is None else ids)))
    return path


def test_parquet_is_read_by_any_reader(exports, tmp_path):
    path = written(exports, tmp_path / "d.parquet")
    with duckdb.connect(":memory:") as reader:
        read = reader.execute("SELECT outcome, count(*) FROM read_parquet(?) GROUP BY 1", [str(path)]).fetchall()
    assert sum(count for _, count in read) == COUNT


def test_a_path_is_no_pattern(exports, store, tmp_path):
    other = written(exports, tmp_path / "d1.parquet")
    with pytest.raises(NotExported, match="no such file"):
        take_in(store, tmp_path / "d[1].parquet")
    other.rename(tmp_path / "d[1]*?.parquet")
    assert take_in(store, tmp_path / "d[1]*?.parquet").new == COUNT


def test_no_decisions_are_a_parquet_file_too(exports, store, tmp_path):
    assert take_in(store, written(exports, tmp_path / "d.parquet", [])).new == 0


def whole(store):
    decisions = Decisions(store)
    return {name: decisions.get(name) for name in Exports(store).chosen(DecisionFilter(), COUNT)}


def test_parquet_comes_back_whole_and_each_decision_once(filled, exports, new_target, tmp_path):
    path = written(exports, tmp_path / "d.parquet")
    other = Store.open(new_target())
    try:
        first, again = take_in(other, path), take_in(other, path)
        assert (first.new, first.known, again.new, again.known) == (COUNT, 0, 0, COUNT)
        assert whole(other) == whole(filled)
        for row in (DecisionRow, VerdictRow, RejectionRow, DetailRow, ChoiceRow):
            count = f"SELECT count(*) FROM {TABLES[row]}"  # noqa: S608 our own names
            assert other.query(count) == filled.query(count), row
        newest = Decisions(other).newest_change_us()
        assert newest > T0_US, "live pages must see what was taken in"
    finally:
        other.close()


def test_what_a_journal_will_still_bring_is_left_to_it(exports, store, tmp_path):
    path = written(exports, tmp_path / "d.parquet")
    store.write([PositionRow("p", 1, 0, 1)])
    told = take_in(store, path)
    assert (told.new, told.awaited) == (0, COUNT)
    store.write([PositionRow("p", 2, 0, 2)])
    assert take_in(store, path).new == COUNT, "the journal has passed them without bringing them"


def test_a_file_that_is_no_export_is_refused_and_changes_nothing(store, tmp_path):
    text = tmp_path / "d.txt"
    text.write_text("no parquet")
    with pytest.raises(NotExported, match="not an export"):
        take_in(store, text)
    with pytest.raises(NotExported, match="no such file"):
        take_in(store, tmp_path / "absent")
    for layout, record in (("other", b"x"), ("trimtab-decision-1", b"x")):
        path = tmp_path / "strange.parquet"
        with duckdb.connect(":memory:") as writer:
            writer.execute("CREATE TABLE d (id VARCHAR, layout VARCHAR, record BLOB)")
            writer.execute("INSERT INTO d VALUES ('a', ?, ?)", [layout, record])
            writer.execute(f"COPY d TO '{path}' (FORMAT parquet)")
        with pytest.raises(NotExported, match="decision 'a'"):
            take_in(store, path)
    assert Decisions(store).count() == 0
