"""Work on the event loop in short turns, so that whoever else waits for the loop does not wait long."""

from __future__ import annotations

import asyncio
import os
from time import perf_counter
from types import TracebackType
from typing import Self

# What a request may have to wait for when it comes in the middle of a burst.
TURN_S = 0.0001
# Before the first list is whole nobody is served but probes, which are in no hurry.
FIRST_TURN_S = 0.002


class Turn:
    """`async with turn:` work, and `await turn.rest()` whenever `turn.is_over`.

    Of all workers with the same `queue` one works at a time, in the order in which they asked: together they take one
    turn of `length_s` in each round of the loop.
    """

    def __init__(self, queue: asyncio.Lock, length_s: float = TURN_S) -> None:
        self.length_s = length_s
        self._queue = queue
        self._has_it = False
        self._over_at_s = 0.0

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._end()

    @property
    def is_over(self) -> bool:
        return perf_counter() >= self._over_at_s

    async def rest(self) -> None:
        """Let everybody else on the loop run, and other workers have their turn."""
        # Who was woken on this core, a caller of ours perhaps, would else wait for it until the time slice is over.
        os.sched_yield()
        # Kept for the rest of this round: whoever asked for it now would have a second turn in it.
        await asyncio.sleep(0)
        self._end()
        await self._begin()

    async def _begin(self) -> None:
        await self._queue.acquire()
        self._has_it = True
        self._over_at_s = perf_counter() + self.length_s

    def _end(self) -> None:
        # Cancelled between two turns, it has none to give back.
        if self._has_it:
            self._has_it = False
            self._queue.release()
