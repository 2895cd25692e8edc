"""The eight types of extender/v1, key by key, as Go spells them (mirrors upstream's types test)."""

from __future__ import annotations

import json

import numpy as np

from extender.model.columns import NodeTable
from extender.wire import encode
from extender.wire.codec import Codec
from extender.wire.decode import read_bind, read_preempt
from extender.wire.messages import BindRequest, MetaVictims

POD = (
    b'{"metadata":{"name":"p","namespace":"ns","uid":"u","creationTimestamp":null},'
    b'"spec":{"containers":null},"status":{}}'
)


def test_extender_args_with_names() -> None:
    request = Codec(NodeTable()).read(b'{"Pod":' + POD + b',"Nodes":null,"NodeNames":["node1"]}')
    assert request.pod.uid == "u"
    assert list(request.names) == ["node1"]
    assert request.items is None


def test_extender_args_with_nodes() -> None:
    node = b'{"metadata":{"name":"node1","creationTimestamp":null},"spec":{},"status":{}}'
    request = Codec(NodeTable()).read(
        b'{"Pod":' + POD + b',"Nodes":{"metadata":{},"items":[' + node + b']},"NodeNames":null}'
    )
    assert list(request.names) == ["node1"]
    assert request.items is not None
    assert bytes(request.items[0]) == node


def test_extender_filter_result_with_names() -> None:
    codec = Codec(NodeTable())
    request = codec.read(b'{"Pod":' + POD + b',"Nodes":null,"NodeNames":["node1","node2","node3"]}')
    assert codec.filter_answer(request, np.array([0, 1, 2], np.int16), ["why", "never"], [False, True]) == (
        b'{"NodeNames":["node1"],"FailedNodes":{"node2":"why"},"FailedAndUnresolvableNodes":{"node3":"never"},"Error":""}'
    )
    assert encode.filter_error(request, "broken") == (
        b'{"NodeNames":[],"FailedNodes":{},"FailedAndUnresolvableNodes":{},"Error":"broken"}'
    )


def test_extender_filter_result_with_nodes() -> None:
    codec = Codec(NodeTable())
    node = b'{"metadata":{"name":"node1"}}'
    request = codec.read(b'{"Pod":' + POD + b',"Nodes":{"items":[' + node + b"]}}")
    assert codec.filter_answer(request, np.array([0], np.int16), [], []) == (
        b'{"Nodes":{"metadata":{},"items":[' + node + b']},"FailedNodes":{},"FailedAndUnresolvableNodes":{},"Error":""}'
    )
    assert encode.filter_error(request, 'a "quoted" \n fault') == (
        b'{"Nodes":{"metadata":{},"items":[]},"FailedNodes":{},"FailedAndUnresolvableNodes":{},'
        b'"Error":"a \\"quoted\\" \\n fault"}'
    )


def test_host_priority_list() -> None:
    assert encode.prioritize_answer(["node1", "node2"], [7, -3]) == (
        b'[{"Host":"node1","Score":7},{"Host":"node2","Score":-3}]'
    )
    assert encode.prioritize_answer([], []) == b"[]"


def test_extender_preemption_args_with_victims_and_meta_victims() -> None:
    meta = b'{"node1":{"Pods":[{"UID":"u1"}],"NumPDBViolations":1}}'
    whole = b'{"node1":{"Pods":[{"metadata":{"uid":"u1"}}],"NumPDBViolations":1}}'
    head = b'{"Pod":' + POD
    one = read_preempt(head + b',"NodeNameToVictims":null,"NodeNameToMetaVictims":' + meta + b"}")
    other = read_preempt(head + b',"NodeNameToVictims":' + whole + b',"NodeNameToMetaVictims":null}')
    assert one.nodes == other.nodes == {"node1": MetaVictims(("u1",), 1)}


def test_extender_preemption_result_is_always_in_the_meta_form() -> None:
    assert encode.preempt_answer({"node1": MetaVictims(("u1", "u2"), 1)}) == (
        b'{"NodeNameToMetaVictims":{"node1":{"Pods":[{"UID":"u1"},{"UID":"u2"}],"NumPDBViolations":1}}}'
    )
    assert encode.preempt_answer({}) == b'{"NodeNameToMetaVictims":{}}'


def test_extender_binding_args() -> None:
    body = b'{"PodName":"p","PodNamespace":"ns","PodUID":"u","Node":"node1"}'
    assert read_bind(body) == BindRequest("p", "ns", "u", "node1")


def test_extender_binding_result() -> None:
    assert encode.bind_answer("") == b'{"Error":""}'
    assert json.loads(encode.bind_answer("taken by \ud800 <x>")) == {"Error": "taken by ? <x>"}


def test_error_texts_are_bounded() -> None:
    assert len(json.loads(encode.bind_answer("x" * 10_000))["Error"]) == encode.ERROR_CHARS_MAX
