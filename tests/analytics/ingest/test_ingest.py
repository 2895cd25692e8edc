"""Journal to store: every frame exactly once, whatever is killed, broken or missing."""

# ruff: noqa: S608 - table names of our own
from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import Any

import pytest

from analytics.ingest import Ingest
from analytics.ingest import ingest as module
from analytics.store import Store, StoreError
from analytics.store.decisions import DecisionFilter, Decisions
from analytics.store.dialect import RowsRefused, StoreDamaged
from analytics.store.evictions import Evictions
from analytics.store.shadow import Shadows
from extender.journal import Journal
from extender.record.frames import (
    Event,
    Gap,
    Outcome,
    PluginVerdict,
    Policy,
    Snapshot,
    encode,
)
from tests.analytics.ingest.a_journal import (
    T0,
    Writer,
    bound,
    ended,
    evicted,
    filtered,
    held,
    pod,
    scored,
    shadowed,
    tallied,
    whole,
)
from tests.known import known


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "store.duckdb")
    yield opened
    opened.close()


def drained(ingest):
    while ingest.step():
        pass
    return ingest


def ids(store):
    return sorted(row[0] for row in store.query("SELECT decision FROM decision WHERE opens"))


def count(store, table):
    return store.query(f"SELECT count(*) FROM {table}")[0][0]


def test_r132_r133_one_decision_is_told_with_phases_plugins_scores_and_end(store, journal):
    Writer(journal).put(*whole(1))
    drained(Ingest(store, [journal]))
    found = known(Decisions(store).get("d1"))
    assert found["outcome"] == "scheduled"
    assert found["node"] == "node-1"
    assert found["revision"] == ""
    assert [(p["phase"], p["nodes_in"], p["nodes_out"]) for p in found["phases"]] == [
        ("filter", 9, 5), ("score", 5, 5), ("bind", 1, 1),
    ]  # fmt: skip
    assert found["phases"][0]["plugins"][0]["reasons"] == {"full": 4}
    assert found["filtered"] == [{"node": "node-9", "plugin": "Quota", "reason": "full", "unresolvable": True}]
    assert found["scores"][0]["parts"]["PodState"] == {"raw": 4, "normalized": 90, "weighted": 90}
    assert found["features"] == {"cpu": 1}
    assert found["candidates"] == ["node-1", "node-9"]


@pytest.mark.parametrize(
    ("frames", "outcome"),
    [
        ([filtered(1)], "unknown"),
        ([filtered(1, code="Unschedulable")], "unschedulable"),
        ([filtered(1, code="Error")], "error"),
        ([filtered(1), bound(1)], "scheduled"),
        ([filtered(1), bound(1, "Error")], "error"),
        ([filtered(1), bound(1, "Error"), bound(1)], "scheduled"),
        ([filtered(1), ended("bound", node="n", seen_by="watch")],
         "scheduled"),
        ([filtered(1), ended("failed")], "error"),
        ([filtered(1), ended("deleted")], "unknown"),
        ([filtered(1), bound(1), ended("deleted")], "scheduled"),
    ],
)  # fmt: skip
def test_the_outcome_is_the_strongest_end_that_was_seen(store, journal, frames, outcome):
    Writer(journal).put(*frames)
    drained(Ingest(store, [journal]))
    assert known(Decisions(store).get("d1"))["outcome"] == outcome
    assert [d["id"] for d in Decisions(store).find(DecisionFilter(outcome=outcome)).decisions] == ["d1"]


def test_a_pod_that_is_held_back_has_no_end_and_no_rejection(store, journal):
    Writer(journal).put(filtered(1), scored(1), held(1))
    drained(Ingest(store, [journal]))
    found = known(Decisions(store).get("d1"))
    assert found["outcome"] == "unknown"
    permit = found["phases"][-1]
    assert (permit["phase"], permit["waits"], permit["node"]) == ("permit", True, "node-1")
    assert permit["plugins"][0]["rejected"] == 0
    assert [r["plugin"] for r in found["rejections"]] == ["Quota"]


