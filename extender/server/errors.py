"""Errors of the admin port, in the one shape that every HTTP API of the product uses."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that is wrong, and where."""

    path: str
    message: str
    hint: str = ""

    def shown(self) -> dict[str, str]:
        found = {"path": self.path, "message": self.message}
        return found | {"hint": self.hint} if self.hint else found


@dataclass(slots=True)
class Refused(Exception):
    """Becomes an error answer. `reason` is one CamelCase word for programs, `message` a sentence for people."""

    status: int
    reason: str
    message: str
    details: Iterable[Detail] = field(default_factory=tuple)


def error_response(request: Request, refused: Refused) -> Response:
    request_id = _request_id(request)
    body = {
        "status": "error",
        "code": refused.status,
        "reason": refused.reason,
        "message": refused.message,
        "details": [detail.shown() for detail in refused.details],
        "requestId": request_id,
    }
    return json_response(body, refused.status, {"x-request-id": request_id})


def json_response(body: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """`Any`: whatever JSON can say, numpy numbers included."""
    content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    return Response(content, status, headers, "application/json")


def _request_id(request: Request) -> str:
    """The caller's own, if it is one; else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
