"""Reading events: one line or delivery may hold one, many, or an event as a text in a text.

| from | shape |
| --- | --- |
| log file, webhook | the event; `EventList` with `items` |
| container runtimes | `{"log": "<event>", "stream": ...}`, or a line that begins with time, stream and flag |
| AKS | `{"category": "kube-audit", "properties": {"log": "<event>"}}`, many of them in `records` |
| EKS through CloudWatch | `logEvents` or `events`, each with `message: "<event>"`; one row as `@message` |
| GKE | a log entry with `protoPayload`; many of them in `entries` |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from analytics.audit import gke
from analytics.audit.record import AuditEvent, BadEvent
from analytics.audit.wire import Wire, from_mapping, from_wire, shown

__all__ = ["LONGEST", "AuditEvent", "BadEvent", "read_event", "read_events"]

LONGEST = 16 << 20
"""Bytes of one line or one delivery: above the API server's own bound of a batch, which is 10 MB."""
_DEEPEST = 6
"""Wrappers within wrappers."""
_LISTS = ("items", "records", "logEvents", "events", "entries")
_TEXTS = ("log", "message", "@message", "textPayload")
_OBJECTS = ("properties", "jsonPayload")
_wire = msgspec.json.Decoder(Wire)
_any = msgspec.json.Decoder()


def read_event(raw: bytes | str | Mapping[str, Any]) -> AuditEvent:
    """The one event in a line or a decoded object, in whatever envelope. Raises BadEvent, and nothing else."""
    found = list(read_events(raw))
    if len(found) != 1:
        raise BadEvent(f"{len(found)} audit events where one was expected")
    if isinstance(found[0], BadEvent):
        raise found[0]
    return found[0]


def read_events(raw: bytes | str | Mapping[str, Any]) -> Iterable[AuditEvent | BadEvent]:
    """Every event in a line, a delivery or a decoded object; in place of one that cannot be read, why."""
    if isinstance(raw, Mapping):
        return _unwrap(raw, 0)
    if len(raw) > LONGEST:
        return (BadEvent(f"no audit event: {len(raw)} bytes; the longest that is read is {LONGEST}"),)
    return _decode(raw, 0)


def _decode(raw: bytes | str, depth: int) -> Iterable[AuditEvent | BadEvent]:
    try:
        wire = _wire.decode(raw)
        if wire.kind == "Event" or (wire.kind is None and wire.audit_id):
            return (from_wire(wire),)
    except BadEvent as bad:
        return (bad,)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass  # an envelope may use the same names for something else; what is wrong is said below
    return _decode_envelope(raw, depth)


def _decode_envelope(raw: bytes | str, depth: int) -> Iterator[AuditEvent | BadEvent]:
    try:
        given = _any.decode(_without_prefix(raw))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as wrong:
        yield BadEvent(f"no audit event: {wrong}: {shown(raw[:60])}")
        return
    yield from _unwrap(given, depth)


def _without_prefix(raw: bytes | str) -> bytes | str:
    """What follows `2026-01-02T03:04:05.6Z stdout F `, as containerd and CRI-O write it."""
    parts = raw.split(None, 3) if raw[:1].isdigit() else []
    stream = parts[1] if len(parts) == 4 else None  # noqa: PLR2004 - time, stream, flag, text
    return parts[3] if stream in (b"stdout", b"stderr", "stdout", "stderr") else raw


def _unwrap(given: Any, depth: int) -> Iterator[AuditEvent | BadEvent]:
    if not isinstance(given, Mapping):
        yield BadEvent(f"no audit event: {shown(given)}; want an object")
    elif depth > _DEEPEST:
        yield BadEvent(f"no audit event: wrapped more than {_DEEPEST} times")
    elif "auditID" in given or given.get("kind") == "Event":
        yield _try(from_mapping, given)
    elif isinstance(given.get("protoPayload"), Mapping):
        yield _try(gke.from_entry, given)
    else:
        yield from _inside(given, depth)


def _inside(given: Mapping[str, Any], depth: int) -> Iterator[AuditEvent | BadEvent]:
    for key in _LISTS:
        if isinstance(given.get(key), list):
            for one in given[key]:
                yield from _unwrap(one, depth + 1)
            return
    for key in _OBJECTS:
        if isinstance(given.get(key), Mapping):
            yield from _unwrap(given[key], depth + 1)
            return
    for key in _TEXTS:
        inner = given.get(key)
        if isinstance(inner, str):
            if depth >= _DEEPEST:
                yield BadEvent(f"no audit event: wrapped more than {_DEEPEST} times")
            else:
                yield from _decode(inner, depth + 1)
            return
        if isinstance(inner, Mapping):
            yield from _unwrap(inner, depth + 1)
            return
    yield BadEvent(f"no audit event: auditID is missing, and no envelope is known with keys {shown(sorted(given)[:8])}")


def _try(read: Any, given: Mapping[str, Any]) -> AuditEvent | BadEvent:
    try:
        found: AuditEvent = read(given)
    except BadEvent as bad:
        return bad
    return found
