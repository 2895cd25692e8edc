"""A policy file, watched by looking at it.

Looking works where notifications do not: network file systems, and the projected volume of a ConfigMap, whose
files change by a symlink (`..data`) being swapped somewhere above. What is offered has been read twice alike, so
that a file caught half written is not offered; a file that vanishes for a moment is being replaced, not deleted.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from extender.policy.reading import TEXT_BYTES_MAX
from extender.policy.text import PolicyText, content_hash

POLL_S = 0.15
STABLE_S = 0.03
"""Between the two readings that must agree."""
STABLE_TRIES_MAX = 20
"""A file that keeps changing is offered after so many readings as it is; parsing will tell."""
RECENT_S = 2.0
"""A younger file is read even if its stat looks the same: file times are coarse, and a size may stay."""
DELETED_AFTER_S = 1.0

Offer = Callable[[PolicyText], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at the file."""

    signature: tuple[int, ...] | None
    """None: not there, or not readable."""
    recent: bool = False
    error: str = ""
    """Why it is not readable, when it is there."""


@dataclass(frozen=True, slots=True)
class _Seen:
    content: bytes | None
    error: str = ""


class FileSource:
    def __init__(self, path: Path | str, *, poll_s: float = POLL_S, clock: Callable[[], float] = time.time) -> None:
        self._path = Path(path)
        self._poll_s = poll_s
        self._clock = clock
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Read the file now and offer it even if it has not changed."""
        self._poked.set()

    async def run(self, offer: Offer) -> None:
        """Offers what the file holds now, then every change. Runs until cancelled."""
        offered: _Seen | None = None
        signature: tuple[int, ...] | None = None
        while True:
            forced = self._poked.is_set() or offered is None
            self._poked.clear()
            look = await asyncio.to_thread(self._look)
            if forced or look.recent or look.signature != signature or look.error:
                seen = await self._settled(look, patient=not forced)
                signature = look.signature
                if forced or seen != offered:
                    offered = seen
                    await offer(self._text(seen))
            await self._wait(self._poll_s)

    def _look(self) -> _Look:
        try:
            stat = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return _Look(None)
        except OSError as trouble:
            return _Look(None, error=f"cannot read {self._path}: {trouble.strerror or trouble}")
        age_s = time.time() - stat.st_mtime
        return _Look((stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns), recent=age_s < RECENT_S)

    async def _settled(self, look: _Look, *, patient: bool) -> _Seen:
        """What the file holds once two readings agree; a missing file must stay missing for a while."""
        seen = await asyncio.to_thread(self._read, look)
        gone_since = time.monotonic()
        for _ in range(STABLE_TRIES_MAX):
            await asyncio.sleep(STABLE_S)
            again = await asyncio.to_thread(self._read, look)
            if again == seen and (seen.content is not None or seen.error or not patient):
                return seen
            seen = again
        while seen.content is None and not seen.error and time.monotonic() - gone_since < DELETED_AFTER_S:
            await asyncio.sleep(STABLE_S)
            seen = await asyncio.to_thread(self._read, look)
        return seen

    def _read(self, look: _Look) -> _Seen:
        if look.error:
            return _Seen(None, look.error)
        try:
            with self._path.open("rb") as file:
                # One byte more than allowed is enough to be refused for its size.
                return _Seen(file.read(TEXT_BYTES_MAX + 1))
        except (FileNotFoundError, NotADirectoryError):
            return _Seen(None)
        except OSError as trouble:
            return _Seen(None, f"cannot read {self._path}: {trouble.strerror or trouble}")

    def _text(self, seen: _Seen) -> PolicyText:
        revision = "" if seen.content is None else content_hash(seen.content)
        return PolicyText(seen.content, revision, os.fspath(self._path), self._clock(), seen.error)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._poked.wait(), seconds)
        except TimeoutError:
            return
