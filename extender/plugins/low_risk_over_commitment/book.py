"""What the pods on each node request and may use: a fold over the cluster's events, plus binds under way.

Rules, by pod UID:

    event                              charge of the pod
    seen assigned                      its commitment on that node; a bind under way ends
    taken (a bind began)               its commitment on the bind's node, unless it is seen assigned
    released (the bind failed)         a bind under way ends
    deleted, finished, unassigned      none
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extender.framework import MAX_INT64, NodeTable, Object, Pod
from extender.plugins.low_risk_over_commitment.commitment import NOTHING, Commitment, commitment_of


class CommitmentBook:
    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, Commitment]] = {}
        self._binding: dict[str, tuple[str, Commitment]] = {}
        self._sums: dict[str, Commitment] = {}
        """By node name, known or not; exact integers."""
        self._changed: set[str] = set()
        self._table = np.zeros((len(NOTHING), 0), np.int64)
        self._names_version = -1

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None:
                self._discharge(self._seen, old.uid)
                self._discharge(self._binding, old.uid)
            return
        self._discharge(self._seen, new.uid)
        if new.node_name:
            self._discharge(self._binding, new.uid)
            self._charge(self._seen, new, new.node_name)

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:
        """No object matters."""

    def bind_began(self, pod: Pod, node: str) -> None:
        self._discharge(self._binding, pod.uid)
        if pod.uid not in self._seen:
            self._charge(self._binding, pod, node)

    def bind_failed(self, uid: str) -> None:
        self._discharge(self._binding, uid)

    def on(self, node: str) -> Commitment:
        """The sum on a node."""
        return self._sums.get(node, NOTHING)

    def columns(self, nodes: NodeTable) -> NDArray[np.int64]:
        """The sums by row: int64[cpu, limit_cpu, memory, limit_memory][at least nodes.rows]; valid until the next call.

        Costs as much as changed since the last call, or a pass over all nodes if those changed.
        """
        if self._names_version != nodes.names_version:
            self._names_version = nodes.names_version
            self._table = np.zeros((len(NOTHING), nodes.rows), np.int64)
            self._changed = set(self._sums)
        for name in self._changed:
            row = nodes.row(name)
            if row >= 0:
                self._table[:, row] = [min(amount, MAX_INT64 >> 1) for amount in self.on(name)]
        self._changed.clear()
        return self._table

    def _charge(self, charges: dict[str, tuple[str, Commitment]], pod: Pod, node: str) -> None:
        commitment = commitment_of(pod)
        charges[pod.uid] = node, commitment
        self._add(node, commitment, 1)

    def _discharge(self, charges: dict[str, tuple[str, Commitment]], uid: str) -> None:
        charge = charges.pop(uid, None)
        if charge is not None:
            self._add(*charge, -1)

    def _add(self, node: str, commitment: Commitment, sign: int) -> None:
        total = Commitment(*(a + sign * b for a, b in zip(self.on(node), commitment, strict=True)))
        if total == NOTHING:
            self._sums.pop(node, None)
        else:
            self._sums[node] = total
        self._changed.add(node)
