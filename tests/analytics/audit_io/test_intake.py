"""Events become rows and findings once, in whatever order and however often they come."""

from __future__ import annotations

import json
import random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.audit import Context, read_event
from analytics.ingest.audit import Busy, Intake, intake, metrics
from analytics.ingest.audit.rows import event_of, row_of
from analytics.store import Store, StoreError
from analytics.store.audit import Audits, sent
from analytics.store.findings import FindingFilter, Findings
from analytics.store.tables import FindingStateRow
from tests.analytics.audit_io.events import bound, created, entered, event, line, us


def taken(intake, *told, way="file"):
    return intake.take([line(one) for one in told], "test", way=way)


def counted(counter, *labels):
    return counter.labels(*labels)._value.get()


@pytest.fixture
def an_intake(store):
    return Intake(store, Context, clock=lambda: us(60) / 1e6)


def test_r120_bindings_are_extracted_with_pod_node_and_latency(store, an_intake):
    taken(an_intake, created("web-0", seconds=1), bound("web-0", "node-3", seconds=3.5))
    rows = {row.kind: row for row in Audits(store).newest(10, 0)}
    assert (rows["binding"].name, rows["binding"].node, rows["binding"].uid) == ("web-0", "node-3", "uid-web-0")
    assert rows["binding"].wait_us == 2_500_000
    assert rows["create"].uid == "uid-web-0"
    assert rows["create"].wait_us == -1


def test_a_binding_that_seems_older_than_its_pod_waited_nothing_and_is_counted_as_skew(store, an_intake):
    before = metrics.SKEW._value.get()
    taken(an_intake, created("web-0", seconds=2), bound("web-0", "node-3", seconds=1.5))
    assert [row.wait_us for row in Audits(store).newest(10, 0) if row.kind == "binding"] == [0]
    assert metrics.SKEW._value.get() == before + 1


def test_a_pod_with_a_generated_name_has_the_name_of_the_answer(store, an_intake):
    told = created("web-x7f", seconds=1, name="")
    told["requestObject"]["metadata"] = {"generateName": "web-"}
    taken(an_intake, told)
    assert [row.name for row in Audits(store).newest(10, 0)] == ["web-x7f"]


def test_r121_a_binding_by_a_stranger_is_a_finding_with_who_when_and_which_object(store, an_intake):
    taken(an_intake, bound("web-0", "node-3", seconds=5, user="mallory", id="a1"))
    (found,) = Findings(store).find(FindingFilter(rule="SCH-02")).findings
    assert (found.row.severity, found.row.actor, found.row.at_us) == ("critical", "mallory", us(5))
    assert "web-0" in found.row.object
    assert json.loads(found.row.event_ids) == ["a1"]
    assert found.state == "open"


def test_r123_a_person_where_it_never_was_is_a_finding_of_a_rule_of_its_own(store, an_intake):
    """After two days in one namespace."""
    usual = [
        event("patch", "pods", name=f"p{at}", user="ann", agent="kubectl", seconds=1800 * at, namespace="team-a")
        for at in range(100)
    ]
    taken(an_intake, *usual)
    taken(an_intake, event("patch", "pods", name="q", user="ann", agent="kubectl", seconds=180_000, namespace="team-z"))
    found = Findings(store).find(FindingFilter(rule="ANO-03")).findings
    assert [one.row.actor for one in found] == ["ann"]


def test_what_does_not_concern_scheduling_is_counted_and_not_stored(store, an_intake):
    before = counted(metrics.LEFT_OUT, "other")
    taken(an_intake, event("get", "nodes", user="alice", agent="kubectl"))
    assert Audits(store).count() == 0
    assert counted(metrics.LEFT_OUT, "other") == before + 1


def test_who_is_refused_is_kept_whatever_it_concerns(store, an_intake):
    taken(an_intake, event("list", "secrets", user="mallory", code=403))
    assert [row.actor for row in Audits(store).newest(10, 0)] == ["mallory"]


def test_one_request_is_one_row_whatever_stages_are_told(store, an_intake):
    early = entered("web-0", stage="RequestReceived", id="x", code=0)
    taken(an_intake, early, entered("web-0", id="x"), entered("web-0", id="x", stage="ResponseComplete"))
    assert [row.stage for row in Audits(store).newest(10, 0)] == ["ResponseStarted"]
    assert len(Findings(store).find(FindingFilter(rule="SCH-17")).findings) == 1


