"""The lab's API server: plain HTTP on loopback, no authentication, answers worded like kube-apiserver's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from extender.lab.discovery import discover
from extender.lab.identity import Identities
from extender.lab.kinds import NAMESPACES
from extender.lab.paths import Target, target
from extender.lab.reading import Reader
from extender.lab.refusal import Refusal, bad_request, method_not_allowed, too_large, unknown_dry_run
from extender.lab.store import Store
from extender.lab.watching import Watcher
from extender.lab.writing import Writer

BODY_MAX = 3 * 1024 * 1024
"""Largest request body, as in kube-apiserver."""

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_HEALTH = ("/healthz", "/livez", "/readyz")
_OPTIONS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}


class LabApi:
    """The rooms behind one store: `reader`, `watcher`, `writer`, and the ASGI app over them."""

    def __init__(self, store: Store, identities: Identities, extra: list[Route] | None = None) -> None:
        """`extra`: routes of the lab itself, before those of the API."""
        self.store = store
        self.reader = Reader(store)
        self.watcher = Watcher(store)
        self.writer = Writer(store, identities)
        routes = [*(extra or ()), Route("/{path:path}", self._answer, methods=_METHODS)]
        self.app = Starlette(routes=routes)
        for name in ("default", "kube-system"):
            self.writer.add(NAMESPACES, "", {"metadata": {"name": name}})

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._dispatch(request)
        except Refusal as refusal:
            return Response(refusal.body, refusal.code, media_type=refusal.content_type)

    async def _dispatch(self, request: Request) -> Response:
        path = request.url.path
        if path in _HEALTH:
            return Response(b"ok", media_type="text/plain; charset=utf-8")
        if request.method == "GET" and (found := discover(path)) is not None:
            return _json(found)
        place, query = target(path), dict(request.query_params)
        if request.method in ("GET", "HEAD"):
            return self._read(place, query)
        dry_run = _is_dry_run(request)
        match request.method:
            case "POST":
                return _json(self.writer.create(place, await _body(request), dry_run=dry_run), 201)
            case "PUT":
                return _json(self.writer.update(place, await _body(request), dry_run=dry_run))
            case "PATCH":
                kind = request.headers.get("content-type", "").partition(";")[0].strip()
                return _json(self.writer.patch(place, await _body(request), kind, dry_run=dry_run))
            case "DELETE":
                return _json(self.writer.delete(place, await _body(request), query, dry_run=dry_run))
        raise method_not_allowed()

    def _read(self, place: Target, query: dict[str, str]) -> Response:
        if place.subresource in ("binding", "eviction"):
            raise method_not_allowed()
        if place.name:
            return _json(self.reader.get(place))
        if query.get("watch", "").lower() not in ("true", "1"):
            return _json(self.reader.page(place, query))
        lines = self.watcher.run(self.watcher.plan(place, query))
        return StreamingResponse(_flushed(lines), media_type="application/json")


async def _flushed(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """An empty first chunk sends the headers at once, so that a client of a quiet watch does not wait for them."""
    yield b""
    async for chunk in lines:
        yield chunk


def _is_dry_run(request: Request) -> bool:
    asked = request.query_params.getlist("dryRun")
    if asked and asked != ["All"]:
        raise unknown_dry_run(_OPTIONS.get(request.method, ""), asked)
    return bool(asked)


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


async def _body(request: Request) -> bytes:
    size = request.headers.get("content-length", "0")
    if not size.isdecimal():
        raise bad_request("a request with a body needs a Content-Length")
    if int(size) > BODY_MAX:
        raise too_large()
    body = await request.body()
    if len(body) > BODY_MAX:
        raise too_large()
    return body


def json_route(path: str, answer: Callable[[], Any]) -> Route:
    """A GET of the lab's own that answers with whatever `answer` says at that moment."""

    async def get(_request: Request) -> Response:
        return _json(orjson.dumps(answer()))

    return Route(path, get, methods=["GET"])
