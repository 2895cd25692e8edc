"""Where to look for a pod or a decision: a pod among millions is found without reading the texts of all."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from analytics.store import Store
from analytics.store.decisions import DecisionFilter, Decisions
from analytics.store.detail import WORDS
from analytics.store.tables import DetailRow, KeyRow, key_of
from tests.analytics.store.rows import call, end, rejection, verdict

DAY = 86_400_000_000


def test_a_decision_is_found_by_its_id_and_its_pod_by_uid(store):
    store.write([call(n, f"d{n}", uid=f"u{n % 3}", at_us=n * DAY) for n in range(1, 10)])
    decisions = Decisions(store)
    found = decisions.find(DecisionFilter(uid="u1")).decisions
    assert [one["id"] for one in found] == ["d7", "d4", "d1"]
    assert decisions.count(DecisionFilter(uid="u1", since_us=2 * DAY)) == 2
    assert decisions.count(DecisionFilter(uid="u1", since_us=8 * DAY)) == 0
    assert (decisions.get("d5") or {})["pod"]["uid"] == "u2"
    assert decisions.get("d10") is None
    assert decisions.find(DecisionFilter(uid="u9")).decisions == []
    assert (decisions.count(DecisionFilter(uid="u9")), decisions.ids(DecisionFilter(uid="u9"), 5)) == (0, [])


def test_texts_that_share_a_key_are_told_apart(store):
    store.write([call(1, "a", uid="u1", at_us=1000), call(2, "b", uid="u2", at_us=DAY)])
    store.write([KeyRow(5 * DAY, key_of("u1"), key_of("a"))])
    decisions = Decisions(store)
    assert [one["id"] for one in decisions.find(DecisionFilter(uid="u1")).decisions] == ["a"]
    assert (decisions.get("a") or {})["id"] == "a"


def test_what_belongs_to_each_call_of_a_decision_is_found_however_far_they_lie_apart(store):
    hour = 3_600_000_000
    for name, begin in (("a", 0), ("b", hour)):
        store.write(
            [
                call(begin + 1, name, at_us=begin), verdict(begin + 1, name, "Taints", at_us=begin),
                replace(rejection(begin + 1, name, "Taints", "tainted", 6), at_us=begin),
                call(begin + 2, name, "bind", at_us=begin + hour),
                verdict(begin + 2, name, "Gang", phase="permit", at_us=begin + hour),
                DetailRow("p", begin + 2, begin + hour, name, WORDS, b"junk"),
            ]
        )  # fmt: skip
    told = Decisions(store).get("b") or {}
    assert [[plugin["plugin"] for plugin in phase["plugins"]] for phase in told["phases"]] == [["Taints"], ["Gang"]]
    assert [one["nodes"] for one in told["rejections"]] == [6]
    assert "unpack" in told["detail"], "the body was found"
    found = Decisions(store).find(detail=False).decisions
    assert [[one["nodes"] for one in each["rejections"]] for each in found] == [[6], [6]]


def test_an_end_that_was_long_in_coming_is_found(store):
    store.write([call(1, "a", at_us=1000), call(2, "b", at_us=2000), end(3, "b", 1, at_us=3000)])
    store.write([end(9, "a", 3, "n1", at_us=20 * DAY)])
    decisions = Decisions(store)
    assert (decisions.get("a") or {})["outcome"] == "scheduled"
    assert [one["outcome"] for one in decisions.find(detail=False).decisions] == ["unschedulable", "scheduled"]


@pytest.mark.parametrize("texts", [["u1", "d\u00e9", ""]])
def test_older_rows_get_their_keys_with_the_schema_step(new_target, texts):
    target = new_target()
    store = Store.open(target)
    store.write([call(n, text, uid=text, at_us=n) for n, text in enumerate(texts)])
    before = store.query("SELECT at_us, uid_key, id_key FROM decision_key ORDER BY 1")
    store.execute([(f"DROP TABLE {table}", ()) for table in ("decision_key", "choice", "decision_hour")])
    store.execute([("DELETE FROM schema_version WHERE version > 8", ())])
    store.close()
    again = Store.open(target)
    try:
        assert again.query("SELECT at_us, uid_key, id_key FROM decision_key ORDER BY 1") == before
        if again.engine == "postgres":  # statistics read a stretch of them
            indexes = again.query("SELECT indexname FROM pg_indexes WHERE tablename = 'decision_key'")
            assert ("decision_key_time",) in indexes
        assert Decisions(again).count(DecisionFilter(uid="u1")) == 1
    finally:
        again.close()