def test_an_event_that_comes_again_after_a_restart_is_known(store, an_intake):
    told = bound("web-0", "node-3", seconds=1, user="mallory")
    taken(an_intake, told)
    again = taken(Intake(store, Context), told, way="webhook")
    assert (again.events, again.known) == (0, 1)
    assert Audits(store).count() == 1
    assert Findings(store).count() == 1


def test_r186_r187_events_and_violations_are_counted_once_each(store, an_intake):
    told = bound("web-0", "node-3", seconds=1, user="mallory")
    events, found = counted(metrics.EVENTS, "binding"), counted(metrics.VIOLATIONS, "SCH-02", "critical")
    taken(an_intake, told, told)
    taken(an_intake, told)
    assert counted(metrics.EVENTS, "binding") == events + 1
    assert counted(metrics.VIOLATIONS, "SCH-02", "critical") == found + 1


def test_r187_what_is_suppressed_before_it_comes_is_found_and_not_counted(store, an_intake):
    taken(an_intake, bound("web-0", "node-3", seconds=1, user="ops"))
    (found,) = Findings(store).find().findings
    quiet: dict[str, Any] = {"state": "suppressed", "who": "ann", "why": "our tool", "until_us": 0, "similar_too": True}
    Findings(store).say(FindingStateRow(found.row.id, us(60), rule=found.row.rule, actor="ops", **quiet))
    before = counted(metrics.VIOLATIONS, "SCH-02", "critical")
    taken(an_intake, bound("web-1", "node-3", seconds=2, user="ops"))
    taken(an_intake, bound("web-2", "node-3", seconds=3, user="mallory"))
    assert counted(metrics.VIOLATIONS, "SCH-02", "critical") == before + 1
    assert Findings(store).count(FindingFilter(rule="SCH-02", states=["open"])) == 1
    assert Findings(store).count(FindingFilter(rule="SCH-02", states=["suppressed"])) == 2


def test_secrets_and_environments_are_not_kept(store, an_intake):
    spec = {
        "containers": [{"name": "c", "env": [{"name": "PASSWORD", "value": "hunter2"}, {"name": "A", "valueFrom": {}}]}]
    }
    told = created("web-0", spec=spec)
    told["requestObject"]["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": "hunter2",
        "team": "a",
    }
    secret = event("create", "secrets", name="s", request={"data": {"p": "hunter2"}}, code=403, user="mallory")
    taken(an_intake, told, secret)
    bodies: dict[str, Any] = {row.resource: sent(row) for row in Audits(store).newest(10, 0)}
    assert "hunter2" not in json.dumps(bodies)
    assert bodies["secrets"] is None
    assert bodies["pods"]["metadata"]["annotations"] == {"team": "a"}
    assert bodies["pods"]["spec"]["containers"][0]["env"][0] == {"name": "PASSWORD", "value": "(not kept)"}


def test_a_stored_event_comes_back_as_the_rules_saw_it_but_for_the_answer():
    told = bound("web-0", "node-3", seconds=1, groups=["g1", "g2"], ips=["10.0.0.1", "10.0.0.2"])
    before = read_event(line(told))
    after = event_of(row_of(before, "binding", "test", 1))
    for field in before.__struct_fields__:
        if field != "response":
            assert getattr(after, field) == getattr(before, field), field


class Refusing:
    """A store that does not write for a while."""

    def __init__(self, store):
        self._store = store
        self.refuses = self.silent = False

    def write(self, rows):
        if self.refuses:
            raise StoreError("the disk is full")
        self._store.write(rows)

    def query(self, *given):
        if self.silent:
            raise StoreError("the server is gone")
        return self._store.query(*given)

    def __getattr__(self, name):
        return getattr(self._store, name)


def test_what_the_store_would_not_take_is_written_later_and_once(store):
    refusing = Refusing(store)
    an_intake = Intake(cast("Store", refusing), Context)
    told = bound("web-0", "node-3", user="mallory")
    taken(an_intake)
    refusing.refuses = True
    with pytest.raises(StoreError):
        taken(an_intake, told)
    assert Audits(store).count() == 0
    with pytest.raises(StoreError):  # the API server sends the batch again
        taken(an_intake, told)
    refusing.refuses = False
    assert taken(an_intake, told).known == 1
    assert Audits(store).count() == 1
    assert Findings(store).count(FindingFilter(rule="SCH-02")) == 1


