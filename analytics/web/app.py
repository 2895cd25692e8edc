"""The two ASGI applications: the console, and health with metrics on a port of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import anyio
import anyio.to_thread
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from analytics.store import StoreError, StoreTimeout
from analytics.views import VIEWS
from analytics.views.declaration import Download, Endpoint, NotHere, NotValid, View
from analytics.views.sources import Sources
from analytics.web.assets import Assets
from analytics.web.calls import Control, control_routes
from analytics.web.door import SAFE
from analytics.web.envelopes import Problem, encode, failure, no_such_api, success, tagged
from analytics.web.extender import ExtenderProbe
from analytics.web.gate import Gate
from analytics.web.live import Broadcaster, TooManyClients
from analytics.web.openapi import describe
from analytics.web.parameters import read_parameters
from analytics.web.receiver import Receiver

Answer = Callable[[Request], Awaitable[Response]]
Checks = Callable[[], Mapping[str, str]]
"""Check -> `ok`, or a short text that says what is wrong. Runs in a thread."""

_LOG: Final = logging.getLogger(__name__)
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
QUESTIONS_AT_ONCE: Final = 8
"""Threads that ask the store at the same time; further questions wait in line."""


def _always(_tool: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Console:
    """What the applications are made of."""

    sources: Sources
    views: Sequence[View]
    broadcaster: Broadcaster
    assets: Assets
    checks: Checks
    extender: ExtenderProbe
    registries: Sequence[CollectorRegistry]
    hosts: Collection[str]
    control: Control | None = None
    """None: nothing can be changed here, and everybody may look."""
    tool: str = "scheduler-tools"
    on: Callable[[str], bool] = _always
    """Is this tool switched on (R-246)? One that is off has no page and no API."""
    settings: Callable[[], Mapping[str, Any]] = dict
    """What of the tools' settings is in effect, for people."""


def console_app(console: Console) -> ASGIApp:
    """Pages, APIs, live events, health and metrics."""
    shown = {one.path: _seen(console, _asked(console, one)) for view in console.views for one in view.endpoints}
    routes = control_routes(console.control, shown) if console.control else []
    routes += [_api(console, view.tool, endpoint) for view in console.views for endpoint in view.endpoints]
    if any(view.slug == "audit" for view in console.views):
        routes.append(Receiver(console.sources, console.on).route())
    routes += [
        _route("/api/v1/events", _seen(console, _events(console.broadcaster))),
        _route("/api/v1/extender", _seen(console, _extender(console.extender))),
        _route("/api/v1/openapi.json", _openapi(console)),
        _route("/api/v1/tools", _seen(console, _tools(console))),
        *_operations(console),
        Route("/api/{rest:path}", _no_such_api, methods=_METHODS),
        _route("/{name:path}", _page(console), "/pages"),
    ]
    return _guarded(console, routes)


def metrics_app(console: Console) -> ASGIApp:
    """Health and metrics only."""
    return _guarded(console, _operations(console))


def _guarded(console: Console, routes: list[Route]) -> ASGIApp:
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _http_failure, 500: _our_fault},
    )
    return Gate(app, tool=console.tool, hosts=console.hosts)


def _operations(console: Console) -> list[Route]:
    return [_route("/health", _health(console.checks)), _route("/metrics", _metrics(console.registries))]


def _route(path: str, answer: Answer, label: str = "") -> Route:
    async def labelled(request: Request) -> Response:
        request.scope["trimtab.path"] = label or path
        if request.method not in SAFE:
            return failure(request, 405, f"{request.method} is not allowed here.", headers={"allow": ", ".join(SAFE)})
        return await answer(request)

    return Route(path, labelled, methods=_METHODS)


def _seen(console: Console, answer: Answer) -> Answer:
    """For those who may look."""
    if console.control is None:
        return answer
    door = console.control.door

    async def guarded(request: Request) -> Response:
        return await door.look(request) or await answer(request)

    return guarded


def _api(console: Console, tool: str, endpoint: Endpoint) -> Route:
    shown = _seen(console, _asked(console, endpoint))

    async def switched(request: Request) -> Response:
        if not console.on(tool):
            return await _no_such_api(request)
        request.scope["trimtab.tool"] = tool
        return await shown(request)

    return _route(endpoint.path, switched)


def _asked(console: Console, endpoint: Endpoint, ignored: Collection[str] = ()) -> Answer:
    """The endpoint's answer; parameters that are `ignored` are somebody else's."""

    async def answer(request: Request) -> Response:
        given, problems = read_parameters(request, endpoint.parameters, time.time(), ignored)
        if problems:
            return failure(request, 422, "The request has parameters that cannot be used.", problems, reason="Invalid")
        try:
            value: Any = await anyio.to_thread.run_sync(
                endpoint.answer, console.sources, given, limiter=_LIMITER(), abandon_on_cancel=False
            )
        except NotHere as missing:
            return failure(request, 404, str(missing))
        except NotValid as wrong:
            problems = [Problem(wrong.path, wrong.message)]
            return failure(request, 422, "The request has parameters that cannot be used.", problems, reason="Invalid")
        except StoreTimeout as slow:
            return failure(request, 503, str(slow), reason="Timeout")
        except StoreError as trouble:
            return failure(request, 503, f"The store does not answer: {trouble}", reason="StoreUnavailable")
        if isinstance(value, Download):
            return _file(request, value)
        if endpoint.text:
            return tagged(request, str(value).encode(), "text/plain")
        return success(request, value)

    return answer


