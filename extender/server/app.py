"""The scheduler port: a bare ASGI callable for the four verbs, Starlette's router for whatever else comes.

A web framework's request object costs more than filtering a hundred nodes, so the verbs are answered before it; calls
that look as kube-scheduler writes them are answered even before ASGI (protocol.py), from the same `verbs`.
Every answer has an exact Content-Length and nothing behind its JSON; every refusal has no body and says why in the
header X-Trimtab-Reason, because Go clients before 1.27 give up a connection whose error body they do not read.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from extender.server.answer import Answer, header_text, refusal
from extender.server.body import Disconnected, Room, TooLarge, read_body
from extender.server.records import Records
from extender.server.verbs import VERBS, Verbs
from extender.telemetry import metrics

MAX_BODY_BYTES = 64 << 20

_CYCLE = ("filter", "prioritize")
"""What a scheduling cycle waits for; all others come after it, and so must their records."""


class Connection(Protocol):
    def shutdown(self) -> None:
        """Close it: now if it is idle, else after the answer that is under way."""
        ...


class SchedulerApp:
    """ASGI. `drain()` once when shutdown begins: from then on every answer asks its caller to leave."""

    def __init__(self, verbs: Verbs, max_body: int = MAX_BODY_BYTES) -> None:
        self.verbs = verbs
        self.max_body = max_body
        self._draining = False
        self.connections: set[Connection] = set()
        """Those that are open. Only the protocol that knows this app keeps them here (protocol.py)."""
        self.room = Room()
        """For the long body that is collected or answered just now."""
        self.records = Records(verbs.record)
        self._verb_of = {f"/{verb}": verb for verb in VERBS}
        self._disconnects = {verb: metrics.DISCONNECTS.labels(verb) for verb in VERBS}
        self._rest = _router(self)

    @property
    def draining(self) -> bool:
        return self._draining

    def drain(self) -> None:
        self._draining = True

    def send_away(self) -> None:
        """Close every connection, so that callers come back by a new one, and so to the replica that leads. Go dials
        again without an error where an idle connection was closed."""
        for connection in list(self.connections):
            connection.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            verb = self._verb_of.get(scope["path"])
            if verb is not None:
                await self.answer(verb, scope, receive, send)
                return
        await self._rest(scope, receive, send)

    async def answer(self, verb: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive, self.max_body)
        except Disconnected:
            self.left(verb)
            return
        except TooLarge:
            await self._send(refusal(verb, 413, f"the body is larger than {self.max_body} bytes (--max-body)"), send)
            return
        if verb not in _CYCLE:
            self.records.make_all()
        if verb == "bind":
            await self._bind(body, receive, send)
        else:
            await self._send(self.verbs.call(verb, body), send)

    async def _bind(self, body: bytes, receive: Receive, send: Send) -> None:
        """A bind takes as long as the API server does, or as its gang; its caller may be gone before. One that is held
        then ends; one that is being made is finished all the same: broken off half-way nobody would know whether the
        pod is bound."""
        leaving = asyncio.ensure_future(_disconnect(receive))
        try:
            answer = await self.verbs.bind(body, leaving)
            # One turn of the loop, so that a disconnect that has already happened is seen.
            await asyncio.sleep(0)
            if leaving.done():
                self.left("bind")
        finally:
            leaving.cancel()
        await self._send(answer, send)

    async def _send(self, answer: Answer, send: Send) -> None:
        headers = answer.headers(close=self._draining)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        self.follow_up(answer)

    # --- after the answer

    def left(self, verb: str) -> None:
        """A caller went away before its body was whole."""
        self._disconnects[verb].inc()

    def follow_up(self, answer: Answer) -> None:
        """What is owed once the loop has sent the answer on its way."""
        self.records.hold()
        asyncio.get_running_loop().call_soon(self._after, answer)

    def _after(self, answer: Answer) -> None:
        self.verbs.score_ahead(answer)
        self.verbs.count(answer)
        self.records.owe(answer)
        if answer.behind is not None:
            self.verbs.look_aside(answer)


async def _disconnect(receive: Receive) -> None:
    """Until the caller has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def scheduler_app(verbs: Verbs, max_body: int = MAX_BODY_BYTES) -> SchedulerApp:
    """The ASGI callable of the scheduler port."""
    return SchedulerApp(verbs, max_body)


def _router(front: SchedulerApp) -> Starlette:
    app = Starlette(
        routes=[Route(f"/{verb}", _Verb(front, verb), methods=["POST"]) for verb in VERBS],
        exception_handlers={404: _refuse(front, "path"), 405: _refuse(front, "method")},
    )
    # A redirect would turn the scheduler's POST into something else.
    app.router.redirect_slashes = False
    return app


class _Verb:
    """A verb behind the router: reached when the app is mounted below a prefix."""

    def __init__(self, front: SchedulerApp, verb: str) -> None:
        self._front = front
        self._verb = verb

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._front.answer(self._verb, scope, receive, send)


class _refuse:  # noqa: N801 - read as the verb that it is
    def __init__(self, front: SchedulerApp, cause: str) -> None:
        self._front = front
        self._cause = cause

    def __call__(self, request: Request, refused: Exception) -> Response:
        status = refused.status_code if isinstance(refused, HTTPException) else 404
        metrics.REQUESTS_REFUSED.labels(self._cause).inc()
        metrics.REQUESTS.labels("none", str(status)).inc()
        headers = {"x-trimtab-reason": header_text(_reason(request, status))}
        if isinstance(refused, HTTPException) and refused.headers:
            headers.update(refused.headers)
        if self._front.draining:
            headers["connection"] = "close"
        return Response(status_code=status, headers=headers)


def _reason(request: Request, status: int) -> str:
    known = ", ".join(f"/{verb}" for verb in VERBS)
    # Not request.url: it is put together with the Host header, which may be anything.
    path = request.scope["path"]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{path} takes POST, not {request.method}"
    return f"no such path: {path}; there are {known}"
