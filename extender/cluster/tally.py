"""What stands on one node, in exact integers; columns show it clamped to int64."""

from __future__ import annotations

from dataclasses import dataclass, field

from extender.model.columns import CPU, EPHEMERAL, FIXED_RESOURCES, MEMORY, PODS, NodeTable
from extender.model.resources import Resources
from extender.quantity import MAX_INT64


@dataclass(slots=True)
class Tally:
    """Kept by node name, also while the node itself is unknown."""

    uids: dict[str, None] = field(default_factory=dict)
    """In the order in which they came, so that what is chosen among them does not depend on chance."""
    requested: Resources = field(default_factory=Resources)
    """The tally's own, changed in place."""
    terminating: int = 0
    nominated: int = 0

    def add(self, uid: str, requested: Resources, *, terminating: bool) -> None:
        self.uids[uid] = None
        self._count(requested, 1)
        self.terminating += terminating

    def remove(self, uid: str, requested: Resources, *, terminating: bool) -> None:
        self.uids.pop(uid, None)
        self._count(requested, -1)
        self.terminating -= terminating

    def renew(self, uid: str) -> None:
        """As `remove` and `add` of the same: the pod is the one that came last."""
        del self.uids[uid]
        self.uids[uid] = None

    @property
    def is_empty(self) -> bool:
        return not self.uids and not self.nominated

    def write(self, nodes: NodeTable, row: int) -> None:
        """Show the tally in the columns of `row`. A resource that no node offers has no column and is not counted."""
        held, pods, table = self.requested, len(self.uids), nodes.requested
        cpu, memory = min(held.cpu_milli, MAX_INT64), min(held.memory_bytes, MAX_INT64)
        nodes.requested_cpu_milli[row] = table[row, CPU] = cpu
        nodes.requested_memory_bytes[row] = table[row, MEMORY] = memory
        table[row, EPHEMERAL] = min(held.ephemeral_bytes, MAX_INT64)
        nodes.pod_count[row] = table[row, PODS] = pods
        for column in range(len(FIXED_RESOURCES), len(nodes.resources)):
            table[row, column] = min(held.scalars.get(nodes.resources[column], 0), MAX_INT64)
        nodes.terminating_count[row] = self.terminating
        nodes.nominated_count[row] = self.nominated

    def _count(self, requested: Resources, sign: int) -> None:
        held = self.requested
        held.cpu_milli += sign * requested.cpu_milli
        held.memory_bytes += sign * requested.memory_bytes
        held.ephemeral_bytes += sign * requested.ephemeral_bytes
        held.pods += sign * requested.pods
        for name, amount in requested.scalars.items():
            held.scalars[name] = held.scalars.get(name, 0) + sign * amount
