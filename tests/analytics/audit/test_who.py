"""Events that agree in who asked what from where go by the same cases; only what they name and send is asked anew."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from analytics.audit import AuditEvent, Context, Detector, read_events, shipped_rules
from analytics.audit.case import outcome_of
from analytics.audit.condition import asks
from analytics.audit.facts import Facts
from analytics.audit.fields import FIELDS, WHO, who
from tests.analytics.audit.examples import found, made

NAMES = st.sampled_from(["", "a", "kube-system", "web-0", "system:masters", "system:node:n1", "trimtab/1"])
BODIES = st.sampled_from([None, {}, {"spec": {"nodeName": "n", "hostPID": True}}, {"metadata": {"labels": {"a": "b"}}}])
EVENTS = st.builds(
    AuditEvent,
    audit_id=NAMES,
    at_us=st.integers(0, 9),
    user=st.sampled_from(["", "alice", "system:anonymous", "system:kube-scheduler", "system:serviceaccount:a:b"]),
    groups=st.lists(NAMES, max_size=2).map(tuple),
    impersonated=NAMES,
    source_ips=st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2"]), max_size=3).map(tuple),
    user_agent=NAMES,
    verb=st.sampled_from(["get", "create", "patch"]),
    resource=st.sampled_from(["pods", "nodes", "x"]),
    subresource=st.sampled_from(["", "exec", "status"]),
    namespace=NAMES,
    code=st.sampled_from([200, 403]),
    stage=st.sampled_from(["ResponseComplete", "Panic"]),
)
REST = st.fixed_dictionaries(
    {
        "audit_id": NAMES,
        "at_us": st.integers(0, 9),
        "level": NAMES,
        "api_group": NAMES,
        "name": NAMES,
        "uid": NAMES,
        "request": BODIES,
        "response": BODIES,
        "request_uri": st.sampled_from(["", "/api", "/apis/x"]),
        "annotations": st.dictionaries(NAMES, NAMES, max_size=2),
    }
)


@given(event=EVENTS, rest=REST, earlier=st.lists(st.sampled_from(["10.0.0.9", "forged"]), max_size=2))
def test_fields_of_who_do_not_depend_on_what_an_event_names_or_sends(event, rest, earlier):
    forged = (*earlier, *event.source_ips) if event.source_ips else ()
    other = msgspec.structs.replace(event, **rest, source_ips=forged)
    assert who(event, outcome_of(event)) == who(other, outcome_of(other))
    for name in WHO:
        assert FIELDS[name].read(Facts(event, Context())) == FIELDS[name].read(Facts(other, Context(), "alice")), name


def test_a_condition_asks_for_the_fields_of_its_parts_too():
    condition = {"verb": "get", "any": [{"name": "a"}, {"not": {"all": [{"user": "b"}, {"code": {"above": 1}}]}}]}
    assert asks(condition) == {"verb", "name", "user", "code"}


def test_a_long_user_agent_changes_nothing_of_what_is_found():
    """And is not remembered: whoever may send anything may send much."""
    pinned = {"spec": {"nodeName": "node-1"}}
    long = [
        msgspec.structs.replace(event, user_agent="x" * 100_000)
        for event in made("p", verb="create", user="alice", object="pods/team-a/web-#", repeat=3, request=pinned)
    ]
    assert len(found(long, "SCH-01")) == 3
    detector = Detector(shipped_rules(), Context())
    for event in long:
        detector.see(event)
    assert detector._index._by_who == {}


def test_the_case_of_a_user_is_not_lost_on_another_of_the_same_kind():
    """The index is filled by whoever comes first: here by those whom no case concerns."""
    target = {"target": {"name": "node-1"}}
    scheduler = made("s", verb="create", user="system:kube-scheduler", object="pods/a/b/binding", request=target)
    alice = made("a", verb="create", user="alice", object="pods/a/b/binding", request=target)
    assert [finding.user for finding in found([*scheduler, *alice, *scheduler], "SCH-02")] == ["alice"]


@given(
    second=st.datetimes().map(lambda at: at.replace(microsecond=0)),
    fraction=st.integers(0, 999_999),
    zone=st.sampled_from(["Z", "+00:00"]),
)
def test_a_time_is_the_same_however_its_zone_is_written(second, fraction, zone):
    text = f"{second.isoformat()}.{fraction:06d}"
    events = [
        next(iter(read_events({"kind": "Event", "auditID": "a", "stageTimestamp": text + one, "verb": "get"})))
        for one in (zone, "+00:00")
    ]
    assert str(events[0]) == str(events[1])


def test_a_time_of_the_usual_length_that_is_none_is_refused():
    for text in ("2026-01-02T03:04:05.67٨901Z", "2026-13-02T03:04:05.678901Z", "2026-01-02T03:04:05.67_901Z"):
        (told,) = read_events({"kind": "Event", "auditID": "a", "stageTimestamp": text, "verb": "get"})
        assert "want a time" in str(told)
