"""What the kernel is given in one cycle: the zones that the arguments choose, and what the pod asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework import Cycle, NodeTable, Settled, resources_of
from extender.plugins.node_resource_topology_match.args import (
    ENABLED,
    STRATEGIES,
    Caching,
    NodeResourceTopologyMatchArgs,
    caching,
)
from extender.plugins.node_resource_topology_match.ask import Ask, ask_of
from extender.plugins.node_resource_topology_match.kernel import STALE
from extender.plugins.node_resource_topology_match.release import with_released
from extender.plugins.node_resource_topology_match.zones import ZoneTable

Int64s = NDArray[np.int64]

_NONE: Int64s = np.zeros(0, np.int64)

# Templates of pods whose values are kept.
_TOLD_MAX = 256
_VICTIMS_COUNT = "victims count"


def note_victims(cycle: Cycle) -> None:
    """Whether `zone_values` gives back what victims hold, if the arguments let preemption be simulated at all."""
    cycle.memo[_VICTIMS_COUNT] = cycle.args.preemption_mode == ENABLED


@dataclass(frozen=True, slots=True)
class _Told:
    """What was said of an ask, and what it was made from."""

    ask: Ask
    columns: Mapping[str, Int64s]
    versions: tuple[int, ...]
    values: Settled


def zone_values(cycle: Cycle) -> Mapping[str, Any]:
    """For filter and score. Raises QuantityError."""
    ask, nodes, memo = ask_of(cycle.pod), cycle.nodes, cycle.memo
    table, columns, most_zones = _zones(cycle)
    if cycle.leaving and memo.get(_VICTIMS_COUNT) and table is cycle.book.held_zones:
        return {**_values(cycle, ask, table, columns, most_zones), **with_released(cycle, ask.names, table, columns)}
    told: dict[int, _Told] = memo.setdefault("told", {})
    versions = (table.layout, nodes.objects_version if ask.conditional else 0)
    found = told.get(id(ask))
    if found is None or found.ask is not ask or found.columns is not columns or found.versions != versions:
        if len(told) >= _TOLD_MAX:
            told.clear()
        values = _values(cycle, ask, table, columns, most_zones)
        found = told[id(ask)] = _Told(ask, columns, versions, values)
    return found.values


def _values(cycle: Cycle, ask: Ask, table: ZoneTable, columns: Mapping[str, Int64s], most_zones: int) -> Settled:
    nodes, strategy, room = cycle.nodes, cycle.args.scoring_strategy, len(ask.names) * most_zones
    return Settled(
        **ask.values,
        **columns,
        units=table.units,
        nanos=table.nanos,
        starts=table.starts(ask.names),
        ids=table.ids,
        costs=table.costs,
        row=_kept(cycle.memo, "row", nodes.rows, lambda: np.arange(nodes.rows)),
        rows=nodes.rows,
        allocatable=_allocatable(cycle, ask.conditional),
        # Where the kernel works on one node's zones; no call needs what another left there.
        scratch_units=np.zeros(room, np.int64),
        scratch_nanos=np.zeros(room, np.int64),
        names=ask.names,
        strategy=STRATEGIES.index(strategy.type),
        weights=_weights(cycle.args, ask.names),
    )


def _weights(args: NodeResourceTopologyMatchArgs, names: tuple[str, ...]) -> Int64s:
    given = {resource.name: max(1, resource.weight) for resource in args.scoring_strategy.resources}
    return np.array([given.get(name, 1) for name in names], np.int64)


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
