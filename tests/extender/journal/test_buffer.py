"""The buffer: never above its limit, in order, and every frame either given out or told as given up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from extender.journal.buffer import Buffer
from extender.record.frames import Decision, Event, Outcome, PodRef, decode, encode
from tests.known import known

POD = PodRef("a", "b", "c")


def frame_of(kind, number, weight):
    if kind == "decision":
        names = ["node"] * weight
        return Decision(at_us=number, decision=f"d{number}", attempt=1, verb="filter", pod=POD, candidates=names)
    if kind == "event":
        return Event(at_us=number, generation=number, change="x" * weight)
    return Outcome(at_us=number, decision=f"d{number}", pod=POD, result="bound", message="m" * weight)


steps = st.lists(
    st.one_of(st.tuples(st.sampled_from(["decision", "event", "outcome"]), st.integers(0, 300)), st.just(("take", 0))),
    max_size=80,
)


@settings(max_examples=200)
@given(steps, st.integers(0, 4000))
def test_whatever_comes_and_goes_the_limit_holds_and_no_frame_is_lost_untold(todo, limit):
    buffer, offered, out, given_up = Buffer(limit), [], [], []
    for number, (what, weight) in enumerate(todo):
        if what == "take":
            head = buffer.first()
            if head is not None:
                out.append(decode(head.payload).at_us)
                buffer.drop_first()
        else:
            frame = frame_of(what, number, weight)
            offered.append(number)
            given_up += buffer.add(frame, encode(frame))
        assert 0 <= buffer.size <= limit
    while (head := buffer.first()) is not None:
        out.append(decode(head.payload).at_us)
        buffer.drop_first()
    assert buffer.size == 0
    assert out == sorted(out)
    assert sorted(out + given_up) == offered


def test_the_newest_detail_goes_first_and_the_frame_being_written_keeps_its_own():
    frames = [frame_of("decision", number, 100) for number in range(3)]
    sizes = [len(encode(frame)) for frame in frames]
    buffer = Buffer(sum(sizes) + 10)
    for frame in frames:
        assert buffer.add(frame, encode(frame)) == []
    writing = known(buffer.first())
    assert buffer.add(frame_of("outcome", 9, 200), encode(frame_of("outcome", 9, 200))) == []
    written = decode(writing.payload)
    assert isinstance(written, Decision)
    assert written.candidates
    kept = []
    while (head := buffer.first()) is not None:
        kept.append(decode(head.payload))
        buffer.drop_first()
    assert [bool(getattr(frame, "candidates", None)) for frame in kept] == [True, True, False, False]
