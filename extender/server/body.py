"""Where a request body is collected: from ASGI, with a limit that holds whatever Content-Length says, and long ones of
the scheduler port in memory that is used again.
"""

from __future__ import annotations

from starlette.types import Receive, Scope

LONG_BODY = 1 << 18
"""From so many bytes on a body comes in several reads, and fresh memory for it costs more than to fill it: the kernel
hands out each page of it by itself."""
ROOM_MOST = 1 << 24


class TooLarge(Exception):
    """The caller must send less."""


class Disconnected(Exception):
    """The caller is gone; nobody is there to answer."""


class Room:
    """Memory for one long body at a time, which is kept: a body of Node objects comes with every call, or never."""

    def __init__(self) -> None:
        self._room = bytearray()
        self._is_taken = False

    def take(self, size: int) -> bytearray | None:
        """So many bytes with anything in them, until they are given back; None: it is not here, is not worth it, or
        would become too large."""
        if self._is_taken or not LONG_BODY <= size <= ROOM_MOST:
            return None
        room = self._room
        try:
            # A bytearray whose bytes somebody still looks at cannot be made longer or shorter: pieces of it that are
            # on their way to a slow reader are safe.
            room.append(0)
            if len(room) < size:
                room.extend(bytes(size - len(room)))
            else:
                del room[size:]
        except BufferError:
            return None
        self._is_taken = True
        return room

    def give_back(self) -> None:
        self._is_taken = False


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
