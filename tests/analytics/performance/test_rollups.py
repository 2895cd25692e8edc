"""R-152: what is collected of decisions, by minute; that it adds up however it is cut into batches; that it stays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.ingest import Ingest
from analytics.ingest.known import FirstSeen
from analytics.store import Store
from analytics.store.performance import Rollups, Which
from analytics.store.retention import DAY_S, Retention, forget
from analytics.store.tables import MinuteCountRow, MinuteLatencyRow, SampleRow
from analytics.trends.sketch import bucket_of, value_of
from extender.journal import Journal
from extender.record.frames import Frame
from tests.analytics.performance.frames import HELD_US, MINUTE_US, T0_US, Taker, attempt, policy
from tests.analytics.store.older import back_to

ALL = Which(T0_US - MINUTE_US, T0_US + 100 * MINUTE_US)
NEAR = 0.021


def some(count: int = 40) -> list[Frame]:
    """Attempts over several minutes: scheduled, refused and retried, errors, some without an end; two schedulers."""
    frames: list[Frame] = []
    for n in range(count):
        at_us = T0_US + n * 17_000_000
        scheduler = "other" if n % 5 == 0 else "default-scheduler"
        kind = n % 7
        if kind == 3:
            frames += attempt(1000 + n, at_us - 4_000_000, end="unschedulable", uid=f"pod-{n}", scheduler=scheduler)
            frames += attempt(n, at_us, uid=f"pod-{n}", which=2, scheduler=scheduler)
        else:
            end = {5: "error", 6: ""}.get(kind, "scheduled")
            code = "Error" if kind == 5 else "Success"
            frames += attempt(n, at_us, end=end, scheduler=scheduler, filter_us=100.0 * n, code=code)
    return frames


def sums(store: Store) -> dict[str, Any]:
    """Every roll-up, whatever batches it came in."""
    latency = store.query(
        "SELECT at_us, kind, name, scheduler, bucket, sum(n), sum(total_us) FROM minute_latency GROUP BY 1, 2, 3, 4, 5"
    )
    counts = store.query("SELECT at_us, kind, name, scheduler, sum(n) FROM minute_count GROUP BY 1, 2, 3, 4")
    return {
        "latency": {tuple(row[:5]): (int(row[5]), round(float(row[6]), 3)) for row in latency},
        "counts": {tuple(row[:4]): int(row[4]) for row in counts},
    }


def test_r152_latency_of_a_pod_runs_from_its_first_attempt_to_the_end_of_its_bind(store: Store) -> None:
    taker = Taker()
    store.write(taker.rows(attempt(1, T0_US, end="unschedulable", uid="pod")))
    store.write(taker.rows(attempt(2, T0_US + 5_000_000, uid="pod", which=2)))
    took = Rollups(store).took_by_step(ALL, "pod", MINUTE_US)
    assert list(took) == [T0_US]
    assert (took[T0_US].n, took[T0_US].total_us) == (1, 5_000_000 + 2_000 + 3_000)
    assert float(value_of(took[T0_US].p50)) == pytest.approx(5_005_000, rel=NEAR)


def test_r152_a_call_counts_without_waiting_in_permit_and_a_plugin_by_its_phase(store: Store) -> None:
    store.write(Taker().rows(attempt(1, T0_US, filter_us=400.0, bind_us=3_000.0)))
    rollups = Rollups(store)
    verbs = rollups.took_by_name(ALL, "verb")
    assert {name: took.total_us for name, took in verbs.items()} == {"bind": 3_000.0 - HELD_US, "filter": 400.0}
    assert {name: took.total_us for name, took in rollups.took_by_name(ALL, "plugin").items()} == {"Fit/filter": 200.0}


def test_r152_each_decision_is_counted_once_by_its_end_and_each_fault_of_a_plugin(store: Store) -> None:
    store.write(Taker().rows(some()))
    rollups = Rollups(store)
    ends = Counter({3: "scheduled", 5: "error", 6: ""}.get(n % 7, "scheduled") for n in range(40))
    retried = sum(n % 7 == 3 for n in range(40))
    assert rollups.counts(ALL, "outcome") == {
        "scheduled": ends["scheduled"], "error": ends["error"], "unschedulable": retried,
    }  # fmt: skip
    assert rollups.counts(ALL, "fault") == {"Fit/filter": ends["error"]}
    assert [name for name, _ in rollups.schedulers(ALL.since_us, ALL.until_us)] == ["default-scheduler", "other"]
    other = rollups.counts(Which(ALL.since_us, ALL.until_us, "other"), "outcome")
    assert 0 < other["scheduled"] < ends["scheduled"]


@settings(max_examples=25, deadline=None)
@given(cuts=st.sets(st.integers(1, 80)), merged=st.sampled_from(["never", "each"]))
def test_roll_ups_add_up_to_the_same_however_the_frames_are_cut_into_batches(cuts: set[int], merged: str) -> None:
    frames = some()
    whole, parted = Store.open(":memory:"), Store.open(":memory:")
    whole.write(Taker().rows(frames))
    taker = Taker()
    places = [0, *sorted(cut for cut in cuts if cut < len(frames)), len(frames)]
    for at, (begin, until) in enumerate(pairwise(places), start=1):
        parted.write(taker.rows(frames[begin:until], seen_us=at))
        if merged == "each":
            Rollups(parted).merge(at)
    assert sums(parted) == sums(whole)
    whole.close()
    parted.close()


def test_merging_leaves_one_row_for_each_sum_and_changes_no_answer(store: Store) -> None:
    taker, rollups = Taker(), Rollups(store)
    for at in range(1, 6):
        store.write(taker.rows(attempt(at, T0_US + at), seen_us=at))
    before = sums(store)
    assert rollups.merge(5) > 0
    assert sums(store) == before
    rows, seen = store.query("SELECT count(*), max(seen_us) FROM minute_latency WHERE kind = 'pod'")[0]
    assert (rows, seen) == (2, 5), "the batch that may still be asked for stays by itself"
    assert rollups.merge(5) == 0


def test_r174_what_arrived_is_told_once_and_by_scheduler(store: Store) -> None:
    taker, rollups = Taker(), Rollups(store)
    store.write(taker.rows([*attempt(1, T0_US), *attempt(2, T0_US, scheduler="other")], seen_us=10))
    store.write(taker.rows([*attempt(3, T0_US + MINUTE_US), *attempt(4, T0_US, end="unschedulable")], seen_us=20))
    assert rollups.newest_seen_us() == 20
    first = rollups.arrived(0, 10)
    assert {name: sum(n for _, n, _ in one.bound) for name, one in first.items()} == {
        "default-scheduler": 1, "other": 1,
    }  # fmt: skip
    later = rollups.arrived(10, 20)
    assert later["default-scheduler"].outcomes == {"scheduled": 1, "unschedulable": 1}
    assert rollups.arrived(10, 20, since_us=T0_US + MINUTE_US)["default-scheduler"].outcomes == {"scheduled": 1}
    assert rollups.arrived(20, 20) == {}


@settings(max_examples=40, deadline=None)
@given(took=st.lists(st.floats(1e-3, 1e12), min_size=1, max_size=80))
def test_quantiles_are_within_the_width_of_a_bucket_of_the_exact_ones(took: list[float]) -> None:
    store = Store.open(":memory:")
    buckets = bucket_of(took).tolist()
    store.write(MinuteLatencyRow(T0_US, 1, "verb", "filter", "s", bucket, 1, us)
                for bucket, us in zip(buckets, took, strict=True))  # fmt: skip
    found = Rollups(store).took_by_name(ALL, "verb")["filter"]
    ordered = sorted(took)
    for q, bucket in ((0.5, found.p50), (0.95, found.p95), (0.99, found.p99)):
        exact = ordered[max(0, math.ceil(q * len(ordered)) - 1)]
        assert float(value_of(bucket)) == pytest.approx(exact, rel=NEAR)
    store.close()


def test_a_store_of_before_gets_the_roll_ups_of_what_it_holds(target: str) -> None:
    store = Store.open(target)
    store.write(Taker().rows(some()))
    made = sums(store)
    back_to(store, 7)
    store.close()
    store = Store.open(target)
    assert sums(store) == made
    assert made["latency"]
    assert made["counts"]
    store.close()


def test_roll_ups_outlive_their_decisions(store: Store) -> None:
    store.write(Taker().rows(attempt(1, T0_US)))
    store.write([SampleRow(T0_US, "kube-scheduler", "scheduler_pending_pods", "{}", 0.0, 3.0)])
    forget(store, Retention(), T0_US + int(60 * DAY_S * 1e6))
    assert store.query("SELECT count(*) FROM decision")[0][0] == 0
    assert Rollups(store).counts(ALL, "outcome") == {"scheduled": 1}
    gone = forget(store, Retention(), T0_US + int(91 * DAY_S * 1e6))
    assert {"minute_latency", "minute_count", "sample"} <= set(gone)


def test_retention_of_roll_ups_has_a_name_and_is_never_below_that_of_facts_unless_said() -> None:
    assert Retention.parse("30d").rollup_s == 90 * DAY_S
    assert Retention.parse("1y").rollup_s == 365 * DAY_S
    assert Retention.parse("facts=1y").rollup_s == 365 * DAY_S
    assert Retention.parse("facts=30d,rollup=10d").rollup_s == 10 * DAY_S


def test_a_restart_between_two_attempts_loses_nothing_of_a_pods_latency(target: str, tmp_path: Path) -> None:
    """The second sidecar has never seen the first attempt: it asks the store."""
    store = Store.open(target)
    for frames in (
        attempt(1, T0_US, end="unschedulable", uid="pod"), attempt(2, T0_US + 8_000_000, uid="pod", which=2),
    ):  # fmt: skip
        written(tmp_path, frames)
        ingest = Ingest(store, [tmp_path])
        while ingest.step():
            pass
        ingest.stop()
    (took,) = Rollups(store).took_by_step(ALL, "pod", MINUTE_US).values()
    assert took.total_us == 8_005_000
    store.close()


def written(folder: Path, frames: Iterator[Frame]) -> None:
    journal = Journal(folder)
    for frame in frames:
        journal.offer(frame)
    journal.close()


def test_a_pod_that_is_not_remembered_is_asked_for_only_where_it_must_have_been_seen() -> None:
    asked: list[str] = []

    def ask(uid: str) -> int | None:
        asked.append(uid)
        return 5 if uid == "old" else None

    firsts = FirstSeen(ask)
    firsts.opened("new", 100, 1)
    firsts.opened("old", 100, 3)
    firsts.opened("old", 200, 4)
    assert (firsts.of("new"), firsts.of("old"), firsts.of("nobody")) == (100, 5, None)
    assert asked == ["old", "nobody"]


def test_revisions_are_those_of_the_time_and_the_one_before_it_each_once(store: Store) -> None:
    told = [policy(T0_US - 9, "6"), policy(T0_US - 5, "7"), policy(T0_US + 5, "8"), policy(T0_US + 6, "8"),
            policy(T0_US + 7, "9", error="bad"), policy(T0_US + 99, "10")]  # fmt: skip
    store.write(Taker().rows(told))
    assert [each.revision for each in Rollups(store).revisions(T0_US, T0_US + 50)] == ["7", "8"]
    assert [each.revision for each in Rollups(store).revisions(T0_US - 99, T0_US + 50)] == ["6", "7", "8"]


def test_steps_hold_what_began_in_them(store: Store) -> None:
    store.write([MinuteCountRow(T0_US + at * MINUTE_US, 1, "outcome", "scheduled", "s", 1) for at in range(10)])
    by_step = Rollups(store).counts_by_step(ALL, "outcome", 5 * MINUTE_US)
    assert sum(counts["scheduled"] for counts in by_step.values()) == 10
    assert all(step % (5 * MINUTE_US) == 0 for step in by_step)
