"""Getting one answer over HTTP, whole and in time, or a reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import aiohttp
from yarl import URL

from extender.cluster.readings import Readings

FETCH_TIMEOUT_S = 10.0
DOCUMENT_BYTES_MAX = 64 * 2**20
_OK = 200
_TEXT_MAX = 200


class Unavailable(Exception):
    """No load; `cause` is a metric label."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Had(NamedTuple):
    """What one poll brought."""

    readings: Readings | None
    """None: nothing new."""
    troubles: tuple[Unavailable, ...] = ()
    """What could not be had beside it."""


class LoadFeed(Protocol):
    """One open source of load."""

    async def poll(self) -> Had:
        """Raises Unavailable, or one of resource.UNREADABLE for a document that is none."""


def http_url(text: str, what: str, example: str) -> URL:
    """Raises ValueError saying what to write."""
    try:
        address = URL(text)
    except ValueError:
        address = URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise ValueError(f"{text!r} is no address of {what}: want for example {example}")
    return address


async def fetch(url: URL, headers: Mapping[str, str] | None = None, *, insecure: bool = False) -> bytes:
    """The body of a 200. Raises Unavailable. `insecure`: take any TLS certificate."""
    timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
    local = url.host in ("localhost", "127.0.0.1", "::1")
    asked = url.with_query(None).with_user(None)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=not local) as session,
            session.get(
                url,
                headers={"Accept": "application/json", **(headers or {})},
                allow_redirects=False,
                ssl=not insecure,
            ) as answer,
        ):
            body = await _body(answer, asked)
    except TimeoutError as trouble:
        raise Unavailable("timeout", f"GET {asked}: no answer within {FETCH_TIMEOUT_S:g} s") from trouble
    except (aiohttp.ClientError, OSError, ValueError) as trouble:
        raise Unavailable("transport", f"GET {asked}: {trouble}") from trouble
    if answer.status != _OK:
        said = body[:_TEXT_MAX].decode(errors="replace").strip()
        raise Unavailable("status", f"GET {asked}: HTTP {answer.status} {said}".rstrip())
    return body


async def _body(answer: aiohttp.ClientResponse, asked: URL) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > DOCUMENT_BYTES_MAX:
            raise Unavailable("size", f"GET {asked}: longer than {DOCUMENT_BYTES_MAX} bytes")
        pieces.append(piece)
    return b"".join(pieces)
