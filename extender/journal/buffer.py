"""Frames that wait for the disk, within a limit of bytes. Detail goes before facts, the newest first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from extender.journal.lean import lean
from extender.record.frames import Decision, Event, Frame, Snapshot, decode, encode

# At most so many waiting frames are stripped per frame that comes in: an offer stays short.
STRIPPED_PER_OFFER = 8


@dataclass(slots=True, eq=False)
class Waiting:
    """One encoded frame. Empty payload: it was given up after all."""

    payload: bytes
    at_us: int
    detailed: bool


class Buffer:
    """Not for several threads at once: its owner locks."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._queue: deque[Waiting] = deque()
        self._detailed: deque[Waiting] = deque()
        self.size = 0
        """Bytes of all payloads that wait."""
        self.stripped = 0
        """Frames that lost their detail, ever."""

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, frame: Frame, payload: bytes) -> list[int]:
        """Keep the frame as well as space allows. Answers the times (us) of the frames that were given up for it,
        this one included."""
        given_up: list[int] = []
        entry = Waiting(payload, frame.at_us, isinstance(frame, Decision | Snapshot | Event))
        if not self._fits(payload) and entry.detailed:
            entry.detailed = False
            rest = lean(frame)
            if rest is None:
                return [frame.at_us]
            entry.payload = encode(rest)
            self.stripped += 1
        if not self._fits(entry.payload):
            given_up = self._make_room(len(entry.payload))
        if not self._fits(entry.payload):
            return [*given_up, frame.at_us]
        self._queue.append(entry)
        self.size += len(entry.payload)
        if entry.detailed:
            self._detailed.append(entry)
        return given_up

    def first(self) -> Waiting | None:
        """The oldest frame, which stays until `drop_first` and keeps its detail from now on."""
        while self._queue and not self._queue[0].payload:
            self._queue.popleft()
        if not self._queue:
            return None
        head = self._queue[0]
        if head.detailed:
            head.detailed = False
            self._detailed.popleft()  # both are in the order of arrival
        return head

    def drop_first(self) -> None:
        """The oldest frame has been written."""
        self.size -= len(self._queue.popleft().payload)

    def clear(self) -> list[int]:
        """Give up everything; the times (us) of what waited."""
        times = [entry.at_us for entry in self._queue if entry.payload]
        self._queue.clear()
        self._detailed.clear()
        self.size = 0
        return times

    def _fits(self, payload: bytes) -> bool:
        return self.size + len(payload) <= self._limit

    def _make_room(self, wanted: int) -> list[int]:
        given_up: list[int] = []
        for _ in range(STRIPPED_PER_OFFER):
            if self.size + wanted <= self._limit or not self._detailed:
                break
            entry = self._detailed.pop()
            self.size -= len(entry.payload)
            entry.detailed = False
            rest = lean(decode(entry.payload))
            if rest is None:
                entry.payload = b""
                given_up.append(entry.at_us)
                continue
            entry.payload = encode(rest)
            self.stripped += 1
            self.size += len(entry.payload)
        return given_up
