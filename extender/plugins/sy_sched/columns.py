"""What nodes expose, by row of the node table and 64 bits at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extender.framework import NodeTable
from extender.plugins.sy_sched.exposure import Exposure, NodeCalls

_BITS = 64
_BYTES = 8
# Sets of calls whose counts are kept: pods run under few different profiles.
_SETS_MAX = 64


@dataclass(slots=True)
class _Counted:
    """By row, how many calls are made there beyond a set; good up to the change with this number."""

    beyond: NDArray[np.int64]
    seen: int


class Columns:
    """Follows an exposure: a cycle costs as much as there is news."""

    def __init__(self, exposure: Exposure) -> None:
        self.exposure = exposure
        self._basis: tuple[int, int, int, int] | None = None
        self._seen = 0
        self._words: NDArray[np.uint64] = np.zeros((0, 1), np.uint64)
        self.pods: NDArray[np.int64] = np.zeros(0, np.int64)
        self.own: NDArray[np.int64] = np.zeros(0, np.int64)
        self._counted: dict[int, _Counted] = {}

    def follow(self, nodes: NodeTable) -> None:
        width = max(1, -(-self.exposure.profiles.width // _BITS))
        basis = (self.exposure.epoch, nodes.names_version, nodes.rows, width)
        if basis != self._basis:
            self._begin(nodes, width)
            self._basis = basis
        else:
            self._catch_up(nodes)
        self._seen = next(reversed(self.exposure.stamps.values()), 0)

    def outside(self, calls: int, nodes: NodeTable) -> NDArray[np.int64]:
        """By row, how many calls are made there that are not among these; valid until the next call."""
        found = self._counted.get(calls)
        if found is None:
            if len(self._counted) >= _SETS_MAX:
                self._counted.clear()
            beyond = np.bitwise_count(self._words & ~self._split(calls)).sum(axis=1, dtype=np.int64)
            found = self._counted[calls] = _Counted(beyond, self._seen)
        for name, there in self._since(found.seen):
            row = nodes.row(name)
            if row >= 0:
                found.beyond[row] = (there.calls & ~calls).bit_count()
        found.seen = self._seen
        return found.beyond

    def _begin(self, nodes: NodeTable, width: int) -> None:
        self._words = np.zeros((nodes.rows, width), np.uint64)
        self.pods, self.own = np.zeros(nodes.rows, np.int64), np.zeros(nodes.rows, np.int64)
        self._counted.clear()
        for name, found in self.exposure.nodes():
            self._write(nodes, name, found)

    def _catch_up(self, nodes: NodeTable) -> None:
        for name, there in self._since(self._seen):
            self._write(nodes, name, there)

    def _since(self, seen: int) -> Iterator[tuple[str, NodeCalls]]:
        """Nodes that have changed after the change with this number."""
        for name, stamp in reversed(self.exposure.stamps.items()):
            if stamp <= seen:
                break
            yield name, self.exposure.of(name)

    def _write(self, nodes: NodeTable, name: str, found: NodeCalls) -> None:
        row = nodes.row(name)
        if row >= 0:
            self._words[row] = self._split(found.calls)
            self.pods[row], self.own[row] = found.pods, found.own

    def _split(self, calls: int) -> NDArray[np.uint64]:
        return np.frombuffer(calls.to_bytes(self._words.shape[1] * _BYTES, "little"), "<u8")
