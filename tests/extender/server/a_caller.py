"""Calls an ASGI app without a server: what came in, piece by piece, and what went out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from starlette.types import ASGIApp


class Leaving(Enum):
    GONE = "before the body was whole"
    LEFT = "after its body, before the answer"


GONE, LEFT = Leaving.GONE, Leaving.LEFT


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes


async def asked(
    app: ASGIApp,
    method: str,
    path: str,
    pieces: Iterable[bytes | Leaving] = (b"",),
    headers: dict[str, str] | None = None,
    query: str = "",
) -> Answered | None:
    """None when nothing was answered. A piece may also be a caller that goes away."""
    arriving = list(pieces)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not arriving:
            await asyncio.sleep(3600)
        piece = arriving.pop(0)
        if isinstance(piece, Leaving):
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(arriving) and arriving[0] is not LEFT}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)
    await asyncio.sleep(0)
    if not sent:
        return None
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    assert int(head["content-length"]) == len(body)
    return Answered(sent[0]["status"], head, body)


def ask(*args: Any, **kwargs: Any) -> Answered:
    answered = asyncio.run(asked(*args, **kwargs))
    assert answered is not None
    return answered
