"""What a pod's dependencies add up to from every node: how many are kept, how many broken, and the cost."""

from __future__ import annotations

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
Column = tuple[NDArray[np.int8], Ints]
"""(Kept, cost)"""
Stamp = tuple[int, int, int, int]
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
class Siblings:
    """Pods that dependencies mean, by dependency and node."""

    rows: Ints
    max_costs: Ints
    pods: Ints


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

    def add(self, column: Column, max_cost: int, pods: int) -> None:
        """`pods` dependencies, seen from everywhere."""
        satisfied, violated = _judged(column, max_cost)
        self.satisfied[:] += pods * satisfied
        self.violated[:] += pods * violated
        self.cost[:] += pods * column[1]

    def bring_home(self, siblings: Siblings, column: Column) -> None:
        """On the siblings' own node no network lies between: take back what its place was charged, count them kept.

        As in Go, an absurd cost wraps and tells nobody.
        """
        satisfied, violated = _judged(column, siblings.max_costs)
        np.add.at(self.satisfied, siblings.rows, siblings.pods * ~satisfied)
        np.subtract.at(self.violated, siblings.rows, siblings.pods * violated)
        np.subtract.at(self.cost, siblings.rows, siblings.pods * column[1])


def _judged(column: Column, max_cost: int | Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(satisfied, violated)"""
    kept, cost = column
    within, by_cost = cost <= max_cost, kept == Kept.BY_COST
    return (kept == Kept.YES) | (by_cost & within), (kept == Kept.NO) | (by_cost & ~within)


@dataclass(slots=True)
class Planner:
    """Kept in the cycle's memo: one per seat, so `args` never change."""

    args: NetworkOverheadArgs
    _places: Places = field(default_factory=Places)
    _distances: Distances | None = None
    _distances_of: tuple[int, Topology] | None = None
    _plans: dict[tuple[str, str], tuple[Stamp, Plan]] = field(default_factory=dict)

    def plan(self, cycle: Cycle) -> Plan | None:
        """None: the plugin has nothing to say about this pod."""
        book: GroupBook = cycle.book
        group, workload = cycle.pod.labels.get(GROUP_LABEL, ""), cycle.pod.labels.get(WORKLOAD_LABEL, "")
        members = book.members(group) if group else None
        if members is None:
            return None
        self._places.follow(cycle.nodes)
        stamp = (members.version, book.objects_version, self._places.version, cycle.nodes.names_version)
        kept = self._plans.pop((group, workload), None)
        if kept is None or kept[0] != stamp:
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
        return self._summed(topology, siblings, lost)

    def _first(self, objects: Mapping[str, _T], name: str) -> _T | None:
        """By namespace, in the order of the arguments."""
        found = (objects.get(f"{namespace}/{name}") for namespace in self.args.namespaces)
        return next((o for o in found if o is not None), None)

    def _summed(self, topology: Topology, siblings: Siblings, lost: str) -> Plan:
        distances, of_row = self._ready(topology), self._places.of_row
        from_place = _Sums.zero(len(self._places.all))
        stand_at = of_row[siblings.rows]
        kinds, kind_of = np.unique(np.stack((stand_at, siblings.max_costs)), axis=1, return_inverse=True)
        pods = np.zeros(kinds.shape[1], np.int64)
        np.add.at(pods, kind_of.reshape(-1), siblings.pods)
        for place, max_cost, count in zip(*kinds.tolist(), pods.tolist(), strict=True):
            from_place.add(distances.to(place), max_cost, count)
        by_row = from_place.of(of_row)
        places, place_of = np.unique(stand_at, return_inverse=True)
        kept, cost = distances.within(places.tolist())
        by_row.bring_home(siblings, (kept[place_of], cost[place_of]))
        return Plan(by_row.satisfied, by_row.violated, by_row.cost, lost)

    def _ready(self, topology: Topology) -> Distances:
        wanted = self._places.version, topology
        of = self._distances_of
        if self._distances is None or of is None or of[0] != wanted[0] or of[1] is not topology:
            self._distances = Distances(self._places.all, topology, self.args.weights_name)
            self._distances_of = wanted
        return self._distances


def _siblings(dependencies: Sequence[Dependency], members: Members, nodes: NodeTable) -> tuple[Siblings, str]:
    """(pods that the dependencies mean; a node of theirs that nobody knows)."""
    found: list[tuple[int, int, int]] = []
    lost = ""
    for dependency in dependencies:
        for node, pods in members.counts.get(dependency.selector, {}).items():
            row = nodes.row(node)
            if row < 0:
                lost = lost or node
            else:
                found.append((row, dependency.max_cost, pods))
    rows, max_costs, pods_there = np.array(found, np.int64).reshape(-1, 3).T
    return Siblings(rows, max_costs, pods_there), lost
