"""R-135: statistics by plugin, reason, tenant, owner, node and more, on every engine."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from analytics.store import Store
from analytics.store.decisions import DecisionFilter
from analytics.store.statistics import BY, LOOK_BACK_US, Statistics
from analytics.store.tables import ChoiceRow, KeyRow, key_of
from tests.analytics.store.rows import call, end, rejection, verdict

S = 1_000_000


def choice(frame, decision, best, second="", **more):
    given = {
        "producer": "p", "id": frame, "at_us": 1000 * frame, "decision": decision, "scheduler": "default-scheduler",
        "revision": "7", "plugins": "A,B", "scored": 10, "tied": len(best.strip(",").split(",")), "ahead": 5, "cut": 0,
        "best": best, "second": second,
    }  # fmt: skip
    return ChoiceRow(**(given | more))


def some():
    """Pod u1: refused at 10 s, bound at 13 s by us; pod u2: bound by another; u3: an error; u4: open."""
    return [
        call(1, "a", at_us=10 * S, uid="u1", owner="Job/x", created_us=8 * S, duration_us=200.0, nodes_out=0),
        end(1, "a", 1, at_us=10 * S),
        replace(rejection(1, "a", "Quota", "over quota", 6), at_us=10 * S),
        replace(rejection(1, "a", "Taints", "tainted", 4), at_us=10 * S),
        call(2, "b", at_us=13 * S, uid="u1", owner="Job/x", created_us=8 * S, attempt=2, duration_us=300.0),
        call(3, "b", "prioritize", at_us=13 * S + 500, uid="u1", duration_us=100.0),
        call(4, "b", "bind", at_us=13 * S + 1000, uid="u1", duration_us=50_000.0),
        verdict(4, "b", "Gang", phase="permit", duration_us=40_000.0, at_us=13 * S + 1000),
        end(4, "b", 3, "n1", at_us=13 * S + 1000),
        replace(rejection(2, "b", "Taints", "tainted", 2), at_us=13 * S),
        call(5, "c", at_us=20 * S, uid="u2", namespace="team-b", revision="8"),
        end(6, "c", 3, "n2", at_us=20 * S + 7000, seen_by="watch"),
        call(7, "d", at_us=30 * S, uid="u3", namespace="team-b", scheduler="other"),
        end(8, "d", 2, at_us=30 * S + 1),
        replace(rejection(7, "d", "Quota", "shadowed", 9, "shadow"), at_us=30 * S),
        call(9, "e", at_us=40 * S, uid="u4", namespace="team-c"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def filled(new_target):
    store = Store.open(new_target())
    store.write(some())
    yield store
    store.close()


@pytest.fixture
def statistics(filled):
    return Statistics(filled)


ALL = DecisionFilter()


def counted(told):
    return {group["group"]: group["decisions"] for group in told["groups"]}


@pytest.mark.parametrize(
    ("by", "counts"),
    [
        ("plugin", {"Taints": 2, "Quota": 1}),
        ("namespace", {"team-a": 2, "team-b": 2, "team-c": 1}),
        ("owner", {"": 3, "Job/x": 2}),
        ("node", {"n1": 1, "n2": 1}),
        ("scheduler", {"default-scheduler": 4, "other": 1}),
        ("revision", {"7": 4, "8": 1}),
        ("reason", {"Taints": 2, "Quota": 1}),
    ],
)
def test_r135_decisions_are_counted_by_what_is_asked_for(statistics, by, counts):
    assert counted(statistics.by(by, ALL)) == counts


def test_r135_a_plugin_counts_what_it_rejected_and_how_those_decisions_ended(statistics):
    taints, quota = statistics.by("plugin", ALL)["groups"]
    assert (taints["group"], taints["nodes"], taints["scheduled"], taints["unschedulable"]) == ("Taints", 6, 1, 1)
    assert (taints["success_rate"], quota["success_rate"], quota["nodes"]) == (0.5, 0.0, 6)
    assert [g["reason"] for g in statistics.by("reason", ALL)["groups"]] == ["tainted", "over quota"]


def test_r135_tenants_are_summed_over_their_namespaces(statistics):
    told = statistics.by("tenant", ALL, tenants={"team-a": "blue", "team-b": "blue", "team-z": "red"})
    assert counted(told) == {"blue": 4, "": 1}
    assert counted(statistics.by("tenant", ALL)) == {"": 5}


def test_r135_the_time_of_a_pod_is_split_into_waiting_ours_and_bind(statistics):
    told = {g["group"]: g["latency"] for g in statistics.by("node", ALL)["groups"]}
    assert told["n1"]["queue"]["p50_ms"] == 3000.0, "since the attempt before"
    assert told["n1"]["own"]["p50_ms"] == 0.4
    assert told["n1"]["bind"]["p50_ms"] == 10.0, "without what permit held it for"
    assert told["n1"]["total"]["p50_ms"] == 5051.0, "from its creation to the end of the bind"
    assert told["n2"]["bind"]["p50_ms"] == 7.0, "until it was seen bound, where somebody else bound it"
    assert (told["n2"]["queue"], told["n2"]["total"]) == (None, None), "no record says when it was created"
    first = statistics.by("namespace", DecisionFilter(outcome="unschedulable"))["groups"][0]
    assert first["latency"]["queue"]["p50_ms"] == 2000.0, "since the pod was created"
    assert first["latency"]["bind"] is None


def test_r135_an_attempt_knows_the_one_before_it_even_where_a_filter_leaves_that_out(statistics):
    told = statistics.by("namespace", DecisionFilter(since_us=12 * S, until_us=14 * S))["groups"]
    assert [(g["decisions"], g["latency"]["queue"]["p50_ms"]) for g in told] == [(1, 3000.0)]


@pytest.fixture(scope="module")
def emptied(new_target):
    """One store for many examples: call it for the store without decisions."""
    with closing(Store.open(new_target())) as store:

        def empty():
            store.execute([("DELETE FROM decision", ()), ("DELETE FROM decision_key", ())])
            return store

        yield empty


@settings(max_examples=40, deadline=None)
@given(
    attempts=st.lists(st.tuples(st.sampled_from(["u1", "u2", "u3", ""]), st.integers(0, 90)), max_size=12),
    begin=st.integers(0, 90),
    hours=st.integers(1, 40),
)
def test_an_attempt_waits_since_the_one_before_it_that_is_no_more_than_a_day_before_the_stretch(
    emptied, attempts, begin, hours
):
    store, hour = emptied(), 3600 * S
    rows = [
        call(n, f"d{n}", uid=uid, at_us=at * hour + n, attempt=9, namespace=f"d{n}")
        for n, (uid, at) in enumerate(attempts)
    ]
    # Another pod's attempt that shares the key of this pod's.
    store.write([*rows, KeyRow(begin * hour + 7, key_of("u1"), key_of("other"))])
    since, until = begin * hour, (begin + hours) * hour
    expected = {}
    for row in rows:
        if since <= row.at_us < until:
            earlier = [r.at_us for r in rows if r.uid == row.uid and since - LOOK_BACK_US <= r.at_us < row.at_us]
            expected[row.decision] = (row.at_us - max(earlier)) / 1000 if earlier and row.uid else None
    told = Statistics(store).by("namespace", DecisionFilter(since_us=since, until_us=until))["groups"]
    assert {g["group"]: (g["latency"]["queue"] or {}).get("p50_ms") for g in told} == expected


def test_r135_calls_and_waits_of_a_decision_count_though_they_come_after_the_stretch(store):
    store.write(
        [
            call(1, "a", at_us=10 * S, duration_us=200.0),
            call(2, "a", "bind", at_us=90 * S, duration_us=9_000.0),
            verdict(2, "a", "Gang", phase="permit", duration_us=4_000.0, at_us=90 * S),
            end(2, "a", 3, "n1", at_us=90 * S),
        ]
    )
    group = Statistics(store).by("node", DecisionFilter(since_us=9 * S, until_us=11 * S))["groups"][0]
    assert (group["latency"]["own"]["p99_ms"], group["latency"]["bind"]["p99_ms"]) == (0.2, 5.0)


def test_r135_filters_hold_and_more_groups_are_told(statistics):
    assert counted(statistics.by("namespace", DecisionFilter(namespaces=["team-b"]))) == {"team-b": 2}
    few = statistics.by("namespace", ALL, limit=2)
    assert (len(few["groups"]), few["more"]) == (2, True)
    assert statistics.by("namespace", ALL)["more"] is False


@pytest.mark.parametrize("by", BY)
def test_r135_an_empty_store_has_no_groups(store, by):
    assert Statistics(store).by(by, ALL, tenants={"a": "b"})["groups"] == []


def test_what_cannot_be_grouped_by_is_refused(statistics):
    with pytest.raises(ValueError, match="by must be one of"):
        statistics.by("colour", ALL)
    with pytest.raises(ValueError, match="by must be one of"):
        statistics.agreement(0, 1, "colour")


def placed(store, *cases):
    """Each case: (choice, the node that was bound)."""
    rows = []
    for at, (row, node) in enumerate(cases, start=1):
        rows += [call(10 * at, row.decision), end(10 * at + 1, row.decision, 3, node), row]
    store.write(rows)
    return Statistics(store).agreement(0, 1 << 50)


def test_the_place_of_the_node_that_was_bound_is_told(store):
    told = placed(
        store,
        (choice(1, "a", ",n1,", ",n2,"), "n1"),
        (choice(2, "b", ",n1,n2,", ",n3,"), "n2"),
        (choice(3, "c", ",n1,", ",n2,", ahead=8), "n2"),
        (choice(4, "d", ",n1,", ",n2,", ahead=2), "n9"),
        (choice(5, "e", ",n1,n2,", cut=1), "n9"),
        (choice(6, "f", ",n1,", scored=1), "n9"),
        (choice(7, "g", ",n11,", ",n12,"), "n1"),
    )
    counts = {place: told[place] for place in ("first", "tied", "second", "further", "untold", "elsewhere")}
    assert counts == {"first": 1, "tied": 1, "second": 1, "further": 2, "untold": 1, "elsewhere": 1}
    assert (told["decisions"], told["agreement_ratio"], told["unscored"]) == (7, round(2 / 6, 4), 0)
    assert told["ahead_average"] == 5.0, "of those where another was taken: 8, 2 and 5"


def test_agreement_counts_one_choice_a_decision_and_only_what_was_bound(store):
    store.write(
        [
            call(1, "a"), end(2, "a", 3, "n2"), choice(3, "a", ",n1,"), choice(4, "a", ",n2,"),
            call(5, "b"), choice(6, "b", ",n1,"), call(7, "c"), end(8, "c", 3, "n1"),
        ]
    )  # fmt: skip
    told = Statistics(store).agreement(0, 1 << 50)
    assert (told["decisions"], told["first"], told["unscored"]) == (1, 1, 1)


def test_agreement_is_told_for_each_set_of_plugins(store):
    placed(
        store,
        (choice(1, "a", ",n1,"), "n1"),
        (choice(2, "b", ",n1,", plugins="C"), "n1"),
        (choice(3, "c", ",n1,", ",n2,", plugins="C"), "n2"),
    )
    groups = Statistics(store).agreement(0, 1 << 50, "plugins")["groups"]
    assert [(g["group"], g["decisions"], g["agreement_ratio"]) for g in groups] == [("C", 2, 0.5), ("A,B", 1, 1.0)]
    empty = Statistics(store).agreement(1 << 50, 1 << 51)
    assert (empty["decisions"], empty["agreement_ratio"], empty["unscored"]) == (0, None, 0)
