"""The pods that were decided about last, with their candidate nodes: for what-if questions. Bounded twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extender.engine.winners import Rows
from extender.model.pod import Pod

PODS_MAX = 1000
BYTES_MAX = 16 << 20
OBJECT_BYTES = 4
"""A pod in memory, per byte of its JSON; about."""


@dataclass(frozen=True, slots=True)
class Asked:
    pod: Pod
    rows: Rows
    """Of its candidates, as they were then."""
    size: int


class Recent:
    def __init__(self, pods_max: int = PODS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._pods_max, self._bytes_max = pods_max, bytes_max
        self._asked: dict[str, Asked] = {}
        """By UID, the oldest first."""
        self._rows = np.empty(0, np.int32)
        self.size = 0
        """Bytes, about."""

    def __len__(self) -> int:
        return len(self._asked)

    def note(self, pod: Pod, rows: Rows, text_bytes: int) -> None:
        """`text_bytes`: of the pod as JSON. A pod stands here once, with its newest decision."""
        self._forget(pod.uid)
        size = text_bytes * OBJECT_BYTES
        if rows.tobytes() == self._rows.tobytes():  # as with most neighbours
            rows = self._rows
        else:
            self._rows = rows
            size += rows.nbytes
        self._asked[pod.uid] = Asked(pod, rows, size)
        self.size += size
        while self._asked and (len(self._asked) > self._pods_max or self.size > self._bytes_max):
            self._forget(next(iter(self._asked)))

    def last(self, count: int) -> list[Asked]:
        """The newest first."""
        return list(self._asked.values())[: -count - 1 : -1] if count > 0 else []

    def _forget(self, uid: str) -> None:
        old = self._asked.pop(uid, None)
        if old is not None:
            self.size -= old.size
