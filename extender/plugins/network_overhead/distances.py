"""What a dependency costs between two places, a place being a (region, zone) of a node.

Nodes of one place are alike, so everything is worked out once per place, and only for places where siblings stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from extender.framework import Node, NodeTable
from extender.plugins.network_overhead.objects import REGION, ZONE, Topology

SAME_ZONE_COST, FARTHEST_COST = 1, 100
# Kept for this many places with siblings; past it they are worked out again.
COLUMNS_MAX = 256
# Places of nodes that left may make up this many, and as many as there are rows.
_PLACES_SLACK = 64

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
    """The place of every row. A change of nodes costs a look at those that changed."""

    def __init__(self) -> None:
        self.version = 0
        """Rises when any row has another place."""
        self.all: list[Where] = []
        self.of_row: NDArray[np.int64] = np.zeros(0, np.int64)
        self._numbers: dict[Where, int] = {}
        self._seen: list[Node | None] = []
        self._objects_version = -1

    def follow(self, nodes: NodeTable) -> None:
        """Read the nodes that are others than at the last call."""
        if self._objects_version == nodes.objects_version and len(self._seen) == nodes.rows:
            return
        if len(self.all) > 2 * nodes.rows + _PLACES_SLACK:
            # Labels that nobody has any more are forgotten with all others.
            self.all, self._numbers, self._seen = [], {}, []
        if len(self._seen) != nodes.rows:
            self._begin(nodes.rows)
        for row, node in enumerate(nodes.objects):
            if node is not self._seen[row]:
                self._seen[row] = node
                self._put(row, _where(node))
        self._objects_version = nodes.objects_version

    def _begin(self, rows: int) -> None:
        self._seen = [None] * rows
        self.of_row = np.full(rows, self._number(("", "")), np.int64)
        self.version += 1

    def _put(self, row: int, where: Where) -> None:
        number = self._number(where)
        if self.of_row[row] != number:
            self.of_row[row] = number
            self.version += 1

    def _number(self, where: Where) -> int:
        if where not in self._numbers:
            self._numbers[where] = len(self.all)
            self.all.append(where)
        return self._numbers[where]


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

    def within(self, places: Iterable[int]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """(Kept, cost) from each of these places to another node of the same."""
        told = [(kept[place], cost[place]) for place in places for kept, cost in [self.to(place)]]
        return np.array([kept for kept, _cost in told], np.int8), np.array([cost for _kept, cost in told], np.int64)

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
