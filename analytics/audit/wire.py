"""Events as the API server writes them (audit.k8s.io/v1), and the AuditEvent that one becomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from analytics.audit.record import JSON_PATCH, AuditEvent, BadEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHOWN = 80
_WRITTEN = len("2026-01-02T03:04:05.678901Z")
"""As API servers write times; others are read too, which takes longer."""


class _User(msgspec.Struct, frozen=True, gc=False):
    username: str | None = None
    groups: list[str] | None = None


class _Reference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    api_group: str | None = None
    subresource: str | None = None


class _Status(msgspec.Struct, frozen=True, gc=False):
    code: int | None = None


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The event as it is written; fields that newer servers add are passed over."""

    kind: str | None = None
    audit_id: str | None = msgspec.field(default=None, name="auditID")
    stage: str | None = None
    level: str | None = None
    request_uri: str | None = msgspec.field(default=None, name="requestURI")
    verb: str | None = None
    user: _User | None = None
    impersonated_user: _User | None = None
    source_ips: list[str] | None = msgspec.field(default=None, name="sourceIPs")
    user_agent: str | None = None
    object_ref: _Reference | None = None
    response_status: _Status | None = None
    request_object: Any = None
    response_object: Any = None
    request_received_timestamp: str | None = None
    stage_timestamp: str | None = None
    annotations: dict[str, str] | None = None


_NOBODY, _NOTHING, _NO_STATUS = _User(), _Reference(), _Status()


def from_mapping(given: Mapping[str, Any]) -> AuditEvent:
    """An event that is decoded already. Raises BadEvent."""
    try:
        return from_wire(msgspec.convert(given, Wire))
    except (msgspec.ValidationError, RecursionError, TypeError) as wrong:
        raise BadEvent(f"no audit event: {wrong}") from None


def from_wire(wire: Wire) -> AuditEvent:
    """Raises BadEvent where the event names no id or no time."""
    if wire.kind not in (None, "Event"):
        raise BadEvent(f"no audit event: kind is {shown(wire.kind)}; want Event of audit.k8s.io/v1")
    if not wire.audit_id:
        raise BadEvent("no audit event: auditID is missing")
    user, reference = wire.user or _NOBODY, wire.object_ref or _NOTHING
    received = micros(wire.request_received_timestamp, "requestReceivedTimestamp")
    at = micros(wire.stage_timestamp, "stageTimestamp") or received
    if not at:
        raise BadEvent("no audit event: neither stageTimestamp nor requestReceivedTimestamp says when")
    response = wire.response_object if isinstance(wire.response_object, dict) else None
    named = _metadata(response) if response is not None and response.get("kind") != "Status" else {}
    return AuditEvent(
        audit_id=wire.audit_id,
        stage=wire.stage or "ResponseComplete",
        level=wire.level or "Metadata",
        at_us=at,
        received_us=received,
        verb=wire.verb or "",
        user=user.username or "",
        groups=tuple(user.groups or ()),
        impersonated=(wire.impersonated_user or _NOBODY).username or "",
        source_ips=tuple(wire.source_ips or ()),
        user_agent=wire.user_agent or "",
        resource=reference.resource or "",
        subresource=reference.subresource or "",
        api_group=reference.api_group or "",
        namespace=reference.namespace or "",
        name=reference.name or _text(named.get("name")),
        uid=reference.uid or _text(named.get("uid")),
        code=(wire.response_status or _NO_STATUS).code or 0,
        request=_request(wire.request_object),
        response=response,
        annotations=wire.annotations or {},
        request_uri=wire.request_uri or "",
    )


def micros(text: str | None, what: str) -> int:
    """RFC 3339 to microseconds UTC; 0 for none, and for the zero time that Go writes. Raises BadEvent."""
    if not text:
        return 0
    if len(text) == _WRITTEN and text[13] == text[16] == ":" and text[19] == "." and text[26] == "Z":
        fraction = text[20:26]
        if fraction.isdecimal() and fraction.isascii() and (second := _second(text[:19])) is not None:
            return max(0, second + int(fraction))
    try:
        moment = datetime.fromisoformat(text)
        # Not every producer says the zone, and all mean UTC.
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, (aware - _EPOCH) // _MICROSECOND)
    except (ValueError, OverflowError):
        raise BadEvent(f"no audit event: {what} is {shown(text)}; want a time as in 2026-01-02T03:04:05Z") from None


@lru_cache(maxsize=1024)
def _second(text: str) -> int | None:
    """Microseconds of `2026-01-02T03:04:05`, UTC; None: it is no time. Events of a log come by the second."""
    try:
        return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None


def shown(value: object) -> str:
    """A value for an error's text, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _request(found: object) -> dict[str, Any] | None:
    if isinstance(found, dict):
        return found
    if isinstance(found, list):
        return {JSON_PATCH: [one for one in found if isinstance(one, dict)]}
    return None


def _metadata(found: dict[str, Any]) -> dict[str, Any]:
    metadata = found.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""
