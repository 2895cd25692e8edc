"""Reading events: bare, in every envelope, cut, huge, and what is none."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.audit import AuditEvent, BadEvent, read_event, read_events
from analytics.audit.event import LONGEST
from analytics.audit.lab.disturb import ENVELOPES
from tests.analytics.audit.examples import corpus

SAMPLE = corpus(scenes=60).events[::25]
GKE = {
    "insertId": "insert-1",
    "timestamp": "2026-01-02T03:04:05.250Z",
    "operation": {"id": "audit-1", "first": True},
    "labels": {"authorization.k8s.io/decision": "allow"},
    "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "authenticationInfo": {"principalEmail": "mallory@example.test"},
        "methodName": "io.k8s.core.v1.pods.binding.create",
        "resourceName": "core/v1/namespaces/team-a/pods/web-0/binding",
        "requestMetadata": {"callerIp": "203.0.113.9", "callerSuppliedUserAgent": "curl/8.9"},
        "request": {"target": {"kind": "Node", "name": "node-3"}},
        "status": {},
    },
}


@pytest.mark.parametrize("name", sorted(ENVELOPES))
@given(number=st.integers(0, len(SAMPLE) - 1))
def test_an_event_in_an_envelope_is_the_event(name: str, number: int) -> None:
    bare = SAMPLE[number]
    wrapped = orjson.dumps(ENVELOPES[name](bare))
    assert read_event(wrapped) == read_event(orjson.dumps(bare)) == read_event(bare)


@pytest.mark.parametrize("number", range(0, len(SAMPLE), 5))
def test_records_of_aks_and_rows_of_cloudwatch_and_lines_of_containers_are_events(number: int) -> None:
    bare, line = SAMPLE[number], orjson.dumps(SAMPLE[number])
    event = read_event(bare)
    records = {"records": [ENVELOPES["aks"](bare), ENVELOPES["aks"](bare)]}
    assert list(read_events(orjson.dumps(records))) == [event, event]
    assert read_event({"@timestamp": "2026-01-02 03:04:05", "@message": line.decode()}) == event
    assert read_event({"events": [{"timestamp": 1, "message": line.decode()}]}) == event
    assert read_event(b"2026-01-02T03:04:05.678901234Z stdout F " + line) == event
    assert read_event({"jsonPayload": bare}) == event


def test_a_log_entry_of_gke_is_an_event_under_its_own_names() -> None:
    event = read_event(GKE)
    assert event == AuditEvent(
        audit_id="audit-1",
        level="Request",
        at_us=1_767_323_045_250_000,
        verb="create",
        user="mallory@example.test",
        source_ips=("203.0.113.9",),
        user_agent="curl/8.9",
        resource="pods",
        subresource="binding",
        namespace="team-a",
        name="web-0",
        code=201,
        request={"target": {"kind": "Node", "name": "node-3"}},
        annotations={"authorization.k8s.io/decision": "allow"},
        request_uri="/core/v1/namespaces/team-a/pods/web-0/binding",
    )
    assert list(read_events({"entries": [GKE, GKE]})) == [event, event]


@pytest.mark.parametrize(
    ("path", "group", "rest"),
    [
        ("core/v1/nodes/node-3", "", ("nodes", "", "node-3", "")),
        ("core/v1/namespaces/team-a", "", ("namespaces", "", "team-a", "")),
        ("apps/v1/namespaces/a/deployments/web", "apps", ("deployments", "a", "web", "")),
        ("core/v1/namespaces/a/pods/p/exec", "", ("pods", "a", "p", "exec")),
        ("", "", ("", "", "", "")),
    ],
)
def test_names_of_objects_on_gke(path: str, group: str, rest: tuple[str, ...]) -> None:
    event = read_event(GKE | {"protoPayload": GKE["protoPayload"] | {"resourceName": path}})  # type: ignore[operator]
    assert event.api_group == group
    assert (event.resource, event.namespace, event.name, event.subresource) == rest


@pytest.mark.parametrize(("grpc", "http"), [(0, 201), (5, 404), (7, 403), (16, 401), (99, 500)])
def test_codes_of_grpc_are_told_as_those_of_http(grpc: int, http: int) -> None:
    event = read_event(GKE | {"protoPayload": GKE["protoPayload"] | {"status": {"code": grpc}}})  # type: ignore[operator]
    assert event.code == http


@given(number=st.integers(0, len(SAMPLE) - 1), share=st.floats(0, 0.999))
def test_a_line_that_is_cut_is_told_and_never_half_an_event(number: int, share: float) -> None:
    line = orjson.dumps(SAMPLE[number])
    cut = line[: int(len(line) * share)]
    assert all(isinstance(one, BadEvent) for one in read_events(cut))
    with pytest.raises(BadEvent):
        read_event(cut)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(
            ["kind", "auditID", "items", "records", "log", "message", "properties", "protoPayload", "user", "stage",
             "objectRef", "requestObject", "stageTimestamp", "annotations", "methodName", "logEvents", "other"]
        )
        | st.text(max_size=4),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(given_=JSON)
def test_whatever_stands_there_is_an_event_or_is_told(given_: Any) -> None:
    for one in read_events(json.dumps(given_).encode()):
        assert isinstance(one, AuditEvent | BadEvent)


@given(raw=st.binary(max_size=200))
def test_bytes_that_are_no_text_are_told(raw: bytes) -> None:
    assert all(isinstance(one, BadEvent) for one in read_events(raw))


def test_a_line_of_a_megabyte_is_an_event_and_one_past_the_bound_is_told_without_being_read() -> None:
    event = SAMPLE[0] | {"requestObject": {"data": {f"key-{n}": "x" * 1000 for n in range(1100)}}}
    line = orjson.dumps(event)
    assert len(line) > 1 << 20
    assert read_event(line).request == event["requestObject"]
    (told,) = read_events(b" " * (LONGEST + 1))
    assert isinstance(told, BadEvent)
    assert f"{LONGEST + 1} bytes" in str(told)


def test_envelopes_within_envelopes_have_a_bound() -> None:
    inner: Any = SAMPLE[0]
    for _ in range(5):
        inner = {"log": orjson.dumps(inner).decode()}
    assert read_event(inner).audit_id == SAMPLE[0]["auditID"]
    for _ in range(5):
        inner = {"log": orjson.dumps(inner).decode()}
    with pytest.raises(BadEvent, match="wrapped more than 6 times"):
        read_event(inner)
    deep = b'{"items":[' * 50_000
    assert all(isinstance(one, BadEvent) for one in read_events(deep))


BARE = {"auditID": "a", "stageTimestamp": "2026-01-02T03:04:05Z"}


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({}, "auditID is missing, and no envelope is known"),
        ({"kind": "Event"}, "auditID is missing"),
        ({"auditID": "a"}, "neither stageTimestamp nor requestReceivedTimestamp"),
        (BARE | {"kind": "Pod"}, "kind is 'Pod'"),
        (BARE | {"stageTimestamp": "yesterday"}, "stageTimestamp is 'yesterday'"),
        (BARE | {"user": "alice"}, r"\$.user"),
        (BARE | {"responseStatus": {"code": "no"}}, r"\$.responseStatus.code"),
        ([], "want an object"),
        ({"items": [7]}, "7; want an object"),
    ],
)
def test_what_is_no_event_is_told_with_what_is_wrong(given_: Any, why: str) -> None:
    with pytest.raises(BadEvent, match=why):
        read_event(json.dumps(given_))


def test_fields_of_newer_servers_are_passed_over_and_missing_ones_are_empty() -> None:
    event = read_event(BARE | {"constrainedImpersonation": {"mode": "x"}, "user": None, "objectRef": None})
    assert (event.user, event.resource, event.code, event.groups) == ("", "", 0, ())
    assert event.at_us == 1_767_323_045_000_000


def test_a_batch_with_one_bad_event_still_tells_the_others() -> None:
    told = list(read_events({"kind": "EventList", "items": [BARE, {"kind": "Event"}, BARE]}))
    assert [isinstance(one, AuditEvent) for one in told] == [True, False, True]


def test_a_name_that_the_server_made_stands_in_the_answer_and_a_refusal_names_nothing() -> None:
    reference = {"objectRef": {"resource": "pods", "namespace": "a"}}
    answer = {"kind": "Pod", "metadata": {"name": "web-x7k2p", "uid": "u1"}}
    event = read_event(BARE | reference | {"responseObject": answer})
    assert (event.name, event.uid, event.object) == ("web-x7k2p", "u1", "pods/a/web-x7k2p")
    refusal = {"kind": "Status", "metadata": {"name": "nothing"}}
    assert read_event(BARE | reference | {"responseObject": refusal}).name == ""