def _file(request: Request, file: Download) -> Response:
    """Its length is not known before its end: one that is broken off is seen by its missing last chunk."""
    headers = {"content-disposition": f'attachment; filename="{file.name}"', "cache-control": "no-store"}
    if request.method == "HEAD":
        return Response(media_type=file.media_type, headers=headers)
    return StreamingResponse(file.parts, media_type=file.media_type, headers=headers)


class _Limiter:
    """One limiter per event loop, made when the first question comes."""

    def __init__(self) -> None:
        self._made: anyio.CapacityLimiter | None = None

    def __call__(self) -> anyio.CapacityLimiter:
        self._made = self._made or anyio.CapacityLimiter(QUESTIONS_AT_ONCE)
        return self._made


_LIMITER: Final = _Limiter()


def _events(broadcaster: Broadcaster) -> Answer:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}

    async def answer(request: Request) -> Response:
        if request.method == "HEAD":  # has no body that could end, and would hold its connection for good
            return Response(media_type="text/event-stream", headers=headers)
        try:
            stream = broadcaster.open(request.headers.get("last-event-id", ""))
        except TooManyClients:
            return failure(
                request,
                503,
                "Too many live streams are open; the lists answer as usual.",
                headers={"retry-after": "10"},
            )
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    return answer


def _extender(probe: ExtenderProbe) -> Answer:
    async def answer(request: Request) -> Response:
        return success(request, await probe.policy())

    return answer


def _openapi(console: Console) -> Answer:
    made: dict[tuple[str, ...], bytes] = {}

    async def answer(request: Request) -> Response:
        views = [view for view in console.views if console.on(view.tool)]
        key = tuple(view.slug for view in views)
        if key not in made:
            made.clear()
            made[key] = describe(views, console.control)
        return tagged(request, made[key], "application/json")

    return answer


def _tools(console: Console) -> Answer:
    async def answer(request: Request) -> Response:
        names = dict.fromkeys(view.tool for view in console.views if view.tool)
        tools = [
            {
                "name": name,
                "enabled": console.on(name),
                "pages": [view.slug for view in console.views if view.tool == name],
            }
            for name in names
        ]
        return success(request, {"tools": tools, **console.settings()})

    return answer


def _health(checks: Checks) -> Answer:
    async def answer(_request: Request) -> Response:
        found = await anyio.to_thread.run_sync(checks)
        well = all(text == "ok" for text in found.values())
        body = encode({"status": "healthy" if well else "unhealthy", "checks": dict(found)})
        return Response(
            body, status_code=200 if well else 503, media_type="application/json", headers={"cache-control": "no-store"}
        )

    return answer


def _metrics(registries: Sequence[CollectorRegistry]) -> Answer:
    async def answer(_request: Request) -> Response:
        body = b"".join(generate_latest(registry) for registry in registries)
        return Response(body, headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"})

    return answer


def _page(console: Console) -> Answer:
    as_json = _pages_as_json(console)
    # A hint carries no credentials: where they are asked for, each would be a refusal in the audit trail.
    open_to_all = console.control is not None and console.control.door.access.kind == "none"
    asked = {view.slug: view.asks for view in console.views if open_to_all}

    async def answer(request: Request) -> Response:
        on = _slugs(console)
        name = request.path_params["name"]
        if name in as_json and request.query_params.get("format") == "json" and console.on(as_json[name][0]):
            return await as_json[name][1](request)
        file = console.assets.file(request, name)
        if file is not None:
            request.scope["trimtab.path"] = "/assets"
            return file
        slug = name.split("/", 1)[0]
        if (slug in on or (not slug and on)) and not name.startswith("assets/"):
            only = None if len(on) == len(console.views) == len(VIEWS) else on
            asks = () if request.url.query else asked.get(slug, ())
            return console.assets.page(request, slug or on[0], asks, only)
        if not on:
            return failure(request, 404, "Every tool of this program is switched off by its configuration.")
        return failure(request, 404, "Nothing is served at this path.")

    return answer


def _slugs(console: Console) -> list[str]:
    """Pages that are there now. What belongs to no tool is there while any tool is."""
    on = [view for view in console.views if console.on(view.tool)]
    return [view.slug for view in on] if any(view.tool for view in on) else []


def _pages_as_json(console: Console) -> Mapping[str, tuple[str, Answer]]:
    """Page -> its tool, and what answers `?format=json` there. At the root it is the only view that answers so."""
    found = {
        view.slug: (view.tool, _seen(console, _asked(console, endpoint, ("format", "name"))))
        for view in console.views
        for endpoint in view.endpoints
        if endpoint.path == view.answers_page
    }
    return found | ({"": next(iter(found.values()))} if len(found) == 1 else {})


async def _no_such_api(request: Request) -> Response:
    request.scope["trimtab.path"] = "/api"
    return no_such_api(request)


async def _http_failure(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    message = {
        404: "Nothing is served at this path.",
        405: f"{request.method} is not allowed here.",
    }.get(code, str(getattr(error, "detail", "")))
    return failure(request, code, message, headers=headers)


async def _our_fault(request: Request, error: Exception) -> Response:
    _LOG.error("request %s failed", request.scope.get("trimtab.request_id"), exc_info=error)
    return failure(request, 500, "An internal fault. The log has the details under this request id.")
