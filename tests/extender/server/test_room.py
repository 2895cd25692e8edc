"""Memory for one long body at a time: used again only when nobody looks at it."""

from __future__ import annotations

from extender.server.body import LONG_BODY, ROOM_MOST, Room


def test_it_is_lent_once_at_a_time_and_is_the_same_memory_again() -> None:
    room = Room()
    body = room.take(LONG_BODY)
    assert body is not None
    assert len(body) == LONG_BODY
    assert room.take(LONG_BODY) is None
    room.give_back()
    for size in (LONG_BODY + 5000, LONG_BODY, ROOM_MOST, LONG_BODY):
        again = room.take(size)
        assert again is body
        assert len(again) == size
        room.give_back()


def test_what_is_still_on_its_way_is_not_written_over() -> None:
    room = Room()
    body = room.take(LONG_BODY)
    assert body is not None
    piece = memoryview(body)[10:20]
    room.give_back()
    assert room.take(LONG_BODY) is None
    assert room.take(LONG_BODY + 1) is None
    assert len(body) == LONG_BODY
    piece.release()
    assert room.take(LONG_BODY) is body


def test_neither_short_nor_huge_bodies_are_taken() -> None:
    room = Room()
    assert room.take(LONG_BODY - 1) is None
    assert room.take(ROOM_MOST + 1) is None
    assert room.take(LONG_BODY) is not None
