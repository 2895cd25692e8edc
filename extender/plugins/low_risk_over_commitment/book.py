"""What the pods on each node request and may use: a fold over the cluster's events, plus binds under way.

Rules, by pod UID:

    event                              charge of the pod
    seen assigned                      its commitment on that node; a bind under way ends
    taken (a bind began)               its commitment on the bind's node, unless it is seen assigned
    released (the bind failed)         a bind under way ends
    deleted, finished, unassigned      none
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from extender.framework import MAX_INT64, NodeTable, Object, Pod
from extender.plugins.low_risk_over_commitment.commitment import NOTHING, Commitment, commitment_of


class CommitmentBook:
    def __init__(self) -> None:
        self._seen: dict[str, Pod] = {}
        """Assigned pods, as they were last seen: what one is charged follows from it."""
        self._binding: dict[str, tuple[str, Commitment]] = {}
        self._sums: dict[str, Commitment] = {}
        """By node name, known or not; exact integers."""
        self._changed: set[str] = set()
        self._table = np.zeros((len(NOTHING), 0), np.int64)
        self._columns = tuple(self._table)
        self._names_version = -1

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None:
                self._lose(old.uid)
                self._discharge(old.uid)
            return
        if not new.node_name:
            self._lose(new.uid)
            return
        commitment, seen = commitment_of(new), self._seen.get(new.uid)
        if seen is None or seen.node_name != new.node_name or commitment_of(seen) != commitment:
            self._lose(new.uid)
            self._discharge(new.uid)
            self._add(new.node_name, commitment, 1)
        self._seen[new.uid] = new

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:
        """No object matters."""

    def bind_began(self, pod: Pod, node: str) -> None:
        self._discharge(pod.uid)
        if pod.uid not in self._seen:
            charge = self._binding[pod.uid] = node, commitment_of(pod)
            self._add(*charge, 1)

    def bind_failed(self, uid: str) -> None:
        self._discharge(uid)

    def on(self, node: str) -> Commitment:
        """The sum on a node."""
        return self._sums.get(node, NOTHING)

    def columns(self, nodes: NodeTable) -> Sequence[NDArray[np.int64]]:
        """The sums by row: cpu, limit_cpu, memory, limit_memory, each int64[at least nodes.rows]; valid until the next
        call.

        Costs as much as changed since the last call, or a pass over all nodes if those changed.
        """
        if self._names_version != nodes.names_version:
            self._names_version = nodes.names_version
            self._table = np.zeros((len(NOTHING), nodes.rows), np.int64)
            self._columns = tuple(self._table)
            self._changed = set(self._sums)
        for name in self._changed:
            row = nodes.row(name)
            if row >= 0:
                self._table[:, row] = [min(amount, MAX_INT64 >> 1) for amount in self.on(name)]
        self._changed.clear()
        return self._columns

    def _lose(self, uid: str) -> None:
        pod = self._seen.pop(uid, None)
        if pod is not None:
            self._add(pod.node_name, commitment_of(pod), -1)

    def _discharge(self, uid: str) -> None:
        charge = self._binding.pop(uid, None)
        if charge is not None:
            self._add(*charge, -1)

    def _add(self, node: str, commitment: Commitment, sign: int) -> None:
        cpu, limit_cpu, memory, limit_memory = self.on(node)
        total = Commitment(
            cpu + sign * commitment.cpu,
            limit_cpu + sign * commitment.limit_cpu,
            memory + sign * commitment.memory,
            limit_memory + sign * commitment.limit_memory,
        )
        if total == NOTHING:
            self._sums.pop(node, None)
        else:
            self._sums[node] = total
        self._changed.add(node)