def test_a_wait_is_over_when_its_bind_is_and_neither_counts_the_others_time(store, journal):
    begun = T0 + 1_000_010
    call = bound(1)
    call.at_us, call.duration_us = begun, 3_000_900.0
    Writer(journal).put(filtered(1), scored(1), held(1, at_us=15), call)
    drained(Ingest(store, [journal]))
    found = known(Decisions(store).get("d1"))
    assert [p["phase"] for p in found["phases"]] == ["filter", "score", "permit", "bind"]
    waited_ms = (begun + 3_000_900 - (T0 + 1_000_015)) / 1000
    assert found["phases"][2]["duration_ms"] == found["waited_ms"] == waited_ms
    assert found["phases"][2]["waits"] is False
    assert found["phases"][3]["duration_ms"] == pytest.approx(3000.9 - waited_ms)
    assert found["duration_ms"] == pytest.approx(0.7 + 3000.9 - waited_ms)


def test_the_binding_itself_is_no_wait(store, journal):
    call = bound(1)
    call.duration_us = 3_000_900.0
    call.plugins = [PluginVerdict("Coscheduling", "permit", nodes_in=1, duration_us=2_990_000.0)]
    Writer(journal).put(filtered(1), scored(1), held(1), call)
    drained(Ingest(store, [journal]))
    for found in (known(Decisions(store).get("d1")), Decisions(store).find(detail=False).decisions[0]):
        assert found["phases"][2]["duration_ms"] == found["waited_ms"] == 2990
        assert found["phases"][3]["duration_ms"] == pytest.approx(10.9)
    stats = Decisions(store).stats()
    assert stats["phases"]["bind"]["p50_ms"] == pytest.approx(10.9)
    assert stats["average_latency_ms"] == pytest.approx(10.9 + 0.7)
    assert "permit" not in stats["phases"]


def test_a_wait_that_ends_in_deletion_ends_then(store, journal):
    end = ended("deleted")
    Writer(journal).put(filtered(1), held(1), end)
    drained(Ingest(store, [journal]))
    assert known(Decisions(store).get("d1"))["phases"][-1]["duration_ms"] == (end.at_us - T0 - 1_000_015) / 1000


def test_what_a_plugin_in_shadow_would_have_done_is_counted_once(store, journal):
    Writer(journal).put(filtered(1), shadowed(1), tallied(2), tallied(3, seen=2, moved=1, placed=2))
    drained(Ingest(store, [journal]))
    drained(Ingest(store, [journal]))
    (found,) = Shadows(store).report()
    assert (found["seen"], found["moved"]["percent"], found["skipped"]) == (10, 50.0, {"budget": 4})
    assert found["reasons"] == [{"reason": "too small", "nodes": 18}]
    (example,) = found["examples"]
    assert example["sample"] == ["node-1"]
    assert (example["decision"], example["moved"]) == ("d1", {"from": "node-1", "to": "node-2"})
    told = known(Decisions(store).get("d1"))
    assert [r["plugin"] for r in told["rejections"]] == ["Quota"], "a decision does not tell what did not count"


def test_an_eviction_is_told_once_and_is_news_of_the_decision_that_needed_it(store, journal):
    writer = Writer(journal)
    writer.put(filtered(1), evicted(1, "refused", message="the budget allows none"))
    drained(Ingest(store, [journal]))
    _ids, after = Decisions(store).changed(0)
    writer.put(evicted(1), evicted(2, decision="", preemptor=None, why="rescheduling", plugin="Rescheduler"))
    drained(Ingest(store, [journal]))
    drained(Ingest(store, [journal]))
    assert Decisions(store).changed(after)[0] == ["d1"]
    found = Evictions(store)
    assert [(e["result"], e["message"]) for e in found.of_decision("d1")] == [
        ("refused", "the budget allows none"), ("evicted", ""),
    ]  # fmt: skip
    moved = found.of_victim("team-a", "web-102")
    assert [(e["plugin"], e["preemptor"]) for e in moved] == [("Rescheduler", None)]
    assert count(store, "eviction") == 3
    assert count(store, "quarantine") == 0


