"""CPU of pods placed so lately that the load metrics cannot show it, per node row.

An assignment counts while it is after the end of the metrics window, or less than SETTLED_S before it. The sums
follow the cluster's list of assignments step by step: a cycle costs as much as there is news, never a pass over
all of it. Entries enter at the back, by sequence; they leave when the window moves past them (a heap by
time: the list is not in order of time), when the list takes them back, or when it drops them at the front.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from extender.framework import Assignment, Pod

SETTLED_S = 60
# Entries that no longer count may make up this many and half of the queues before they are weeded out.
_SLACK = 64


@dataclass(frozen=True, slots=True)
class _Counted:
    sequence: int
    row: int
    milli: int


class Recent:
    """Sums of what `predict` says of recently assigned pods; kept from cycle to cycle."""

    def __init__(self, predict: Callable[[Pod], int]) -> None:
        self._predict = predict
        self._window_end_s = 0
        self._seen = 0
        self._missing = np.zeros(0, np.int64)
        self._counted: dict[str, _Counted] = {}
        self._by_age: deque[tuple[int, str]] = deque()
        self._by_time: list[tuple[int, int, str]] = []

    def follow(self, assignments: Sequence[Assignment], window_end_s: int, rows: int) -> NDArray[np.int64]:
        """Millicores missing from the load, by row; int64[at least rows], valid until the next call."""
        if window_end_s < self._window_end_s:
            # An older document came back: what had settled may count again.
            self._restart()
        self._window_end_s = window_end_s
        self._make_room(rows)
        self._drop_front(assignments[0].sequence if assignments else self._seen + 1)
        self._settle()
        if assignments and assignments[-1].sequence > self._seen:
            for entry in assignments[bisect_right(assignments, self._seen, key=_sequence) :]:
                self._take(entry)
        return self._missing

    def __len__(self) -> int:
        """Assignments counted now."""
        return len(self._counted)

    def _restart(self) -> None:
        self._seen = 0
        self._missing[:] = 0
        self._counted.clear()
        self._by_age.clear()
        self._by_time.clear()

    def _make_room(self, rows: int) -> None:
        if len(self._missing) < rows:
            longer = np.zeros(max(rows, 2 * len(self._missing)), np.int64)
            longer[: len(self._missing)] = self._missing
            self._missing = longer

    def _take(self, entry: Assignment) -> None:
        self._seen = entry.sequence
        self._forget(entry.uid)
        if entry.removed or self._has_settled(entry.at_s) or entry.row < 0:
            return
        counted = _Counted(entry.sequence, entry.row, self._predict(entry.pod))
        self._make_room(entry.row + 1)
        self._counted[entry.uid] = counted
        self._missing[entry.row] += counted.milli
        self._by_age.append((entry.sequence, entry.uid))
        heappush(self._by_time, (entry.at_s, entry.sequence, entry.uid))
        if len(self._by_time) > 2 * len(self._counted) + _SLACK:
            self._weed()

    def _weed(self) -> None:
        """While no new metrics come nothing settles, and entries that left otherwise would pile up."""
        self._by_time = [entry for entry in self._by_time if self._is_counted(entry[2], entry[1])]
        heapify(self._by_time)
        self._by_age = deque(entry for entry in self._by_age if self._is_counted(entry[1], entry[0]))

    def _is_counted(self, uid: str, sequence: int) -> bool:
        counted = self._counted.get(uid)
        return counted is not None and counted.sequence == sequence

    def _has_settled(self, at_s: int) -> bool:
        return at_s <= self._window_end_s and self._window_end_s - at_s >= SETTLED_S

    def _settle(self) -> None:
        while self._by_time and self._has_settled(self._by_time[0][0]):
            _at_s, sequence, uid = heappop(self._by_time)
            self._forget(uid, sequence)

    def _drop_front(self, first: int) -> None:
        while self._by_age and self._by_age[0][0] < first:
            sequence, uid = self._by_age.popleft()
            self._forget(uid, sequence)

    def _forget(self, uid: str, sequence: int | None = None) -> None:
        """Stop counting a pod; with `sequence` only if it is still that entry that counts."""
        counted = self._counted.get(uid)
        if counted is not None and sequence in (None, counted.sequence):
            del self._counted[uid]
            self._missing[counted.row] -= counted.milli


def _sequence(entry: Assignment) -> int:
    return entry.sequence
