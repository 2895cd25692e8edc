"""Following: every frame once, over segments, restarts, seals, deletions and damage."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extender.record.reader import Found, JournalReader, Lost, Place
from extender.record.segment import encode_frame, encode_header


class Producer:
    """Writes segments by hand."""

    path: Path  # of the newest segment; there is none before open()

    def __init__(self, journal, name):
        self.home = journal / name
        self.home.mkdir(parents=True)
        self.name = name
        self.sequence = 0
        self.number = 0

    def open(self):
        self.number += 1
        self.path = self.home / f"{self.number:08d}.open"
        self.path.write_bytes(encode_header(self.name, 1))

    def put(self, *payloads):
        with self.path.open("ab") as file:
            for payload in payloads:
                self.sequence += 1
                file.write(encode_frame(self.sequence, payload))

    def seal(self):
        self.path = self.path.rename(self.path.with_suffix(".seg"))


def drain(reader, frames=1000, size=1 << 30):
    found = []
    while got := reader.read(frames, size):
        found += got
    return found


def payloads(items):
    return [item.frame.payload for item in items if isinstance(item, Found)]


def losses(items):
    return [(item.cause, item.count) for item in items if isinstance(item, Lost)]


def test_a_journal_that_is_not_there_yet_is_empty_and_found_when_it_comes(tmp_path):
    reader = JournalReader([tmp_path / "journal"])
    assert reader.read(10, 1000) == []
    producer = Producer(tmp_path / "journal", "a")
    producer.open()
    producer.put(b"1")
    assert payloads(drain(reader)) == [b"1"]


def test_an_open_segment_is_followed_over_its_seal_into_the_next(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    reader = JournalReader([tmp_path])
    producer.put(b"1", b"2")
    assert payloads(drain(reader)) == [b"1", b"2"]
    producer.put(b"3")
    producer.seal()
    assert payloads(drain(reader)) == [b"3"]
    assert reader.places() == {"a": Place(2, 0)}
    producer.open()
    producer.put(b"4")
    assert payloads(drain(reader)) == [b"4"]


def test_an_unfinished_last_frame_is_waited_for(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    whole = encode_frame(1, b"x" * 100)
    with producer.path.open("ab") as file:
        file.write(whole[:50])
    reader = JournalReader([tmp_path])
    assert drain(reader) == []
    with producer.path.open("ab") as file:
        file.write(whole[50:])
    assert payloads(drain(reader)) == [b"x" * 100]


def test_an_open_segment_that_a_crash_left_behind_ends_where_the_next_begins(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    producer.put(b"1")
    with producer.path.open("ab") as file:
        file.write(encode_frame(2, b"torn")[:-1])
    producer.open()
    producer.put(b"2")
    found = drain(JournalReader([tmp_path]))
    assert payloads(found) == [b"1", b"2"]
    assert losses(found) == [("damage", 23)]


def test_places_given_to_a_new_reader_go_on_exactly_there(tmp_path):
    for name in ("a", "b"):
        producer = Producer(tmp_path, name)
        for _ in range(3):
            producer.open()
            producer.put(*(b"%s%d" % (name.encode(), producer.sequence + i) for i in range(5)))
            producer.seal()
    everything = payloads(drain(JournalReader([tmp_path])))
    assert len(set(everything)) == len(everything) == 30
    places: dict[str, Place] = {}
    seen: list[bytes] = []
    for _ in range(30):
        reader = JournalReader([tmp_path], places)
        seen += payloads(reader.read(1, 1 << 20))
        places = reader.places()
        reader.close()
    assert sorted(seen) == sorted(everything)
    assert JournalReader([tmp_path], places).read(1, 1 << 20) == []


def test_producers_share_what_one_read_may_take(tmp_path):
    for name in ("a", "b"):
        producer = Producer(tmp_path, name)
        producer.open()
        producer.put(*[name.encode()] * 100)
    reader = JournalReader([tmp_path])
    first, second = payloads(reader.read(10, 1 << 20)), payloads(reader.read(10, 1 << 20))
    assert {*first, *second} == {b"a", b"b"}


def test_a_frame_longer_than_a_chunk_is_read_whole(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    producer.put(b"1", b"y" * (3 << 20), b"2")
    assert payloads(drain(JournalReader([tmp_path]))) == [b"1", b"y" * (3 << 20), b"2"]


def test_a_read_gives_no_more_bytes_than_asked_but_at_least_one_frame(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    producer.put(*[b"z" * 1000] * 10)
    reader = JournalReader([tmp_path])
    assert len(reader.read(100, 1)) == 1
    assert len(reader.read(100, 2500)) == 3


def test_segments_deleted_unread_are_told_once(tmp_path):
    producer = Producer(tmp_path, "a")
    for number in range(4):
        producer.open()
        producer.put(b"%d" % number)
        producer.seal()
    reader = JournalReader([tmp_path])
    reader.read(1, 1)
    places = reader.places()
    for number in (1, 2, 3):
        (producer.home / f"{number:08d}.seg").unlink()
    later = JournalReader([tmp_path], places)
    found = drain(later)
    assert payloads(found) == [b"3"]
    assert losses(found) in ([("missing", 2)], [("missing", 3)])


def test_a_segment_deleted_while_it_is_read_is_still_read_to_its_end(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    producer.put(b"1", b"2", b"3")
    reader = JournalReader([tmp_path])
    assert payloads(reader.read(1, 1)) == [b"1"]
    producer.path.unlink()
    assert payloads(drain(reader)) == [b"2", b"3"]


def test_a_producer_that_is_removed_and_comes_back_is_not_read_twice(tmp_path):
    producer = Producer(tmp_path / "j", "a")
    producer.open()
    producer.put(b"1")
    reader = JournalReader([tmp_path / "j"])
    assert payloads(drain(reader)) == [b"1"]
    shutil.move(producer.home, tmp_path / "away")
    assert drain(reader) == []
    shutil.move(tmp_path / "away", producer.home)
    producer.put(b"2")
    assert payloads(drain(reader)) == [b"2"]


def test_a_broken_header_costs_only_itself(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    producer.put(b"1", b"2")
    text = bytearray(producer.path.read_bytes())
    text[9] ^= 0xFF
    producer.path.write_bytes(bytes(text))
    found = drain(JournalReader([tmp_path]))
    assert payloads(found) == [b"1", b"2"]
    assert [cause for cause, _ in losses(found)] == ["header"]


def test_files_that_are_no_segments_are_left_alone(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    producer.put(b"1")
    for name in ("lock", "00000009.tmp", "x.seg", ".open"):
        (producer.home / name).write_bytes(b"no segment")
    (tmp_path / "stray").write_text("no directory")
    assert payloads(drain(JournalReader([tmp_path]))) == [b"1"]


def test_an_empty_sealed_segment_is_stepped_over(tmp_path):
    producer = Producer(tmp_path, "a")
    (producer.home / "00000001.seg").write_bytes(b"")
    producer.number = 1
    producer.open()
    producer.put(b"1")
    assert payloads(drain(JournalReader([tmp_path]))) == [b"1"]


def test_behind_bytes_falls_to_zero_when_all_is_read(tmp_path):
    producer = Producer(tmp_path, "a")
    producer.open()
    producer.put(b"1" * 500)
    reader = JournalReader([tmp_path])
    reader.read(0, 0)
    assert reader.behind_bytes()["a"] > 500
    drain(reader)
    assert reader.behind_bytes() == {"a": 0}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 5)),
        st.just(("seal", 0)),
        st.tuples(st.just("read"), st.integers(1, 4)),
        st.just(("restart", 0)),
    ),
    max_size=40,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_whatever_the_interleaving_every_frame_comes_once_and_in_order(tmp_path_factory, todo):
    journal = tmp_path_factory.mktemp("journal")
    producer = Producer(journal, "a")
    producer.open()
    reader = JournalReader([journal])
    seen = []
    for what, count in todo:
        if what == "put":
            producer.put(*(b"%d" % (producer.sequence + 1 + i) for i in range(count)))
        elif what == "seal":
            producer.seal()
            producer.open()
        elif what == "read":
            seen += payloads(reader.read(count, 1 << 20))
        else:
            places = reader.places()
            reader.close()
            reader = JournalReader([journal], places)
    seen += payloads(drain(reader))
    reader.close()
    assert seen == [b"%d" % n for n in range(1, producer.sequence + 1)]
