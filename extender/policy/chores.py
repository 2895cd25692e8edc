"""Writes that follow a change of policy, done one after another behind its back.

They speak to the API server and may be slow or fail; neither may delay the next policy or undo this one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from extender.telemetry import metrics

WAITING_MAX = 32
"""Beyond, the oldest waiting write is dropped and counted: a newer one says more."""
CLOSE_S = 3.0

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]


class Chores:
    def __init__(self, waiting_max: int = WAITING_MAX) -> None:
        self._waiting: deque[tuple[str, Work]] = deque()
        self._waiting_max = waiting_max
        self._task: asyncio.Task[None] | None = None

    def add(self, what: str, work: Work) -> None:
        """`what` names the write in the log and in the metric; its trouble ends there."""
        if len(self._waiting) >= self._waiting_max:
            dropped, _ = self._waiting.popleft()
            metrics.POLICY_WRITE_FAILURES.labels(dropped).inc()
            log.warning("too many writes wait; dropped one of %s", dropped)
        self._waiting.append((what, work))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work_off())

    async def done(self) -> None:
        """Wait until nothing waits any more."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    async def close(self, within_s: float = CLOSE_S) -> None:
        """Finish what waits if that is quick, then give up."""
        if self._task is None:
            return
        await asyncio.wait({self._task}, timeout=within_s)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _work_off(self) -> None:
        while self._waiting:
            what, work = self._waiting.popleft()
            try:
                await work()
            except Exception as trouble:  # noqa: BLE001 - whatever it is, it must not reach the policy
                metrics.POLICY_WRITE_FAILURES.labels(what).inc()
                log.warning("cannot write %s: %s", what, trouble)
