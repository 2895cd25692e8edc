"""Pods of one shape can stand in for each other: same requests, same constraints."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.framework import CPU, EPHEMERAL, MEMORY, PODS, NodeTable, Pod, Resources, request_k8s

_SPREADING = frozenset({"podAntiAffinity", "topologySpread"})


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Hashed and compared by `key`."""

    key: bytes
    request: Resources
    pod: Pod
    """One of them; its placement is that of all."""

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.key == other.key

    @property
    def judgeable(self) -> Pod:
        """The same without what only the scheduler can judge."""
        return msgspec.structs.replace(self.pod, placement=msgspec.structs.replace(self.pod.placement, unjudged=()))

    @property
    def is_alone(self) -> bool:
        """Two of them cannot share a node: both want the same host port."""
        return bool(self.pod.placement.host_ports)

    @property
    def spreads(self) -> bool:
        """They may dislike each other's company; only the scheduler can tell."""
        return not _SPREADING.isdisjoint(self.pod.placement.unjudged)


def shape_of(pod: Pod) -> Shape:
    """Raises QuantityError on a malformed request."""
    request = request_k8s(pod)
    key = msgspec.json.encode((pod.scheduler_name, pod.priority, pod.placement, request), order="deterministic")
    return Shape(key, request, pod)


def vector(request: Resources, table: NodeTable) -> NDArray[np.int64] | None:
    """What a pod takes of each resource of the table, itself as one of `pods`; None: some resource no node has."""
    amounts = np.zeros(len(table.resources), np.int64)
    amounts[CPU], amounts[MEMORY], amounts[EPHEMERAL] = request.cpu_milli, request.memory_bytes, request.ephemeral_bytes
    amounts[PODS] = 1
    for name, amount in request.scalars.items():
        column = table.resource_index(name)
        if column >= 0:
            amounts[column] = amount
        elif amount > 0:
            return None
    return amounts
