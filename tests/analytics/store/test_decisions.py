"""Questions about decisions, on every engine."""

from __future__ import annotations

import random
import statistics

import orjson
import pytest
from msgspec.structs import replace

from analytics.store import Store, StoreTimeout
from analytics.store.decisions import DecisionFilter, Decisions
from analytics.store.joined import rfc3339
from analytics.store.tokens import BadToken
from tests.analytics.store.rows import call, end, rejection, verdict


def five():
    """Five decisions: scheduled on n1 and n2, unschedulable, error, unknown."""
    return [
        call(1, "a"), call(2, "a", "prioritize", opens=False), call(3, "a", "bind", opens=False),
        end(3, "a", 3, "n1"),
        call(10, "b", namespace="team-b", scheduler="other", revision="8"), end(12, "b", 2), end(13, "b", 3, "n2"),
        call(20, "c", nodes_out=0, code="Unschedulable"), end(20, "c", 1), rejection(20, "c", "Quota", "over quota", 6),
        rejection(20, "c", "Taints", "tainted", 4), verdict(20, "c", "Quota", rejected=6, code="Unschedulable"),
        call(30, "d"), end(31, "d", 2, message="no answer"), rejection(30, "d", "Quota", "shadowed", 9, "shadow"),
        call(40, "e"), end(41, "e", 0),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def filled(new_target):
    """One store per engine that these tests only read."""
    store = Store.open(new_target())
    store.write(five())
    yield store
    store.close()


@pytest.fixture
def decisions(filled):
    return Decisions(filled)


def names(page):
    return [d["id"] for d in page.decisions]


def test_the_newest_come_first_and_each_has_its_outcome(decisions):
    page = decisions.find()
    assert names(page) == ["e", "d", "c", "b", "a"]
    assert [d["outcome"] for d in page.decisions] == ["unknown", "error", "unschedulable", "scheduled", "scheduled"]
    assert page.next == ""
    assert orjson.dumps(page.decisions)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (DecisionFilter(namespaces=["team-b"]), ["b"]),
        (DecisionFilter(namespaces=["team-a", "team-b"]), ["e", "d", "c", "b", "a"]),
        (DecisionFilter(pod="pod-"), ["e", "d", "c", "b", "a"]),
        (DecisionFilter(pod="d-c"), ["c"]),
        (DecisionFilter(pod="team-a/pod-a"), ["a"]),
        (DecisionFilter(pod="team-a/pod-"), []),
        (DecisionFilter(pod="100%_?"), []),
        (DecisionFilter(uid="uid-d"), ["d"]),
        (DecisionFilter(node="n1"), ["a"]),
        (DecisionFilter(outcome="scheduled"), ["b", "a"]),
        (DecisionFilter(outcome="error"), ["d"]),
        (DecisionFilter(outcome="unschedulable"), ["c"]),
        (DecisionFilter(outcome="unknown"), ["e"]),
        (DecisionFilter(plugin="Taints"), ["c"]),
        (DecisionFilter(plugin="Quota"), ["d", "c"]),
        (DecisionFilter(plugin="Quota", reason="over"), ["c"]),
        (DecisionFilter(reason="taint"), ["c"]),
        (DecisionFilter(revision="8"), ["b"]),
        (DecisionFilter(scheduler="other"), ["b"]),
        (DecisionFilter(since_us=10_000, until_us=30_000), ["c", "b"]),
        (DecisionFilter(outcome="scheduled", node="n2", scheduler="other"), ["b"]),
        (DecisionFilter(pod="'; DROP TABLE decision; --"), []),
    ],
)
def test_filters_choose_and_the_count_agrees(decisions, wanted, expected):
    assert names(decisions.find(wanted)) == expected
    assert decisions.count(wanted) == len(expected)


def test_following_the_tokens_gives_every_decision_once_in_order(store):
    chance = random.Random(5)
    rows = [
        call(n, f"d{n}", at_us=chance.randint(0, 40) * 60_000_000_000, producer=chance.choice("pq")) for n in range(200)
    ]
    store.write(rows)
    decisions, seen, token = Decisions(store), [], ""
    for _ in range(500):
        page = decisions.find(limit=7, token=token)
        seen += names(page)
        token = page.next
        if not token:
            break
    expected = sorted(rows, key=lambda r: (r.at_us, r.producer, r.id), reverse=True)
    assert seen == [row.decision for row in expected]


def test_a_page_is_not_disturbed_by_newer_decisions(store):
    store.write(five())
    decisions = Decisions(store)
    page = decisions.find(limit=2)
    store.write([call(99, "z")])
    assert names(decisions.find(limit=9, token=page.next)) == ["c", "b", "a"]


@pytest.mark.parametrize("token", ["x", "====", "bm90IGpzb24", "WzFd", "ü", "WzEsMiwzXQ"])
def test_a_token_of_somebody_else_is_refused(decisions, token):
    with pytest.raises(BadToken, match="start again"):
        decisions.find(token=token)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(decisions, limit):
    with pytest.raises(ValueError, match="from 1 to 1000"):
        decisions.find(limit=limit)


def test_an_unknown_outcome_is_refused(decisions):
    with pytest.raises(ValueError, match="scheduled"):
        decisions.find(DecisionFilter(outcome="bound"))


