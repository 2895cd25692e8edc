"""What is read, what is tolerated, what is refused, and that refusal is the only way to fail."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.model.columns import NodeTable
from extender.wire.codec import Codec
from extender.wire.decode import read_bind, read_candidates, read_preempt
from extender.wire.messages import BadRequest, MetaVictims

POD = {"metadata": {"name": "web-1", "namespace": "shop", "uid": "u-1"}}


def candidates(**changed: Any) -> bytes:
    return json.dumps({"Pod": POD, "Nodes": None, "NodeNames": ["a"]} | changed).encode()


def preempt(**changed: Any) -> bytes:
    whole = {"Pod": POD, "NodeNameToVictims": None, "NodeNameToMetaVictims": {}}
    return json.dumps(whole | changed).encode()


def bind(**changed: Any) -> bytes:
    return json.dumps({"PodName": "p", "PodNamespace": "ns", "PodUID": "u", "Node": "n"} | changed).encode()


HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"5",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"<html>",
    b"[" * 100_000,
    b'{"Pod":' * 100_000,
    b'{"Pod":{"metadata":{"uid":"\xff"}},"Nodes":null,"NodeNames":["a"]}',
    b'{"Pod":{"metadata":{"uid":"u","annotations":{"x":"\xc3"}},"skipped":"\xff"},"Nodes":null,"NodeNames":["a"]}',
    b'{"Pod":{"metadata":{"uid":"\\ud800"}},"Nodes":null,"NodeNames":["a"]}',
    b'{"Pod":{"skip":' + b"[" * 50_000 + b"]" * 50_000 + b'},"Nodes":null,"NodeNames":["a"]}',
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bodies_are_refused_by_every_reader(body: bytes) -> None:
    for read in (Codec(NodeTable()).read, read_preempt, read_bind):
        with pytest.raises(BadRequest):
            read(body)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"Pod": None}, "Pod"),
        ({"Pod": []}, "Pod"),
        ({"Pod": {}}, "metadata.uid"),
        ({"Pod": {"metadata": None}}, "Pod"),
        ({"Pod": {"metadata": {"uid": 5}}}, "uid"),
        ({"Pod": POD | {"spec": {"priority": 2**31}}}, "priority"),
        ({"Pod": POD | {"spec": {"priority": 10**400}}}, "priority"),
        ({"Pod": POD | {"spec": {"priority": 1.5}}}, "priority"),
        ({"Pod": POD | {"status": {"startTime": "0001-01-01T00:00:00"}}}, "out of range"),
        ({"NodeNames": None}, "neither"),
        ({"Nodes": {"items": []}}, "both"),
        ({"NodeNames": "a"}, "NodeNames"),
        ({"NodeNames": ["a", None]}, "NodeNames"),
        ({"NodeNames": ["a", 5]}, "NodeNames"),
        ({"NodeNames": None, "Nodes": []}, "Nodes"),
        ({"NodeNames": None, "Nodes": {"items": [None]}}, "Nodes.items"),
        ({"NodeNames": None, "Nodes": {"items": [{"metadata": {}}]}}, "name"),
        ({"NodeNames": None, "Nodes": {"items": [{"metadata": {"name": 1}}]}}, "name"),
    ],
)
def test_a_wrong_candidate_request_is_refused_with_its_place(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        Codec(NodeTable()).read(candidates(**changed))


def test_lower_case_keys_are_not_ours() -> None:
    with pytest.raises(BadRequest):
        read_candidates(json.dumps({"pod": POD, "nodes": None, "nodenames": ["a"]}).encode())


def test_missing_lists_count_as_null() -> None:
    codec = Codec(NodeTable())
    assert list(codec.read(json.dumps({"Pod": POD, "NodeNames": ["a"]}).encode()).names) == ["a"]
    items = json.dumps({"Pod": POD, "Nodes": {"items": [{"metadata": {"name": "b"}}]}}).encode()
    assert list(codec.read(items).names) == ["b"]


@pytest.mark.parametrize("items", [None, []])
def test_a_node_list_without_items_is_empty(items: list[Any] | None) -> None:
    request = Codec(NodeTable()).read(candidates(NodeNames=None, Nodes={"metadata": {}, "items": items}))
    assert list(request.names) == []
    assert request.items == []


def test_a_node_object_sent_twice_is_kept_once_as_it_first_came() -> None:
    twice = [{"metadata": {"name": "a"}, "n": 1}, {"metadata": {"name": "b"}}, {"metadata": {"name": "a"}, "n": 2}]
    request = Codec(NodeTable()).read(candidates(NodeNames=None, Nodes={"items": twice}))
    assert list(request.names) == ["a", "b"]
    assert request.items is not None
    assert [json.loads(bytes(raw)) for raw in request.items] == twice[:2]


def test_a_pod_without_uid_goes_by_its_namespace_and_name() -> None:
    request = Codec(NodeTable()).read(candidates(Pod={"metadata": {"name": "web", "namespace": "shop"}}))
    assert request.pod.uid == "shop/web"


@pytest.mark.parametrize("created", [None, "2026-11-22T00:41:05Z"])
def test_creation_time_may_be_null_missing_or_set(created: str | None) -> None:
    codec = Codec(NodeTable())
    pod = {"metadata": POD["metadata"] | {"creationTimestamp": created}}
    assert (codec.read(candidates(Pod=pod)).pod.created_at_s > 0) == (created is not None)
    assert codec.read(candidates()).pod.created_at_s == 0


def test_preempt_reads_both_forms_to_the_same_values() -> None:
    meta: dict[str, dict[str, Any]] = {
        "a": {"Pods": [{"UID": "x"}, {"UID": "y"}], "NumPDBViolations": 2},
        "b": {"Pods": [], "NumPDBViolations": 0},
    }
    whole = {
        node: found | {"Pods": [{"metadata": {"uid": pod["UID"], "name": "p"}, "spec": {}} for pod in found["Pods"]]}
        for node, found in meta.items()
    }
    one = read_preempt(preempt(NodeNameToMetaVictims=meta))
    other = read_preempt(preempt(NodeNameToMetaVictims=None, NodeNameToVictims=whole))
    assert one == other
    assert one.nodes == {"a": MetaVictims(("x", "y"), 2), "b": MetaVictims(())}


@pytest.mark.parametrize(
    "found",
    [None, {}, {"Pods": None}, {"Pods": []}, {"Pods": [None]}, {"NumPDBViolations": None}],
)
@pytest.mark.parametrize("key", ["NodeNameToMetaVictims", "NodeNameToVictims"])
def test_preempt_tolerates_nulls_as_no_victims(key: str, found: Any) -> None:
    body = preempt(**({"NodeNameToMetaVictims": None} | {key: {"a": found}}))
    assert read_preempt(body).nodes == {"a": MetaVictims(())}


def test_preempt_without_any_map_has_no_nodes() -> None:
    assert read_preempt(preempt(NodeNameToMetaVictims=None)).nodes == {}


def test_a_victim_named_twice_counts_once() -> None:
    found = {"a": {"Pods": [{"UID": "x"}, {"UID": "y"}, {"UID": "x"}], "NumPDBViolations": 0}}
    assert read_preempt(preempt(NodeNameToMetaVictims=found)).nodes["a"].uids == ("x", "y")


@pytest.mark.parametrize(
    "changed",
    [
        {"Pod": None},
        {"NodeNameToMetaVictims": []},
        {"NodeNameToVictims": {}},
        {"NodeNameToMetaVictims": {"a": {"Pods": {}}}},
        {"NodeNameToMetaVictims": {"a": {"Pods": [{}]}}},
        {"NodeNameToMetaVictims": {"a": {"Pods": [{"UID": ""}]}}},
        {"NodeNameToMetaVictims": {"a": {"Pods": [{"UID": 1}]}}},
        {"NodeNameToMetaVictims": {"a": {"Pods": [], "NumPDBViolations": 2**63}}},
        {"NodeNameToMetaVictims": {"a": {"Pods": [], "NumPDBViolations": 0.5}}},
        {"NodeNameToMetaVictims": None, "NodeNameToVictims": {"a": {"Pods": [{"metadata": {}}]}}},
    ],
)
def test_a_wrong_preempt_request_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        read_preempt(preempt(**changed))


def test_bind_reads_its_four_strings() -> None:
    request = read_bind(bind(Later=1))
    assert (request.name, request.namespace, request.uid, request.node) == ("p", "ns", "u", "n")


@pytest.mark.parametrize("key", ["PodName", "PodNamespace", "PodUID", "Node"])
@pytest.mark.parametrize("value", ["", None, 5, ["p"]])
def test_bind_without_one_of_them_is_refused(key: str, value: Any) -> None:
    with pytest.raises(BadRequest, match=key):
        read_bind(bind(**{key: value}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["Pod", "Nodes", "NodeNames", "NodeNameToVictims", "NodeNameToMetaVictims", "PodName", "PodUID", "Node", "items"]


@given(st.dictionaries(st.sampled_from(KEYS), json_values | st.just(POD)))
@settings(max_examples=300, deadline=None)
def test_any_json_is_a_value_or_a_bad_request(tree: dict[str, Any]) -> None:
    body = json.dumps(tree).encode()
    for read in (Codec(NodeTable()).read, read_preempt, read_bind):
        with contextlib.suppress(BadRequest):
            read(body)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_value_or_a_bad_request(body: bytes) -> None:
    for read in (Codec(NodeTable()).read, read_preempt, read_bind):
        with pytest.raises(BadRequest):
            read(body)
