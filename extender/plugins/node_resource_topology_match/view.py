"""What the kernel is given in one cycle: the zones that the arguments choose, and what the pod asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework import Cycle, NodeTable, resources_of
from extender.plugins.node_resource_topology_match.args import (
    ENABLED,
    STRATEGIES,
    Caching,
    NodeResourceTopologyMatchArgs,
    caching,
)
from extender.plugins.node_resource_topology_match.ask import ask_of
from extender.plugins.node_resource_topology_match.kernel import STALE
from extender.plugins.node_resource_topology_match.release import with_released
from extender.plugins.node_resource_topology_match.zones import ZoneTable

Int64s = NDArray[np.int64]

_NONE: Int64s = np.zeros(0, np.int64)

_VICTIMS_COUNT = "victims count"


def note_victims(cycle: Cycle) -> None:
    """Whether `zone_values` gives back what victims hold, if the arguments let preemption be simulated at all."""
    cycle.memo[_VICTIMS_COUNT] = cycle.args.preemption_mode == ENABLED


def zone_values(cycle: Cycle) -> Mapping[str, Any]:
    """For the filter. Raises QuantityError."""
    ask = ask_of(cycle.pod)
    table, columns, most_zones = _zones(cycle)
    nodes = cycle.nodes
    shown: Mapping[str, Int64s] = {"units": table.units, "nanos": table.nanos, **columns}
    if cycle.leaving and cycle.memo.get(_VICTIMS_COUNT) and table is cycle.book.held_zones:
        shown = with_released(cycle, ask.names, table, columns)
    return {
        **ask.values,
        **shown,
        "starts": table.starts(ask.names),
        "ids": table.ids,
        "costs": table.costs,
        "row": _kept(cycle.memo, "row", nodes.rows, lambda: np.arange(nodes.rows)),
        "rows": nodes.rows,
        "allocatable": _allocatable(cycle, ask.conditional),
        **_scratch(cycle.memo, len(ask.names) * most_zones),
        "names": ask.names,
    }


def fitness_values(cycle: Cycle) -> Mapping[str, Any]:
    """For the score: the same, and what the strategy says. Raises QuantityError."""
    values, args = zone_values(cycle), cycle.args
    names = values["names"]
    return {
        **values,
        "strategy": STRATEGIES.index(args.scoring_strategy.type),
        "weights": _kept(cycle.memo, "weights", names, lambda: _weights(args, names)),
    }


def _weights(args: NodeResourceTopologyMatchArgs, names: tuple[str, ...]) -> Int64s:
    given = {resource.name: max(1, resource.weight) for resource in args.scoring_strategy.resources}
    return np.array([given.get(name, 1) for name in names], np.int64)


def _scratch(memo: dict[str, Any], room: int) -> Mapping[str, Int64s]:
    """Where the kernel works on one node's zones; no call needs what another left there."""
    names = ("scratch_units", "scratch_nanos")
    scratch: Mapping[str, Int64s] = _kept(memo, "scratch", room, lambda: {n: np.zeros(room, np.int64) for n in names})
    return scratch


def _zones(cycle: Cycle) -> tuple[ZoneTable, Mapping[str, Int64s], int]:
    """The table that the arguments choose, its columns with stale nodes marked, and the most zones of a node."""
    book, kind = cycle.book, caching(cycle.args)
    is_held = kind is Caching.OVER_RESERVE and book.is_kept(cycle.now_s)
    table: ZoneTable = book.held_zones if is_held else book.live_zones
    key = (is_held, cycle.nodes.names_version, cycle.nodes.rows, table.version)
    columns, most_zones = _kept(cycle.memo, "columns", key, lambda: _columns(table, cycle.nodes))
    stale: Iterable[str] = ()
    if kind is Caching.DISCARD_RESERVED:
        stale = book.landing()
    elif is_held:
        ours, detect = frozenset(cycle.scheduler_names), cycle.args.cache.foreign_pods_detect
        stale = _kept(cycle.memo, "foreign", (book.marks_version, ours), lambda: book.foreign(ours, detect))
    return table, _with_stale(columns, cycle.nodes, stale), most_zones


def _columns(table: ZoneTable, nodes: NodeTable) -> tuple[dict[str, Int64s], int]:
    columns = table.columns(nodes)
    return columns, int(columns["zones"].max(initial=0))


def _with_stale(columns: dict[str, Int64s], nodes: NodeTable, stale: Iterable[str]) -> Mapping[str, Int64s]:
    rows = [row for row in map(nodes.row, stale) if row >= 0]
    if not rows:
        return columns
    state = columns["state"].copy()
    state[rows] = STALE
    return {**columns, "state": state}


def _allocatable(cycle: Cycle, names: tuple[str, ...]) -> Int64s:
    """Whether each row's node has each resource at all, amount zero included; one vector after the other."""
    found = [_has(cycle, name) for name in names]
    return found[0] if len(found) == 1 else np.concatenate(found) if found else _NONE


def _has(cycle: Cycle, name: str) -> Int64s:
    nodes = cycle.nodes
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
