"""A call that is read for the store keeps all that its frame says, though most of it is never made into objects."""

from __future__ import annotations

import gc
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import DecodeError, json

from analytics.ingest.batch import read
from analytics.ingest.call import Call, created_us, decode, scores
from analytics.ingest.collecting import no_collecting
from analytics.store.detail import text_of, unpack
from analytics.store.tables import DetailRow
from extender.record.frames import (
    Decision,
    LeaseTouch,
    NodeRejection,
    NodeScore,
    PodRef,
    Skipped,
    encode,
)
from extender.record.reader import Found
from extender.record.segment import Framed

_POD = PodRef("a", "b", "c")
_TEXTS = st.text(max_size=6)
_NUMBERS = st.integers(-9, 9)
_PACKED = ("best", "rejected", "leases", "skipped", "victims", "features", "candidates")
_FRAMES = st.builds(
    Decision,
    at_us=st.just(1),
    decision=st.just("d"),
    attempt=st.just(1),
    verb=st.sampled_from(["filter", "prioritize"]),
    pod=st.just(_POD),
    best=st.lists(
        st.builds(NodeScore, _TEXTS, _NUMBERS, st.dictionaries(_TEXTS, st.tuples(_NUMBERS, _NUMBERS, _NUMBERS))),
        max_size=3,
    ),
    rejected=st.lists(st.builds(NodeRejection, _TEXTS, _TEXTS, _TEXTS), max_size=2),
    leases=st.lists(st.builds(LeaseTouch, _TEXTS, _TEXTS, _TEXTS), max_size=2),
    skipped=st.lists(st.builds(Skipped, _TEXTS, st.lists(_TEXTS, max_size=2), _TEXTS), max_size=2),
    victims=st.dictionaries(_TEXTS, st.just([_POD]), max_size=2),
    features=st.dictionaries(_TEXTS, _NUMBERS | _TEXTS, max_size=3),
    candidates=st.lists(_TEXTS, max_size=3),
)


def _called(frame: Decision) -> Call:
    call = decode(encode(frame))
    assert isinstance(call, Call)
    return call


@given(_FRAMES)
def test_what_is_packed_is_what_the_frame_says(frame: Decision) -> None:
    call, said = _called(frame), json.decode(json.encode(frame))
    said["victims"] = {node: [{"namespace": "a", "name": "b", "uid": "c"}] for node in frame.victims}
    text = text_of(call)
    assert (json.decode(text) if text else {}) == {name: said[name] for name in _PACKED if said.get(name)}
    assert [(score.node, score.total) for score in scores(call)] == [(one.node, one.total) for one in frame.best]


def test_each_call_gets_its_own_detail_though_others_between_have_none() -> None:
    calls = [
        Decision(
            at_us=at, decision=f"d{at}", attempt=1, verb="filter", pod=_POD, features={"name": at} if at % 3 else {}
        )
        for at in range(1, 8)
    ]
    items = [Found("p", 1, Framed(at, at + 1, at, encode(call))) for at, call in enumerate(calls)]
    items.insert(2, Found("p", 1, Framed(99, 100, 9, b"poison")))
    told = {
        row.decision: (row.id == one.item.id, row.at_us, unpack(row.codec, row.body)["features"]["name"])
        for one in read(items)
        for row in one.rows
        if isinstance(row, DetailRow)
    }
    assert told == {f"d{at}": (True, at, at) for at in (1, 2, 4, 5, 7)}


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({}, 0),
        ({"name": "web-0"}, 0),
        ({"created_at_s": 1_767_323_045, "requests": {"cpu": 500}}, 1_767_323_045_000_000),
        ({"created_at_s": "yesterday"}, 0),
        ({"created_at_s": -1}, 0),
        ({"created_at_s": 1 << 80}, 0),
    ],
)
def test_a_pods_creation_is_known_where_its_features_say_a_time(features: dict[str, object], expected: int) -> None:
    frame = Decision(at_us=1, decision="d", attempt=1, verb="filter", pod=_POD, features=features)
    assert created_us(_called(frame)) == expected


@pytest.mark.parametrize("field", [b'"rejected":[1,,2]', b'"features":[1]', b'"features":{', b'"best":[{"node":1}]'])
def test_a_frame_that_is_no_json_or_says_what_nobody_can_read_makes_no_rows(field: bytes) -> None:
    whole = encode(Decision(at_us=1, decision="d", attempt=1, verb="prioritize", pod=_POD))
    [one] = read([Found("p", 1, Framed(0, 9, 1, whole[:-1] + b"," + field + b"}"))])
    assert (one.frame, one.rows) == (None, ())
    assert one.error.startswith(("DecodeError", "ValidationError"))
    with pytest.raises(DecodeError):
        decode(b'{"kind":"decision",')


def test_no_garbage_is_collected_until_the_last_of_those_that_overlap_has_ended() -> None:
    begun, end = threading.Event(), threading.Event()

    def other() -> None:
        with no_collecting():
            begun.set()
            end.wait(10)

    thread = threading.Thread(target=other)
    assert gc.isenabled()
    with no_collecting():
        thread.start()
        assert begun.wait(10)
    assert not gc.isenabled()
    end.set()
    thread.join()
    assert gc.isenabled()


def test_garbage_that_was_not_collected_before_is_not_after() -> None:
    gc.disable()
    try:
        with no_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