def test_a_pod_bound_by_another_shows_the_wait_as_its_bind_phase(store, journal):
    end = Outcome(at_us=T0 + 1_005_010, decision="d1", pod=pod(1), result="bound", node="node-3", seen_by="watch")
    Writer(journal).put(filtered(1), scored(1), end)
    drained(Ingest(store, [journal]))
    found = known(Decisions(store).get("d1"))
    assert found["phases"][-1]["phase"] == "bind"
    assert found["phases"][-1]["duration_ms"] == 5.0
    assert (found["node"], found["seen_by"]) == ("node-3", "watch")


def test_a_refused_nominated_node_is_not_the_end(store, journal):
    first = filtered(1, code="Unschedulable")
    first.nominated = True
    second = filtered(1)
    second.at_us += 5
    Writer(journal).put(first, second)
    drained(Ingest(store, [journal]))
    assert known(Decisions(store).get("d1"))["outcome"] == "unknown"
    assert ids(store) == ["d1"]


def test_a_decision_whose_filter_was_lost_is_opened_by_what_came_first(store, journal):
    Writer(journal).put(scored(1), bound(1))
    drained(Ingest(store, [journal]))
    assert ids(store) == ["d1"]
    assert known(Decisions(store).get("d1"))["outcome"] == "scheduled"


def test_frames_of_one_decision_in_different_batches_and_runs_open_it_once(store, journal):
    writer = Writer(journal)
    for frame in whole(1):
        writer.put(frame)
        drained(Ingest(store, [journal], batch_frames=1))
    assert ids(store) == ["d1"]
    assert count(store, "decision") == 3


def test_policies_gaps_and_skipped_frames_have_their_tables(store, journal):
    Writer(journal).put(
        Policy(at_us=5, revision="8", hash="h", source="file", document={"a": [1]}),
        Gap(at_us=6, from_us=1, to_us=5, count=3, cause="full"),
        Event(at_us=7, generation=1, change="NodeDeleted"),
        Event(at_us=8, generation=2, change="NodeDeleted"),
        Snapshot(at_us=9, generation=2, nodes=[], columns={}),
    )
    drained(Ingest(store, [journal]))
    decisions = Decisions(store)
    assert decisions.policies()[0]["document"] == {"a": [1]}
    assert decisions.gaps()[0]["count"] == 3
    assert dict(store.query("SELECT kind, sum(count) FROM skipped GROUP BY kind")) == {"event": 2, "snapshot": 1}


def test_poison_goes_to_quarantine_with_its_bytes_and_the_rest_goes_on(store, journal):
    writer = Writer(journal)
    writer.put(*whole(1))
    poison = [b"{not json", b'{"kind":"unheard-of"}', b'{"kind":"decision","at_us":"x"}', b'"\xff\xfe"', b""]
    writer.raw(*poison)
    writer.put(*whole(2))
    ingest = drained(Ingest(store, [journal]))
    assert ids(store) == ["d1", "d2"]
    assert [bytes(row[0]) for row in store.query("SELECT body FROM quarantine ORDER BY id")] == poison
    assert ingest.status()["quarantined"] == len(poison)


@pytest.mark.parametrize("absurd", [1 << 63, 1 << 200, -(1 << 70)])
def test_a_record_that_only_the_store_refuses_is_found_and_quarantined_alone(store, journal, absurd):
    writer = Writer(journal)
    for number in range(5):
        writer.put(*whole(number))
    bad = encode(filtered(5)).replace(b'"nodes_in":9', b'"nodes_in":%d' % absurd)
    writer.raw(bad)
    for number in range(6, 11):
        writer.put(*whole(number))
    drained(Ingest(store, [journal]))
    assert ids(store) == sorted(f"d{n}" for n in range(11) if n != 5)
    assert count(store, "decision") == 30
    assert [bytes(row[0]) for row in store.query("SELECT body FROM quarantine")] == [bad]


