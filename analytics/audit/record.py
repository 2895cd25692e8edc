"""One event of the audit log, as rules see it."""

from __future__ import annotations

from typing import Any

import msgspec

JSON_PATCH = "jsonPatch"
"""Key under which `request` holds the operations of a JSON patch, which is a list and not an object."""


class BadEvent(Exception):
    """What was given is no audit event; the text says what is wrong with it."""


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Times in microseconds UTC; 0 where the event has none. Texts are "" where the event says nothing."""

    audit_id: str
    stage: str = "ResponseComplete"
    level: str = "Metadata"
    at_us: int
    """stageTimestamp; where it is missing, requestReceivedTimestamp."""
    received_us: int = 0
    verb: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    impersonated: str = ""
    """Name under which `user` acted, if it was another."""
    source_ips: tuple[str, ...] = ()
    """All but the last can be forged."""
    user_agent: str = ""
    resource: str = ""
    subresource: str = ""
    api_group: str = ""
    namespace: str = ""
    name: str = ""
    """Of an object whose name the server made, from the answer."""
    uid: str = ""
    code: int = 0
    request: dict[str, Any] | None = None
    """As sent, before defaults and admission. A JSON patch stands under JSON_PATCH."""
    response: dict[str, Any] | None = None
    annotations: dict[str, str] = {}
    request_uri: str = ""

    @property
    def object(self) -> str:
        """`pods/team-a/web-0`, with `resource.group` outside the core group and the subresource last."""
        kind = f"{self.resource}/{self.subresource}" if self.subresource and not self.name else self.resource
        parts = [part for part in (kind, self.namespace, self.name) if part]
        if self.subresource and self.name:
            parts.append(self.subresource)
        return "/".join(parts) or self.request_uri.partition("?")[0]

    @property
    def key(self) -> tuple[str, str]:
        """Delivery is at least once: two events with the same key are one."""
        return self.audit_id, self.stage
