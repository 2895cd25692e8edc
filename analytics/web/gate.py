"""What every answer passes: request id, trace, Host check, security headers, time and count. Streams pass it too."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Collection
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics.config.tracing import TRACE_ID, Span
from analytics.web import metrics
from analytics.web.envelopes import failure

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Mermaid writes a <style> element and style attributes into the picture it draws; scripts only ever come from us.
_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)

ANY_HOST: Final = "*"
_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT"})


class Gate:
    def __init__(self, app: ASGIApp, *, tool: str, hosts: Collection[str]) -> None:
        """`hosts`: names that the Host header may carry, without port; `*` allows all."""
        self._app = app
        self._tool = tool
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        request = Request(scope)
        asked = request.headers.get("x-request-id", "")
        scope["trimtab.request_id"] = asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        span = Span.of(request.headers.get("traceparent", ""))
        TRACE_ID.set(span.trace)

        async def passing(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                headers.extend(_HEADERS)
                headers.append((b"x-request-id", scope["trimtab.request_id"].encode()))
                headers.append((b"traceparent", span.traceparent.encode()))
                self._count(scope, message["status"], time.perf_counter() - started_s)
            await send(message)

        if self._welcome(request):
            await self._app(scope, receive, passing)
        else:
            refused = failure(
                request,
                421,
                "This host name is not served here. Use the address that the program listens on, "
                "or name it with --allowed-host.",
            )
            await refused(scope, receive, passing)

    def _welcome(self, request: Request) -> bool:
        """A page of another origin that rebinds its name to this address still sends its own name here."""
        return ANY_HOST in self._hosts or host_name(request.headers.get("host", "")) in self._hosts

    def _count(self, scope: Scope, code: int, seconds: float) -> None:
        path = scope.get("trimtab.path", "other")
        tool = scope.get("trimtab.tool") or self._tool
        metrics.LATENCY.labels(tool, path).observe(seconds)
        metrics.REQUESTS.labels(tool, path, str(code)).inc()
        if path.startswith("/api/"):
            method = scope["method"] if scope["method"] in _METHODS else "other"
            metrics.API_SECONDS.labels(method, path, str(code)).observe(seconds)
            errors = metrics.API_ERRORS.labels(path)  # there from the first call on, so that a rate has its zero
            if code >= 500:  # noqa: PLR2004
                errors.inc()


def host_name(header: str) -> str:
    """Host header -> lower-case name without port; brackets of IPv6 stay."""
    header = header.strip().lower()
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0]
