"""Waiting for what must happen, for tests about sources."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from extender.policy import PolicyText

GIVE_UP_S = 20.0


class Source(Protocol):
    def run(self, offer: Callable[[PolicyText], Awaitable[None]]) -> Awaitable[None]: ...


class Offers:
    """What a running source has offered, in order."""

    def __init__(self) -> None:
        self.all: list[PolicyText] = []
        self._queue: asyncio.Queue[PolicyText] = asyncio.Queue()

    async def take(self, text: PolicyText) -> None:
        self.all.append(text)
        self._queue.put_nowait(text)

    async def next(self) -> PolicyText:
        return await asyncio.wait_for(self._queue.get(), GIVE_UP_S)

    def none_waits(self) -> bool:
        return self._queue.empty()


@contextlib.asynccontextmanager
async def running(source: Source) -> AsyncIterator[Offers]:
    offers = Offers()
    task = asyncio.ensure_future(source.run(offers.take))
    try:
        yield offers
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(GIVE_UP_S):
        while not condition():  # noqa: ASYNC110 - the condition is somebody else's state
            await asyncio.sleep(0.005)
