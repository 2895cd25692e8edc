"""An audit event and a finding as rows of the store, and back."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from typing import Any, Final

import orjson
import zstandard

from analytics.audit import AuditEvent, Finding
from analytics.store.audit import UNKNOWN_US, sent
from analytics.store.tables import AuditEventRow, FindingRow

BODY_BYTES_MAX: Final = 256 * 1024
"""A longer body, as JSON, is not kept."""
_TEXT_MAX: Final = 1024
_LEVEL: Final = 3
_SECRET: Final = frozenset({"secrets", "configmaps", "tokenreviews", "certificatesigningrequests"})
"""Their bodies are never kept, whatever the audit policy lets through."""
_SECRET_PARTS: Final = frozenset({"token"})
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_HIDDEN: Final = "(not kept)"
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_packing: Final = threading.local()


def row_of(event: AuditEvent, kind: str, source: str, seen_us: int, *, wait_us: int = UNKNOWN_US) -> AuditEventRow:
    """`kind` empty: it does not concern scheduling, and its body is not kept."""
    made = _metadata(event.response) if event.resource == "pods" and event.verb == "create" else {}
    return AuditEventRow(
        id=event.audit_id[:_TEXT_MAX],
        stage=event.stage,
        seen_us=seen_us,
        at_us=event.at_us,
        received_us=event.received_us,
        source=source,
        kind=kind,
        level=event.level,
        verb=event.verb[:_TEXT_MAX],
        actor=event.user[:_TEXT_MAX],
        actor_groups=orjson.dumps([group[:_TEXT_MAX] for group in event.groups[:64]]).decode(),
        impersonated=event.impersonated[:_TEXT_MAX],
        address=", ".join(event.source_ips)[:_TEXT_MAX],
        agent=event.user_agent[:_TEXT_MAX],
        api_group=event.api_group[:_TEXT_MAX],
        resource=event.resource[:_TEXT_MAX],
        subresource=event.subresource[:_TEXT_MAX],
        namespace=event.namespace[:_TEXT_MAX],
        name=(event.name or _text(made, "name") or _text(_metadata(event.request), "name"))[:_TEXT_MAX],
        uid=(event.uid or _text(made, "uid") or _bound_uid(event))[:_TEXT_MAX],
        node=_node(event)[:_TEXT_MAX],
        code=event.code,
        uri=event.request_uri[:_TEXT_MAX],
        wait_us=wait_us,
        notes=_notes(event.annotations),
        body=_body(event) if kind else b"",
    )


def event_of(row: AuditEventRow) -> AuditEvent:
    """What rules and patterns are told about a stored event: all but the answer's body."""
    return AuditEvent(
        audit_id=row.id,
        stage=row.stage,
        level=row.level,
        at_us=row.at_us,
        received_us=row.received_us,
        verb=row.verb,
        user=row.actor,
        groups=tuple(orjson.loads(row.actor_groups)),
        impersonated=row.impersonated,
        source_ips=tuple(filter(None, row.address.split(", "))),
        user_agent=row.agent,
        resource=row.resource,
        subresource=row.subresource,
        api_group=row.api_group,
        namespace=row.namespace,
        name=row.name,
        uid=row.uid,
        code=row.code,
        request=sent(row),
        response=None,
        annotations=orjson.loads(row.notes),
        request_uri=row.uri,
    )


def finding_row(finding: Finding, seen_us: int) -> FindingRow:
    return FindingRow(
        id=finding_id(finding),
        seen_us=seen_us,
        at_us=finding.at_us,
        rule=finding.rule,
        title=finding.title,
        severity=finding.severity,
        actor=finding.user[:_TEXT_MAX],
        object=finding.object[:_TEXT_MAX],
        description=finding.description[: 4 * _TEXT_MAX],
        event_ids=orjson.dumps(list(finding.event_ids)).decode(),
        attack=orjson.dumps(list(finding.attack)).decode(),
        fix=finding.fix,
        same=finding.key,
    )


def finding_id(finding: Finding) -> str:
    """Equal for what is one and the same finding, whoever finds it."""
    told = f"{finding.rule}\n{finding.key}\n{finding.at_us}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _node(event: AuditEvent) -> str:
    """Where a binding goes, where a pod was created for, or the node that the request is about."""
    if event.resource == "nodes":
        return event.name
    request = event.request or {}
    if event.subresource == "binding" or event.resource == "bindings":
        return _text(_object(request, "target"), "name")
    return _text(_object(request, "spec"), "nodeName") if event.resource == "pods" and event.verb == "create" else ""


def _bound_uid(event: AuditEvent) -> str:
    return _text(_metadata(event.request), "uid")


def _notes(annotations: Mapping[str, Any]) -> str:
    kept = {key: value[:_TEXT_MAX] for key, value in list(annotations.items())[:64] if isinstance(value, str)}
    return orjson.dumps(kept).decode()


def _body(event: AuditEvent) -> bytes:
    """The request as it was sent, without what must not lie around. Empty: there is none to keep."""
    if not event.request or event.resource in _SECRET or event.subresource in _SECRET_PARTS:
        return b""
    try:
        text = orjson.dumps(_scrubbed(event.request))
    except (orjson.JSONEncodeError, RecursionError):
        return b""
    return _packed(text) if len(text) <= BODY_BYTES_MAX else b""


def _packed(text: bytes) -> bytes:
    """By a compressor of the thread's own: to make one takes longer than to pack a pod."""
    packer: zstandard.ZstdCompressor | None = getattr(_packing, "packer", None)
    if packer is None:
        packer = _packing.packer = zstandard.ZstdCompressor(level=_LEVEL)
    return packer.compress(text)


def _scrubbed(value: Any) -> Any:
    """Values of environment variables can be passwords; so can what kubectl repeats in an annotation."""
    # What JSON made, and many of them: the exact types are asked for.
    if type(value) is dict:
        return {
            key: inner
            if type(inner) in _PLAIN
            else _env(inner)
            if key == "env" and isinstance(inner, list)
            else _scrubbed(inner)
            for key, inner in value.items()
            if key not in (_APPLIED, "managedFields")
        }
    return [_scrubbed(inner) for inner in value] if type(value) is list else value


def _env(items: list[Any]) -> list[Any]:
    return [
        {**item, "value": _HIDDEN} if isinstance(item, Mapping) and "value" in item else _scrubbed(item)
        for item in items
    ]


def _metadata(value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return _object(value, "metadata") if value else {}


def _object(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
