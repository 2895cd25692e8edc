"""Reading a request body from ASGI, with a limit that holds whatever Content-Length says."""

from __future__ import annotations

from starlette.types import Receive, Scope


class TooLarge(Exception):
    """The caller must send less."""


class Disconnected(Exception):
    """The caller is gone; nobody is there to answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body. Raises TooLarge once it is known to be above `limit` bytes, Disconnected if it ends early."""
    if _announced(scope) > limit:
        raise TooLarge
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(first) > limit:
            raise TooLarge
        return first
    parts, size = [first], len(first)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def _announced(scope: Scope) -> int:
    """Content-Length, or 0 where there is none that can be read (the count while reading decides)."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            # A length of a thousand digits is not worth turning into a number.
            return int(value[:_DIGITS_MAX]) if value.isdigit() else 0
    return 0


_DIGITS_MAX = 18
