"""`--auth none` and `--auth token`."""

from __future__ import annotations

import asyncio
import hmac
from pathlib import Path

from msgspec.structs import replace

from analytics.control.caller import Caller, NotAccepted, Right
from extender.control.actor import Actor

KEY_BYTES_MAX = 4096
KEY_BYTES_MIN = 8


class NoKey(Exception):
    """The file with the API key cannot be used. The text says what to do."""


class Everybody:
    """Whoever reaches the address may do everything; main sees to it that only this machine does."""

    kind = "none"

    async def caller(self, token: str | None, came: Actor) -> Caller:  # noqa: ARG002 - the protocol's
        return Caller(replace(came, name="local"), known=True, ask=_everything)


class ApiKey:
    """The key of R-278 as a bearer token opens everything; looking needs none (R-273)."""

    kind = "token"

    def __init__(self, path: Path) -> None:
        """Raises NoKey when there is no usable key now."""
        self._path = path
        self._mark: tuple[int, int, int] | None = None
        self._key = b""
        self._read()

    async def caller(self, token: str | None, came: Actor) -> Caller:
        if token is None:
            return Caller(replace(came, name="anonymous"), known=False, ask=_looking)
        await asyncio.to_thread(self._renew)
        if not hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._key):
            raise NotAccepted(
                "This is not the API key: it is the key `api-key` of the Secret, or what --api-key-file holds."
            )
        return Caller(replace(came, name="api-key"), known=True, ask=_everything)

    def _renew(self) -> None:
        """A rotated key counts from the next call on; while its file is being replaced the old one does."""
        try:
            self._read()
        except NoKey:
            return

    def _read(self) -> None:
        try:
            stat = self._path.stat()
            mark = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if mark == self._mark:
                return
            key = self._path.read_bytes()[: KEY_BYTES_MAX + 1].strip()
        except OSError as why:
            raise NoKey(f"{self._path}: {why.strerror}; put the API key there") from why
        if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
            raise NoKey(f"{self._path}: an API key has {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes, this has {len(key)}")
        self._key, self._mark = key, mark


async def _everything(_right: Right) -> str:
    return ""


async def _looking(right: Right) -> str:
    return "" if right in (Right.NOTHING, Right.VIEW) else "the API key, as `Authorization: Bearer KEY`"
