"""Things to do later, in order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable

DUE_MAX = 2000
"""Things done in one step at most; the rest waits for the next, so that the loop stays free."""


class Agenda:
    """A heap of (time, what to do). The clock is the caller's."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, when_s: float, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (when_s, self._sequence, action))

    def run(self, now_s: float) -> int:
        """Do what is due, in order; how many that were."""
        done = 0
        while self._heap and self._heap[0][0] <= now_s and done < DUE_MAX:
            heapq.heappop(self._heap)[2]()
            done += 1
        return done
