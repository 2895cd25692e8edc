"""Records of calls, made behind the answers, when nobody waits for one.

A record costs as much as a filter call of a few hundred nodes. kube-scheduler pauses between its cycles; that is when
records are made, one at a time, in the order of the answers. Before a bind is done the records of its pod are (app.py):
what waits here, and would be lost with the process, are decisions that nothing has come of yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from extender.server.answer import Answer

AFTER_S = 0.001
"""A record is made when no call has come for about so long."""
WITHIN_S = 0.25
OWED_BYTES = 8 << 20
"""Of requests and answers whose records wait; a record keeps about twice as much alive."""
TOGETHER = 4
"""Where calls never pause: when a record has waited so long, or when so much waits, a few are made together. The second
one costs half of the first, whose code has gone out of the caches since the last."""


class Records:
    """Owned by the event loop."""

    def __init__(self, make: Callable[[Answer], None]) -> None:
        """`make` makes the record of an answer and hands it on; it does not raise."""
        self._make = make
        self._owed: deque[tuple[float, Answer]] = deque()
        """When the answer went out (`time.monotonic`), and the answer; the oldest first."""
        self._bytes = 0
        self._answered_s = 0.0
        self._timer_runs = False

    def hold(self) -> None:
        """An answer goes out now. No record is made before what the next call is waiting for."""
        self._answered_s = monotonic()

    def owe(self, answer: Answer) -> None:
        """The answer went out when `hold` was called last."""
        if answer.make_frame is None:
            return
        self._owed.append((self._answered_s, answer))
        self._bytes += _size(answer)
        if self._bytes > OWED_BYTES:
            self._make_some()
        self._wait()

    def make_all(self) -> None:
        """Every record that is owed, now: before something is recorded that came later, and at the end."""
        while self._owed:
            self._make_one()

    def _wait(self) -> None:
        if self._owed and not self._timer_runs:
            self._timer_runs = True
            asyncio.get_running_loop().call_later(AFTER_S, self._look)

    def _look(self) -> None:
        self._timer_runs = False
        now_s = monotonic()
        if now_s - self._answered_s >= AFTER_S / 2:
            self._make_while_quiet(self._answered_s)
        elif self._owed and now_s - self._owed[0][0] > WITHIN_S:
            self._make_some()
        self._wait()

    def _make_while_quiet(self, since_s: float) -> None:
        """One at a time, so that a call which comes meanwhile is answered in between."""
        if self._owed and self._answered_s == since_s:
            self._make_one()
            asyncio.get_running_loop().call_soon(self._make_while_quiet, since_s)

    def _make_some(self) -> None:
        for _ in range(min(TOGETHER, len(self._owed))):
            self._make_one()

    def _make_one(self) -> None:
        answer = self._owed.popleft()[1]
        self._bytes -= _size(answer)
        self._make(answer)


def _size(answer: Answer) -> int:
    return answer.bytes_in + len(answer.body)
