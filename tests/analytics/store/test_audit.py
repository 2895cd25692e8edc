"""Audit events, findings and what was said about them, on both engines."""

from __future__ import annotations

import time

import pytest

from analytics.store.audit import Audits, EventFilter, sent, told
from analytics.store.findings import FindingFilter, Findings
from analytics.store.retention import Retention, forget
from analytics.store.tables import AuditEventRow, AuditPositionRow, FindingRow, FindingStateRow

DAY_US = 86_400_000_000


def an_event(name, at_us, **more):
    given = {
        "id": name, "stage": "ResponseComplete", "seen_us": at_us, "at_us": at_us, "received_us": at_us - 5000,
        "source": "test", "kind": "binding", "level": "Request", "verb": "create", "actor": "system:kube-scheduler",
        "actor_groups": "[]", "impersonated": "", "address": "", "agent": "", "api_group": "", "resource": "pods",
        "subresource": "binding", "namespace": "team-a", "name": f"pod-{name}", "uid": f"uid-{name}", "node": "n",
        "code": 201, "uri": "", "wait_us": -1, "notes": "{}", "body": b"",
    }  # fmt: skip
    return AuditEventRow(**(given | more))


def a_finding(name, at_us, **more):
    given = {
        "id": name, "seen_us": at_us, "at_us": at_us, "rule": "SCH-02", "title": "t", "severity": "critical",
        "actor": "mallory", "object": "pods/a/b", "description": "d", "event_ids": '["e"]', "attack": '["T1078"]',
        "fix": "f", "same": name,
    }  # fmt: skip
    return FindingRow(**(given | more))


def said(finding, at_us, state, *, until_us=0, similar=False, actor="mallory", rule="SCH-02"):
    return FindingStateRow(finding, at_us, state, "ann", "because", until_us, similar, rule, actor)


