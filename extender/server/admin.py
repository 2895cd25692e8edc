"""The admin port: health, metrics, what is in effect, what would be said. Reads only; nothing here decides.

Everything it shows comes from the providers in AdminSources, so that it knows no other room.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from extender.model.pod import KubePod, Pod
from extender.policy import ParsedPolicy, PolicyRefused
from extender.server.body import Disconnected, TooLarge, read_body
from extender.server.errors import Detail, Refused, error_response, json_response
from extender.server.health import Check, health_response
from extender.telemetry import metrics

ADMIN_BODY_MAX = 1 << 20
EXPLAIN_NODES_MAX = 20_000
"""Nodes that one explain may ask about."""

PREVIEW_BODY_MAX = 8 << 20
"""A policy as large as one may be, written as a JSON string, and pods beside it."""
PREVIEW_PODS_MAX = 1000
PREVIEW_LAST = 200

_log = logging.getLogger(__name__)

# `Any`: JSON that the providers own.
Json = Any
Body = TypeVar("Body", bound=msgspec.Struct)
Page = Callable[[Request], Awaitable[Response]]
Explain = Callable[[Pod, Sequence[str] | None, ParsedPolicy | None], Json | Awaitable[Json]]
Preview = Callable[[ParsedPolicy, Sequence[Pod] | None, int], Awaitable[Json]]
FindPod = Callable[[str, str], Pod | None]


@dataclass(frozen=True, slots=True)
class AdminSources:
    """What the admin port shows. Providers run on the event loop: they answer within a millisecond, or await."""

    live: Callable[[], Sequence[Check]]
    """A failing check means: restart the process."""
    ready: Callable[[], Sequence[Check]]
    """A failing check means: send nothing here."""
    configz: Callable[[], Mapping[str, Json]]
    catalogue: Callable[[], Json]
    leases: Callable[[], Sequence[Json]]
    holds: Callable[[], Sequence[Json]]
    parse_policy: Callable[[bytes], Awaitable[ParsedPolicy]]
    """YAML or JSON text -> policy. Raises PolicyRefused and nothing else."""
    explain: Explain
    """(pod, node names or all, policy or the one in effect) -> interfaces.md §5. May raise PolicyRefused."""
    preview: Preview
    """(policy, pods or None, how many of the last decided pods instead) -> what it would change. May raise
    PolicyRefused."""
    find_pod: FindPod
    """(namespace, name) -> the pod as the cluster cache has it, or None."""
    registry: CollectorRegistry = metrics.REGISTRY


def admin_app(sources: AdminSources) -> Starlette:
    """The ASGI app of the admin port."""
    pages = _Pages(sources)
    get = [
        ("/livez", pages.livez),
        ("/healthz", pages.healthz),
        ("/readyz", pages.readyz),
        ("/metrics", pages.metrics),
        ("/configz", pages.configz),
        ("/catalogue", pages.catalogue),
        ("/leases", pages.leases),
        ("/holds", pages.holds),
    ]
    post = [("/validate", pages.validate), ("/explain", pages.explain), ("/preview", pages.preview)]
    return Starlette(
        routes=[
            *(Route(path, _guarded(page), methods=["GET"]) for path, page in get),
            *(Route(path, _guarded(page), methods=["POST"]) for path, page in post),
        ],
        exception_handlers={HTTPException: _http_error},
    )


class _Pages:
    def __init__(self, sources: AdminSources) -> None:
        self._sources = sources
        self._previews = asyncio.Lock()

    async def livez(self, request: Request) -> Response:
        return health_response(request, "livez", self._sources.live())

    async def healthz(self, request: Request) -> Response:
        return health_response(request, "healthz", self._sources.live())

    async def readyz(self, request: Request) -> Response:
        return health_response(request, "readyz", self._sources.ready())

    async def metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self._sources.registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def configz(self, _request: Request) -> Response:
        return json_response(self._sources.configz())

    async def catalogue(self, _request: Request) -> Response:
        return json_response(self._sources.catalogue())

    async def leases(self, _request: Request) -> Response:
        return json_response(list(self._sources.leases()))

    async def holds(self, _request: Request) -> Response:
        return json_response(list(self._sources.holds()))

    async def validate(self, request: Request) -> Response:
        """200 with the warnings, 422 with every problem; never anything half read."""
        text = await _body(request)
        try:
            parsed = await self._sources.parse_policy(text)
        except PolicyRefused as refused:
            errors = [{"path": p.path, "message": p.message, "hint": p.hint} for p in refused.problems]
            return json_response({"valid": False, "errors": errors}, 422)
        return json_response({"valid": True, "warnings": list(parsed.warnings)})

    async def explain(self, request: Request) -> Response:
        asked = _explain_body(await _body(request))
        policy = await self._policy(asked.policy)
        found = self._sources.explain(self._asked_pod(asked), asked.node_names, policy)
        if inspect.isawaitable(found):
            found = await found
        return json_response(found)

    async def preview(self, request: Request) -> Response:
        """One at a time: it takes up to half of the core while it lasts."""
        asked = _read(await _body(request, PREVIEW_BODY_MAX), _PreviewBody)
        for name, count in (("pods", len(asked.pods or ())), ("last", asked.last)):
            if count > PREVIEW_PODS_MAX:
                raise _too_many(name, count, "pods", PREVIEW_PODS_MAX)
        policy = await self._policy(asked.policy)
        if policy is None:
            missing = Detail("policy", "give the policy to try: its text, or the document")
            raise Refused(422, "InvalidRequest", missing.message, [missing])
        pods = None if asked.pods is None else [_pod(sent, f"pods[{i}]") for i, sent in enumerate(asked.pods)]
        if self._previews.locked():
            raise Refused(409, "PreviewUnderWay", "another preview is being made; ask again when it has ended")
        async with self._previews:
            return json_response(await self._sources.preview(policy, pods, asked.last))

    def _asked_pod(self, asked: _ExplainBody) -> Pod:
        """The pod of the body, or the one that it refers to."""
        if (asked.pod is None) == (asked.pod_ref is None):
            one = Detail("pod", "give either pod (an object) or podRef (namespace and name)")
            raise Refused(422, "InvalidRequest", one.message, [one])
        if asked.pod is not None:
            return _pod(asked.pod)
        assert asked.pod_ref is not None  # noqa: S101 - one of the two is there
        found = self._sources.find_pod(asked.pod_ref.namespace, asked.pod_ref.name)
        if found is None:
            key = f"{asked.pod_ref.namespace}/{asked.pod_ref.name}"
            raise Refused(404, "PodNotFound", f"the cluster cache has no pod {key}; finished pods are not kept")
        return found

    async def _policy(self, raw: msgspec.Raw) -> ParsedPolicy | None:
        """A policy inside a JSON body: the document itself, or its text as a string; null: the one in effect."""
        tree = msgspec.json.decode(raw)
        if tree is None:
            return None
        try:
            return await self._sources.parse_policy(tree.encode() if isinstance(tree, str) else bytes(raw))
        except PolicyRefused as refused:
            raise _invalid_policy(refused, "policy") from None


class _PodRef(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    namespace: str = "default"


class _ExplainBody(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pod: KubePod | None = None
    pod_ref: _PodRef | None = None
    node_names: list[str] | None = None
    policy: msgspec.Raw = msgspec.Raw(b"null")


class _PreviewBody(msgspec.Struct, forbid_unknown_fields=True):
    policy: msgspec.Raw
    pods: list[KubePod] | None = None
    last: Annotated[int, msgspec.Meta(ge=1)] = PREVIEW_LAST


def _explain_body(body: bytes) -> _ExplainBody:
    asked = _read(body, _ExplainBody)
    if asked.node_names is not None and len(asked.node_names) > EXPLAIN_NODES_MAX:
        raise _too_many("nodeNames", len(asked.node_names), "names", EXPLAIN_NODES_MAX)
    return asked


def _too_many(path: str, count: int, of: str, most: int) -> Refused:
    many = Detail(path, f"{count} {of}; at most {most} can be asked about")
    return Refused(422, "InvalidRequest", many.message, [many])


def _read(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as wrong:
        detail = _located(str(wrong))
        raise Refused(422, "InvalidRequest", f"{detail.path or 'body'}: {detail.message}", [detail]) from None
    except msgspec.DecodeError as wrong:
        raise Refused(400, "MalformedJson", f"the body is not JSON: {wrong}") from None
    except (ValueError, OverflowError, RecursionError) as wrong:
        raise Refused(400, "MalformedJson", f"the body cannot be read: {type(wrong).__name__}") from None


def _pod(sent: KubePod, path: str = "pod") -> Pod:
    try:
        return sent.flatten()
    except (ValueError, OverflowError) as wrong:
        detail = Detail(path, f"a value is out of range: {wrong}")
        raise Refused(422, "InvalidRequest", f"{detail.path}: {detail.message}", [detail]) from None


_WHERE = re.compile(r"(?P<message>.*?)(?: - at `(?:key in )?\$\.?(?P<path>.*)`)?", re.DOTALL)


_MISSING = re.compile(r"Object missing required field `(.*)`")


def _located(told: str) -> Detail:
    """msgspec's text ends in the place (`$.pod.spec`); a missing field is placed where it should stand."""
    found = _WHERE.fullmatch(told)
    if found is None:
        return Detail("", told)
    path, message = found["path"] or "", found["message"]
    missing = _MISSING.fullmatch(message)
    return Detail(_below(path, missing[1]), "required") if missing else Detail(path, message)


