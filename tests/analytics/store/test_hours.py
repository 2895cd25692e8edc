"""R-138: statistics from sums by the hour are those of the rows, on every engine."""

from __future__ import annotations

import random
import time

import pytest
from msgspec.structs import replace

from analytics.store.decisions import Decisions
from analytics.store.hours import HOUR_US, SETTLED_US, Hours, quantile
from analytics.store.retention import Retention, forget
from tests.analytics.store.rows import call, end, rejection, verdict

T0 = 1000 * HOUR_US
LONG_US = 9 * HOUR_US


def some(count=60, seed=1, seen=1, prefix="d"):
    """Decisions over nine hours, some of them held by permit."""
    draw, rows = random.Random(seed), []
    for n in range(count):
        at, name, frame = T0 + n * LONG_US // count, f"{prefix}{n}", 10 * n + 1
        given = {"at_us": at, "seen_us": seen, "producer": prefix}
        rank = draw.choice([3, 3, 3, 1, 2, 0, None])
        rows.append(call(frame, name, duration_us=draw.uniform(1, 5000), **given))
        rows.append(replace(rejection(frame, name, draw.choice("AB"), "full", draw.randint(1, 9)), at_us=at))
        rows.append(call(frame + 1, name, "bind", duration_us=draw.uniform(2000, 90_000), **given))
        if n % 5 == 0:
            held = verdict(frame + 1, name, "Gang", phase="permit", duration_us=1500.0, at_us=at)
            rows.append(replace(held, producer=prefix))
        if rank is not None:
            rows.append(end(frame, name, rank, f"n{draw.randint(1, 4)}" if rank == 3 else "", at_us=at, seen_us=seen))
    return rows


def told(store, since=None, until=None):
    return Decisions(store).stats(since_us=since, until_us=until)


def alike(found, exact):
    """Counts are equal; percentiles lie within the class of a duration."""
    phases, of_rows = found.pop("phases"), exact.pop("phases")
    assert found.pop("average_latency_ms") == pytest.approx(exact.pop("average_latency_ms"))
    assert found == exact
    assert phases.keys() == of_rows.keys()
    for name, phase in phases.items():
        assert phase["count"] == of_rows[name]["count"]
        for share in ("p50_ms", "p95_ms", "p99_ms"):
            assert phase[share] == pytest.approx(of_rows[name][share], rel=0.35), (name, share)


def summed(store):
    return [row[0] for row in store.query("SELECT at_us FROM decision_hour WHERE kind = 'whole' ORDER BY 1")]


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (None, None),
        (T0 + HOUR_US // 2, None),
        (None, T0 + 5 * HOUR_US + 7),
        (T0 + HOUR_US // 3, T0 + 4 * HOUR_US + HOUR_US // 3),
        (T0 + 8 * HOUR_US, None),
        (T0 + 10 * HOUR_US, T0 + 11 * HOUR_US),
    ],
)
def test_r138_sums_answer_what_the_rows_answer(store, since, until):
    store.write(some())
    exact = told(store, since, until)
    assert Hours(store).advance(60.0) == 7, "the newest two hours are not settled"
    alike(told(store, since, until), exact)


def test_a_second_look_sums_nothing_anew(store):
    store.write(some())
    hours = Hours(store)
    assert (hours.advance(60.0), hours.advance(60.0), Hours(store).advance(60.0)) == (7, 0, 0)


def test_it_goes_on_where_it_was_stopped(store):
    store.write(some())
    hours = Hours(store)
    assert [hours.advance(0.0) for _ in range(8)] == [1] * 7 + [0]
    assert summed(store) == [T0 + n * HOUR_US for n in range(7)]


@pytest.mark.parametrize("restarted", [False, True])
def test_what_comes_into_a_summed_hour_is_counted(store, restarted):
    store.write(some())
    hours = Hours(store)
    hours.advance(60.0)
    store.write(some(5, seed=2, seen=2, prefix="late"))
    hours = Hours(store) if restarted else hours
    assert hours.advance(60.0) > 0
    exact = told_of_rows(store)
    alike(told(store), exact)
    assert exact["total"] == 65


def told_of_rows(store):
    """Statistics without any sums."""
    kept = store.query("SELECT * FROM decision_hour")
    store.execute([("DELETE FROM decision_hour", ())])
    exact = told(store)
    marks = ", ".join("?" for _ in range(8))
    store.execute([(f"INSERT INTO decision_hour VALUES ({marks})", row) for row in kept])  # noqa: S608 question marks
    return exact


def test_an_end_that_comes_hours_later_is_counted_where_its_decision_began(store):
    store.write([call(1, "a", at_us=T0), call(2, "b", at_us=T0 + 5 * HOUR_US)])
    hours = Hours(store)
    hours.advance(60.0)
    assert told(store)["unknown"] == 2
    store.write([end(3, "a", 3, "n1", at_us=T0 + 5 * HOUR_US, seen_us=9)])
    hours.advance(60.0)
    assert (told(store)["unknown"], told(store)["scheduled"]) == (1, 1)


def test_an_hour_is_summed_when_it_is_settled(store):
    store.write([call(1, "a", at_us=T0), call(2, "b", at_us=T0 + HOUR_US + SETTLED_US - 1)])
    assert Hours(store).advance(60.0) == 0
    store.write([call(3, "c", at_us=T0 + HOUR_US + SETTLED_US)])
    assert Hours(store).advance(60.0) == 1
    assert told(store)["total"] == 3


def test_hours_without_a_decision_are_marked_too(store):
    store.write([call(1, "a", at_us=T0), call(2, "b", at_us=T0 + 100 * HOUR_US)])
    Hours(store).advance(60.0)
    assert len(summed(store)) == 99
    assert told(store)["total"] == 2


def test_sums_are_forgotten_with_their_rows(store):
    store.write(some())
    Hours(store).advance(60.0)
    forget(store, Retention.of_facts(60.0), T0 + 2 * LONG_US)
    assert (summed(store), told(store)["total"]) == ([], 0)


def test_a_clock_that_is_ahead_has_no_future_summed(store):
    now_us = time.time_ns() // 1000
    store.write([call(1, "a", at_us=now_us - 4 * HOUR_US), call(2, "b", at_us=now_us + 10_000 * HOUR_US)])
    assert Hours(store).advance(60.0) <= 3
    assert told(store)["total"] == 2


def test_an_empty_store_has_nothing_to_sum(store):
    assert Hours(store).advance() == 0
    assert Hours(store).sums(0, 1 << 60) is None


def test_a_quantile_is_the_middle_of_its_class():
    assert quantile({0: 1}, 0.5) == pytest.approx(1.0, rel=0.03)
    assert quantile({0: 50, 60: 50}, 0.99) == pytest.approx(20.6, rel=0.03)
    assert quantile({0: 98, 60: 2}, 0.5) == pytest.approx(1.0, rel=0.03)
