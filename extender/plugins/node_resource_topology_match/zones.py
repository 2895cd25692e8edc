"""The zones of all nodes in flat vectors, as the kernel walks them: kept up to date node by node."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from extender.framework import NodeTable
from extender.plugins.node_resource_topology_match.kernel import ABSENT, FAR, PRESENT
from extender.plugins.node_resource_topology_match.topology import Topology, Zone

Int64s = NDArray[np.int64]

# Distinct resources over all zones, each a vector over all zones; more are left out and named in `left_out`.
NAMES_MAX = 256
# Sets of resources that pods name whose places are kept.
_STARTS_MAX = 1024

UNIT = 10**9
_INT64 = 2**63 - 1
_ZONES_FIRST, _COSTS_FIRST = 64, 256
NOTHING: Mapping[str, int] = {}


class ZoneTable:
    """Nodes' zones side by side. A node's block moves only when its number of zones changes."""

    def __init__(self) -> None:
        self.version = 0
        """Rises when a block moves or a node's configuration changes: columns over rows are then stale."""
        self.layout = 0
        """Rises when a vector is replaced by another one."""
        self.ids: Int64s = np.zeros(_ZONES_FIRST, np.int64)
        self.costs: Int64s = np.zeros(_COSTS_FIRST, np.int64)
        self.units: Int64s = np.zeros(0, np.int64)
        """By resource and zone; a resource's vector begins where `starts` says."""
        self.nanos: Int64s = np.zeros(0, np.int64)
        """The billionths on top; -1: the zone does not list the resource."""
        self.left_out: set[str] = set()
        self._numbers: dict[str, int] = {}
        """Resource -> which of the vectors is its."""
        self._starts: dict[tuple[str, ...], Int64s] = {}
        """What `starts` has said since vectors were moved."""
        self._blocks: dict[str, tuple[int, int, int]] = {}
        """Node -> (first zone, number of zones, first cost)."""
        self._shown: dict[str, Topology] = {}
        self._zones_used = 0
        self._costs_used = 0
        self._zones_waste = 0

    def __contains__(self, node: str) -> bool:
        return node in self._blocks

    @property
    def stride(self) -> int:
        """Length of a resource's vector."""
        return len(self.ids)

    def put(self, node: str, topology: Topology, charged: Mapping[str, int] = NOTHING) -> None:
        """Show a node's zones, each less what is charged (resource -> billionths), but not below nothing."""
        zones = topology.numa
        old = self._blocks.get(node)
        if old is None or old[1] != len(zones):
            self._move(node, len(zones))
        known = self._shown.get(node)
        if known is None or known.config != topology.config:
            self.version += 1
        self._shown[node] = topology
        self._write(node, zones, charged)

    def drop(self, node: str) -> None:
        block = self._blocks.pop(node, None)
        if block is not None:
            del self._shown[node]
            self._zones_waste += block[1]
            self.version += 1

    def starts(self, names: tuple[str, ...]) -> Int64s:
        """Where the vector of each of these resources begins; -1: no zone has ever listed it."""
        found = self._starts.get(names)
        if found is None:
            if len(self._starts) >= _STARTS_MAX:
                self._starts.clear()
            numbers = (self._numbers.get(name) for name in names)
            starts = [-1 if number is None else number * self.stride for number in numbers]
            found = self._starts[names] = np.array(starts, np.int64)
        return found

    def columns(self, nodes: NodeTable) -> dict[str, Int64s]:
        """By row: state, first, zones, costs_first, policy, scope, max_zones."""
        names = ("state", "first", "zones", "costs_first", "policy", "scope", "max_zones")
        told = {name: np.zeros(nodes.rows, np.int64) for name in names}
        told["state"][:] = ABSENT
        for node, (first, zones, costs_first) in self._blocks.items():
            row = nodes.row(node)
            if row >= 0:
                facts = (PRESENT, first, zones, costs_first, *self._shown[node].config)
                for name, fact in zip(names, facts, strict=True):
                    told[name][row] = fact
        return told

    # Blocks.

    def _move(self, node: str, zones: int) -> None:
        """Give the node a new block at the end."""
        self.drop(node)
        if self._zones_waste > max(_ZONES_FIRST, self._zones_used // 2):
            self._close_up()
        first, costs_first = self._zones_used, self._costs_used
        self._zones_used += zones
        self._costs_used += zones * zones
        self._make_room()
        self._blocks[node] = first, zones, costs_first
        self.version += 1

    def _make_room(self) -> None:
        if self._zones_used > len(self.ids):
            length, (units, nanos) = 2 * self._zones_used, self._tables()
            self.ids = _longer(self.ids, length, 0)
            self._lay_out(list(self._numbers), _wider(units, length, 0), _wider(nanos, length, -1))
        if self._costs_used > len(self.costs):
            self.costs = _longer(self.costs, 2 * self._costs_used, FAR)
            self.layout += 1

    def _close_up(self) -> None:
        """Move all blocks together; what each holds is kept."""
        zones: list[int] = []
        costs: list[int] = []
        blocks = {}
        for node, (first, count, costs_first) in self._blocks.items():
            blocks[node] = len(zones), count, len(costs)
            zones += range(first, first + count)
            costs += range(costs_first, costs_first + count * count)
        units, nanos = self._tables()
        units, nanos = units[:, zones], nanos[:, zones]
        listed = [number for number, amounts in enumerate(nanos) if (amounts >= 0).any()]
        names = list(self._numbers)
        self.ids = self.ids[zones]
        self.costs = self.costs[costs]
        self._lay_out([names[number] for number in listed], units[listed], nanos[listed])
        self._blocks = blocks
        self._zones_used, self._costs_used, self._zones_waste = len(zones), len(costs), 0
        self.left_out.clear()

    def _write(self, node: str, zones: tuple[Zone, ...], charged: Mapping[str, int]) -> None:
        first, count, costs_first = self._blocks[node]
        for z, zone in enumerate(zones):
            self.ids[first + z] = zone.id
            for other, target in enumerate(zones):
                told = zone.distances.get(target.id, FAR)
                self.costs[costs_first + z * count + other] = max(-_INT64 >> 16, min(_INT64 >> 16, told))
        for name in {name for zone in zones for name in zone.resources}:
            self._admit(name)
        for name, number in self._numbers.items():
            begin = number * self.stride + first
            self.units[begin : begin + count] = 0
            self.nanos[begin : begin + count] = -1
            for z, zone in enumerate(zones):
                amount = zone.resources.get(name)
                if amount is not None:
                    left = amount.available
                    if name in charged:
                        left = max(0, left - charged[name])
                    self.units[begin + z], self.nanos[begin + z] = pair_of(left)

    def _admit(self, name: str) -> None:
        if name in self._numbers:
            return
        if len(self._numbers) >= NAMES_MAX:
            self.left_out.add(name)
            return
        units, nanos = self._tables()
        nothing, absent = np.zeros((1, self.stride), np.int64), np.full((1, self.stride), -1, np.int64)
        self._lay_out([*self._numbers, name], np.append(units, nothing, axis=0), np.append(nanos, absent, axis=0))

    def _tables(self) -> tuple[Int64s, Int64s]:
        """units and nanos as resource x zone."""
        shape = len(self._numbers), self.stride
        return self.units.reshape(shape), self.nanos.reshape(shape)

    def _lay_out(self, names: list[str], units: Int64s, nanos: Int64s) -> None:
        """Resource x zone, in the order of the names."""
        self.units, self.nanos = np.ascontiguousarray(units).reshape(-1), np.ascontiguousarray(nanos).reshape(-1)
        self._numbers = {name: number for number, name in enumerate(names)}
        self.layout += 1
        self._starts.clear()


def pair_of(amount: int) -> tuple[int, int]:
    """Billionths -> (whole units, billionths on top); beyond int64 it is merely very much."""
    units, nanos = divmod(amount, UNIT)
    if abs(units) > _INT64:
        return (_INT64 if units > 0 else -_INT64), 0
    return units, nanos


def _wider(table: Int64s, length: int, fill: int) -> Int64s:
    wider = np.full((len(table), length), fill, np.int64)
    wider[:, : table.shape[1]] = table
    return wider


def _longer(vector: Int64s, length: int, fill: int) -> Int64s:
    longer = np.full(length, fill, np.int64)
    longer[: len(vector)] = vector
    return longer
