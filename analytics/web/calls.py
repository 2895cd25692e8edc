"""Routes of what `control` declares: method, origin, credentials, rights, limits, body, answer, in this order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from analytics.config.logs import POLICY_API
from analytics.control.call import PLUGIN_MANAGER, Asked, Body, Call, Recorded, Reply
from analytics.control.caller import Caller
from analytics.views.declaration import Kind, Parameter
from analytics.web.door import SAFE, Door, TurnedAway
from analytics.web.envelopes import Problem, encode, no_such_api
from analytics.web.parameters import read_parameters
from extender.control.problems import Refused

_LOG: Final = logging.getLogger(__name__)
BODY_WITHIN_S: Final = 30.0
REASON_CHARS_MAX: Final = 500
REASON: Final = Parameter("reason", "Why; kept in history and audit trail.", length_max=REASON_CHARS_MAX)
DRY_RUN: Final = Parameter("dryRun", "All: judged, and not written.", Kind.CHOICE, choices=("All",))


def _always(_tool: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Control:
    door: Door
    calls: Sequence[Call]
    on: Callable[[str], bool] = _always
    """Is this tool switched on? The calls of one that is off are not there."""


Answer = Callable[[Request], Awaitable[Response]]


def control_routes(control: Control, shown: Mapping[str, Answer]) -> list[Route]:
    """`shown`: what is answered to those who only look at a path that also takes calls."""
    by_path: dict[str, dict[str, Call]] = {}
    for call in control.calls:
        by_path.setdefault(call.path, {})[call.method] = call
    return [Route(path, _Path(control, path, calls, shown.get(path))) for path, calls in by_path.items()]


def parameters_of(call: Call) -> tuple[Parameter, ...]:
    """Its own, and those that every change has."""
    if not call.changes:
        return call.parameters
    return (*call.parameters, REASON, DRY_RUN) if call.dry_runs else (*call.parameters, REASON)


class _Path:
    """Everything at one path, so that a wrong method is answered, and recorded, like any other refusal."""

    def __init__(self, control: Control, path: str, calls: Mapping[str, Call], shown: Answer | None = None) -> None:
        self._door = control.door
        self._on = control.on
        self._path = path
        self._calls = calls
        self._tool = next(iter(calls.values())).tool or ""
        self._shown = shown
        looked = "GET" in calls or shown is not None
        self._allow = ", ".join(sorted({*calls, *(SAFE if looked else ())}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if not self._on(self._tool):
            scope["trimtab.path"] = "/api"
            await no_such_api(request)(scope, receive, send)
            return
        scope["trimtab.path"] = self._path
        scope["trimtab.tool"] = POLICY_API if self._tool == PLUGIN_MANAGER else self._tool
        looks = self._shown is not None and request.method in SAFE
        response = await (self._shown(request) if looks and self._shown else self._answer(request))
        if request.method not in SAFE:
            _LOG.info(
                "%s %s: %d, request %s",
                request.method[:16],
                request.url.path[:200],
                response.status_code,
                scope.get("trimtab.request_id"),
            )
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        caller: Caller | None = None
        method = request.method
        try:
            call = self._call(method)
            if method not in SAFE:
                self._door.same_origin(request)
            caller = await self._door.caller(request)
            await self._door.allow(caller, call.right)
            if method not in SAFE:
                self._door.not_too_often(caller)
            asked = await _asked(request, call, caller)
            return _response(request, await _answered(call, asked))
        except TurnedAway as turned:
            # What merely could not be shown is no refusal of anybody.
            shown = method in SAFE and turned.code not in (401, 403, 405, 429)
            turned.recorded = turned.recorded or shown
            target = "/".join(str(part) for part in request.path_params.values())
            action = f"{method[:16]} {self._path}"
            return await self._door.refusal(request, turned, caller, action, target)

    def _call(self, method: str) -> Call:
        """Raises TurnedAway 405."""
        call = self._calls.get("GET" if method == "HEAD" else method)
        if call is None:
            raise TurnedAway(405, f"{method[:16]} is not allowed here.", headers={"allow": self._allow})
        return call


async def _answered(call: Call, asked: Asked) -> Reply:
    try:
        return await call.answer(asked)
    except Recorded as wrong:
        raise TurnedAway.by(wrong.refused, recorded=True) from wrong
    except Refused as refused:
        raise TurnedAway.by(refused, recorded=False) from refused


async def _asked(request: Request, call: Call, caller: Caller) -> Asked:
    body = await _body(request, call)
    given, problems = read_parameters(request, parameters_of(call), time.time())
    reason = _reason(request, given.pop(REASON.name, None), problems)
    dry_run = given.pop(DRY_RUN.name, None) is not None
    if problems:
        raise TurnedAway(422, "The request has parameters that cannot be used.", problems, reason="Invalid")
    tag = request.headers.get("if-match", "").strip()
    if call.matches and not tag:
        raise TurnedAway(
            428,
            "Say with If-Match which policy this replaces: the ETag of GET /api/v1/policy, or * for any.",
            [Problem("If-Match", "is missing")],
        )
    return Asked(caller, given, body, tag.removeprefix("W/").strip('"'), reason, dry_run)


def _reason(request: Request, query: str | None, problems: list[Problem]) -> str:
    text = request.headers.get("x-trimtab-reason", "")
    try:
        text = text.encode("latin-1").decode()  # clients send UTF-8, ASGI reads Latin-1
    except UnicodeDecodeError:
        problems.append(Problem("X-Trimtab-Reason", "is not UTF-8 text"))
    if len(text) > REASON_CHARS_MAX:
        problems.append(Problem("X-Trimtab-Reason", f"longer than {REASON_CHARS_MAX} characters"))
    elif not text.isprintable():
        problems.append(Problem("X-Trimtab-Reason", "holds control characters"))
    return query or text


async def _body(request: Request, call: Call) -> Any:
    """Raises TurnedAway: 400, 408, 413, 415."""
    raw = await _read(request, call.body.bytes_max)
    if call.body is Body.NONE:
        return None  # curl and browsers send `{}` or nothing, as they please
    if not raw:
        if call.body_needed:
            raise TurnedAway(400, f"The body is missing: it holds {_WHAT[call.body]}.")
        return None
    _typed(request, call.body)
    return _decoded(raw) if call.body is Body.JSON else raw


_WHAT: Final = {Body.JSON: "a JSON object", Body.POLICY: "the policy, as YAML or JSON", Body.ARCHIVE: "an archive"}


async def _read(request: Request, bytes_max: int) -> bytes:
    too_large = TurnedAway(413, f"The body is longer than {bytes_max} bytes.", headers={"connection": "close"})
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > bytes_max:
        raise too_large
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for piece in request.stream():
                size += len(piece)
                if size > bytes_max:
                    raise too_large
                pieces.append(piece)
    except TimeoutError as slow:
        raise TurnedAway(
            408, f"The body did not arrive within {BODY_WITHIN_S:g} s.", headers={"connection": "close"}
        ) from slow
    except ClientDisconnect as gone:
        raise TurnedAway(400, "The body ended too early.") from gone
    return b"".join(pieces)


def _typed(request: Request, body: Body) -> None:
    sent = request.headers.get("content-type", "")
    media, _, more = sent.lower().partition(";")
    charset = more.partition("charset=")[2].partition(";")[0].strip(' "')
    if media.strip() not in body.value or charset not in ("", "utf-8", "utf8"):
        raise TurnedAway(
            415,
            f"Send the body as {' or '.join(body.value[:2])}, in UTF-8; its Content-Type is {sent[:80]!r}.",
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise TurnedAway(415, "Send the body as it is, without Content-Encoding.")


def _decoded(raw: bytes) -> Any:
    try:
        value = msgspec.json.decode(raw)
        encode(value)  # a lone surrogate could not be answered, or stored
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as wrong:
        told = str(wrong) if isinstance(wrong, msgspec.MsgspecError) else type(wrong).__name__
        raise TurnedAway(400, f"The body is not JSON: {told}.") from wrong
    if value is None:
        raise TurnedAway(422, "The body is null: send a JSON object, or nothing.")
    return value


def _response(request: Request, reply: Reply) -> Response:
    headers = {"cache-control": "no-store"}
    if reply.tag:
        headers = {"cache-control": "no-cache", "etag": f'"{reply.tag}"'}
    if not reply.fresh and f'"{reply.tag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if reply.filename:
        headers["content-disposition"] = f'attachment; filename="{reply.filename}"'
    body = reply.value if isinstance(reply.value, bytes) else encode(reply.value)
    return Response(body, status_code=reply.code, media_type=reply.media, headers=headers)
