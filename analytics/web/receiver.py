"""The webhook that API servers send audit events to: called by a program, with a token of its own.

It answers 200 when the batch is in the store. What does not fit now is refused with Retry-After, which the API server
follows; its own buffer is the queue.
"""

from __future__ import annotations

import asyncio
import functools
import hmac
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from analytics.ingest.audit import Busy, metrics
from analytics.store import StoreError
from analytics.views.audit.context import intake
from analytics.views.sources import Sources
from analytics.web.envelopes import encode, failure

PATH: Final = "/api/v1/audit/webhook"
TOOL: Final = "scheduler-audit-analyzer"
BODY_MAX: Final = 32 << 20
"""A batch is 400 events by default; with truncation switched on, the API server keeps it below 10 MB."""
WAITING_MAX: Final = 64 << 20
"""Bytes of all batches that are being taken in together."""
BODY_WITHIN_S: Final = 30.0
TOKEN_BYTES_MAX: Final = 4096
_LOG: Final = logging.getLogger(__name__)


class Receiver:
    def __init__(self, sources: Sources, on: Callable[[str], bool] = lambda _tool: True) -> None:
        """`on`: whether a tool runs here by now."""
        self._sources = sources
        self._on = on
        self._waiting = 0
        self._limiter: anyio.CapacityLimiter | None = None

    def route(self) -> Route:
        return Route(PATH, self._answer, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

    async def _answer(self, request: Request) -> Response:
        request.scope["trimtab.path"] = PATH
        if request.method != "POST":
            return failure(request, 405, "Audit events are sent with POST.", headers={"allow": "POST"})
        if not self._on(TOOL):
            return failure(request, 404, f"Audit events are not received here: {TOOL} is switched off.")
        path = self._sources.settings().audit_token
        if path is None:
            return failure(request, 404, "Audit events are not received here: start with --audit-token-file FILE.")
        refused = await self._stranger(request, path)
        if refused is not None:
            return refused
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_MAX:
            return _too_long(request)
        return await self._receive(request)

    async def _stranger(self, request: Request, path: Path) -> Response | None:
        """None: the token is the right one. The comparison takes the same time wherever tokens differ."""
        try:
            token = await anyio.to_thread.run_sync(_token_of, path)
        except OSError as trouble:
            _LOG.error("--audit-token-file %s: %s", path, trouble.strerror)
            return _later(request, 503, "The token of this receiver cannot be read; the log says why.")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), token)
        if token and same and scheme.lower() == "bearer":
            return None
        return failure(
            request,
            401,
            "This is not the token of the audit webhook: its kubeconfig sends it as `token` of the user.",
            headers={"www-authenticate": "Bearer"},
        )

    async def _receive(self, request: Request) -> Response:
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                async for piece in request.stream():
                    size += len(piece)
                    self._waiting += len(piece)
                    if size > BODY_MAX:
                        return _too_long(request)
                    if self._waiting > WAITING_MAX:
                        return _later(request, 429, "Too many audit events are on their way into the store.")
                    pieces.append(piece)
            return await self._take(request, b"".join(pieces))
        except TimeoutError:
            return failure(request, 408, f"The body did not arrive within {BODY_WITHIN_S:g} s.")
        except ClientDisconnect:
            return failure(request, 400, "The body ended too early.")
        finally:
            self._waiting -= size

    async def _take(self, request: Request, body: bytes) -> Response:
        self._limiter = self._limiter or anyio.CapacityLimiter(1)  # the intake takes one batch at a time
        source = f"webhook {request.client.host if request.client else ''}".strip()
        work = functools.partial(intake(self._sources).take, [body], source, way="webhook")
        try:
            taken = await anyio.to_thread.run_sync(work, limiter=self._limiter)
        except (Busy, StoreError) as trouble:
            return _later(request, 503, f"The events are not stored yet: {trouble}")
        if taken.bad_count and not taken.events and not taken.known:
            return failure(request, 400, f"This is no list of audit events: {taken.bad[0]}")
        answer = {"events": taken.events, "known": taken.known, "stored": taken.stored, "bad": taken.bad_count}
        return Response(
            encode({"status": "success", "data": answer}),
            media_type="application/json",
            headers={"cache-control": "no-store"},
        )


def _too_long(request: Request) -> Response:
    metrics.BAD.labels("webhook").inc()
    return failure(request, 413, f"The body is longer than {BODY_MAX} bytes.", headers={"connection": "close"})


def _later(request: Request, code: int, message: str) -> Response:
    return failure(request, code, message, headers={"retry-after": "1"})


def _token_of(path: Path) -> bytes:
    """Read for each batch, so that a rotated token counts at once. Raises OSError."""
    with path.open("rb") as file:
        return file.read(TOKEN_BYTES_MAX).strip()
