"""The compiled path and the plain one: the same values in, the same bytes out, whatever the names."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.model.columns import NodeTable
from extender.model.pod import decode_pod
from extender.wire import codec as fast
from extender.wire import kernels
from extender.wire.codec import Codec
from extender.wire.messages import BadRequest, CandidateRequest, ObjectSpans

POD = {"metadata": {"name": "web-1", "namespace": "shop", "uid": "u-1"}, "spec": {"containers": []}, "status": {}}

plain_names = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?", fullmatch=True)
long_names = st.integers(1, 260).map(lambda n: "n" * n)
odd_names = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.one_of(plain_names, long_names, odd_names)
int64s = st.integers(-(2**63), 2**63 - 1)

compiled_only = pytest.mark.skipif(not kernels.COMPILED, reason="NUMBA_DISABLE_JIT: there is no compiled path")


def table_of(found: list[str]) -> NodeTable:
    nodes = NodeTable()
    for name in found:
        nodes.add(name)
    return nodes


def body_of(found: list[str], pod: Any = None) -> bytes:
    """As Go's encoder writes it: compact, `<`, `>` and `&` escaped, other characters as UTF-8."""
    text = json.dumps({"Pod": pod or POD, "Nodes": None, "NodeNames": found}, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode()


def same(one: CandidateRequest, other: CandidateRequest) -> bool:
    return (
        one.pod == other.pod
        and list(one.names) == list(other.names)
        and one.rows.tolist() == other.rows.tolist()
        and [bytes(item) for item in one.items or ()] == [bytes(item) for item in other.items or ()]
        and (one.items is None) == (other.items is None)
    )


@given(st.lists(names, max_size=30, unique=True), st.data())
@settings(max_examples=300, deadline=None)
def test_both_paths_read_and_write_the_same(known: list[str], data: st.DataObject) -> None:
    only_known: bool = data.draw(st.booleans())
    pool = st.sampled_from(known) if known and only_known else st.one_of(names, *map(st.just, known))
    sent = data.draw(st.lists(pool, max_size=40))
    codec = Codec(table_of(known))
    body = body_of(sent)
    quick, plain = codec.read(body), codec.read_plain(body)
    assert same(quick, plain)
    count = len(plain.names)
    reasons = data.draw(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), min_size=1, max_size=5))
    lost = data.draw(st.lists(st.booleans(), min_size=len(reasons), max_size=len(reasons)))
    codes = np.array(
        data.draw(st.lists(st.integers(0, len(reasons)), min_size=count, max_size=count)), np.int16
    ).reshape(count)
    totals = np.array(data.draw(st.lists(int64s, min_size=count, max_size=count)), np.int64).reshape(count)
    assert codec.filter_answer(quick, codes, reasons, lost) == codec.filter_answer(plain, codes, reasons, lost)
    least = data.draw(st.none() | int64s)
    assert codec.prioritize_answer(quick, totals, least) == codec.prioritize_answer(plain, totals, least)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(names, max_size=12, unique=True), st.data())
@settings(max_examples=300, deadline=None)
def test_objects_are_found_where_they_stand_whatever_is_in_them(sent: list[str], data: st.DataObject) -> None:
    nodes = []
    for name in sent:
        node = {"metadata": {"name": name, "annotations": data.draw(json_values)}, "status": data.draw(json_values)}
        nodes.append(dict(reversed(node.items())) if data.draw(st.booleans()) else node)
    tree = {"Pod": POD, "Nodes": {"metadata": {}, "items": nodes}, "NodeNames": None}
    body = json.dumps(tree, separators=(",", ":"), ensure_ascii=data.draw(st.booleans())).encode(errors="replace")
    codec = Codec(table_of(sent[::2]))
    quick, plain = codec.read(body), codec.read_plain(body)
    assert same(quick, plain)
    codes = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(sent), max_size=len(sent))), np.int16)
    codes = codes.reshape(len(sent))
    assert codec.filter_answer(quick, codes, ("a", "b"), (True, False)) == codec.filter_answer(
        plain, codes, ("a", "b"), (True, False)
    )


@compiled_only
@pytest.mark.parametrize("count", [1, 2, 700])
def test_objects_as_go_writes_them_take_the_quick_way(count: int) -> None:
    found = [f"node-{number}" for number in range(count)]
    items = [
        {"metadata": {"name": name, "annotations": {"x": '\\"{' * (number % 90)}}} for number, name in enumerate(found)
    ]
    body = json.dumps({"Pod": POD, "Nodes": {"metadata": {}, "items": items}, "NodeNames": None}, separators=(",", ":"))
    request = Codec(table_of(found)).read(body.encode())
    assert isinstance(request.items, ObjectSpans)
    assert [json.loads(bytes(item)) for item in (request.items[i] for i in range(count))] == items


