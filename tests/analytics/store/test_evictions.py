"""Evictions are stored once, found by victim, by preemptor and by filters, and forgotten like decisions."""

from __future__ import annotations

import pytest

from analytics.store import Store
from analytics.store.evictions import EvictionFilter, Evictions
from analytics.store.retention import DAY_S, Retention, forget
from analytics.store.store import SCHEMA_VERSION
from analytics.store.tables import EvictionRow
from analytics.store.tokens import BadToken
from tests.analytics.store.older import back_to


def eviction(frame, pod, **more):
    given = {
        "producer": "p", "id": frame, "seen_us": frame, "at_us": 1000 * frame, "plugin": "CapacityScheduling",
        "why": "preemption", "reason": "team-a takes back what it was promised", "namespace": "team-b", "pod": pod,
        "uid": f"uid-{pod}", "owner": "Job/j", "priority": -10, "node": "node-1", "result": "evicted", "message": "",
        "decision": "", "by_namespace": "", "by_pod": "", "by_uid": "",
    }  # fmt: skip
    return EvictionRow(**(given | more))


def names(page):
    return [e["pod"]["name"] for e in page.evictions]


def test_the_victims_of_a_decision_come_in_order_with_their_preemptor(store):
    by = {"decision": "d1", "by_namespace": "team-a", "by_pod": "web", "by_uid": "u"}
    store.write([eviction(2, "b", **by), eviction(1, "a", **by), eviction(3, "c", decision="d2")])
    found = Evictions(store).of_decision("d1")
    assert [e["pod"]["name"] for e in found] == ["a", "b"]
    assert found[0]["preemptor"] == {"namespace": "team-a", "name": "web", "uid": "u"}
    assert Evictions(store).of_decision("") == []


def test_a_victim_is_found_by_name_and_by_uid(store):
    store.write([eviction(1, "a"), eviction(2, "a", uid="another"), eviction(3, "a", namespace="elsewhere")])
    assert [e["pod"]["uid"] for e in Evictions(store).of_victim("team-b", "a")] == ["another", "uid-a"]
    assert len(Evictions(store).of_victim("team-b", "a", "another")) == 1


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EvictionFilter(), ["m2", "m1", "e1"]),
        (EvictionFilter(why="rescheduling"), ["m2", "m1"]),
        (EvictionFilter(result="refused"), ["m2"]),
        (EvictionFilter(plugin="Rescheduler", node="node-2"), ["m1"]),
        (EvictionFilter(pod="team-b/e1"), ["e1"]),
        (EvictionFilter(pod="m"), ["m2", "m1"]),
        (EvictionFilter(namespaces=["team-c"]), ["m1"]),
        (EvictionFilter(since_us=2000, until_us=3000), ["m1"]),
    ],
)
def test_every_filter_narrows_the_list(store, wanted, found):
    store.write([
        eviction(1, "e1"),
        eviction(2, "m1", plugin="Rescheduler", why="rescheduling", node="node-2", namespace="team-c"),
        eviction(3, "m2", plugin="Rescheduler", why="rescheduling", result="refused"),
    ])  # fmt: skip
    assert names(Evictions(store).find(wanted)) == found
    assert Evictions(store).count(wanted) == len(found)


def test_pages_follow_each_other_without_gap_or_repetition(store):
    store.write([eviction(i, f"p{i}") for i in range(1, 8)])
    seen, token = [], ""
    while True:
        page = Evictions(store).find(limit=3, token=token)
        seen += names(page)
        token = page.next
        if not token:
            break
    assert seen == [f"p{i}" for i in range(7, 0, -1)]
    with pytest.raises(BadToken):
        Evictions(store).find(token="abc")  # noqa: S106 - the place in a list


def test_wrong_words_are_refused(store):
    for wanted in (EvictionFilter(why="hunger"), EvictionFilter(result="maybe")):
        with pytest.raises(ValueError, match="must be one of"):
            Evictions(store).find(wanted)


def test_filter_boxes_offer_what_there_is(store):
    store.write([eviction(1, "a"), eviction(2, "b"), eviction(3, "c", plugin="Rescheduler", node="")])
    assert Evictions(store).values() == {
        "plugin": ["CapacityScheduling", "Rescheduler"], "namespace": ["team-b"], "node": ["node-1"],
    }  # fmt: skip


def test_evictions_are_forgotten_with_the_facts(store):
    day_us = int(DAY_S * 1e6)
    store.write([eviction(1, "old", at_us=0), eviction(2, "new", at_us=40 * day_us)])
    assert forget(store, Retention(), 41 * day_us) == {"eviction": 1}
    assert names(Evictions(store).find()) == ["new"]


def test_news_are_known_by_when_they_were_taken_in(store):
    store.write([eviction(5, "a")])
    assert Evictions(store).newest_since(4) == 5
    assert Evictions(store).newest_since(5) == 0


def test_a_store_of_the_first_schema_gets_the_table_and_keeps_its_rows(target):
    store = Store.open(target)
    back_to(store, 1)
    store.close()
    store = Store.open(target)
    store.write([eviction(1, "a")])
    assert names(Evictions(store).find()) == ["a"]
    assert store.query("SELECT max(version) FROM schema_version") == [(SCHEMA_VERSION,)]
    store.close()
