"""What guards have decided about a policy, and what was in effect before it: kept where a restart finds it.

    {"of": HASH OF THE TEXT, "verdicts": [...], "previous": {"revision", "text": base64 of zlib}}

A verdict is about one text. Another text begins with none, also when it is one that was taken back before.
"""

from __future__ import annotations

import base64
import zlib
from typing import Literal

import msgspec

from extender.policy.last_good import Kept
from extender.policy.reading import TEXT_BYTES_MAX

BOOK_BYTES_MAX = 256 * 1024
"""It shares a ConfigMap with the last good policy. A longer text before is remembered until a restart only."""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    guard: str
    then: Literal["rollback", "disable"]
    why: str
    at: str
    """RFC 3339, UTC."""
    revision: str
    """The policy that the guard belongs to."""
    plugin: str = ""
    """disable: the plugin that is off."""


class GuardBook(msgspec.Struct, frozen=True):
    of: str = ""
    """content_hash of the text that took effect last; empty: none yet."""
    verdicts: tuple[Verdict, ...] = ()
    previous: Kept | None = None
    """What was in effect before it."""

    def about(self, hash_: str) -> tuple[Verdict, ...]:
        return self.verdicts if hash_ == self.of else ()

    def with_verdict(self, verdict: Verdict) -> GuardBook:
        return msgspec.structs.replace(self, verdicts=(*self.verdicts, verdict))


class _Previous(msgspec.Struct, frozen=True):
    revision: str
    text: str


class _Written(msgspec.Struct, frozen=True, omit_defaults=True):
    of: str
    verdicts: tuple[Verdict, ...] = ()
    previous: _Previous | None = None


def encode(book: GuardBook) -> bytes:
    previous = None
    if book.previous is not None:
        packed = base64.b64encode(zlib.compress(book.previous.text)).decode()
        previous = _Previous(book.previous.revision, packed)
    whole = msgspec.json.encode(_Written(book.of, book.verdicts, previous))
    return whole if len(whole) <= BOOK_BYTES_MAX else msgspec.json.encode(_Written(book.of, book.verdicts))


def decode(text: bytes) -> GuardBook:
    """What cannot be read says nothing: an empty book."""
    try:
        written = msgspec.json.decode(text, type=_Written)
        previous = None if written.previous is None else _unpacked(written.previous)
    except (msgspec.MsgspecError, ValueError, zlib.error):
        return GuardBook()
    return GuardBook(written.of, written.verdicts, previous)


def _unpacked(previous: _Previous) -> Kept:
    """Raises ValueError or zlib.error; what unpacks to more than a policy is none."""
    text = zlib.decompressobj().decompress(base64.b64decode(previous.text, validate=True), TEXT_BYTES_MAX + 1)
    if len(text) > TEXT_BYTES_MAX:
        raise ValueError("too long to be a policy")
    return Kept(text, previous.revision)
