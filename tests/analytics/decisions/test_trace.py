"""One pod over all its attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.views.decisions.trace import trace

T0 = datetime(2026, 1, 2, tzinfo=UTC)


def at(ms):
    return (T0 + timedelta(milliseconds=ms)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def attempt(n, ms, outcome="unschedulable", reason="full", **more):
    phases = [{"phase": "filter", "duration_ms": 1.5, "nodes_in": 10, "nodes_out": 0}]
    if outcome == "scheduled":
        phases += [{"phase": "score", "duration_ms": 0.5}, {"phase": "bind", "duration_ms": 7.0}]
    rejected = {"plugin": "Quota", "reason": reason, "nodes": 10, "mode": "enforce", "call": "filter"}
    return {
        "id": f"d{n}", "time": at(ms), "pod": {"namespace": "a", "name": "p", "uid": "u"}, "attempt": n,
        "outcome": outcome, "node": "n1" if outcome == "scheduled" else "", "message": "", "revision": "7",
        "ended": at(ms + 10), "waited_ms": 0.0, "phases": phases,
        "rejections": [rejected] if outcome == "unschedulable" else [],
    } | more  # fmt: skip


def test_attempts_are_told_oldest_first_until_the_pod_is_bound():
    told = trace([attempt(2, 3000, "scheduled"), attempt(1, 1000)], at(0))
    assert [one.id for one in told.tries] == ["d1", "d2"]
    assert (told.state, told.node, told.elapsed_ms) == ("bound", "n1", 3010.0)
    assert [one.queue_ms for one in told.tries] == [1000.0, 2000.0]
    assert (told.own_ms, told.bind_ms, told.queue_ms) == (3.5, 7.0, 3000.0)


def test_what_is_new_against_the_attempt_before_is_named():
    told = trace([attempt(1, 0), attempt(2, 1000), attempt(3, 2000, reason="tainted", revision="8")], None)
    assert [one.changes for one in told.tries] == [[], [], ["revision", "obstacle"]]
    assert [one.obstacle and one.obstacle.reason for one in told.tries] == ["full", "full", "tainted"]
    assert told.tries[0].queue_ms is None, "nobody knows when it was created"
    assert told.state == "unschedulable"


def test_the_wait_before_the_first_attempt_that_is_told_is_not_known_where_earlier_ones_are_left_out():
    told = trace([attempt(8, 9000)], at(0), earlier=7)
    assert (told.tries[0].queue_ms, told.earlier) == (None, 7)


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=20), st.integers(0, 10_000_000), st.randoms())
def test_waiting_adds_up_to_the_time_from_creation_to_the_last_attempt(times, created, random):
    attempts = [attempt(n, ms) for n, ms in enumerate(times, start=1)]
    random.shuffle(attempts)
    told = trace(attempts, at(created))
    first, last = min(times), max(times)
    assert told.queue_ms == pytest.approx(last - first + max(0, first - created))
