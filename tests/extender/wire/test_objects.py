"""Node objects that are known from an earlier request are not read again, and nothing else is taken for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.wire import codec as fast
from extender.wire import decode
from extender.wire.codec import Codec
from extender.wire.messages import BadRequest, CandidateRequest, ObjectSpans
from tests.extender.wire.test_codec import POD, compiled_only, json_values, names, plain_names, same, table_of

HEAD = b'{"Pod":' + json.dumps(POD, separators=(",", ":")).encode() + b',"Nodes":{"metadata":{},"items":['
TAIL = b']},"NodeNames":null}'


def item_of(name: str, anything: Any) -> bytes:
    node = {"metadata": {"name": name, "annotations": {"text": anything}}, "status": {"images": [anything]}}
    return json.dumps(node, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def body_of(items: list[bytes]) -> bytes:
    return HEAD + b",".join(items) + TAIL


def replaced(text: bytes, at: int, byte: int) -> bytes:
    return text[:at] + bytes([byte]) + text[at + 1 :]


class Readings:
    """How many objects were read, not known."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        read = decode.read_object_name

        def counted(item: bytes) -> str:
            self.count += 1
            return read(item)

        monkeypatch.setattr(fast, "read_object_name", counted)

    def of(self, codec: Codec, items: list[bytes]) -> int:
        before = self.count
        request = codec.read(body_of(items))
        assert isinstance(request.items, ObjectSpans)
        assert [bytes(item) for item in request.items] == items
        return self.count - before


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    return Readings(monkeypatch)


@compiled_only
def test_only_what_has_changed_is_read(readings: Readings) -> None:
    found = [f"node-{number}" for number in range(300)]
    codec = Codec(table_of(found))
    items = [item_of(name, "x" * (37 * number % 500)) for number, name in enumerate(found)]
    assert readings.of(codec, items) == 300
    assert readings.of(codec, items) == 0
    assert readings.of(codec, items[100:] + items[:50]) == 0
    items[7] = item_of(found[7], "as long as it is")
    items[9] = items[9].replace(b"images", b"IMAGES")
    assert readings.of(codec, items) == 2
    assert readings.of(codec, items[::-1]) == 0


@compiled_only
def test_an_object_is_known_again_though_nodes_come_and_go_and_rows_change_hands(readings: Readings) -> None:
    nodes = table_of(["a", "b", "c"])
    codec = Codec(nodes)
    items = [item_of(name, 1) for name in ("a", "b", "c")]
    assert readings.of(codec, items) == 3
    nodes.remove("b")
    nodes.add("another")
    nodes.add("d")
    fresh = [item_of(name, 1) for name in ("another", "d")]
    assert readings.of(codec, [*items, *fresh]) == 3, "one is no node any more, two are new"
    assert readings.of(codec, [*items, *fresh]) == 1
    assert codec.read(body_of([*items, *fresh])).rows.tolist() == [0, -1, 2, 1, 3]


