"""What a dependency costs between two places, a place being a (region, zone) of a node.

Nodes of one place are alike, so everything is worked out once per place, and only for places where siblings stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from extender.framework import Node, NodeTable
from extender.plugins.network_overhead.objects import REGION, ZONE, Topology

SAME_ZONE_COST, FARTHEST_COST = 1, 100
# Kept for this many places with siblings; past it they are worked out again.
COLUMNS_MAX = 256

Where = tuple[str, str]
"""(region, zone), empty where the node has no such label."""


class Kept(IntEnum):
    """Whether a dependency between two places is kept."""

    BY_COST = 0
    """As long as the cost is within its limit."""
    YES = 1
    NO = 2
    UNKNOWN = 3
    """No cost is given: neither kept nor broken."""


class Places:
    """The place of every row; one numbering until any node changes."""

    def __init__(self, nodes: NodeTable) -> None:
        self.version = nodes.objects_version
        self.all: list[Where] = []
        numbers: dict[Where, int] = {}
        for node in nodes.objects:
            where = _where(node)
            if where not in numbers:
                numbers[where] = len(self.all)
                self.all.append(where)
        self.of_row: NDArray[np.int64] = np.fromiter(
            (numbers[_where(node)] for node in nodes.objects), np.int64, len(nodes.objects)
        )


class Distances:
    """Columns over all places of what it takes from each of them to one place."""

    def __init__(self, places: Sequence[Where], topology: Topology, weights_name: str) -> None:
        self._places = places
        self._topology = topology
        self._weights_name = weights_name
        self._costs: list[Mapping[tuple[str, str], int]] | None = None
        self._columns: dict[int, tuple[NDArray[np.int8], NDArray[np.int64]]] = {}

    def to(self, place: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """(Kept, cost) from every place to this one."""
        found = self._columns.get(place)
        if found is None:
            if len(self._columns) >= COLUMNS_MAX:
                self._columns.clear()
            found = self._columns[place] = self._column(place)
        return found

    def _column(self, place: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        if self._costs is None:
            self._costs = [self._topology.costs_from(self._weights_name, *where) for where in self._places]
        there = self._places[place]
        told = [between(costs, here, there) for costs, here in zip(self._costs, self._places, strict=True)]
        return np.array([kept for kept, _cost in told], np.int8), np.array([cost for _kept, cost in told], np.int64)


def between(costs: Mapping[tuple[str, str], int], here: Where, there: Where) -> tuple[Kept, int]:
    """From one node to *another*: (whether the dependency is kept, cost). `costs` are those of here."""
    if there == ("", ""):
        return Kept.NO, FARTHEST_COST
    if here == there:
        return Kept.YES, SAME_ZONE_COST
    same_region = here[0] == there[0]
    cost = costs.get((here[1], there[1]) if same_region else (here[0], there[0]))
    return (Kept.UNKNOWN, FARTHEST_COST) if cost is None else (Kept.BY_COST, cost)


def _where(node: Node | None) -> Where:
    return ("", "") if node is None else (node.labels.get(REGION, ""), node.labels.get(ZONE, ""))
