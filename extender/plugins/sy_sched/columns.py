"""What nodes expose, by row of the node table and 64 bits at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extender.framework import NodeTable
from extender.plugins.sy_sched.exposure import Exposure, NodeCalls

_BITS = 64
_BYTES = 8


class Columns:
    """Follows an exposure: a cycle costs as much as there is news."""

    def __init__(self, exposure: Exposure) -> None:
        self.exposure = exposure
        self._basis: tuple[int, int, int, int] | None = None
        self._seen = 0
        self._words: NDArray[np.uint64] = np.zeros((0, 1), np.uint64)
        self.pods: NDArray[np.int64] = np.zeros(0, np.int64)
        self.own: NDArray[np.int64] = np.zeros(0, np.int64)

    def follow(self, nodes: NodeTable) -> None:
        width = max(1, -(-self.exposure.profiles.width // _BITS))
        basis = (self.exposure.epoch, nodes.names_version, nodes.rows, width)
        if basis != self._basis:
            self._begin(nodes, width)
            self._basis = basis
        else:
            self._catch_up(nodes)
        self._seen = next(reversed(self.exposure.stamps.values()), 0)

    def outside(self, calls: int) -> NDArray[np.int64]:
        """By row, how many calls are made there that are not among these."""
        beyond = self._words & ~self._split(calls)
        counted: NDArray[np.int64] = np.bitwise_count(beyond).sum(axis=1, dtype=np.int64)
        return counted

    def _begin(self, nodes: NodeTable, width: int) -> None:
        self._words = np.zeros((nodes.rows, width), np.uint64)
        self.pods, self.own = np.zeros(nodes.rows, np.int64), np.zeros(nodes.rows, np.int64)
        for name, found in self.exposure.nodes():
            self._write(nodes, name, found)

    def _catch_up(self, nodes: NodeTable) -> None:
        for name, stamp in reversed(self.exposure.stamps.items()):
            if stamp <= self._seen:
                break
            self._write(nodes, name, self.exposure.of(name))

    def _write(self, nodes: NodeTable, name: str, found: NodeCalls) -> None:
        row = nodes.row(name)
        if row >= 0:
            self._words[row] = self._split(found.calls)
            self.pods[row], self.own[row] = found.pods, found.own

    def _split(self, calls: int) -> NDArray[np.uint64]:
        return np.frombuffer(calls.to_bytes(self._words.shape[1] * _BYTES, "little"), "<u8")
