"""One saved policy, and what chains it to the one before."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any, Literal

import msgspec

from extender.policy.reading import TEXT_BYTES_MAX

Kind = Literal["auto", "manual", "observed"]
FIRST = "0" * 64
"""What the first of all revisions is chained to."""
_PLAIN_BYTES_MAX = 64 * 1024
"""A longer text is packed, so that it fits into an object of the API server however it is quoted there."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    created_at: str
    """RFC 3339 UTC."""
    kind: Kind
    """auto: saved before a change; manual: asked for; observed: somebody edited the policy directly."""
    actor: str
    via: str
    reason: str
    hash: str
    """Of the store's data that it is a copy of; the same hash is the same policy."""
    revision: str
    """resourceVersion of that data, or the hash of the file's content."""
    text: bytes
    previous: str
    """`chain` of the revision before."""
    chain: str
    """SHA-256 over `previous` and everything else here but the signature; hex digits."""
    signature: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A revision as it is kept. The chain is over these very fields, so no byte of them can change unseen."""

    number: int
    created_at: str
    kind: Kind
    actor: str
    via: str
    reason: str
    hash: str
    revision: str
    encoding: Literal["plain", "packed", "sealed"]
    text: str
    previous: str
    chain: str = ""
    signature: str = ""

    def chained(self) -> str:
        """What `chain` has to be."""
        own = msgspec.structs.replace(self, chain="", signature="")
        return hashlib.sha256(msgspec.json.encode(own)).hexdigest()


def kept(text: bytes) -> tuple[Literal["plain", "packed"], str]:
    """(encoding, text) of an unsealed text."""
    if len(text) <= _PLAIN_BYTES_MAX:
        try:
            return "plain", text.decode()
        except UnicodeDecodeError:
            pass
    return "packed", base64.b64encode(zlib.compress(text)).decode()


def unkept(encoding: str, text: str) -> bytes:
    """The text again. Raises ValueError when it is no such thing, or more than a policy can be."""
    if encoding == "plain":
        return text.encode()
    machine = zlib.decompressobj()
    try:
        found = machine.decompress(base64.b64decode(text, validate=True), TEXT_BYTES_MAX + 1)
    except zlib.error as wrong:
        raise ValueError(f"it cannot be unpacked: {wrong}") from wrong
    if len(found) > TEXT_BYTES_MAX or not machine.eof:
        raise ValueError("it is longer than a policy can be, or cut short")
    return found


def decoded(raw: Any) -> Record:
    """A record from plain data. Raises ValueError."""
    try:
        return msgspec.convert(raw, type=Record)
    except msgspec.ValidationError as wrong:
        raise ValueError(str(wrong)) from wrong