def test_damage_costs_the_damaged_frames_and_is_told(store, journal):
    writer = Writer(journal)
    writer.put(*whole(1))
    begin = writer.path.stat().st_size
    writer.put(filtered(2))
    text = bytearray(writer.path.read_bytes())
    text[begin + 60] ^= 4
    writer.path.write_bytes(bytes(text))
    writer.put(*whole(3))
    ingest = drained(Ingest(store, [journal]))
    assert ids(store) == ["d1", "d3"]
    lost = len(text) - begin
    assert ingest.status()["damaged_bytes"] == lost
    assert [(g["cause"], g["count"]) for g in Decisions(store).gaps()] == [("damage", lost)]


def test_a_store_that_refuses_for_a_while_gets_everything_later_and_once(store, journal, monkeypatch):
    writer = Writer(journal)
    for number in range(10):
        writer.put(*whole(number))
    ingest = Ingest(store, [journal], batch_frames=7)
    write, failing = store.write, [True]

    def write_or_fail(rows):
        if failing[0]:
            raise StoreError("the disk is full")
        write(rows)

    monkeypatch.setattr(store, "write", write_or_fail)
    for _ in range(3):
        with pytest.raises(StoreError):
            ingest.step()
    failing[0] = False
    drained(ingest)
    assert count(store, "decision") == 30
    assert ids(store) == sorted(f"d{n}" for n in range(10))


def test_a_failure_amid_the_search_for_a_refused_record_repeats_nothing(store, journal, monkeypatch):
    writer = Writer(journal)
    for number in range(8):
        writer.put(*whole(number))
    ingest = Ingest(store, [journal])
    write, calls = store.write, [0]

    def stumble(rows):
        calls[0] += 1
        rows = list(rows)
        if calls[0] in (3, 5, 6):
            raise StoreError("away")
        if sum(type(row).__name__ == "DecisionRow" for row in rows) > 2:
            raise RowsRefused("too many at once")
        write(rows)

    monkeypatch.setattr(store, "write", stumble)
    for _ in range(20):
        try:
            ingest.step()
        except StoreError:
            continue
    assert count(store, "decision") == 24
    assert ids(store) == sorted(f"d{n}" for n in range(8))


def test_a_journal_may_come_late_and_producers_may_go(store, journal):
    ingest = Ingest(store, [journal, journal.with_name("second")])
    assert ingest.step() == 0
    writer = Writer(journal)
    writer.put(*whole(1))
    Writer(journal.with_name("second"), "q").put(*whole(2))
    drained(ingest)
    for path in writer.home.iterdir():
        path.unlink()
    writer.home.rmdir()
    Writer(journal, "later").put(*whole(3))
    drained(ingest)
    assert ids(store) == ["d1", "d2", "d3"]


def test_whoever_listens_hears_of_each_decision_and_its_first_end_once(store, journal):
    heard: list[Any] = []
    writer = Writer(journal)
    ingest = Ingest(store, [journal], on_batch=heard.append)
    writer.put(filtered(1), bound(1, "Error"))
    drained(ingest)
    writer.put(bound(1), filtered(2, code="Unschedulable"))
    drained(ingest)
    assert [list(taken.decisions) for taken in heard] == [["d1"], ["d1", "d2"]]
    assert [list(taken.ended) for taken in heard] == [
        [("default-scheduler", "error")], [("default-scheduler", "unschedulable")],
    ]  # fmt: skip
    assert heard[0].seen_us < heard[1].seen_us


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("cut", ["one batch", "two batches", "two runs"])
def test_an_end_that_was_read_before_its_decision_is_counted_when_it_opens_and_once(store, journal, cut, again):
    """As the extender's watch tells of a binding at once, and its calls are recorded a moment later."""
    heard: list[Any] = []
    writer = Writer(journal)
    ingest = Ingest(store, [journal], on_batch=heard.append)
    writer.put(ended("bound", node="node-1", seen_by="watch"))
    if cut != "one batch":
        drained(ingest)
    if cut == "two runs":
        ingest = Ingest(store, [journal], on_batch=heard.append)
    writer.put(filtered(1), scored(1))
    drained(ingest)
    if again:
        writer.put(ended("bound", node="node-1", seen_by="watch"))
        drained(Ingest(store, [journal], on_batch=heard.append))
    assert [end for taken in heard for end in taken.ended] == [("default-scheduler", "scheduled")]
    counted = store.query("SELECT name, CAST(sum(n) AS BIGINT) FROM minute_count WHERE kind = 'outcome' GROUP BY name")
    assert counted == [("scheduled", 1)]


