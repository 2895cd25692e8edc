"""The two kinds that describe a network of services, as far as this plugin reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec
from msgspec import Struct

from extender.framework import Object

REGION, ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone"
TRUSTED_ORDER = "NetperfCosts"
"""Weights of this name are searched as they stand: whoever writes them has sorted them."""


_V = TypeVar("_V")
_K = TypeVar("_K", "_Group", "_Network")


class ObjectError(ValueError):
    """The object cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Dependency:
    selector: str
    """Workload label of the pods it means."""
    max_cost: int


@dataclass(frozen=True, slots=True)
class AppGroup:
    workloads: tuple[tuple[str, tuple[Dependency, ...]], ...]
    """(selector, its dependencies), as listed."""

    def dependencies(self, workload: str) -> tuple[Dependency, ...]:
        """Of every workload with that selector, one after the other."""
        return tuple(d for selector, found in self.workloads if selector == workload for d in found)


Costs = Mapping[str, int]
"""destination -> cost"""


@dataclass(frozen=True, slots=True)
class Topology:
    """Costs by name of the weights, then by key of the topology, then by origin; all lists as they stand."""

    weights: tuple[tuple[str, tuple[tuple[str, tuple[tuple[str, Costs], ...]], ...]], ...]

    def costs_from(self, weights_name: str, region: str, zone: str) -> Mapping[tuple[str, str], int]:
        """(origin, destination) -> cost from a place with that region and zone.

        Regions and zones share the map: where both have the same name, the zone's costs win.
        """
        costs: dict[tuple[str, str], int] = {}
        for name, topologies in self.weights:
            if name != weights_name:
                continue
            for key, origin in ((REGION, region), (ZONE, zone)):
                if origin:
                    origins = _search(topologies, key, is_sorted=name == TRUSTED_ORDER) or ()
                    found = _search(origins, origin, is_sorted=name == TRUSTED_ORDER) or {}
                    costs.update({(origin, destination): cost for destination, cost in found.items()})
        return costs


def _search(entries: Sequence[tuple[str, _V]], key: str, *, is_sorted: bool) -> _V | None:
    """Upstream's binary search, which misses what an unsorted list hides from it."""
    if not is_sorted:
        entries = sorted(entries, key=lambda entry: entry[0])
    low, high = 0, len(entries) - 1
    while low <= high:
        middle = (low + high) // 2
        found, value = entries[middle]
        if found == key:
            return value
        if found < key:
            low = middle + 1
        else:
            high = middle - 1
    return None


# As they stand in JSON.


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Meta(Struct, frozen=True):
    uid: str = ""


class _Workload(Struct, frozen=True):
    selector: str = ""


class _Dependency(Struct, frozen=True, rename="camel"):
    workload: _Workload = _Workload()
    max_network_cost: _Int64 = 0


class _GroupWorkload(Struct, frozen=True):
    workload: _Workload = _Workload()
    dependencies: list[_Dependency] | None = None


class _GroupSpec(Struct, frozen=True):
    workloads: list[_GroupWorkload] | None = None


class _Group(Struct, frozen=True):
    metadata: _Meta
    spec: _GroupSpec = _GroupSpec()


class _Cost(Struct, frozen=True, rename="camel"):
    destination: str = ""
    network_cost: _Int64 = 0


class _Origin(Struct, frozen=True, rename="camel"):
    origin: str = ""
    cost_list: list[_Cost] | None = None


class _Topology(Struct, frozen=True, rename="camel"):
    topology_key: str = ""
    origin_list: list[_Origin] | None = None


class _Weights(Struct, frozen=True, rename="camel"):
    name: str = ""
    topology_list: list[_Topology] | None = None


class _NetworkSpec(Struct, frozen=True):
    weights: list[_Weights] | None = None


class _Network(Struct, frozen=True):
    metadata: _Meta
    spec: _NetworkSpec = _NetworkSpec()


def app_group_of(found: Object) -> AppGroup:
    """Raises ObjectError."""
    group = _converted(found, _Group)
    return AppGroup(
        tuple(
            (
                listed.workload.selector,
                tuple(Dependency(d.workload.selector, d.max_network_cost) for d in listed.dependencies or ()),
            )
            for listed in group.spec.workloads or ()
        )
    )


def topology_of(found: Object) -> Topology:
    """Raises ObjectError."""
    network = _converted(found, _Network)
    return Topology(
        tuple(
            (weights.name, tuple((t.topology_key, _origins(t)) for t in weights.topology_list or ()))
            for weights in network.spec.weights or ()
        )
    )


def _origins(topology: _Topology) -> tuple[tuple[str, Costs], ...]:
    return tuple(
        (listed.origin, {cost.destination: cost.network_cost for cost in listed.cost_list or ()})
        for listed in topology.origin_list or ()
    )


def _converted(found: Object, kind: type[_K]) -> _K:
    try:
        whole = msgspec.convert(found, kind, strict=True)
    except msgspec.ValidationError as wrong:
        raise ObjectError(str(wrong)) from None
    if not whole.metadata.uid:
        raise ObjectError("without metadata.uid it counts as missing, as it does upstream")
    return whole
