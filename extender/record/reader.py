"""Following journals: every sound frame of every producer once, in the order of writing per producer.

A journal is a directory with one directory per producer (one run of an extender). The reader keeps a place per
producer, (segment, offset): all before it was given out. A sealed segment read to its end moves the place to the
beginning of the next, so that a place inside a missing file means that something was lost.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from extender.record.segment import (
    FRAME_OVERHEAD,
    HEADER_MAX,
    MAX_PAYLOAD,
    OPEN_SUFFIX,
    SEALED_SUFFIX,
    Damage,
    Framed,
    NotASegment,
    decode_header,
    scan,
)

CHUNK_BYTES = 1 << 20
_LARGEST_FRAME = FRAME_OVERHEAD + MAX_PAYLOAD


class Place(Struct, frozen=True, order=True, gc=False):
    """Everything before `offset` of `segment` has been given out."""

    segment: int
    offset: int


class Found(Struct, frozen=True, gc=False):
    """A frame and where it stood."""

    producer: str
    segment: int
    frame: Framed

    @property
    def id(self) -> int:
        """Names the frame within its producer: segment << 32 | offset."""
        return self.segment << 32 | self.frame.offset

    @property
    def after(self) -> Place:
        """Where its producer stands once it has been taken."""
        return Place(self.segment, self.frame.end)


class Lost(Struct, frozen=True, gc=False):
    """Bytes that are no frame, or segments that are gone unread."""

    producer: str
    segment: int
    offset: int
    count: int
    """Bytes; for missing segments, how many of them."""
    cause: str
    """damage, header, missing."""

    @property
    def id(self) -> int:
        """As of a frame."""
        return self.segment << 32 | self.offset

    @property
    def after(self) -> Place:
        """Where its producer stands once it has been told."""
        if self.cause == "missing":
            return Place(self.segment + self.count, 0)
        return Place(self.segment, self.offset + self.count)


@dataclass(frozen=True, slots=True)
class SegmentFile:
    number: int
    path: Path
    sealed: bool


def segments_of(directory: Path) -> list[SegmentFile]:
    """The segments of one producer, in order. A directory that is gone has none."""
    files: dict[int, SegmentFile] = {}
    try:
        names = os.listdir(directory)  # noqa: PTH208 names only, many times a second
    except OSError:
        return []
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        sealed = dot + suffix == SEALED_SUFFIX
        if not stem.isdecimal() or not (sealed or dot + suffix == OPEN_SUFFIX):
            continue
        number = int(stem)
        if sealed or number not in files:  # between rename and listing both names may show
            files[number] = SegmentFile(number, directory / name, sealed)
    return [files[number] for number in sorted(files)]


def producers_in(journal: Path) -> list[Path]:
    """The directories of the producers of one journal; none if it is not there (yet)."""
    try:
        with os.scandir(journal) as entries:
            return sorted(Path(e.path) for e in entries if e.is_dir() and not e.name.startswith("."))
    except OSError:
        return []


def _from(files: Sequence[SegmentFile], number: int) -> SegmentFile | None:
    return next((file for file in files if file.number >= number), None)


class JournalReader:
    """Reads whatever is there and remembers where it stopped. One thread."""

    def __init__(self, journals: Sequence[Path], places: Mapping[str, Place] | None = None) -> None:
        """`places`: where to go on, by producer; others begin at their oldest segment."""
        self._journals = list(journals)
        self._followers: dict[str, _Follower] = {}
        self._places = dict(places or {})

    def read(self, max_frames: int, max_bytes: int) -> list[Found | Lost]:
        """What is new, at most about `max_frames` and `max_bytes`, shared between producers. Empty: nothing new.

        Raises OSError when a file that is there cannot be read; the same place is tried again next time.
        """
        self._discover()
        found: list[Found | Lost] = []
        frames, size = max_frames, max_bytes
        for name in list(self._followers):
            if frames <= 0 or size <= 0:
                break
            follower = self._followers.pop(name)
            self._followers[name] = follower  # the next read begins with another producer
            for item in follower.read(frames, size):
                found.append(item)
                frames -= 1
                size -= len(item.frame.payload) if isinstance(item, Found) else 0
        return found

    def places(self) -> dict[str, Place]:
        """Where each known producer stands after what was given out."""
        return self._places | {name: f.place for name, f in self._followers.items() if f.place is not None}

    def segments(self) -> dict[str, list[SegmentFile]]:
        """The files that are there now, by producer."""
        return {path.name: segments_of(path) for journal in self._journals for path in producers_in(journal)}

    def behind_bytes(self) -> dict[str, int]:
        """Bytes on disk that have not been read yet, by producer."""
        return {name: follower.behind_bytes() for name, follower in self._followers.items()}

    def close(self) -> None:
        for follower in self._followers.values():
            follower.close()

    def _discover(self) -> None:
        present = {path.name: path for journal in self._journals for path in producers_in(journal)}
        for name, path in present.items():
            if name not in self._followers:
                self._followers[name] = _Follower(path, self._places.get(name))
        for name in [name for name in self._followers if name not in present]:
            gone = self._followers.pop(name)
            if gone.place is not None:
                self._places[name] = gone.place
            gone.close()


class _Follower:
    """One producer: the file that is open and the place in it."""

    def __init__(self, directory: Path, place: Place | None) -> None:
        self._directory = directory
        self._producer = directory.name
        self.place = place
        self._file: int | None = None
        self._number = 0

    def read(self, max_frames: int, max_bytes: int) -> Iterator[Found | Lost]:
        """Up to so many frames and bytes; always at least one frame where there is one."""
        while max_frames > 0 and max_bytes > 0:
            segment = yield from self._segment()
            if segment is None:
                return
            before = self.place
            for item in self._chunk(segment, max_frames):
                yield item
                max_frames -= 1
                max_bytes -= len(item.frame.payload) if isinstance(item, Found) else 0
                if max_frames <= 0 or max_bytes <= 0:
                    return
            if self.place == before:
                return

    def behind_bytes(self) -> int:
        """Bytes of all segments after the place."""
        behind = 0
        for segment in segments_of(self._directory):
            if self.place is not None and segment.number < self.place.segment:
                continue
            read = self.place.offset if self.place is not None and segment.number == self.place.segment else 0
            try:
                behind += max(0, segment.path.stat().st_size - read)
            except FileNotFoundError:
                continue  # renamed or deleted since it was listed
        return behind

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _segment(self) -> Generator[Lost, None, SegmentFile | None]:
        """The segment to read now, after saying what is missing before it."""
        files = segments_of(self._directory)
        if self.place is None:
            if not files:
                return None
            self.place = Place(files[0].number, 0)
        place = self.place
        chosen = _from(files, place.segment)
        if (chosen is None or chosen.number > place.segment) and self._file is not None:
            # Deleted under our hands, by the disk budget or an operator: what we hold open is still whole.
            return SegmentFile(place.segment, self._directory, sealed=True)
        if chosen is not None and chosen.number > place.segment:
            files = segments_of(self._directory)  # a listing taken during a rename may lack the file
            chosen = _from(files, place.segment)
        if chosen is None:
            return None
        if chosen.number > place.segment:
            self.place = Place(chosen.number, 0)
            yield Lost(self._producer, place.segment, place.offset, chosen.number - place.segment, "missing")
        # A crash leaves .open files behind; once a later segment exists nobody writes to an earlier one.
        followed = files[-1].number > chosen.number
        return SegmentFile(chosen.number, chosen.path, chosen.sealed or followed)

    def _chunk(self, segment: SegmentFile, max_frames: int) -> Iterator[Found | Lost]:
        """Frames of the next stretch of the file, moving the place along."""
        file = self._open(segment)
        if file is None:
            return
        size = os.fstat(file).st_size
        if self._at(segment) == 0:
            yield from self._header(segment, file, size)
        offset = self._at(segment)
        if offset == 0:
            return
        data = os.pread(file, CHUNK_BYTES, offset)
        for item in self._scanned(segment, file, data, size):
            yield item
            max_frames -= 1
            if max_frames <= 0:
                return
        if segment.sealed and self._at(segment) >= size:
            self._leave(segment)

    def _at(self, segment: SegmentFile) -> int:
        """The place within this segment; 0 once it has been left."""
        return self.place.offset if self.place is not None and self.place.segment == segment.number else 0

    def _leave(self, segment: SegmentFile) -> None:
        self.close()
        self.place = Place(segment.number + 1, 0)

    def _header(self, segment: SegmentFile, file: int, size: int) -> Iterator[Lost]:
        """Step over the header. Frames are sound or not by themselves, so a bad header only costs itself."""
        head = os.pread(file, HEADER_MAX, 0)
        try:
            header = decode_header(head)
        except NotASegment:
            first = next(scan(os.pread(file, _LARGEST_FRAME, 0), 0, complete=True), None)
            skip = first.end if isinstance(first, Damage) else size
            self.place = Place(segment.number, max(1, skip))
            yield Lost(self._producer, segment.number, 0, skip, "header")
            return
        if header is not None:
            self.place = Place(segment.number, header.length)
        elif segment.sealed:
            self._leave(segment)
            if size:
                yield Lost(self._producer, segment.number, 0, size, "header")

    def _scanned(self, segment: SegmentFile, file: int, data: bytes, size: int) -> Iterator[Found | Lost]:
        offset = self._at(segment)
        whole = segment.sealed and offset + len(data) >= size
        items = scan(data, offset, complete=whole)
        first = next(items, None)
        if first is None and len(data) == CHUNK_BYTES:  # a frame that is longer than a chunk
            data = os.pread(file, _LARGEST_FRAME, offset)
            items = scan(data, offset, complete=segment.sealed and offset + len(data) >= size)
            first = next(items, None)
        while first is not None:
            self.place = Place(segment.number, first.end)
            if isinstance(first, Framed):
                yield Found(self._producer, segment.number, first)
            else:
                yield Lost(self._producer, segment.number, first.offset, first.end - first.offset, "damage")
            first = next(items, None)

    def _open(self, segment: SegmentFile) -> int | None:
        if self._file is not None and self._number == segment.number:
            return self._file
        self.close()
        try:
            self._file = os.open(segment.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None  # renamed or deleted since it was listed: look again next time
        self._number = segment.number
        return self._file
