"""Framing: what is written is read, and damage costs exactly the frames that it touches."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.record.segment import (
    FRAME_OVERHEAD,
    MAX_PAYLOAD,
    Damage,
    Framed,
    NotASegment,
    decode_header,
    encode_frame,
    encode_header,
    scan,
)

payloads = st.lists(st.binary(max_size=200).map(lambda b: b.hex().encode()), min_size=1, max_size=12)


def framed(items: Iterable[Framed | Damage]) -> list[Framed]:
    return [item for item in items if isinstance(item, Framed)]


def undamaged(items: Iterable[Framed | Damage]) -> list[Framed]:
    """All of the items, none of which may be damage."""
    items = list(items)
    assert framed(items) == items
    return framed(items)


def file_of(bodies):
    return b"".join(encode_frame(number, body) for number, body in enumerate(bodies, 1))


@given(payloads, st.integers(0, 1 << 40))
def test_what_is_written_is_read(bodies, base):
    found = undamaged(scan(file_of(bodies), base, complete=True))
    assert [f.payload for f in found] == bodies
    assert [f.sequence for f in found] == list(range(1, len(bodies) + 1))
    assert found[0].offset == base
    assert all(a.end == b.offset for a, b in itertools.pairwise(found))


@settings(max_examples=400)
@given(payloads, st.data())
def test_a_cut_file_gives_every_whole_frame_and_waits_at_the_first_unfinished_one(bodies, data):
    text = file_of(bodies)
    cut = data.draw(st.integers(0, len(text)))
    ends = [f.end for f in scan(text, 0, complete=True)]
    found = list(scan(text[:cut], 0, complete=False))
    assert all(isinstance(f, Framed) for f in found)
    assert [f.end for f in found] == [end for end in ends if end <= cut]


@settings(max_examples=400)
@given(payloads, st.data())
def test_the_unfinished_end_of_a_sealed_file_is_damage(bodies, data):
    text = file_of(bodies)
    cut = data.draw(st.integers(0, len(text)))
    ends = [f.end for f in scan(text, 0, complete=True)]
    found = list(scan(text[:cut], 0, complete=True))
    whole = [end for end in ends if end <= cut]
    assert [f.end for f in framed(found)] == whole
    rest = [f for f in found if isinstance(f, Damage)]
    last = whole[-1] if whole else 0
    assert rest == ([Damage(last, cut)] if cut > last else [])


@settings(max_examples=600)
@given(payloads, st.data())
def test_flipped_bits_cost_exactly_the_frames_they_touch(bodies, data):
    text = bytearray(file_of(bodies))
    frames = undamaged(scan(bytes(text), 0, complete=True))
    flips = data.draw(st.lists(st.integers(0, len(text) * 8 - 1), min_size=1, max_size=3, unique=True))
    for bit in flips:
        text[bit // 8] ^= 1 << bit % 8
    hit = {f.sequence for f in frames for bit in flips if f.offset <= bit // 8 < f.end}
    found = list(scan(bytes(text), 0, complete=True))
    assert [f.payload for f in framed(found)] == [f.payload for f in frames if f.sequence not in hit]
    assert [f.sequence for f in framed(found)] == [f.sequence for f in frames if f.sequence not in hit]
    lost = sum(f.end - f.offset for f in found if isinstance(f, Damage))
    assert lost == sum(f.end - f.offset for f in frames if f.sequence in hit)


@settings(max_examples=200)
@given(payloads, st.data())
def test_reading_in_pieces_gives_the_same_frames_as_reading_at_once(bodies, data):
    """A growing file, looked at whenever some more bytes have come."""
    text = file_of(bodies)
    place, found = 0, []
    for cut in [*sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10))), len(text)]:
        for item in scan(text[place:cut], place, complete=False):
            found.append(item)
            place = item.end
    assert [f.payload for f in undamaged(found)] == bodies


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_without_raising_and_never_leave_the_file(junk):
    place = 0
    for item in scan(junk, 0, complete=True):
        assert item.offset == place < item.end <= len(junk)
        place = item.end
    assert place == len(junk)


def test_zeros_after_a_power_cut_are_damage_and_the_next_frame_is_found():
    text = encode_frame(1, b"{}") + b"\0" * 5000 + encode_frame(2, b"[]")
    first, lost, second = scan(text, 0, complete=False)
    assert isinstance(first, Framed)
    assert isinstance(second, Framed)
    assert (first.payload, second.payload) == (b"{}", b"[]")
    assert lost == Damage(first.end, first.end + 5000)


def test_a_length_that_runs_past_the_end_does_not_hide_the_frames_behind_it():
    text = bytearray(encode_frame(1, b"a" * 50) + encode_frame(2, b"b" * 50))
    text[6] = 0x7F  # about 8 MB
    found = list(scan(bytes(text), 0, complete=False))
    assert [f.payload for f in framed(found)] == [b"b" * 50]


def test_a_payload_above_the_limit_is_refused_by_the_writer():
    with pytest.raises(ValueError, match="at most"):
        encode_frame(1, bytes(MAX_PAYLOAD + 1))


@given(st.text(min_size=1, max_size=60), st.integers(0, 1 << 60), st.integers(0, 1 << 30))
def test_a_header_is_read_back_and_unfinished_until_its_last_byte(producer, created_us, schema):
    try:
        head = encode_header(producer, created_us, schema)
    except UnicodeEncodeError:
        return
    for cut in range(len(head)):
        assert decode_header(head[:cut]) is None
    header = decode_header(head + encode_frame(1, b"{}"))
    assert header is not None
    assert (header.producer, header.created_us, header.schema_version) == (producer, created_us, schema)
    assert header.length == len(head)


@given(st.data())
def test_a_header_with_a_flipped_bit_is_not_a_segment(data):
    head = bytearray(encode_header("producer-1", 5))
    bit = data.draw(st.integers(0, len(head) * 8 - 1))
    head[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NotASegment):
        decode_header(bytes(head) + bytes(600))


@pytest.mark.parametrize("producer", ["", "x" * 513])
def test_a_producer_without_a_usable_name_is_refused(producer):
    with pytest.raises(ValueError, match="1 to 512 bytes"):
        encode_header(producer, 0)


def test_the_overhead_of_a_frame_is_the_documented_twenty_bytes():
    assert len(encode_frame(1, b"")) == FRAME_OVERHEAD == 20


def test_reading_journals_needs_no_numpy():
    code = "import sys, extender.record.reader, extender.record.frames; print([m for m in sys.modules if m in "
    code += "('numpy', 'numba', 'extender.model', 'extender.engine')])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
