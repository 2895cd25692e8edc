"""A journal segment: one file of checksummed frames that may only grow.

    segment = header frame*
    header  = "TRIMTABJ" format u16 length u16 schema u32 created_us u64 producer(UTF-8) checksum u32
    frame   = magic u32 length u32 sequence u64 checksum u32 payload

Little endian. `length` of the header is that of the whole header, of a frame that of its payload. A header's checksum
covers all bytes before it, a frame's covers sequence and payload. The magic holds bytes that no UTF-8 text holds, so
it never stands inside a payload, and a reader that lost its way finds the next frame by it.

Files: `<directory>/<producer>/<8 digits>.open` while written, `.seg` when sealed (complete, never changed again).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from msgspec import Struct

from extender.record.frames import SCHEMA_VERSION

FORMAT_VERSION = 1
OPEN_SUFFIX = ".open"
SEALED_SUFFIX = ".seg"
# A frame that claims more is damaged; a writer refuses more.
MAX_PAYLOAD = 32 << 20
MAX_PRODUCER = 512

_FILE_MAGIC = b"TRIMTABJ"
_HEADER = struct.Struct("<8sHHIQ")
_CHECKSUM = struct.Struct("<I")
_FRAME = struct.Struct("<IIQI")
_SEQUENCE = struct.Struct("<Q")
MAGIC = b"\xf7\xfa\xff\xf6"
_MAGIC = int.from_bytes(MAGIC, "little")
FRAME_OVERHEAD = _FRAME.size
HEADER_MAX = _HEADER.size + MAX_PRODUCER + _CHECKSUM.size


class NotASegment(Exception):
    """The file does not begin with a header that we can read."""


@dataclass(frozen=True, slots=True)
class Header:
    producer: str
    schema_version: int
    created_us: int
    length: int
    """Bytes of the header: where the first frame begins."""


class Framed(Struct, frozen=True, gc=False):
    """A frame whose checksum holds."""

    offset: int
    """Of its first byte in the file."""
    end: int
    """Of the first byte after it."""
    sequence: int
    """Rises by one per frame of a producer, over all its segments, from 1."""
    payload: bytes


class Damage(Struct, frozen=True, gc=False):
    """Bytes that are no frame. What stood there is lost."""

    offset: int
    end: int


def encode_header(producer: str, created_us: int, schema_version: int = SCHEMA_VERSION) -> bytes:
    """Raises ValueError when the producer's name is empty or above MAX_PRODUCER bytes."""
    name = producer.encode()
    if not 0 < len(name) <= MAX_PRODUCER:
        raise ValueError(f"a producer's name has 1 to {MAX_PRODUCER} bytes, not {len(name)}")
    length = _HEADER.size + len(name) + _CHECKSUM.size
    body = _HEADER.pack(_FILE_MAGIC, FORMAT_VERSION, length, schema_version, created_us) + name
    return body + _CHECKSUM.pack(crc32(body))


def decode_header(data: bytes) -> Header | None:
    """The header at the beginning of a file; None: not all of it is there yet. Raises NotASegment."""
    if data[: len(_FILE_MAGIC)] != _FILE_MAGIC[: len(data)]:
        raise NotASegment("the file does not begin as a journal segment")
    if len(data) < _HEADER.size:
        return None
    _, version, length, schema, created_us = _HEADER.unpack_from(data)
    if version != FORMAT_VERSION:
        raise NotASegment(f"segment format {version}; this program reads {FORMAT_VERSION}")
    if not _HEADER.size + _CHECKSUM.size < length <= HEADER_MAX:
        raise NotASegment(f"the segment's header claims {length} bytes")
    if len(data) < length:
        return None
    body, checksum = data[: length - _CHECKSUM.size], data[length - _CHECKSUM.size : length]
    if _CHECKSUM.unpack(checksum)[0] != crc32(body):
        raise NotASegment("the checksum of the segment's header does not hold")
    return Header(body[_HEADER.size :].decode(errors="replace"), schema, created_us, length)


def encode_frame(sequence: int, payload: bytes) -> bytes:
    """Raises ValueError above MAX_PAYLOAD bytes."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a frame's payload has at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    checksum = crc32(payload, crc32(_SEQUENCE.pack(sequence)))
    return _FRAME.pack(_MAGIC, len(payload), sequence, checksum) + payload


def scan(data: bytes, base: int, *, complete: bool) -> Iterator[Framed | Damage]:
    """Frames in `data`, which are the bytes of a file from offset `base`, where a frame should begin.

    With `complete` nothing follows `data`, so that an unfinished frame at its end is damage; otherwise it is left
    alone: go on at the `end` of what came last, when there is more to read.
    """
    position, size = 0, len(data)
    while position < size:
        frame = _frame_at(data, position, base)
        if frame is not None:
            yield frame
            position = frame.end - base
            continue
        following = _next_frame(data, position + 1, base)
        if following is not None:
            yield Damage(base + position, following.offset)
            position = following.offset - base
            continue
        rest = size if complete else _waiting(data, position)
        if rest > position:
            yield Damage(base + position, base + rest)
        return


def _frame_at(data: bytes, position: int, base: int) -> Framed | None:
    """The whole and sound frame that begins at `position`, if one does."""
    start = position + FRAME_OVERHEAD
    if start > len(data):
        return None
    magic, length, sequence, checksum = _FRAME.unpack_from(data, position)
    if magic != _MAGIC or length > MAX_PAYLOAD or start + length > len(data):
        return None
    payload = data[start : start + length]
    if crc32(payload, crc32(_SEQUENCE.pack(sequence))) != checksum:
        return None
    return Framed(base + position, base + start + length, sequence, payload)


def _next_frame(data: bytes, position: int, base: int) -> Framed | None:
    """The first sound frame that begins at `position` or later."""
    while (position := data.find(MAGIC, position)) >= 0:
        frame = _frame_at(data, position, base)
        if frame is not None:
            return frame
        position += 1
    return None


def _waiting(data: bytes, position: int) -> int:
    """Where a frame that is still being written may begin, given that no sound one does from `position` on."""
    while position < len(data):
        rest = data[position : position + FRAME_OVERHEAD]
        if rest[: len(MAGIC)] == MAGIC[: len(rest)] and _may_grow(rest, len(data) - position):
            return position
        position = _magic_from(data, position + 1)
    return position


def _may_grow(rest: bytes, available: int) -> bool:
    """Whether this beginning of a frame lacks bytes, rather than being wrong."""
    if len(rest) < FRAME_OVERHEAD:
        return True
    length: int = _FRAME.unpack(rest)[1]
    return length <= MAX_PAYLOAD and FRAME_OVERHEAD + length > available


def _magic_from(data: bytes, position: int) -> int:
    """The next place of a magic, or of its first bytes at the very end."""
    found = data.find(MAGIC, position)
    if found >= 0:
        return found
    for short in (3, 2, 1):
        if len(data) - short >= position and data.endswith(MAGIC[:short]):
            return len(data) - short
    return len(data)
