"""What stands on one node, in exact integers; columns show it clamped to int64."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from extender.model.columns import NodeTable
from extender.quantity import MAX_INT64


class Charge(NamedTuple):
    """What one pod adds to its node."""

    cpu_milli: int
    memory_bytes: int
    terminating: bool


@dataclass(slots=True)
class Tally:
    """Kept by node name, also while the node itself is unknown."""

    uids: set[str] = field(default_factory=set)
    cpu_milli: int = 0
    memory_bytes: int = 0
    terminating: int = 0
    nominated: int = 0

    def add(self, uid: str, charge: Charge) -> None:
        self.uids.add(uid)
        self._count(charge, 1)

    def remove(self, uid: str, charge: Charge) -> None:
        self.uids.discard(uid)
        self._count(charge, -1)

    @property
    def is_empty(self) -> bool:
        return not self.uids and not self.nominated

    def write(self, nodes: NodeTable, row: int) -> None:
        """Show the tally in the columns of `row`."""
        nodes.requested_cpu_milli[row] = min(self.cpu_milli, MAX_INT64)
        nodes.requested_memory_bytes[row] = min(self.memory_bytes, MAX_INT64)
        nodes.pod_count[row] = len(self.uids)
        nodes.terminating_count[row] = self.terminating
        nodes.nominated_count[row] = self.nominated

    def _count(self, charge: Charge, sign: int) -> None:
        self.cpu_milli += sign * charge.cpu_milli
        self.memory_bytes += sign * charge.memory_bytes
        self.terminating += sign * charge.terminating
