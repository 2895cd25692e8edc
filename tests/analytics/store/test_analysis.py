"""What the scheduler analyzer asks of the store, on both engines."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from analytics.store.analysis import Analysis, Latency, Stretch
from analytics.store.tables import GapRow, QuarantineRow
from tests.analytics.store.rows import call, end, rejection, verdict

ALL = Stretch(0, 1_000_000)


def three_attempts(scheduler="default-scheduler"):
    """A pod that fails first and is bound in its second attempt; times are frame numbers in milliseconds."""
    return [
        call(1, "a1", uid="u", pod="web", scheduler=scheduler, duration_us=500.0),
        rejection(1, "a1", "Fit", "too small", 10),
        verdict(1, "a1", "Fit", code="Unschedulable", rejected=10, duration_us=400.0),
        call(2, "a1", "preempt", uid="u", pod="web", scheduler=scheduler, opens=False, duration_us=300.0),
        end(3, "a1", 1),
        call(11, "a2", uid="u", pod="web", scheduler=scheduler, duration_us=1000.0),
        call(12, "a2", "prioritize", uid="u", pod="web", scheduler=scheduler, opens=False, duration_us=500.0),
        call(13, "a2", "bind", uid="u", pod="web", scheduler=scheduler, opens=False, duration_us=4000.0),
        end(19, "a2", 3, "node-1"),
    ]


def test_a_pods_latency_runs_from_its_first_attempt_and_is_split_into_parts(store) -> None:
    store.write(three_attempts())
    found = Analysis(store).latency(ALL)
    assert found == Latency(1, 18.0, 18.0, 18.0, 18.0, 10.0, 1.5, 0.0, 4.0, 2.5)
    parts = (found.queue_ms, found.own_ms, found.held_ms, found.bind_ms, found.rest_ms)
    assert found.average_ms == sum(part or 0.0 for part in parts)


def test_waiting_in_permit_is_no_work_of_ours(store) -> None:
    store.write([*three_attempts(), verdict(13, "a2", "Coscheduling", phase="permit", duration_us=3000.0)])
    found = Analysis(store).latency(ALL)
    assert (found.held_ms, found.bind_ms) == (3.0, 1.0)
    assert [(v["phase"], v["total_ms"]) for v in Analysis(store).verbs(ALL)] == [
        ("filter", 1.5), ("bind", 1.0), ("score", 0.5), ("preempt", 0.3),
    ]  # fmt: skip


def test_a_stretch_counts_pods_that_were_bound_in_it_and_attempts_that_began_in_it(store) -> None:
    store.write(three_attempts())
    late = Stretch(10_000, 1_000_000)
    assert Analysis(store).latency(late).average_ms == 18.0, "its first attempt lies before the stretch and counts"
    assert Analysis(store).outcomes(late) == {"scheduled": 1, "unschedulable": 0, "error": 0, "unknown": 0}
    assert Analysis(store).latency(Stretch(0, 19_000)) == Latency(0)


def test_r162_paths_are_the_phases_in_their_order_with_their_ends(store) -> None:
    store.write([*three_attempts(), call(30, "b"), call(31, "c"), end(35, "c", 3, "node-2", seen_by="watch")])
    told = [(path.phases, path.outcome, path.count, path.average_ms) for path in Analysis(store).paths(ALL)]
    assert told == [
        (("filter",), "unknown", 1, 0.1),
        (("filter", "bind"), "scheduled", 1, 0.1),
        (("filter", "preempt"), "unschedulable", 1, 0.8),
        (("filter", "score", "bind"), "scheduled", 1, 5.5),
    ]


def test_r173_schedulers_are_told_apart_in_every_question(store) -> None:
    mine = [replace(row, producer="q") for row in three_attempts("mine")]
    others = [call(40, "z", uid="z"), rejection(40, "z", "Quota", "full", 3), end(41, "z", 1)]
    store.write([*mine, *others])
    ask = Analysis(store)
    own, other = Stretch(0, 1_000_000, "mine"), Stretch(0, 1_000_000, "default-scheduler")
    assert ask.schedulers(0, 1_000_000) == [("mine", 2), ("default-scheduler", 1)]
    assert (ask.latency(own).pods, ask.latency(other).pods) == (1, 0)
    assert [path.outcome for path in ask.paths(other)] == ["unschedulable"]
    assert [row["plugin"] for row in ask.reasons(own)] == ["Fit"]
    assert [row["plugin"] for row in ask.reasons(other)] == ["Quota"]
    assert [row["plugin"] for row in ask.plugins(own)] == ["Fit"]
    assert ask.plugins(other) == []
    assert (ask.newest_us("mine"), ask.newest_us(), ask.newest_us("nobody")) == (11_000, 40_000, None)


def test_r303_failures_are_told_by_reason_error_pod_and_namespace(store) -> None:
    store.write(
        [
            *three_attempts(),
            *(row for n in (50, 52) for row in (call(n, f"s{n}", uid="s", pod="stuck"), end(n + 1, f"s{n}", 1))),
            call(60, "e", uid="e", namespace="team-b"),
            end(61, "e", 2, message="node is gone"),
        ]
    )
    ask = Analysis(store)
    assert ask.reasons(ALL) == [{"plugin": "Fit", "reason": "too small", "attempts": 1, "nodes": 10}]
    assert ask.errors(ALL) == [{"message": "node is gone", "attempts": 1, "at_us": 61_000}]
    assert [(row["pod"], row["attempts"]) for row in ask.failing(ALL)] == [("stuck", 2), ("pod-e", 1)]
    assert ask.failing_namespaces(ALL) == [
        {"namespace": "team-a", "attempts": 3, "pods": 2},
        {"namespace": "team-b", "attempts": 1, "pods": 1},
    ]


def test_what_the_journal_lost_is_counted_by_cause(store) -> None:
    store.write(
        [
            GapRow("p", 1, 5_000, 4_000, 5_000, 7, "buffer"),
            GapRow("p", 2, 6_000, 5_000, 6_000, 2, "buffer"),
            GapRow("p", 3, 900, 800, 900, 1, "old"),
            QuarantineRow("p", 4, 5_000, "bad", b"x"),
        ]
    )
    assert Analysis(store).losses(1_000) == ({"buffer": 9}, 1)


@pytest.mark.parametrize("scheduler", ["", "nobody"])
def test_an_empty_store_answers_nothing_and_no_zero_by_zero(store, scheduler) -> None:
    ask, none = Analysis(store), Stretch(0, 10, scheduler)
    assert (ask.first_us(), ask.newest_us(scheduler), ask.schedulers(0, 10)) == (None, None, [])
    assert ask.latency(none) == Latency(0)
    assert set(ask.outcomes(none).values()) == {0}
    assert [ask.paths(none), ask.verbs(none), ask.plugins(none), ask.reasons(none), ask.errors(none)] == [[]] * 5
    assert ask.losses(0) == ({}, 0)


def test_a_pod_is_bound_when_its_bind_has_ended_not_when_it_began(store) -> None:
    """The row of a bind's outcome has the time at which the call began."""
    store.write(
        [
            call(1, "b", uid="b"),
            call(3, "b", "bind", uid="b", opens=False, duration_us=4000.0),
            end(3, "b", 3, "node-1"),
        ]
    )
    found = Analysis(store).latency(ALL)
    assert (found.average_ms, found.bind_ms) == (6.0, 4.0)