def test_one_decision_holds_its_phases_plugins_and_ends(decisions):
    found = decisions.get("c")
    assert found["phases"][0]["plugins"][0]["reasons"] == {"over quota": 6}
    assert [(r["plugin"], r["nodes"]) for r in found["rejections"]] == [("Quota", 6), ("Taints", 4)]
    assert "Quota: over quota" in found["message"]
    assert [o["result"] for o in decisions.get("b")["outcomes"]] == ["error", "bound"]
    assert decisions.get("no-such") is None


def test_what_preemption_found_does_not_count_for_the_filter(store):
    store.write([
        call(1, "a", nodes_out=0, code="Unschedulable"), end(1, "a", 1), rejection(1, "a", "Gang", "few", 6),
        call(2, "a", "preempt", opens=False, nodes_in=9), rejection(2, "a", "Gang", "few", 8),
        replace(rejection(2, "a", "Gang", "no victims", 1), phase="postFilter"),
    ])  # fmt: skip
    found = Decisions(store).get("a")
    assert found is not None
    assert [(r["reason"], r["call"], r["nodes"]) for r in found["rejections"]] == [
        ("few", "filter", 6), ("few", "preempt", 8), ("no victims", "preempt", 1),
    ]  # fmt: skip
    assert found["message"] == "Gang: few (6)"
    assert [r["reason"] for r in Decisions(store).stats()["rejections"]] == ["few"]


def test_an_error_tells_its_message_and_a_deleted_pod_that_it_was_deleted(decisions):
    assert decisions.get("d")["message"] == "no answer"
    assert "deleted" in decisions.get("e")["message"]


def test_the_decisions_of_one_pod_are_found_by_its_whole_name(decisions):
    assert names(decisions.of_pod("team-b", "pod-b")) == ["b"]


def test_statistics_count_what_the_list_shows(decisions):
    stats = decisions.stats()
    assert {k: stats[k] for k in ("total", "scheduled", "unschedulable", "error", "unknown")} == {
        "total": 5, "scheduled": 2, "unschedulable": 1, "error": 1, "unknown": 1,
    }  # fmt: skip
    assert stats["success_rate"] == 0.5
    assert stats["average_latency_ms"] == pytest.approx(0.7 / 5)
    assert stats["rejections"] == [
        {"plugin": "Quota", "reason": "over quota", "count": 6, "decisions": 1},
        {"plugin": "Taints", "reason": "tainted", "count": 4, "decisions": 1},
    ]
    assert stats["nodes"] == [{"node": "n1", "scheduled": 1}, {"node": "n2", "scheduled": 1}]
    assert set(stats["phases"]) == {"filter", "score", "bind"}
    assert orjson.dumps(stats)


def test_statistics_of_nothing_have_no_rates(store):
    stats = Decisions(store).stats()
    assert (stats["total"], stats["success_rate"], stats["average_latency_ms"]) == (0, None, None)
    assert Decisions(store).find().decisions == []
    assert Decisions(store).newest_us() is None


def test_statistics_of_a_span_count_only_that(decisions):
    assert decisions.stats(since_us=20_000, until_us=40_000)["total"] == 2


def test_percentiles_are_those_of_the_durations(store):
    chance = random.Random(3)
    durations = [chance.expovariate(0.01) for _ in range(301)]
    store.write([call(n, f"d{n}", duration_us=value) for n, value in enumerate(durations)])
    phase = Decisions(store).stats()["phases"]["filter"]
    assert phase["count"] == 301
    assert phase["p50_ms"] * 1000 == pytest.approx(statistics.median(durations))
    assert phase["p99_ms"] * 1000 == pytest.approx(sorted(durations)[297])


def test_the_flow_sums_phases_and_plugins(decisions):
    flow = decisions.flow()
    by_phase = {phase["phase"]: phase for phase in flow["phases"]}
    assert (by_phase["filter"]["calls"], by_phase["filter"]["nodes_in"]) == (5, 50)
    assert flow["plugins"][0]["plugin"] == "Quota"
    assert flow["outcomes"]["scheduled"] == 2
    assert orjson.dumps(flow)


def test_outcomes_are_counted_by_scheduler(decisions):
    assert ("other", "scheduled", 1) in decisions.outcomes_by_scheduler()
    assert sum(count for _, _, count in decisions.outcomes_by_scheduler()) == 5


def test_changes_since_are_told_oldest_first_and_the_newest_when_there_are_many(decisions):
    changed, after = decisions.changed(11)
    assert changed == ["b", "c", "d", "e"]
    assert decisions.changed(after) == ([], after)
    assert decisions.changed(0, limit=2)[0] == ["d", "e"]


def test_values_for_filter_boxes_come_most_used_first(decisions):
    assert decisions.values("namespace") == ["team-a", "team-b"]
    assert decisions.values("node") == ["n1", "n2"]
    with pytest.raises(ValueError, match="no such filter"):
        decisions.values("1; DROP TABLE decision")


def test_a_question_that_takes_too_long_is_stopped_and_the_next_is_answered(filled, decisions):
    endless = "SELECT count(*) FROM verdict a, generate_series(1, 3000000) b, generate_series(1, 30000) c"
    with pytest.raises(StoreTimeout, match="shorter"):
        filled.query(endless, (), 0.05)
    assert decisions.count() == 5


@pytest.mark.parametrize(
    ("at_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_767_323_045_000_001, "2026-01-02T03:04:05.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1 << 62, "9999-12-31T23:59:59"),
        (-(1 << 62), "0001-01-01T00:00:00"),
    ],
)
def test_times_are_rfc_3339_whatever_a_frame_claims(at_us, text):
    assert rfc3339(at_us).startswith(text)