def test_an_end_whose_batch_could_not_be_written_is_not_kept_twice(store, journal, monkeypatch):
    writer = Writer(journal)
    ingest = Ingest(store, [journal])
    writer.put(ended("bound", node="node-1", seen_by="watch"))
    with monkeypatch.context() as broken:
        broken.setattr(store, "write", _refuse)
        with pytest.raises(StoreError):
            ingest.step()
    writer.put(filtered(1))
    drained(ingest)
    counted = store.query("SELECT name, CAST(sum(n) AS BIGINT) FROM minute_count WHERE kind = 'outcome' GROUP BY name")
    assert counted == [("scheduled", 1)]


def _refuse(_rows):
    raise StoreError("no room")


def test_a_listener_that_raises_does_not_stop_the_ingest(store, journal):
    def raises(_taken):
        raise RuntimeError("listener")

    Writer(journal).put(*whole(1))
    drained(Ingest(store, [journal], on_batch=raises))
    assert ids(store) == ["d1"]


def test_changes_are_found_by_when_they_were_taken_in(store, journal):
    writer, decisions = Writer(journal), Decisions(store)
    ingest = Ingest(store, [journal])
    writer.put(filtered(1), filtered(2))
    drained(ingest)
    changed, after = decisions.changed(0)
    assert changed == ["d1", "d2"]
    assert decisions.changed(after) == ([], after)
    writer.put(bound(1))
    drained(ingest)
    assert decisions.changed(after)[0] == ["d1"]
    assert decisions.get_many(["d1", "no-such"])["d1"]["outcome"] == "scheduled"


def test_r138_the_writing_thread_sums_hours_that_are_over_and_what_comes_later(store, journal):
    def hours_ago(number, hours):
        frame = filtered(number)
        frame.at_us = T0 - hours * 3_600_000_000
        return frame

    writer = Writer(journal)
    writer.put(hours_ago(1, 9), hours_ago(2, 1))
    ingest = drained(Ingest(store, [journal], sum_every_s=0.0))
    for _ in range(6):  # each sums one hour at least, however slow the machine
        ingest.maintain()
    assert store.query("SELECT count(*) FROM decision_hour WHERE kind = 'whole'")[0][0] >= 6
    writer.put(hours_ago(3, 9))
    drained(ingest)
    ingest.maintain()
    assert Decisions(store).stats()["total"] == 3


def test_ingested_segments_go_only_below_a_durable_place_and_past_their_time(store, journal):
    writer = Writer(journal)
    for number in range(3):
        writer.put(*whole(number))
        writer.seal()
    writer.put(*whole(3))
    ingest = drained(Ingest(store, [journal], checkpoint_every_s=0.0, keep_journal_s=3600.0))
    ingest.maintain()
    assert len(list(writer.home.iterdir())) == 4
    os.utime(writer.home / "00000002.seg", (1, 1))
    os.utime(writer.path, (1, 1))
    writer.put(filtered(4))
    drained(ingest)
    os.utime(writer.path, (1, 1))
    ingest.maintain()
    assert sorted(path.name for path in writer.home.iterdir()) == ["00000001.seg", "00000003.seg", "00000004.open"]
    assert count(store, "journal_pos") == 1


def test_a_checkpoint_that_is_refused_deletes_nothing(store, journal, monkeypatch):
    writer = Writer(journal)
    writer.put(*whole(1))
    writer.seal()
    os.utime(writer.home / "00000001.seg", (1, 1))
    ingest = drained(Ingest(store, [journal], checkpoint_every_s=0.0))
    monkeypatch.setattr(store, "checkpoint", lambda: False)
    ingest.maintain()
    assert (writer.home / "00000001.seg").exists()


