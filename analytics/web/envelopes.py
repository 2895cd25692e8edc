"""The two envelopes: `{"status": "success", "data"}` and the error of interfaces.md §6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from analytics.web.tags import strong_tag

_ENCODER: Final = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Any answer -> JSON."""
    return _ENCODER.encode(value)


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a request."""

    path: str
    message: str


def success(request: Request, data: Any) -> Response:
    """200 with `data`, or 304 when the caller already holds exactly this answer."""
    body = _ENCODER.encode({"status": "success", "data": data})
    return tagged(request, body, "application/json")


def tagged(request: Request, body: bytes, media_type: str) -> Response:
    """200 with an ETag of the body, or 304. Data is never used again without asking."""
    tag = strong_tag(body)
    headers = {"etag": tag, "cache-control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def failure(
    request: Request,
    code: int,
    message: str,
    details: Sequence[Problem] = (),
    *,
    reason: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = _ENCODER.encode(
        {
            "status": "error",
            "code": code,
            "reason": reason or HTTPStatus(code).phrase.title().replace(" ", "").replace("-", ""),
            "message": message,
            "details": list(details),
            "requestId": request.scope.get("trimtab.request_id", ""),
        }
    )
    return Response(
        body,
        status_code=code,
        media_type="application/json",
        headers={"cache-control": "no-store", **(headers or {})},
    )


def no_such_api(request: Request) -> Response:
    """Also of a tool that is switched off."""
    return failure(request, 404, "No such API. What exists is described at /api/v1/openapi.json.")
