"""Preemption's what-if: the victims' exclusive resources are back in the zones where their containers stand.

Only app containers whose place is known count. One amount above what its zone has spoils the whole node: something is
then wrong about the placement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from extender.framework import GUARANTEED, Cycle, Pod, qos_of
from extender.plugins.node_resource_topology_match.book import TopologyBook
from extender.plugins.node_resource_topology_match.kernel import NO_RELEASE, PRESENT, TOO_MUCH_RELEASED
from extender.plugins.node_resource_topology_match.placement import container_hash
from extender.plugins.node_resource_topology_match.requests import Asked, asks_for_devices, exclusive_part
from extender.plugins.node_resource_topology_match.zones import ZoneTable, pair_of

Int64s = NDArray[np.int64]


def with_released(
    cycle: Cycle, names: tuple[str, ...], table: ZoneTable, columns: Mapping[str, Int64s]
) -> Mapping[str, Int64s]:
    """The table's amounts with theirs, and the columns with the state of nodes where that is impossible."""
    book, state, starts = cycle.book, columns["state"].copy(), table.starts(names)
    units, nanos = table.units.copy(), table.nanos.copy()
    for row, uids in cycle.leaving.items():
        if row < 0 or not uids or state[row] != PRESENT:
            continue
        node = cycle.nodes.names[row]
        if not book.placements.get(node):
            continue
        after = amounts_after(book, node, [cycle.pods[uid] for uid in uids if uid in cycle.pods])
        if isinstance(after, int):
            state[row] = after
            continue
        for (z, name), amount in after.items():
            if name in names and (start := int(starts[names.index(name)])) >= 0:
                at = start + int(columns["first"][row]) + z
                units[at], nanos[at] = pair_of(amount)
    return {**columns, "state": state, "units": units, "nanos": nanos}


def amounts_after(book: TopologyBook, node: str, victims: Iterable[Pod]) -> dict[tuple[int, str], int] | int:
    """(index of a NUMA zone, resource) -> billionths there once the victims are gone, of what changes; or the state
    of a node that cannot be judged."""
    released = _released(book, node, victims)
    if not released:
        return NO_RELEASE
    after = {}
    charged = book.charged(node)
    for z, zone in enumerate(book.held[node].numa):
        for name, amount in released.get(zone.id, {}).items():
            has = zone.resources.get(name)
            if has is None:
                continue
            now = max(0, has.available - charged[name]) if name in charged else has.available
            if now + amount > has.allocatable:
                return TOO_MUCH_RELEASED
            after[z, name] = now + amount
    return after


def _released(book: TopologyBook, node: str, victims: Iterable[Pod]) -> dict[int, Asked]:
    """Zone id -> resource -> billionths that only the victims use there."""
    placed, listed = book.placements[node], book.held[node].listed
    released: dict[int, Asked] = {}
    for pod in victims:
        qos = qos_of(pod)
        if qos != GUARANTEED and not asks_for_devices(pod):
            continue
        for container in pod.containers:
            zone = placed.get(container_hash(pod.namespace, pod.name, container.name))
            if zone is not None:
                of_zone = released.setdefault(zone, {})
                for name, amount in exclusive_part(container, qos, listed).items():
                    of_zone[name] = of_zone.get(name, 0) + amount
    return {zone: asked for zone, asked in released.items() if asked}
