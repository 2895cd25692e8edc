"""What stands on one node, in exact integers; columns show it clamped to int64."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from extender.model.columns import NodeTable
from extender.model.resources import Resources
from extender.quantity import MAX_INT64


class Charge(NamedTuple):
    """What one pod adds to its node."""

    requested: Resources
    terminating: bool


@dataclass(slots=True)
class Tally:
    """Kept by node name, also while the node itself is unknown."""

    uids: dict[str, None] = field(default_factory=dict)
    """In the order in which they came, so that what is chosen among them does not depend on chance."""
    requested: Resources = field(default_factory=Resources)
    terminating: int = 0
    nominated: int = 0

    def add(self, uid: str, charge: Charge) -> None:
        self.uids[uid] = None
        self._count(charge, 1)

    def remove(self, uid: str, charge: Charge) -> None:
        self.uids.pop(uid, None)
        self._count(charge, -1)

    @property
    def is_empty(self) -> bool:
        return not self.uids and not self.nominated

    def write(self, nodes: NodeTable, row: int) -> None:
        """Show the tally in the columns of `row`."""
        held = self.requested
        nodes.requested_cpu_milli[row] = min(held.cpu_milli, MAX_INT64)
        nodes.requested_memory_bytes[row] = min(held.memory_bytes, MAX_INT64)
        nodes.requested[row] = self._amounts(nodes)
        nodes.pod_count[row] = len(self.uids)
        nodes.terminating_count[row] = self.terminating
        nodes.nominated_count[row] = self.nominated

    def _amounts(self, nodes: NodeTable) -> list[int]:
        """One number per resource of the table; a resource that no node offers has no column and is not counted."""
        held = self.requested
        fixed = (held.cpu_milli, held.memory_bytes, held.ephemeral_bytes, len(self.uids))
        scalars = (held.scalars.get(name, 0) for name in nodes.resources[len(fixed) :])
        return [min(amount, MAX_INT64) for amount in (*fixed, *scalars)]

    def _count(self, charge: Charge, sign: int) -> None:
        self.requested = self.requested.plus(charge.requested, sign)
        self.terminating += sign * charge.terminating
