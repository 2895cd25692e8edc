"""The detector: once however often, in whichever order within what a log can be late; bursts and sequences."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.audit import AuditEvent, Detector, read_event, shipped_rules
from analytics.audit.generator import Label
from analytics.audit.lab.disturb import disturbed
from analytics.audit.lab.score import scores
from tests.analytics.audit.examples import KNOWN, corpus, evictions, found, made

SUBJECT = {"kind": "ServiceAccount", "namespace": "team-a", "name": "x"}
GRANT = {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [SUBJECT]}
ACCOUNT = "system:serviceaccount:team-a:x"


def escalation(apart: float = 60) -> list[AuditEvent]:
    """A grant, a pod that can leave its container, and exec into it, by the account that was given the right."""
    target = "clusterrolebindings.rbac.authorization.k8s.io/-/mine"
    tool = {"spec": {"hostPID": True}}
    return [
        *made("grant", verb="create", user="alice", object=target, request=GRANT),
        *made("pod", at=apart, verb="create", user=ACCOUNT, object="pods/team-a/tool", request=tool),
        *made("exec", at=2 * apart, verb="create", user=ACCOUNT, object="pods/team-a/tool/exec", code=101),
    ]  # fmt: skip


def cases(events: list[AuditEvent], rule: str) -> list[str]:
    return [finding.case for finding in found(events, rule)]


@given(order=st.permutations(escalation()))
def test_a_sequence_is_one_finding_in_whichever_order_its_events_come(order):
    told = [finding for finding in found(order, "SCH-17") if finding.case == "escalation"]
    assert [finding.event_ids for finding in told] == [("grant-0", "pod-0", "exec-0")]


def test_a_sequence_has_its_window():
    assert "escalation" in cases(escalation(400), "SCH-17")
    assert "escalation" not in cases(escalation(700), "SCH-17")


@given(order=st.permutations(evictions(24)), copies=st.integers(1, 3))
def test_a_burst_is_one_finding_in_whichever_order_and_however_often_its_events_come(order, copies):
    told = found([event for event in order for _ in range(copies)], "SCH-11")
    assert [(finding.case, len(finding.event_ids)) for finding in told] == [("evictions", 20)]


@given(order=st.permutations(evictions(19)), copies=st.integers(2, 4))
def test_what_is_delivered_again_makes_no_burst(order, copies):
    assert found(order * copies, "SCH-11") == []


def test_bursts_of_two_users_are_two_findings_and_of_halves_none():
    mixed = [event for pair in zip(evictions(22), evictions(22, user="bob"), strict=True) for event in pair]
    assert sorted(finding.user for finding in found(mixed, "SCH-11")) == ["alice", "bob"]
    halves = [event for pair in zip(evictions(12), evictions(12, user="bob"), strict=True) for event in pair]
    assert found(halves, "SCH-11") == []


def test_events_that_come_much_too_late_do_not_complete_a_burst_of_another_minute():
    early, late = (
        evictions(12),
        [
            msgspec.structs.replace(event, audit_id=f"late-{event.audit_id}", at_us=event.at_us - 600_000_000)
            for event in evictions(12)
        ],
    )
    assert found([*early, *late], "SCH-11") == []
    detector = Detector(shipped_rules(), KNOWN)
    for event in [*early, *late]:
        detector.see(event)
    assert detector.late > 0


def test_a_session_that_is_told_when_it_begins_and_when_it_ends_is_found_once():
    begun, *_ = made("s", verb="create", user="alice", object="pods/shop/web-0/exec", code=101, stage="ResponseStarted")
    ended = msgspec.structs.replace(begun, stage="ResponseComplete", code=200, at_us=begun.at_us + 60_000_000)
    asked = msgspec.structs.replace(begun, stage="RequestReceived")
    for order in ([asked, begun, ended], [begun, ended, ended], [ended, begun], [asked, ended]):
        assert len(found(order, "SCH-17")) == 1
    assert found([asked], "SCH-17") == []


def test_what_was_refused_is_found_where_the_attempt_counts_only():
    refused = made("r", verb="create", user="mallory", object="pods/a/b/binding", code=403)
    assert [finding.rule for finding in found(refused, "SCH-02")] == ["SCH-02"]
    privileged = {"spec": {"containers": [{"securityContext": {"privileged": True}}]}}
    assert (
        found(made("p", verb="create", user="mallory", object="pods/a/b", code=403, request=privileged), "SCH-16") == []
    )


def test_a_finding_says_the_same_whenever_the_same_events_are_read_again():
    events = [*escalation(), *evictions(30)]
    first, again = found(events), found(events)
    assert first == again
    assert len({(finding.key, finding.at_us) for finding in first}) == len(first)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), places=st.integers(0, 20), twice=st.sampled_from([0.0, 0.3]))
def test_a_disturbed_log_tells_of_the_same_attacks(seed, places, twice):
    """Each event up to 20 places too late, and some twice: what is found is found, and nothing beside it."""
    calm, late = (outcome(seed, step, part) for step, part in ((0, 0.0), (places, twice)))
    assert late == calm


def outcome(seed: int, places: int, twice: float) -> dict[str, tuple[int, int]]:
    labelled = corpus()
    detector = Detector(shipped_rules(), KNOWN)
    told = []
    for raw in disturbed(labelled.events, seed, places=places, twice=twice):
        told += detector.see(read_event(raw))
    return {
        score.rule: (score.found, score.findings - score.right)
        for score in scores([rule.id for rule in shipped_rules()], labelled.labels, told)
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_r121_attacks_are_found_and_ordinary_days_are_quiet(seed):
    labelled = corpus(seed)
    told = found((read_event(event) for event in labelled.events), context=KNOWN)
    each = scores([rule.id for rule in shipped_rules()], labelled.labels, told)
    assert sum(score.right for score in each) >= 0.95 * sum(score.findings for score in each)
    assert sum(score.found for score in each) >= 0.95 * sum(score.attacks for score in each)
    plain = [label for label in labelled.labels if not label.evasive]
    for score in scores([rule.id for rule in shipped_rules()], plain, told):
        assert score.recall == 1, score


def test_a_score_counts_what_is_missed_and_what_is_wrong():
    label = Label("one", ("SCH-11",), evasive=False, event_ids=frozenset({"alice-evicts-3"}))
    missed = Label("two", ("SCH-11",), evasive=False, event_ids=frozenset({"nothing"}))
    told = found([*evictions(30), *evictions(30, user="bob")], "SCH-11")
    (score,) = scores(["SCH-11"], [label, missed], told)
    assert (score.attacks, score.found, score.missed) == (2, 1, ("two",))
    assert (score.findings, score.right) == (2, 1)
    assert (score.recall, score.precision) == (0.5, 0.5)
