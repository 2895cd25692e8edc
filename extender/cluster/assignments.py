"""Which pods came to which rows lately: what load metrics cannot show yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from extender.model.assignment import Assignment
from extender.model.pod import Pod
from extender.telemetry.metrics import ASSIGNMENTS_DROPPED

# How long an assignment is kept before the end of the newest metrics window (or before now, if that is earlier).
KEPT_S = 300
# Beyond this the oldest leave early and are counted: only a metrics window that ended long ago can fill it.
ENTRIES_MAX = 100_000


class Assignments(Sequence[Assignment]):
    """Entries in order of sequence, without gaps: `entry.sequence - self[0].sequence` is its index."""

    def __init__(self) -> None:
        self._entries: list[Assignment] = []
        self._next = 1

    def add(self, uid: str, row: int, at_s: float, pod: Pod) -> None:
        self._append(Assignment(self._next, uid, row, int(at_s), pod))

    def remove(self, uid: str, row: int, now_s: float, pod: Pod) -> None:
        """Take what `add` said back: the pod is gone, or its row."""
        self._append(Assignment(self._next, uid, row, int(now_s), pod, removed=True))

    def prune(self, before_s: float) -> None:
        """Let entries older than `before_s` leave at the front."""
        entries, old = self._entries, 0
        if not entries or entries[0].at_s >= before_s:
            return
        while old < len(entries) and entries[old].at_s < before_s:
            old += 1
        if old:
            del entries[:old]

    def _append(self, entry: Assignment) -> None:
        self._next += 1
        self._entries.append(entry)
        if len(self._entries) > ENTRIES_MAX:
            # Some at a time: to let thousands go at once takes milliseconds.
            dropped = max(1, ENTRIES_MAX // 1000)
            del self._entries[:dropped]
            ASSIGNMENTS_DROPPED.inc(dropped)

    @overload
    def __getitem__(self, index: int) -> Assignment: ...

    @overload
    def __getitem__(self, index: slice) -> list[Assignment]: ...

    def __getitem__(self, index: int | slice) -> Assignment | list[Assignment]:
        return self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Assignment]:
        return iter(self._entries)
