"""What a pod's dependencies add up to from every node: how many are kept, how many broken, and the cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from extender.framework import Cycle, NodeTable
from extender.plugins.network_overhead.args import NetworkOverheadArgs
from extender.plugins.network_overhead.book import GROUP_LABEL, WORKLOAD_LABEL, GroupBook, Members
from extender.plugins.network_overhead.distances import Distances, Kept, Places
from extender.plugins.network_overhead.objects import AppGroup, Dependency, Topology

# Workloads whose plans are kept, to be used again until their application, the nodes or the objects change.
PLANS_MAX = 64

Ints = NDArray[np.int64]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Plan:
    """By row of the node table."""

    satisfied: Ints
    violated: Ints
    cost: Ints
    lost: str = ""
    """A node that a sibling stands on and that is unknown."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """Pods on one node that one dependency means."""

    row: int
    max_cost: int
    pods: int


@dataclass(frozen=True, slots=True)
class _Sums:
    satisfied: Ints
    violated: Ints
    cost: Ints

    @classmethod
    def zero(cls, length: int) -> _Sums:
        return cls(np.zeros(length, np.int64), np.zeros(length, np.int64), np.zeros(length, np.int64))

    def of(self, positions: Ints) -> _Sums:
        return _Sums(self.satisfied[positions], self.violated[positions], self.cost[positions])

    def add(self, column: tuple[NDArray[np.int8], Ints], max_cost: int, pods: int) -> None:
        """`pods` dependencies, seen from everywhere."""
        kept, cost = column
        within = cost <= max_cost
        by_cost = kept == Kept.BY_COST
        self.satisfied[:] += pods * ((kept == Kept.YES) | (by_cost & within))
        self.violated[:] += pods * ((kept == Kept.NO) | (by_cost & ~within))
        self.cost[:] += pods * cost

    def bring_home(self, sibling: Sibling, kept: Kept, cost: int) -> None:
        """On the siblings' own node no network lies between: take back what its place was charged, count them kept."""
        row, within = sibling.row, cost <= sibling.max_cost
        if kept is Kept.YES or (kept is Kept.BY_COST and within):
            self.satisfied[row] -= sibling.pods
        elif kept is Kept.NO or kept is Kept.BY_COST:
            self.violated[row] -= sibling.pods
        self.satisfied[row] += sibling.pods
        # A vector of one: as in Go, an absurd cost wraps and tells nobody.
        self.cost[row : row + 1] -= np.full(1, cost, np.int64) * sibling.pods


@dataclass(slots=True)
class Planner:
    """Kept in the cycle's memo: one per seat, so `args` never change."""

    args: NetworkOverheadArgs
    _places: Places | None = None
    _distances: Distances | None = None
    _topology: Topology | None = None
    _plans: dict[tuple[str, str], tuple[tuple[int, int, int], Plan]] = field(default_factory=dict)

    def plan(self, cycle: Cycle) -> Plan | None:
        """None: the plugin has nothing to say about this pod."""
        book: GroupBook = cycle.book
        group, workload = cycle.pod.labels.get(GROUP_LABEL, ""), cycle.pod.labels.get(WORKLOAD_LABEL, "")
        members = book.members(group) if group else None
        if members is None:
            return None
        stamp = (members.version, book.objects_version, cycle.nodes.objects_version)
        kept = self._plans.pop((group, workload), None)
        if kept is None or kept[0] != stamp or len(kept[1].cost) < cycle.nodes.rows:
            made = self._made(cycle.nodes, book, members, group, workload)
            if made is None:
                return None
            kept = stamp, made
        self._plans[group, workload] = kept
        if len(self._plans) > PLANS_MAX:
            del self._plans[next(iter(self._plans))]
        return kept[1]

    def _made(self, nodes: NodeTable, book: GroupBook, members: Members, group: str, workload: str) -> Plan | None:
        app_group: AppGroup | None = self._first(book.app_groups, group)
        topology: Topology | None = self._first(book.topologies, self.args.network_topology_name)
        if app_group is None or topology is None:
            return None
        dependencies = app_group.dependencies(workload)
        if not dependencies:
            return None
        siblings, lost = _siblings(dependencies, members, nodes)
        return self._summed(nodes, topology, siblings, lost)

    def _first(self, objects: Mapping[str, _T], name: str) -> _T | None:
        """By namespace, in the order of the arguments."""
        found = (objects.get(f"{namespace}/{name}") for namespace in self.args.namespaces)
        return next((o for o in found if o is not None), None)

    def _summed(self, nodes: NodeTable, topology: Topology, siblings: Sequence[Sibling], lost: str) -> Plan:
        places, distances = self._ready(nodes, topology)
        from_place = _Sums.zero(len(places.all))
        by_place: Counter[tuple[int, int]] = Counter()
        for sibling in siblings:
            by_place[int(places.of_row[sibling.row]), sibling.max_cost] += sibling.pods
        for (place, max_cost), pods in by_place.items():
            from_place.add(distances.to(place), max_cost, pods)
        by_row = from_place.of(places.of_row)
        for sibling in siblings:
            here = int(places.of_row[sibling.row])
            kept, cost = distances.to(here)
            by_row.bring_home(sibling, Kept(int(kept[here])), int(cost[here]))
        return Plan(by_row.satisfied, by_row.violated, by_row.cost, lost)

    def _ready(self, nodes: NodeTable, topology: Topology) -> tuple[Places, Distances]:
        fresh = self._places is None or self._places.version != nodes.objects_version
        fresh |= self._places is not None and len(self._places.of_row) < nodes.rows
        if fresh or self._places is None:
            self._places = Places(nodes)
        if fresh or self._distances is None or self._topology is not topology:
            self._distances = Distances(self._places.all, topology, self.args.weights_name)
            self._topology = topology
        return self._places, self._distances


def _siblings(dependencies: Sequence[Dependency], members: Members, nodes: NodeTable) -> tuple[list[Sibling], str]:
    """(pods that the dependencies mean, by node and limit; a node of theirs that nobody knows)."""
    found, lost = [], ""
    for dependency in dependencies:
        for node, pods in members.counts.get(dependency.selector, {}).items():
            row = nodes.row(node)
            if row < 0:
                lost = lost or node
            else:
                found.append(Sibling(row, dependency.max_cost, pods))
    return found, lost
