"""What the kernel is given in one cycle: the zones that the arguments choose, and what the pod asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework import Cycle, NodeTable, resources_of
from extender.plugins.node_resource_topology_match.args import ENABLED, STRATEGIES, Caching, caching
from extender.plugins.node_resource_topology_match.ask import ask_of
from extender.plugins.node_resource_topology_match.kernel import STALE
from extender.plugins.node_resource_topology_match.release import with_released
from extender.plugins.node_resource_topology_match.zones import ZoneTable

Int64s = NDArray[np.int64]

# Listed by every node, whatever its status says.
_ALWAYS = ("cpu", "memory", "ephemeral-storage", "pods")


_VICTIMS_COUNT = "victims count"


def note_victims(cycle: Cycle) -> None:
    """Whether `zone_values` gives back what victims hold, if the arguments let preemption be simulated at all."""
    cycle.memo[_VICTIMS_COUNT] = cycle.args.preemption_mode == ENABLED


def zone_values(cycle: Cycle) -> Mapping[str, Any]:
    """For the filter. Raises QuantityError."""
    ask = ask_of(cycle.pod)
    table, columns = _zones(cycle)
    units, nanos = table.amounts(ask.names)
    nodes = cycle.nodes
    if cycle.leaving and cycle.memo.get(_VICTIMS_COUNT) and table is cycle.book.held_zones:
        columns = with_released(cycle, ask.names, units, nanos, columns)
    return {
        **ask.values,
        **columns,
        "units": units,
        "nanos": nanos,
        "ids": table.ids,
        "costs": table.costs,
        "stride": table.stride,
        "row": _kept(cycle.memo, "row", nodes.rows, lambda: np.arange(nodes.rows)),
        "rows": nodes.rows,
        "allocatable": _allocatable(cycle, ask.names),
        **_scratch(cycle.memo, len(ask.names) * int(columns["zones"].max(initial=0))),
        "names": ask.names,
    }


def fitness_values(cycle: Cycle) -> Mapping[str, Any]:
    """For the score: the same, and what the strategy says. Raises QuantityError."""
    values = zone_values(cycle)
    strategy = cycle.args.scoring_strategy
    weights = {resource.name: max(1, resource.weight) for resource in strategy.resources}
    return {
        **values,
        "strategy": STRATEGIES.index(strategy.type),
        "weights": np.array([weights.get(name, 1) for name in values["names"]], np.int64),
    }


def _scratch(memo: dict[str, Any], room: int) -> Mapping[str, Int64s]:
    """Where the kernel works on one node's zones; no call needs what another left there."""
    names = ("scratch_units", "scratch_nanos")
    scratch: Mapping[str, Int64s] = _kept(memo, "scratch", room, lambda: {n: np.zeros(room, np.int64) for n in names})
    return scratch


def _zones(cycle: Cycle) -> tuple[ZoneTable, Mapping[str, Int64s]]:
    """The table that the arguments choose, and its columns with stale nodes marked."""
    book, kind = cycle.book, caching(cycle.args)
    is_held = kind is Caching.OVER_RESERVE and book.is_kept(cycle.now_s)
    table: ZoneTable = book.held_zones if is_held else book.live_zones
    key = (is_held, cycle.nodes.names_version, cycle.nodes.rows, table.version)
    columns: dict[str, Int64s] = _kept(cycle.memo, "columns", key, lambda: table.columns(cycle.nodes))
    stale: Iterable[str] = ()
    if kind is Caching.DISCARD_RESERVED:
        stale = book.landing()
    elif is_held:
        ours, detect = frozenset(cycle.scheduler_names), cycle.args.cache.foreign_pods_detect
        stale = _kept(cycle.memo, "foreign", (book.marks_version, ours), lambda: book.foreign(ours, detect))
    return table, _with_stale(columns, cycle.nodes, stale)


def _with_stale(columns: dict[str, Int64s], nodes: NodeTable, stale: Iterable[str]) -> Mapping[str, Int64s]:
    rows = [row for row in map(nodes.row, stale) if row >= 0]
    if not rows:
        return columns
    state = columns["state"].copy()
    state[rows] = STALE
    return {**columns, "state": state}


def _allocatable(cycle: Cycle, names: tuple[str, ...]) -> Int64s:
    """Whether each row's node has each resource at all, amount zero included; one vector after the other."""
    nodes = cycle.nodes
    found = [_has(cycle, name) for name in names]
    return np.concatenate(found) if found else np.zeros(nodes.rows, np.int64)


def _has(cycle: Cycle, name: str) -> Int64s:
    nodes = cycle.nodes
    if name in _ALWAYS:
        return np.ones(nodes.rows, np.int64)
    if name not in resources_of({name: 0}).scalars:
        return np.zeros(nodes.rows, np.int64)
    key = (nodes.objects_version, nodes.rows)
    listed = (node is not None and name in node.allocatable for node in nodes.objects)
    has: Int64s = _kept(cycle.memo, f"has {name}", key, lambda: np.fromiter(listed, np.int64, nodes.rows))
    return has


def _kept(memo: dict[str, Any], name: str, key: object, make: Any) -> Any:
    """What `make` says, as long as `key` stays the same."""
    known = memo.get(name)
    if known is None or known[0] != key:
        known = memo[name] = key, make()
    return known[1]
