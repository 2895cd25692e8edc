"""The store itself: schema, transactions, owners, damage, forgetting."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.ingest import Ingest
from analytics.store import Store, StoreBusy, StoreError, StoreRefused
from analytics.store.decisions import Decisions
from analytics.store.detail import MAX_CANDIDATES, WORDS, pack, text_of, unpack
from analytics.store.dialect import RowsRefused
from analytics.store.retention import DAY_S, BadRetention, Retention, forget, prune_positions, seconds
from analytics.store.store import Position
from analytics.store.tables import TABLES, DetailRow, GapRow, PositionRow
from extender.record.frames import Decision, NodeRejection, NodeScore, PodRef, encode
from extender.record.segment import encode_frame, encode_header
from tests.analytics.store.rows import call, end
from tests.known import known


def test_the_rows_are_the_columns_of_the_schema(store):
    for row, table in TABLES.items():
        columns = store.query(
            "SELECT column_name FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position",
            (table,),
        )
        assert [column for (column,) in columns] == list(row.__struct_fields__), table


def test_what_is_written_is_there_after_opening_again(target):
    store = Store.open(target)
    store.write([call(1, "a", pod="\"ü\n\t\\N'", message="日本"), DetailRow("p", 1, 1, "a", "zstd", bytes(range(256)))])
    store.close()
    store = Store.open(target)
    assert store.query("SELECT pod, message, opens FROM decision") == [("\"ü\n\t\\N'", "日本", True)]
    assert bytes(store.query("SELECT body FROM detail")[0][0]) == bytes(range(256))
    store.close()


def test_a_batch_with_a_refused_row_leaves_nothing_behind(store):
    with pytest.raises(RowsRefused):
        store.write([call(1, "a"), call(2, "b", nodes_in=1 << 80), PositionRow("p", 1, 1, 1)])
    assert store.query("SELECT count(*) FROM decision")[0][0] == 0
    assert store.positions() == {}
    store.write([call(1, "a")])
    assert store.query("SELECT count(*) FROM decision")[0][0] == 1


def test_texts_with_the_character_nul_do_not_stop_a_batch(store):
    store.write([call(1, "a", message="x\x00y")])
    assert store.query("SELECT count(*) FROM decision")[0][0] == 1


def test_the_position_is_the_highest_segment_and_offset_of_each_producer(store):
    store.write([PositionRow("p", 1, 900, 1), PositionRow("p", 2, 5, 2), PositionRow("p", 2, 70, 3)])
    store.write([PositionRow("q", 1, 3, 4)])
    assert store.positions() == {"p": Position(2, 70), "q": Position(1, 3)}
    prune_positions(store)
    assert store.query("SELECT count(*) FROM journal_pos")[0][0] == 2
    assert store.positions() == {"p": Position(2, 70), "q": Position(1, 3)}


def test_a_newer_schema_is_refused_with_what_to_do(target):
    store = Store.open(target)
    store.execute([("INSERT INTO schema_version VALUES (?, ?)", (99, 1))])
    store.close()
    with pytest.raises(StoreRefused, match=r"schema version 99.*newer program"):
        Store.open(target)


def test_readers_in_many_threads_see_committed_batches_only_whole(store):
    stop, torn = threading.Event(), []

    def read():
        while not stop.is_set():
            a, b = store.query("SELECT (SELECT count(*) FROM decision), (SELECT count(*) FROM outcome)")[0]
            if a != b:
                torn.append((a, b))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for batch in range(20):
        store.write(
            [row for n in range(10) for row in (call(batch * 10 + n, f"d{n}"), end(batch * 10 + n, f"d{n}", 1))]
        )
        store.checkpoint()
    stop.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert store.query("SELECT count(*) FROM decision")[0][0] == 200


def test_the_ingest_fills_any_engine(store, tmp_path):
    home = tmp_path / "journal" / "p"
    home.mkdir(parents=True)
    pod = PodRef("team-a", "web-0", "uid")
    frames = [
        Decision(at_us=5, decision=f"d{n}", attempt=1, verb="filter", pod=pod, code="Unschedulable") for n in range(30)
    ]
    text = encode_header("p", 1) + b"".join(encode_frame(n + 1, encode(frame)) for n, frame in enumerate(frames))
    (home / "00000001.seg").write_bytes(text)
    for _ in range(10):
        Ingest(store, [tmp_path / "journal"], batch_frames=7).step()
    assert Decisions(store).stats()["unschedulable"] == 30
    assert store.query("SELECT count(*) FROM decision")[0][0] == 30


# --- DuckDB alone


def test_the_file_is_written_so_that_the_oldest_allowed_engine_reads_it(tmp_path):
    path = tmp_path / "store.duckdb"
    Store.open(path).close()
    raw = duckdb.connect(str(path))
    row = raw.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'store'").fetchone()
    raw.close()
    (tags,) = known(row)
    assert tags["storage_version"].startswith("v1.5.0")


def test_a_second_owner_is_refused_and_nothing_is_moved_aside(tmp_path):
    path = tmp_path / "store.duckdb"
    code = (
        "import sys; from analytics.store import Store; s = Store.open(sys.argv[1]); print('up', flush=True); input()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert known(owner.stdout).readline() == "up\n"
    with pytest.raises(StoreBusy, match="another running process"):
        Store.open(path)
    owner.communicate("\n")
    assert [p.name for p in tmp_path.iterdir()] == ["store.duckdb"]


@pytest.mark.parametrize("damage", ["head", "garbage", "wal"])
def test_a_damaged_file_is_moved_aside_with_its_bytes_and_a_new_one_is_made(tmp_path, damage, caplog):
    path = tmp_path / "store.duckdb"
    code = (
        "import os, sys; from analytics.store import Store\n"
        "from tests.analytics.store.rows import call\n"
        "s = Store.open(sys.argv[1]); s.write([call(n, f'd{n}') for n in range(5000)])\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=os.environ | {"PYTHONPATH": "."})
    wal = Path(f"{path}.wal")
    if damage == "head":
        path.write_bytes(b"\0" * 12288 + path.read_bytes()[12288:])
    elif damage == "garbage":
        path.write_bytes(os.urandom(50_000))
    else:
        text = bytearray(wal.read_bytes())
        text[len(text) // 2] ^= 0xFF
        wal.write_bytes(bytes(text))
    store = Store.open(path)
    assert store.query("SELECT count(*) FROM decision")[0][0] == 0
    assert len(store.moved_aside) == 1
    assert Path(store.moved_aside[0]).exists()
    assert "damaged" in caplog.text
    store.close()


@pytest.fixture
def small_volume(tmp_path):
    """A real file system of 6 MB. Where mounting is not permitted the test says so and is skipped."""
    place = tmp_path / "volume"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_loses_nothing_moves_nothing_aside_and_goes_on_when_there_is_space(small_volume):
    ballast = small_volume / "ballast"
    ballast.write_bytes(b"x" * 3_000_000)
    store = Store.open(small_volume / "store.duckdb")
    batch = [call(n, f"d{n}", message=os.urandom(200).hex()) for n in range(200)]
    written = 0
    try:
        while written < 100 * len(batch):
            store.write(batch)
            written += len(batch)
    except StoreError as error:
        refusal = str(error)
    assert "No space left" in refusal
    with pytest.raises(StoreError, match="No space left"):
        store.checkpoint()
    store.revive()
    assert store.query("SELECT count(*) FROM decision")[0][0] == written > 0
    ballast.unlink()
    store.write([call(n, f"e{n}") for n in range(200)])
    assert store.checkpoint()
    assert store.query("SELECT count(*) FROM decision")[0][0] == written + 200
    assert store.moved_aside == []
    store.close()


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "http://x"])
def test_a_url_of_another_kind_is_refused_without_telling_its_password(url):
    with pytest.raises(StoreRefused, match="give a file, or a postgresql") as refusal:
        Store.open(url)
    assert "secret" not in str(refusal.value)


def test_a_postgres_that_is_not_there_is_told_without_the_password(tmp_path):
    with pytest.raises(StoreError, match="nobody") as refusal:
        Store.open(f"postgresql://nobody:secret@%2F{str(tmp_path).strip('/').replace('/', '%2F')}/none")
    assert "secret" not in str(refusal.value)


# --- forgetting


def test_only_rows_past_their_time_are_forgotten(store):
    now = 100 * 86_400_000_000
    old, mid, new = now - 40 * 86_400_000_000, now - 10 * 86_400_000_000, now - 1
    for n, at in enumerate((old, mid, new)):
        detail, gap = DetailRow("p", n, at, f"d{n}", "zstd", b""), GapRow("p", n, at, at, at, 1, "full")
        store.write([call(n, f"d{n}", at_us=at), end(n, f"d{n}", 1, at_us=at), detail, gap])
    assert forget(store, Retention(), now) == {"decision": 1, "decision_key": 1, "outcome": 1, "detail": 2}
    assert [d["id"] for d in Decisions(store).find().decisions] == ["d2", "d1"]
    assert forget(store, Retention(), now) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", Retention()),
        ("2d", Retention(facts_s=2 * DAY_S, detail_s=2 * DAY_S)),
        ("detail=1h", Retention(detail_s=3600.0)),
        (
            "facts=3d,policy=1w, loss=5m",
            Retention(detail_s=3 * DAY_S, facts_s=3 * DAY_S, policy_s=7 * DAY_S, loss_s=300),
        ),
    ],
)
def test_retention_is_read_from_its_text(text, expected):
    assert Retention.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "detail", "detail=", "x=1d", "facts=1d,facts=2d", "1d 2h", "1e3d"]
)
def test_a_retention_that_is_wrong_is_refused_with_what_is_right(text):
    with pytest.raises(BadRetention):
        Retention.parse(text)


def test_times_add_up():
    assert seconds("1d12h") == 1.5 * DAY_S


_TEXTS = st.sampled_from(["", "a", "\u00e9", "a" * 40])


@pytest.fixture(scope="module")
def gathered(new_target):
    """One store for many examples."""
    store = Store.open(new_target())
    yield store
    store.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(_TEXTS, _TEXTS), min_size=1, max_size=5))
def test_texts_come_back_whether_rows_share_them_or_not(gathered, texts):
    gathered.execute([("DELETE FROM gap", ())])
    rows = [GapRow(producer, n, 1, 2, 3, 4, cause) for n, (producer, cause) in enumerate(texts)]
    gathered.write(rows)
    told = gathered.query("SELECT producer, id, at_us, from_us, to_us, count, cause FROM gap ORDER BY id")
    assert [GapRow(*row) for row in told] == rows


# --- detail


@settings(max_examples=50)
@given(
    st.lists(st.text(max_size=20), max_size=400), st.dictionaries(st.text(max_size=8), st.integers(-9, 9), max_size=4)
)
def test_detail_comes_back_as_it_was_packed(names, features):
    frame = Decision(
        at_us=1, decision="d", attempt=1, verb="filter", pod=PodRef("a", "b", "c"), candidates=names, features=features,
        best=[NodeScore(n, 3, {"P": (1, 2, 3)}) for n in names[:3]],
        rejected=[NodeRejection(n, "P", "why") for n in names[:2]],
    )  # fmt: skip
    text = text_of(frame)
    detail = unpack(WORDS, *pack([text])) if text else {}
    assert detail.get("candidates", []) == (names if len(names) <= MAX_CANDIDATES else [])
    assert detail.get("features", {}) == features
    assert [b["node"] for b in detail.get("best", [])] == names[:3]
    assert [r["node"] for r in detail.get("rejected", [])] == names[:2]


def test_detail_that_an_earlier_version_packed_is_read_still():
    body = zstandard.ZstdCompressor().compress(b'{"candidates":["n1"]}')
    assert unpack("zstd", body) == {"candidates": ["n1"]}


def test_a_detail_of_realistic_size_takes_less_than_plain_zstd_takes():
    best = [NodeScore(f"node-{n}", 300 - n, {"TargetLoadPacking": (n, 90 - n, 270)}) for n in range(10)]
    frame = Decision(at_us=1, decision="d", attempt=1, verb="prioritize", pod=PodRef("a", "b", "c"), best=best)
    [body] = pack([text_of(frame)])
    plain = zstandard.ZstdCompressor(level=3).compress(orjson.dumps(unpack(WORDS, body)))
    assert len(body) < 0.75 * len(plain)


@pytest.mark.parametrize(("codec", "body"), [("lz9", b""), ("zstd", b"junk"), ("zstd", b"")])
def test_detail_that_cannot_be_unpacked_is_told_and_does_not_hide_the_decision(store, codec, body):
    store.write([call(1, "a"), DetailRow("p", 1, 1000, "a", codec, body)])
    found = known(Decisions(store).get("a"))
    assert found["id"] == "a"
    assert "unpack" in found["detail"] or "does not know" in found["detail"]


def test_threads_that_come_and_go_leave_no_reader_behind(store):
    """The web's worker threads end when they idle; a reader kept for each would use up the server's connections."""

    def ask():
        assert store.query("SELECT 1") == [(1,)]

    for _ in range(40):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert store._dialect.readers <= 1


def test_readers_at_the_same_time_do_not_mix_their_answers(store):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: store.query("SELECT CAST(? AS BIGINT) + 0", (n,))[0][0], range(200)))
    assert answers == list(range(200))
