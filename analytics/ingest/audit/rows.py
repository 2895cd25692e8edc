"""An audit event and a finding as rows of the store, and back."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
import zstandard

from analytics.audit import AuditEvent, Finding
from analytics.store.audit import UNKNOWN_US, sent
from analytics.store.tables import AuditEventRow, FindingRow

BODY_BYTES_MAX: Final = 256 * 1024
"""A longer body, as JSON, is not kept."""
TEXT_MAX: Final = 1024
"""Characters of one text that a row keeps."""
_LEVEL: Final = 3
_SECRET: Final = frozenset({"secrets", "configmaps", "tokenreviews", "certificatesigningrequests"})
"""Their bodies are never kept, whatever the audit policy lets through."""
_SECRET_PARTS: Final = frozenset({"token"})
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_HIDDEN: Final = "(not kept)"
_SHORT_CHARS: Final = 2 * TEXT_MAX
_USUAL_NOTES: Final = 4
_USUAL_CHARS: Final = 512
_SCRUBBED: Final = (b'"env"', b'"managedFields"', _APPLIED.encode())
"""A body that holds none of these, as JSON writes them, is kept as it is."""
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_packing: Final = threading.local()


def row_of(event: AuditEvent, kind: str, source: str, seen_us: int, *, wait_us: int = UNKNOWN_US) -> AuditEventRow:
    """`kind` empty: it does not concern scheduling, and its body is not kept."""
    name, uid = event.name, event.uid
    if not (name and uid):
        made = _metadata(event.response) if event.resource == "pods" and event.verb == "create" else {}
        sent_metadata = _metadata(event.request)
        name = name or _text(made, "name") or _text(sent_metadata, "name")
        uid = uid or _text(made, "uid") or _text(sent_metadata, "uid")
    # In the order of the fields: by their names it would take twice as long, and every event comes here.
    return AuditEventRow(
        event.audit_id[:TEXT_MAX],
        event.stage,
        seen_us,
        event.at_us,
        event.received_us,
        source,
        kind,
        event.level,
        event.verb[:TEXT_MAX],
        event.user[:TEXT_MAX],
        _groups(event.groups),
        event.impersonated[:TEXT_MAX],
        ", ".join(event.source_ips)[:TEXT_MAX],
        event.user_agent[:TEXT_MAX],
        event.api_group[:TEXT_MAX],
        event.resource[:TEXT_MAX],
        event.subresource[:TEXT_MAX],
        event.namespace[:TEXT_MAX],
        name[:TEXT_MAX],
        uid[:TEXT_MAX],
        _node(event)[:TEXT_MAX],
        event.code,
        event.request_uri[:TEXT_MAX],
        wait_us,
        _notes(event.annotations),
        _body(event) if kind else b"",
    )


def is_short(event: AuditEvent) -> bool:
    """It takes about as much memory as its row: no bodies, and no text that a row would cut."""
    if event.request is not None or event.response is not None or len(event.annotations) > _USUAL_NOTES:
        return False
    texts = (event.user, event.user_agent, event.request_uri, event.name, *event.groups, *event.source_ips)
    return sum(map(len, (*texts, *event.annotations.values()))) <= _SHORT_CHARS


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
        actor=finding.user[:TEXT_MAX],
        object=finding.object[:TEXT_MAX],
        description=finding.description[: 4 * TEXT_MAX],
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


def _groups(groups: tuple[str, ...]) -> str:
    return _short_groups(groups) if sum(map(len, groups)) <= TEXT_MAX else _written_groups(groups)


def _written_groups(groups: tuple[str, ...]) -> str:
    return orjson.dumps([group[:TEXT_MAX] for group in groups[:64]]).decode()


def _notes(annotations: Mapping[str, Any]) -> str:
    """Few events say more than why the authorizer allowed them."""
    said = tuple(annotations.items())
    if len(said) <= _USUAL_NOTES and all(isinstance(value, str) and len(value) <= _USUAL_CHARS for _, value in said):
        return _short_notes(said)
    return _written_notes(said)


def _written_notes(annotations: tuple[tuple[str, Any], ...]) -> str:
    kept = {key: value[:TEXT_MAX] for key, value in annotations[:64] if isinstance(value, str)}
    return orjson.dumps(kept).decode()


# What thousands of events have in common is written once. Long ones are not kept: a log may hold anything.
_short_groups: Final = lru_cache(maxsize=1024)(_written_groups)
_short_notes: Final = lru_cache(maxsize=1024)(_written_notes)


def _body(event: AuditEvent) -> bytes:
    """The request as it was sent, without what must not lie around. Empty: there is none to keep."""
    if not event.request or event.resource in _SECRET or event.subresource in _SECRET_PARTS:
        return b""
    try:
        text = orjson.dumps(event.request)
        if any(word in text for word in _SCRUBBED):
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