def test_a_store_damaged_while_running_is_moved_aside_and_filled_again(tmp_path, journal, caplog, monkeypatch):
    store = Store.open(tmp_path / "store.duckdb")
    writer = Writer(journal)
    writer.put(*whole(1))
    ingest = drained(Ingest(store, [journal]))
    writer.put(*whole(2))

    def broken(_batch):
        raise StoreDamaged("the file is broken")

    monkeypatch.setattr(store._dialect, "write", broken)
    assert ingest.step() == 0
    drained(ingest)
    assert ids(store) == ["d1", "d2"]
    assert count(store, "decision") == 6
    assert len(store.moved_aside) == 1
    assert "damaged" in caplog.text
    store.close()


def test_a_store_found_damaged_at_start_is_filled_again_from_the_journals(tmp_path, journal, caplog):
    path = tmp_path / "store.duckdb"
    writer = Writer(journal)
    for number in range(20):
        writer.put(*whole(number))
    with_data = Store.open(path)
    drained(Ingest(with_data, [journal]))
    with_data.checkpoint()
    with_data.close()
    path.write_bytes(b"\0" * 8192 + path.read_bytes()[8192:])
    store = Store.open(path)
    assert len(store.moved_aside) == 1
    drained(Ingest(store, [journal]))
    assert count(store, "decision") == 60
    assert "damaged" in caplog.text
    store.close()


def test_the_thread_follows_a_live_journal(store, journal):
    live = Journal(journal, sync_interval_s=0.01)
    ingest = Ingest(store, [journal], poll_s=0.01)
    ingest.start()
    for number in range(50):
        for frame in whole(number):
            live.offer(frame)
    live.close()
    until = time.monotonic() + 20
    while count(store, "decision") < 150 and time.monotonic() < until:
        time.sleep(0.02)
    ingest.stop()
    assert ids(store) == sorted(f"d{n}" for n in range(50))
    assert ingest.status()["error"] == ""
    assert ingest.status()["behind_bytes"] == 0


def test_the_thread_outlives_a_store_that_fails_and_says_so(store, journal, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    Writer(journal).put(*whole(1))
    write, failing = store.write, [True]

    def write_or_fail(rows):
        if failing[0]:
            raise StoreError("the disk is full")
        write(rows)

    monkeypatch.setattr(store, "write", write_or_fail)
    ingest = Ingest(store, [journal], poll_s=0.01)
    ingest.start()
    until = time.monotonic() + 20
    while not ingest.status()["error"] and time.monotonic() < until:
        time.sleep(0.01)
    assert "disk is full" in ingest.status()["error"]
    failing[0] = False
    while count(store, "decision") < 3 and time.monotonic() < until:
        time.sleep(0.01)
    ingest.stop()
    assert ids(store) == ["d1"]


CHILD = """
import sys
from pathlib import Path
from analytics.ingest import Ingest
from analytics.store import Store
store = Store.open(sys.argv[1])
ingest = Ingest(store, [Path(sys.argv[2])], poll_s=0.0, batch_frames=20, checkpoint_every_s=0.05)
print("up", flush=True)
ingest.start()
ingest._thread.join()
"""


def test_killed_at_random_moments_and_started_again_every_decision_is_there_exactly_once(tmp_path, journal):
    path = tmp_path / "store.duckdb"
    writer = Writer(journal)
    chance = random.Random(7)
    total = 0
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(journal)], stdout=subprocess.PIPE)
        known(child.stdout).readline()
        for _ in range(chance.randint(5, 25)):
            for _ in range(20):
                writer.put(*whole(total))
                total += 1
            if chance.random() < 0.3:
                writer.seal()
            time.sleep(chance.random() * 0.03)
        child.kill()
        child.wait()
        known(child.stdout).close()
    store = Store.open(path)
    taken_before = count(store, "decision")
    assert store.moved_aside == []
    drained(Ingest(store, [journal]))
    assert 0 < taken_before <= 3 * total
    assert ids(store) == sorted(f"d{n}" for n in range(total))
    rows = store.query("SELECT count(*), count(DISTINCT (producer, id)) FROM decision")[0]
    assert rows == (3 * total, 3 * total)
    for table in ("outcome", "detail", "verdict"):
        assert store.query(f"SELECT count(DISTINCT decision) FROM {table}")[0][0] == total
    assert count(store, "outcome") == total
    store.close()