def _below(head: str, path: str) -> str:
    return f"{head}.{path}" if head and path else head or path


async def _body(request: Request, most: int = ADMIN_BODY_MAX) -> bytes:
    try:
        return await read_body(request.scope, request.receive, most)
    except TooLarge:
        raise Refused(413, "BodyTooLarge", f"the body is larger than {most} bytes") from None


# --- errors


def _guarded(page: Page) -> Page:
    """Whatever goes wrong in a page becomes an error answer; nothing reaches the server."""

    async def answered(request: Request) -> Response:
        try:
            return await page(request)
        except Refused as refused:
            return error_response(request, refused)
        except PolicyRefused as refused:
            return error_response(request, _invalid_policy(refused, ""))
        except Disconnected:
            return Response(status_code=400)
        except Exception as fault:  # noqa: BLE001 - the edge: the next request is served all the same
            return _fault(request, fault)

    return answered


def _http_error(request: Request, raised: Exception) -> Response:
    """What the router itself refuses: unknown paths and wrong methods."""
    path = request.scope["path"]
    if isinstance(raised, HTTPException) and raised.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refused = Refused(405, "MethodNotAllowed", f"{path} does not take {request.method}")
        response = error_response(request, refused)
        response.headers.update(raised.headers or {})
        return response
    return error_response(request, Refused(404, "NotFound", f"no such path: {path}"))


def _invalid_policy(refused: PolicyRefused, where: str) -> Refused:
    details = [Detail(_below(where, p.path), p.message, p.hint) for p in refused.problems]
    return Refused(422, "InvalidPolicy", "the policy is not valid; see details", details)


def _fault(request: Request, raised: Exception) -> Response:
    metrics.INTERNAL_FAULTS.labels("admin").inc()
    _log.error("internal fault in %s", request.scope["path"], exc_info=raised)
    message = f"internal fault ({type(raised).__name__}); the log of the extender has the details"
    return error_response(request, Refused(500, "InternalFault", message))