def test_pages_of_events_hold_each_once_also_at_equal_times(store):
    store.write([an_event(f"e{at}", 1000 + at // 3) for at in range(10)])
    seen, token = [], ""
    while True:
        page = Audits(store).find(limit=3, token=token)
        seen += [row.id for row in page.events]
        if not page.next:
            break
        token = page.next
    assert seen == [f"e{at}" for at in reversed(range(10))]


def test_known_events_are_told_by_their_id_and_time(store):
    store.write([an_event("old", 1000), an_event("new", 9000)])
    audits = Audits(store)
    assert audits.known(["old", "new", "other"], 0) == {"old", "new"}
    assert audits.known(["old", "new", "other"], 5000) == {"new"}
    assert audits.known([], 0) == set()


def test_the_summary_counts_bindings_that_succeeded_and_averages_what_is_known(store):
    store.write([
        an_event("a", 10, wait_us=1000), an_event("b", 20, wait_us=3000), an_event("c", 30),
        an_event("d", 40, code=409, wait_us=9000), an_event("e", 50, kind="create"), an_event("f", 99, wait_us=5),
    ])  # fmt: skip
    assert Audits(store).summary(10, 60) == (3, 2000.0)
    assert Audits(store).summary(1000, 2000) == (0, None)


def test_pods_that_wait_for_a_binding_are_found(store):
    store.write([
        an_event("c1", 10, kind="create", subresource="", uid="u1"), an_event("b1", 20, uid="u1"),
        an_event("c2", 30, kind="create", subresource="", uid="u2"), an_event("b2", 40, uid="u2", code=409),
    ])  # fmt: skip
    assert [row.uid for row in Audits(store).open_pods(0, 10)] == ["u2"]


def test_a_body_that_cannot_be_unpacked_is_none(store):
    store.write([an_event("a", 10, body=b"no zstd")])
    (row,) = Audits(store).newest(1, 0)
    assert sent(row) is None
    assert told(row)["id"] == "a"


def test_the_highest_position_of_each_file_counts_and_the_rest_is_pruned(store):
    store.write([
        AuditPositionRow("log", "f1", 10, 100), AuditPositionRow("log", "f1", 30, 300),
        AuditPositionRow("log", "f1", 20, 200), AuditPositionRow("log", "f2", 5, 50),
        AuditPositionRow("other", "f1", 7, 70),
    ])  # fmt: skip
    audits = Audits(store)
    assert audits.positions("log") == {"f1": (30, 300), "f2": (5, 50)}
    audits.prune_positions("log", 100)
    assert audits.positions("log") == {"f1": (30, 300)}
    assert audits.positions("other") == {"f1": (7, 70)}
    assert store.query("SELECT count(*) FROM audit_pos")[0][0] == 2


def test_the_newest_word_about_a_finding_counts(store):
    store.write([a_finding("f", 1000), said("f", 10, "suppressed"), said("f", 20, "acknowledged"),
                 said("f", 15, "open")])  # fmt: skip
    found = Findings(store).one("f")
    assert found is not None
    assert (found.state, found.who, found.said_us) == ("acknowledged", "ann", 20)
    assert [row.at_us for row in Findings(store).said("f")] == [20, 15, 10]


def test_a_suppression_ends_when_its_time_is_over(store):
    now_us = time.time_ns() // 1000
    store.write([
        a_finding("past", 1000), a_finding("now", 1000), a_finding("ever", 1000),
        said("past", 10, "suppressed", until_us=now_us - 1), said("now", 10, "suppressed", until_us=now_us + DAY_US),
        said("ever", 10, "suppressed"),
    ])  # fmt: skip
    states = {found.row.id: found.state for found in Findings(store).find().findings}
    assert states == {"past": "open", "now": "suppressed", "ever": "suppressed"}
    assert Findings(store).count(FindingFilter(states=["open"])) == 1


def test_a_suppression_of_what_is_similar_reaches_the_same_rule_and_actor_only(store):
    store.write([
        a_finding("one", 1000), a_finding("same", 1001), a_finding("later", 9000),
        a_finding("other rule", 1002, rule="SCH-17"), a_finding("other actor", 1003, actor="eve"),
        said("one", 10, "suppressed", similar=True), said("later", 5, "acknowledged"),
    ])  # fmt: skip
    findings = Findings(store)
    states = {found.row.id: found.state for found in findings.find().findings}
    assert states == {
        "one": "suppressed", "same": "suppressed", "later": "acknowledged", "other rule": "open", "other actor": "open",
    }  # fmt: skip
    assert findings.quiet(100) == {("SCH-02", "mallory")}
    findings.say(said("one", 20, "open"))
    assert findings.quiet(100) == set()
    assert findings.count(FindingFilter(states=["suppressed"])) == 0


def test_counts_by_rule_and_over_time_leave_out_what_they_should(store):
    store.write([
        a_finding("a", 1_000), a_finding("b", 1_500), a_finding("c", 2_100, severity="low", rule="SCH-17"),
        a_finding("d", 2_200), said("d", 10, "suppressed"),
    ])  # fmt: skip
    findings = Findings(store)
    assert findings.by_rule() == {"SCH-02": {"open": 2, "suppressed": 1}, "SCH-17": {"open": 1}}
    assert findings.timeline(1_000, 3_000, 1_000) == [(1_000, "critical", 2), (2_000, "low", 1)]


def test_findings_about_an_event_are_found_by_the_whole_id(store):
    store.write([a_finding("a", 10, event_ids='["e1","e22"]'), a_finding("b", 20, event_ids='["e2"]')])
    assert [found.row.id for found in Findings(store).about("e2")] == ["b"]


@pytest.mark.parametrize("wanted", [FindingFilter(severities=["awful"]), FindingFilter(states=["gone"])])
def test_filters_that_know_no_such_value_say_so(store, wanted):
    with pytest.raises(ValueError, match="must be one of"):
        Findings(store).find(wanted)


def test_limits_have_bounds(store):
    for questions in (Audits(store), Findings(store)):
        for limit in (0, 1001):
            with pytest.raises(ValueError, match="limit"):
                questions.find(limit=limit)


def test_events_are_forgotten_with_the_facts_and_findings_later(store):
    now_us = 400 * DAY_US
    old_us = now_us - 31 * DAY_US
    store.write([an_event("old", old_us), an_event("new", now_us), a_finding("f", old_us), said("f", old_us, "open")])
    assert forget(store, Retention(), now_us) == {"audit_event": 1}
    assert [row.id for row in Audits(store).newest(10, 0)] == ["new"]
    assert forget(store, Retention(), now_us + 360 * DAY_US)["finding"] == 1


def test_every_filter_narrows(store):
    store.write([
        an_event("a", 10), an_event("b", 20, verb="delete", kind="delete", actor="ann", namespace="x", node="m"),
    ])  # fmt: skip
    for wanted in (
        EventFilter(verb="delete"), EventFilter(kind="delete"), EventFilter(actor="ann"), EventFilter(namespace="x"),
        EventFilter(node="m"), EventFilter(name="od-b"), EventFilter(ids=["b"]), EventFilter(since_us=20),
    ):  # fmt: skip
        assert [row.id for row in Audits(store).find(wanted).events] == ["b"], wanted
        assert Audits(store).count(wanted) == 1
    assert Audits(store).count(EventFilter(until_us=20)) == 1
    assert Audits(store).count(EventFilter(ids=[])) == 0