@compiled_only
@given(st.lists(plain_names, max_size=30, unique=True), st.data())
@settings(max_examples=200, deadline=None)
def test_the_call_that_follows_a_filter_call_is_foretold(known: list[str], data: st.DataObject) -> None:
    codec = Codec(table_of(known))
    sent = data.draw(st.permutations(known)) if known else []
    codes = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(sent), max_size=len(sent))), np.int16)
    codes = codes.reshape(len(sent))
    request = codec.read(body_of(sent))
    answer = codec.filter_answer(request, codes, ("a", "b"), (True, False))
    kept = json.loads(answer)["NodeNames"]
    foretold = codec.foretold(request, answer, codes)
    if len(kept) < 2:
        assert foretold is None
        return
    assert foretold is not None
    totals = np.arange(len(kept), dtype=np.int64)
    ahead = codec.prioritize_answer(foretold.request, totals)
    body = body_of(kept)
    assert foretold.is_body(body)
    assert not foretold.is_body(body_of(kept[::-1]))
    assert not foretold.is_body(body_of(kept, POD | {"spec": {"containers": [], "priority": 1}}))
    read = codec.read(body)
    assert same(foretold.request, read)
    assert ahead == codec.prioritize_answer(read, totals)


@given(st.lists(plain_names, min_size=1, max_size=20, unique=True), st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_body_is_read_alike_or_refused_by_both(known: list[str], data: st.DataObject) -> None:
    codec = Codec(table_of(known))
    body = bytearray(body_of(known))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    damaged = bytes(body)
    try:
        quick = codec.read(damaged)
    except BadRequest:
        # What is not UTF-8 is refused before either path; anything else the plain path refuses too.
        if damaged.decode(errors="replace").encode() == damaged:
            with pytest.raises(BadRequest):
                codec.read_plain(damaged)
        return
    assert same(quick, codec.read_plain(damaged))


@compiled_only
def test_the_form_that_the_scheduler_sends_is_read_by_the_compiled_path() -> None:
    codec = Codec(table_of(["a", "node-00001", "n" * 253, "é"]))
    request = codec.read(body_of(["n" * 253, "a", "é", "node-00001"]))
    assert request.ticket
    assert request.rows.tolist() == [2, 0, 3, 1]


@pytest.mark.parametrize(
    ("why", "body"),
    [
        ("unknown node", body_of(["a", "stranger"])),
        ("node sent twice", body_of(["a", "b", "a"])),
        ("escape", body_of(["a", "b"]).replace(b'"a"', b'"\\u0061"')),
        ("white space", body_of(["a", "b"]).replace(b'","', b'", "')),
        ("newline at the end", body_of(["a", "b"]) + b"\n"),
        ("key order", json.dumps({"NodeNames": ["a", "b"], "Nodes": None, "Pod": POD}).encode()),
        ("further key", body_of(["a", "b"])[:-1] + b',"Later":{"x":[1]}}'),
        ("boundary inside the pod", body_of(["a"], POD | {"odd": {"x": 1, "Nodes": None, "NodeNames": ["b"]}})),
        ("boundary inside a string", body_of(["a"], POD | {"odd": ',"Nodes":null,"NodeNames":["b"]}'})),
    ],
)
def test_anything_unusual_is_read_plainly_and_means_the_same(why: str, body: bytes) -> None:
    codec = Codec(table_of(["a", "b"]))
    request = codec.read(body)
    expected = list(dict.fromkeys(json.loads(body)["NodeNames"]))
    assert list(request.names) == expected
    assert request.rows.tolist() == [{"a": 0, "b": 1}.get(name, -1) for name in expected]
    assert request.pod.uid == "u-1"
    assert why == "boundary inside a string" or not request.ticket


@compiled_only
def test_a_node_that_comes_goes_or_gives_its_row_to_another_is_seen_at_once() -> None:
    nodes = table_of(["a", "b"])
    codec = Codec(nodes)
    assert codec.read(body_of(["a", "b"])).rows.tolist() == [0, 1]
    nodes.remove("a")
    assert codec.read(body_of(["a", "b"])).rows.tolist() == [-1, 1]
    nodes.add("a-much-longer-name-than-before")
    assert codec.read(body_of(["b", "a-much-longer-name-than-before"])).rows.tolist() == [1, 0]
    nodes.add("a")
    request = codec.read(body_of(["a", "b"]))
    assert request.rows.tolist() == [2, 1]
    assert request.ticket


@compiled_only
@given(st.lists(st.tuples(st.booleans(), plain_names), max_size=60))
@settings(max_examples=100, deadline=None)
def test_the_index_follows_the_node_table_through_any_history(changes: list[tuple[bool, str]]) -> None:
    nodes = NodeTable()
    codec = Codec(nodes)
    for come, name in changes:
        if come:
            nodes.add(name)
        else:
            nodes.remove(name)
        present = [found for found, _row in nodes.items()]
        request = codec.read(body_of(present))
        assert request.ticket
        assert request.rows.tolist() == [nodes.row(found) for found in present]


@compiled_only
@given(st.lists(plain_names, min_size=2, max_size=80, unique=True), st.data())
@settings(max_examples=200, deadline=None)
def test_what_followed_in_earlier_requests_is_a_guess_and_no_more(known: list[str], data: st.DataObject) -> None:
    """Names come in an order that hardly changes, or in another; damaged, twice, or unknown: the answer is the same."""
    nodes = table_of(known)
    codec = Codec(nodes)
    order = known
    for _ in range(data.draw(st.integers(1, 6))):
        how = data.draw(st.sampled_from(["turned", "thinned", "shuffled", "twice", "unknown", "cut", "gone"]))
        if how == "turned":
            at = data.draw(st.integers(0, len(order)))
            order = order[at:] + order[:at]
        elif how == "thinned":
            order = [name for name in order if data.draw(st.integers(0, 4))] or order
        elif how == "shuffled":
            order = data.draw(st.permutations(known))
        elif how == "gone":
            nodes.remove(data.draw(st.sampled_from(known)))
        sent = list(order)
        if how == "twice":
            sent.insert(data.draw(st.integers(0, len(sent))), data.draw(st.sampled_from(sent)))
        elif how == "unknown":
            sent[data.draw(st.integers(0, len(sent) - 1))] += "x"
        body = body_of(sent)
        if how == "cut":
            at = data.draw(st.integers(body.index(b"[") + 1, len(body) - 1))
            body = body[:at] + data.draw(st.sampled_from([b"", b'"', b",", b"]}"]))
            try:
                plain = codec.read_plain(body)
            except BadRequest:
                with pytest.raises(BadRequest):
                    codec.read(body)
                continue
        else:
            plain = codec.read_plain(body)
        assert same(codec.read(body), plain)
        assert bool(codec.read(body).ticket) == (len(set(sent)) == len(sent) and min(plain.rows, default=0) >= 0)


def test_an_answer_can_still_be_written_after_another_request_was_read() -> None:
    codec = Codec(table_of(["a", "b", "c"]))
    first = codec.read(body_of(["a", "b"]))
    codec.read(body_of(["c"]))
    answer = codec.filter_answer(first, np.array([0, 1], np.int16), ["no"], [True])
    assert json.loads(answer) == {
        "NodeNames": ["a"],
        "FailedNodes": {},
        "FailedAndUnresolvableNodes": {"b": "no"},
        "Error": "",
    }


def test_names_stay_readable_after_another_request_was_read() -> None:
    codec = Codec(table_of(["a", "b", "c"]))
    first = codec.read(body_of(["a", "b"]))
    codec.read(body_of(["c"]))
    assert list(first.names) == ["a", "b"]
    assert first.names[1] == "b"
    assert first.names[:1] == ["a"]
    assert "b" in first.names
    assert len(first.names) == 2
    assert first.rows.tolist() == [0, 1]


def test_a_verdict_of_the_wrong_shape_kind_or_code_is_refused() -> None:
    codec = Codec(table_of(["a", "b"]))
    wrong_codes: list[Any] = [np.zeros(1, np.int16), np.zeros(2, np.int64), np.array([0, 2], np.int16)]
    wrong_totals: list[Any] = [np.zeros(3, np.int64), np.zeros(2, np.float64)]
    for body in (body_of(["a", "b"]), body_of(["a", "x"])):
        for codes in wrong_codes:
            with pytest.raises(ValueError):
                codec.filter_answer(codec.read(body), codes, ["one"], [True])
        with pytest.raises(ValueError):
            codec.filter_answer(codec.read(body), np.array([0, -1], np.int16), ["one"], [True])
        for totals in wrong_totals:
            with pytest.raises(ValueError):
                codec.prioritize_answer(codec.read(body), totals)


def test_more_names_than_the_buffers_hold_are_read_plainly() -> None:
    many = [f"n{i}" for i in range(fast.COMPACT_NAMES_MAX + 1)]
    codec = Codec(table_of(many))
    request = codec.read(body_of(many))
    assert not request.ticket
    assert request.rows.tolist() == list(range(len(many)))


def test_more_bytes_of_names_than_the_buffers_hold_are_read_plainly() -> None:
    many = [f"{'n' * 200}{i}" for i in range(fast.COMPACT_BYTES_MAX // 200)]
    codec = Codec(table_of(many))
    request = codec.read(body_of(many))
    assert not request.ticket
    assert len(request.names) == len(many)


def test_a_large_answer_outgrows_the_first_buffer() -> None:
    many = [f"node-{i:060d}" for i in range(5000)]
    codec = Codec(table_of(many))
    body = body_of(many)
    quick, plain = codec.read(body), codec.read_plain(body)
    totals = np.full(5000, -(2**63), np.int64)
    assert codec.prioritize_answer(quick, totals) == codec.prioritize_answer(plain, totals)
    codes = np.ones(5000, np.int16)
    long = ["a reason of some length " * 20]
    assert codec.filter_answer(quick, codes, long, [False]) == codec.filter_answer(plain, codes, long, [False])


def test_remembered_lists_of_reasons_are_bounded() -> None:
    codec = Codec(table_of(["a"]))
    request = codec.read(body_of(["a"]))
    for i in range(fast.REASON_SETS_KEPT + 5):
        answer = codec.filter_answer(request, np.array([1], np.int16), [f"reason {i}"], [True])
        assert json.loads(answer)["FailedAndUnresolvableNodes"] == {"a": f"reason {i}"}
    assert len(codec._reason_sets) <= fast.REASON_SETS_KEPT


def test_the_same_pod_is_decoded_once() -> None:
    codec = Codec(table_of(["a", "b"]))
    assert codec.read(body_of(["a", "b"])).pod is codec.read(body_of(["b"])).pod
    assert codec.read(body_of(["a"], POD | {"metadata": {"name": "other", "uid": "u-2"}})).pod.uid == "u-2"


@compiled_only
@pytest.mark.parametrize("name", ["n", "node-00", "node-001", "node-0000000001", "n" * 253])
def test_an_equal_hash_is_no_proof_of_an_equal_name(name: str) -> None:
    codec = Codec(table_of([name]))
    assert codec.read(body_of([name])).ticket
    # The byte behind the last one too: a longer name that begins alike is another one.
    for at in range(kernels.STAMP_BYTES, kernels.STAMP_BYTES + len(name) + 1):
        codec._index.records[0, at] ^= 1
        assert not codec.read(body_of([name])).ticket
        codec._index.records[0, at] ^= 1


KNOWN: dict[str, Any] = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "u-1", "resourceVersion": "7", "labels": {"a": "b"}},
    "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
    "status": {"nominatedNodeName": "a"},
}


@pytest.mark.parametrize(
    ("changed", "is_known"),
    [
        ({}, True),
        ({"metadata": KNOWN["metadata"] | {"resourceVersion": "8"}}, False),
        ({"metadata": KNOWN["metadata"] | {"resourceVersion": ""}}, False),
        ({"metadata": KNOWN["metadata"] | {"uid": "u-2"}}, False),
        ({"status": {"nominatedNodeName": "b"}}, False),
        ({"status": {}}, False),
    ],
)
def test_a_pod_that_the_watch_has_brought_is_not_read_again(
    changed: dict[str, Any],
    is_known: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    held = decode_pod(json.dumps(KNOWN).encode())
    codec = Codec(table_of(["a", "b"]), {held.uid: held}.get)
    sent = KNOWN | changed
    for body in (body_of(["a", "b"], sent), b" " + body_of(["a", "b"], sent)):
        pod = codec.read(body).pod
        assert (pod is held) == is_known
        assert pod == decode_pod(json.dumps(sent).encode())


def test_a_pod_that_stands_on_a_node_already_is_read_as_it_is_sent() -> None:
    held = decode_pod(json.dumps(KNOWN | {"spec": {"nodeName": "a", "containers": []}}).encode())
    codec = Codec(table_of(["a", "b"]), {held.uid: held}.get)
    assert codec.read(body_of(["a", "b"], KNOWN)).pod == decode_pod(json.dumps(KNOWN).encode())
