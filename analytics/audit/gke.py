"""GKE writes audit events as Cloud Audit log entries: the same facts under other names.

`resourceName` is `core/v1/namespaces/NS/pods/NAME[/SUB]` or `GROUP/VERSION/RESOURCE/NAME`; `methodName` ends in the
verb; `status.code` is one of gRPC's codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from analytics.audit.record import AuditEvent, BadEvent
from analytics.audit.wire import Wire, from_wire

_HTTP = {0: 200, 3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 12: 501, 13: 500, 14: 503, 16: 401}
"""gRPC's codes as HTTP says them (google.rpc.Code)."""
_CREATED = 201
_GROUP_AND_VERSION = 2


class _Authentication(msgspec.Struct, frozen=True, rename="camel"):
    principal_email: str | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    caller_ip: str | None = None
    caller_supplied_user_agent: str | None = None


class _Status(msgspec.Struct, frozen=True):
    code: int | None = None


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    method_name: str
    resource_name: str = ""
    authentication_info: _Authentication | None = None
    request_metadata: _Metadata | None = None
    request: Any = None
    response: Any = None
    status: _Status | None = None


class _Operation(msgspec.Struct, frozen=True):
    id: str | None = None


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    proto_payload: _Payload
    insert_id: str | None = None
    timestamp: str | None = None
    receive_timestamp: str | None = None
    operation: _Operation | None = None
    labels: dict[str, str] | None = None


def from_entry(given: Mapping[str, Any]) -> AuditEvent:
    """A log entry with a protoPayload. Raises BadEvent."""
    try:
        entry = msgspec.convert(given, _Entry)
        payload = entry.proto_payload
        verb = payload.method_name.rpartition(".")[2]
        code = _HTTP.get(payload.status.code or 0 if payload.status else 0, 500)
        caller = payload.request_metadata or _Metadata()
        said = {
            "auditID": (entry.operation.id if entry.operation else None) or entry.insert_id,
            "level": "Request" if payload.request is not None else "Metadata",
            "requestURI": f"/{payload.resource_name}",
            "verb": verb,
            "user": {"username": payload.authentication_info and payload.authentication_info.principal_email},
            "sourceIPs": [caller.caller_ip] if caller.caller_ip else [],
            "userAgent": caller.caller_supplied_user_agent,
            "objectRef": _reference(payload.resource_name),
            "responseStatus": {"code": _CREATED if verb == "create" and code == _HTTP[0] else code},
            "requestObject": payload.request,
            "responseObject": payload.response,
            "stageTimestamp": entry.timestamp or entry.receive_timestamp,
            "annotations": entry.labels,
        }
        return from_wire(msgspec.convert(said, Wire))
    except (msgspec.ValidationError, RecursionError, TypeError) as wrong:
        raise BadEvent(f"no audit event in protoPayload: {wrong}") from None


def _reference(path: str) -> dict[str, str]:
    group, _, rest = path.partition("/")
    parts = rest.split("/")[1:]  # the version says nothing that rules ask for
    found = {"apiGroup": "" if group == "core" else group}
    if len(parts) > _GROUP_AND_VERSION and parts[0] == "namespaces":
        found["namespace"], parts = parts[1], parts[2:]
    return found | dict(zip(("resource", "name", "subresource"), parts, strict=False))
