"""`continue` values: the place in a list that is newest first, as an opaque text."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson


class BadToken(ValueError):
    """A `continue` value that this store did not give."""


def encoded(head: tuple[Any, ...]) -> str:
    """(at_us, producer, id, ...) of the last row shown -> the token for what comes after it."""
    return base64.urlsafe_b64encode(orjson.dumps([head[0], head[1], head[2]])).rstrip(b"=").decode()


def decoded(token: str) -> tuple[int, str, int]:
    """What `encoded` took. Raises BadToken."""
    try:
        value = orjson.loads(base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4)))
    except (binascii.Error, ValueError) as error:
        raise BadToken(f"continue: {token!r} did not come from this list: start again without it") from error
    match value:
        case [int(at_us), str(producer), int(frame)]:
            return at_us, producer, frame
    raise BadToken(f"continue: {token!r} did not come from this list: start again without it")