def test_what_the_store_cannot_be_asked_about_is_not_taken(store):
    refusing = Refusing(store)
    an_intake = Intake(cast("Store", refusing), Context)
    refusing.silent = True
    with pytest.raises(Busy):
        taken(an_intake, bound("web-0", "node-3"))
    refusing.silent = False
    assert taken(an_intake, bound("web-0", "node-3", id="again")).events == 1


def test_what_waits_for_the_store_has_a_bound(store, monkeypatch):
    monkeypatch.setattr(intake, "UNWRITTEN_MAX", 2)
    refusing = Refusing(store)
    an_intake = Intake(cast("Store", refusing), Context)
    taken(an_intake)
    refusing.refuses = True
    with pytest.raises(StoreError):
        taken(an_intake, *(bound(f"p{at}", "n") for at in range(3)))
    with pytest.raises(Busy):
        taken(an_intake, bound("late", "n"))
    refusing.refuses = False
    taken(an_intake, bound("late", "n"))
    assert Audits(store).count() == 4


def test_a_rule_that_stumbles_over_an_event_does_not_stop_the_reading(store, an_intake, monkeypatch):
    class Stumbling:
        def __init__(self, rules, context):
            pass

        def see(self, event):
            raise ZeroDivisionError("no such luck")

    monkeypatch.setattr(intake, "Detector", Stumbling)
    before = metrics.RULE_FAULTS._value.get()
    assert taken(an_intake, bound("web-0", "node-3")).stored == 1
    assert metrics.RULE_FAULTS._value.get() == before + 1


def test_evidence_that_was_not_worth_storing_alone_is_stored_with_its_finding(store, an_intake, monkeypatch):
    class Second:
        """Finds something at the second event, because of the first."""

        def __init__(self, rules, context):
            self.before = None

        def see(self, event):
            from analytics.audit import Finding

            first, self.before = self.before, event
            if first is None:
                return []
            return [
                Finding(
                    rule="SCH-20", title="t", severity="low", at_us=event.at_us, user=event.user, object="nodes",
                    description="d", event_ids=(first.audit_id, event.audit_id), attack=(), fix="", key="k",
                )
            ]  # fmt: skip

    monkeypatch.setattr(intake, "Detector", Second)
    taken(an_intake, event("get", "nodes", id="one", user="alice"))
    assert Audits(store).count() == 0
    taken(an_intake, event("get", "nodes", id="two", user="alice"))
    assert {row.id for row in Audits(store).newest(10, 0)} == {"one", "two"}


def test_an_event_that_the_store_refuses_takes_no_other_with_it(store, an_intake):
    huge = 1 << 70
    bad = bound("bad", "n")
    bad["responseStatus"]["code"] = huge
    taken(an_intake, bound("good-0", "n"), bad, bound("good-1", "n"))
    assert {row.name for row in Audits(store).newest(10, 0)} >= {"good-0", "good-1"}


def test_a_text_with_a_nul_or_a_lone_surrogate_does_no_harm(store, an_intake):
    raw = line(bound("web-0", "n", user="a\u0000b"))
    lone = line(bound("web-1", "n", user="XX")).replace(b"XX", b"\\ud800")
    an_intake.take([raw, lone], "test", way="file")
    assert "web-0" in {row.name for row in Audits(store).newest(10, 0)}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), copies=st.integers(1, 3), size=st.integers(1, 7))
def test_order_and_repetition_of_deliveries_do_not_change_what_is_stored(seed, copies, size):
    draw = random.Random(seed)
    told = [bound(f"p{at}", "node-1", seconds=at, id=f"id{at}", user=draw.choice(["a", "b"])) for at in range(12)]
    sent_events = told * copies
    draw.shuffle(sent_events)
    store = Store.open(":memory:")
    an_intake = Intake(store, Context)
    for first in range(0, len(sent_events), size):
        taken(an_intake, *sent_events[first : first + size])
    rows = Audits(store).newest(100, 0)
    assert [row.id for row in rows] == [one["auditID"] for one in told]
    assert Findings(store).count(FindingFilter(rule="SCH-02")) == 12
    store.close()