@compiled_only
@pytest.mark.parametrize(
    "spoil",
    [
        lambda item: item.replace(b'"images"', b'"images\\'),
        lambda item: replaced(item, len(item) - 1, ord("]")),
        lambda item: replaced(item, len(item) - 1, ord(" ")),
        lambda item: replaced(item, 1, ord(" ")),
        lambda item: replaced(item, len(item) // 2, 0xFF),
        lambda item: replaced(item, len(item) // 2, 0x00),
        lambda item: item[:-1],
        lambda item: item + b"}",
        lambda item: item + b" ",
        lambda item: b" " + item,
        lambda item: item + b",",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_known_object_that_comes_damaged_is_read_as_if_it_were_new(
    spoil: Callable[[bytes], bytes], place: int
) -> None:
    codec = Codec(table_of(["a", "b", "c"]))
    items = [item_of(name, "some text, and more of it") for name in ("a", "b", "c")]
    for _ in range(2):
        codec.read(body_of(items))
    items[place] = spoil(items[place])
    is_same_or_refused(codec, body_of(items))


@compiled_only
def test_every_byte_of_a_known_object_counts() -> None:
    codec = Codec(table_of(["a", "b"]))
    one, other = item_of("a", "text " * 20), item_of("b", [1, 2, {"c": "d"}])
    codec.read(body_of([one, other]))
    for at in range(len(one)):
        for byte in (one[at] ^ 1, one[at] ^ 0x80, ord('"'), ord("}")):
            is_same_or_refused(codec, body_of([replaced(one, at, byte), other]))
    assert same(codec.read(body_of([one, other])), codec.read_plain(body_of([one, other])))


@compiled_only
@given(st.lists(names, min_size=1, max_size=12, unique=True), st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_was_read_before_a_request_means_what_it_says(known: list[str], data: st.DataObject) -> None:
    nodes = table_of(known)
    codec = Codec(nodes)
    items = {name: item_of(name, data.draw(json_values)) for name in known}
    for _ in range(data.draw(st.integers(2, 6))):
        how = data.draw(st.sampled_from(["again", "changed", "swapped", "twice", "damaged", "gone", "renamed", "odd"]))
        order = data.draw(st.permutations(known))[: data.draw(st.integers(1, len(known)))]
        name = data.draw(st.sampled_from(order))
        if how == "changed":
            items[name] = item_of(name, data.draw(json_values))
        elif how == "gone":
            nodes.remove(name)
        elif how == "odd":
            nodes.add(name)
            items[name] = items[name].replace(b'{"metadata":', b'{"spec":{},"metadata":', 1)
        sent = [items[one] for one in order]
        at = data.draw(st.integers(0, len(sent) - 1))
        if how == "twice":
            sent.insert(at, items[name])
        elif how == "swapped":
            sent[at] = sent[at].replace(b'"status":', b'"metadata":{"name":"other"},"status":')
        elif how == "renamed":
            sent[at] = item_of(data.draw(names), 0)
        body = bytearray(body_of(sent))
        if how == "damaged":
            for _ in range(data.draw(st.integers(1, 3))):
                place = data.draw(st.integers(0, len(body) - 1))
                body[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        is_same_or_refused(codec, body if data.draw(st.booleans()) else bytes(body))


def is_same_or_refused(codec: Codec, body: bytes | bytearray) -> None:
    """A reader that remembers and one that has seen nothing give the same."""
    found, refused = outcome(codec, body)
    plain, plainly_refused = outcome(Codec(codec._nodes), b" " + bytes(body))
    assert refused == plainly_refused
    assert (found is None) == (plain is None)
    assert found is None or plain is None or same(found, plain)


def outcome(codec: Codec, body: bytes | bytearray) -> tuple[CandidateRequest | None, str]:
    """What was read, or why not: without the place, which is another behind a blank."""
    try:
        return codec.read(body), ""
    except BadRequest as wrong:
        return None, str(wrong).split(" (byte")[0]


@compiled_only
@given(st.lists(plain_names, min_size=1, max_size=12, unique=True), st.data())
@settings(max_examples=100, deadline=None)
def test_pieces_are_the_answer_and_lie_in_the_body(known: list[str], data: st.DataObject) -> None:
    codec = Codec(table_of(known))
    body = bytearray(body_of([item_of(name, "x") for name in known]))
    codes = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(known), max_size=len(known))), np.int16)
    request, plain = codec.read(body), codec.read_plain(bytes(body))
    pieces = codec.filter_pieces(request, codes, ("a", "b"), (True, False))
    assert b"".join(pieces) == codec.filter_answer(plain, codes, ("a", "b"), (True, False))
    kept = [piece for piece in pieces if isinstance(piece, memoryview)]
    assert all(piece.obj is body for piece in kept)
    runs = sum(code == 0 and (at == 0 or codes[at - 1] != 0) for at, code in enumerate(codes))
    assert len(kept) == runs


@compiled_only
def test_more_objects_than_the_buffers_hold_are_read_plainly() -> None:
    many = [f"n{i}" for i in range(fast.OBJECTS_MAX + 1)]
    codec = Codec(table_of(many))
    items = [item_of(name, 0) for name in many]
    assert isinstance(codec.read(body_of(items[1:])).items, ObjectSpans)
    request = codec.read(body_of(items))
    assert not isinstance(request.items, ObjectSpans)
    assert request.rows.tolist() == list(range(len(many)))


@compiled_only
def test_names_are_read_as_ever_between_objects() -> None:
    """The two share what they remember of the order, and their buffers."""
    codec = Codec(table_of(["a", "b", "c"]))
    by_name = HEAD[: HEAD.index(b',"Nodes"')] + b',"Nodes":null,"NodeNames":["a","c"]}'
    first = codec.read(by_name)
    objects = codec.read(body_of([item_of(name, 0) for name in ("c", "b", "a")]))
    codes = np.array([0, 1], np.int16)
    assert codec.filter_answer(first, codes, ["no"], [True]).startswith(b'{"NodeNames":["a"]')
    again = codec.read(by_name)
    assert again.ticket
    assert list(again.names) == ["a", "c"]
    assert list(objects.names) == ["c", "b", "a"]
    assert objects.rows.tolist() == [2, 1, 0]
