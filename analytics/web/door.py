"""Who comes in: origin, credentials, rights, how often. What is turned away is in the audit trail."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from analytics.control import metrics
from analytics.control.caller import Access, Caller, NotAccepted, Right
from analytics.control.limits import Limits
from analytics.web.envelopes import Problem, failure
from extender.control.actor import Actor
from extender.control.audit import Audit, entry_of
from extender.control.problems import Refused

SAFE: Final = ("GET", "HEAD")
_PORTS: Final = {"http": 80, "https": 443}
_CLI: Final = "cli"
_TOLD_CHARS: Final = 300
_LOG: Final = logging.getLogger(__name__)


class TurnedAway(Exception):
    """One refusal, before or by the answer."""

    def __init__(
        self,
        code: int,
        message: str,
        details: Sequence[Problem] = (),
        *,
        reason: str = "",
        headers: Mapping[str, str] | None = None,
        recorded: bool = False,
    ) -> None:
        """`recorded`: it is in the audit trail, or need not be."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.reason = reason
        self.headers = headers
        self.recorded = recorded

    @classmethod
    def by(cls, refused: Refused, *, recorded: bool) -> TurnedAway:
        """A refusal of the room that makes changes."""
        details = [Problem(detail.path, detail.message) for detail in refused.details]
        headers = {"retry-after": "1"} if refused.code == 503 else None  # noqa: PLR2004
        return cls(refused.code, refused.message, details, reason=refused.reason, headers=headers, recorded=recorded)


@dataclass(frozen=True, slots=True)
class Door:
    access: Access
    audit: Audit
    hosts: Collection[str] = ()
    """Names under which browsers reach the pages, beside the one that the Host header has."""
    writes: Limits = field(default_factory=lambda: Limits(per_s=5, burst=60))
    strangers: Limits = field(default_factory=lambda: Limits(per_s=0.5, burst=30))

    async def caller(self, request: Request) -> Caller:
        """Raises TurnedAway: 401, 429 (too many wrong credentials from one place), 503."""
        came = came_from(request)
        try:
            return await self.access.caller(_token(request), came)
        except NotAccepted as wrong:
            verdict = self.strangers.take(came.address)
            if verdict.wait_s:
                raise TurnedAway(
                    429,
                    "Too many wrong credentials came from this address.",
                    headers={"retry-after": str(verdict.wait_s)},
                    recorded=not verdict.first,
                ) from wrong
            raise TurnedAway(401, str(wrong), headers={"www-authenticate": "Bearer"}) from wrong
        except Refused as refused:
            raise TurnedAway.by(refused, recorded=False) from refused

    async def allow(self, caller: Caller, right: Right) -> None:
        """Raises TurnedAway: 401 (no credentials), 403 naming the permission, 503."""
        try:
            missing = await caller.ask(right)
        except Refused as refused:
            raise TurnedAway.by(refused, recorded=False) from refused
        if not missing:
            return
        if not caller.known:
            raise TurnedAway(401, f"This needs {missing}.", headers={"www-authenticate": "Bearer"})
        raise TurnedAway(403, f"{caller.actor.name} has no permission to {missing}.")

    def same_origin(self, request: Request) -> None:
        """A page of another origin changes nothing here. Raises TurnedAway 403."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin")
        if site in ("same-origin", "none") and (origin is None or self._ours(request, origin)):
            return
        raise TurnedAway(
            403,
            "Calls that change something are taken from this console's own pages only, not from another web origin.",
        )

    def _ours(self, request: Request, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
            port = parts.port or _PORTS.get(parts.scheme)
            asked = urlsplit(f"{parts.scheme}://{request.headers.get('host', '')}")
            same = (parts.hostname, port) == (asked.hostname, asked.port or _PORTS.get(asked.scheme))
        except ValueError:
            return False
        return parts.hostname is not None and (same or parts.hostname in self.hosts)

    def not_too_often(self, caller: Caller) -> None:
        """Raises TurnedAway 429."""
        actor = caller.actor
        verdict = self.writes.take(f"{actor.name} {actor.address}" if self.access.kind == "none" else actor.name)
        if verdict.wait_s:
            raise TurnedAway(
                429,
                f"Too many changes by {actor.name}; the next may come in {verdict.wait_s} s.",
                headers={"retry-after": str(verdict.wait_s)},
                recorded=not verdict.first,
            )

    async def look(self, request: Request) -> Response | None:
        """For what only shows: None is in, else the refusal."""
        caller: Caller | None = None
        try:
            caller = await self.caller(request)
            await self.allow(caller, Right.VIEW)
        except TurnedAway as turned:
            return await self.refusal(request, turned, caller, f"GET {request.scope.get('trimtab.path', '')}", "")
        return None

    async def refusal(
        self, request: Request, turned: TurnedAway, caller: Caller | None, action: str, target: str
    ) -> Response:
        """The answer, after it has been recorded."""
        metrics.REFUSALS.labels(str(turned.code)).inc()
        if not turned.recorded:
            await self._record(caller.actor if caller else came_from(request), turned, action, target)
        return failure(
            request, turned.code, turned.message, turned.details, reason=turned.reason, headers=turned.headers
        )

    async def _record(self, actor: Actor, turned: TurnedAway, action: str, target: str) -> None:
        entry = entry_of(
            actor, action, shortened(target), "", result="refused", code=turned.code, message=shortened(turned.message)
        )
        try:
            await self.audit.append(entry)
        except Refused as trouble:
            _LOG.error("a refusal is not in the audit trail: %s", trouble.message)


def shortened(text: str) -> str:
    """What callers make up does not fill the audit trail."""
    return text if len(text) <= _TOLD_CHARS else f"{text[:_TOLD_CHARS]}…"


def came_from(request: Request) -> Actor:
    """The way and the place; who it is, is not known yet."""
    via: Any = "web" if "sec-fetch-site" in request.headers else "api"
    if request.headers.get("x-trimtab-via") == _CLI:
        via = _CLI
    address = request.client.host if request.client else ""
    request_id = request.scope.get("trimtab.request_id", "")
    return Actor(name="anonymous", via=via, request_id=request_id, address=address)


def _token(request: Request) -> str | None:
    """The bearer token; None when there is no Authorization header. Another scheme is a token that nobody accepts."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
