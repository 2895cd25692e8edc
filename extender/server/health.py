"""Health as Kubernetes programs show it: `ok`, or a list of checks with `[+]` and `[-]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    message: str = ""
    """When it fails: why, and what would help."""


def health_response(request: Request, name: str, checks: Sequence[Check]) -> Response:
    """200 and `ok` when every check passes, else 503 and the list. `?verbose` always lists."""
    passed = all(check.ok for check in checks)
    verbose = "verbose" in request.query_params
    text = "ok" if passed and not verbose else _listed(name, checks, passed=passed)
    return PlainTextResponse(
        text,
        HTTPStatus.OK if passed else HTTPStatus.SERVICE_UNAVAILABLE,
        {"cache-control": "no-cache, private", "x-content-type-options": "nosniff"},
    )


def _listed(name: str, checks: Sequence[Check], *, passed: bool) -> str:
    lines = [f"[{'+' if check.ok else '-'}]{check.name} {_state(check)}" for check in checks]
    return "\n".join([*lines, f"{name} check {'passed' if passed else 'failed'}", ""])


def _state(check: Check) -> str:
    if check.ok:
        return "ok"
    return f"failed: {check.message}" if check.message else "failed"
