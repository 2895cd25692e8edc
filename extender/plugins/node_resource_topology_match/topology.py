"""One node's NUMA zones, as its NodeResourceTopology object tells (topology.node.k8s.io/v1alpha2).

All fields of the object stand at its top level. A zone counts if its type is `Node` and its name `node-<number>`
with a number below 64; the others are kept for people only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import msgspec

from extender.framework import Object, QuantityError, form_of, nano

NONE, BEST_EFFORT, RESTRICTED, SINGLE_NUMA_NODE = range(4)
CONTAINER, POD = range(2)
ZONE_IDS = 64
ZONES_MAX = 256
MAX_ZONES_DEFAULT, MAX_ZONES_MOST = 8, 1024

POLICY, SCOPE, MAX_NUMA_NODES = "topologyManagerPolicy", "topologyManagerScope", "topologyManagerMaxNUMANodes"
FINGERPRINT, FINGERPRINT_METHOD = "nodeTopologyPodsFingerprint", "nodeTopologyPodsFingerprintMethod"
WITH_EXCLUSIVE = "with-exclusive-resources"
FINGERPRINT_ANNOTATION = "topology.node.k8s.io/fingerprint"
PLACEMENT = "topology.node.k8s.io/numaplacement-metadata"
PLACEMENT_VECTOR = "topology.node.k8s.io/numaplacement-vector"

_POLICIES = {"none": NONE, "best-effort": BEST_EFFORT, "restricted": RESTRICTED, "single-numa-node": SINGLE_NUMA_NODE}
_SCOPES = {"container": CONTAINER, "pod": POD}
_LEGACY = {
    "SingleNUMANodePodLevel": (SINGLE_NUMA_NODE, POD),
    "SingleNUMANodeContainerLevel": (SINGLE_NUMA_NODE, CONTAINER),
    "BestEffortPodLevel": (BEST_EFFORT, POD),
    "BestEffortContainerLevel": (BEST_EFFORT, CONTAINER),
    "RestrictedPodLevel": (RESTRICTED, POD),
    "RestrictedContainerLevel": (RESTRICTED, CONTAINER),
}
_ZONE_NAME = re.compile(r"node-\+?([0-9]{1,20})", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_INT64_MAX = 2**63 - 1


class TopologyError(ValueError):
    """The object is no usable NodeResourceTopology; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Of one resource in one zone, in billionths."""

    available: int
    allocatable: int
    form: str
    """How its quantity is written: binary, decimal or exponent."""


@dataclass(frozen=True, slots=True)
class Zone:
    name: str
    id: int
    """-1: no NUMA node."""
    distances: dict[int, int]
    """zone id -> distance, as far as it is told."""
    resources: dict[str, Amount]
    pinned: str
    """The placement vector."""


@dataclass(frozen=True)
class Topology:
    zones: tuple[Zone, ...]
    """All, in their order."""
    policy: int = NONE
    scope: int = CONTAINER
    max_zones: int = MAX_ZONES_DEFAULT
    """The most NUMA nodes that the kubelet's Topology Manager looks at."""
    fingerprint: str = ""
    """Of the pods that the amounts account for."""
    only_exclusive: bool = False
    """The fingerprint covers only pods with exclusive resources."""
    legacy_fingerprint: bool = False
    """It stood in the annotation, which always covers all pods."""
    placement: str = ""
    """Metadata of the containers' placement."""

    @cached_property
    def numa(self) -> tuple[Zone, ...]:
        return tuple(zone for zone in self.zones if zone.id >= 0)

    @property
    def config(self) -> tuple[int, int, int]:
        """What the kubelet's Topology Manager is told."""
        return self.policy, self.scope, self.max_zones

    @cached_property
    def listed(self) -> frozenset[str]:
        """Names of the resources of any zone."""
        return frozenset(name for zone in self.zones for name in zone.resources)


class _Attribute(msgspec.Struct, gc=False):
    name: str = ""
    value: str = ""


class _Cost(msgspec.Struct, gc=False):
    name: str = ""
    value: int = 0


class _Resource(msgspec.Struct, gc=False):
    name: str = ""
    allocatable: str | int | float | None = None
    available: str | int | float | None = None


class _Zone(msgspec.Struct, gc=False):
    name: str = ""
    type: str = ""
    costs: list[_Cost] | None = None
    attributes: list[_Attribute] | None = None
    resources: list[_Resource] | None = None


class _Metadata(msgspec.Struct, gc=False):
    annotations: dict[str, str] | None = None


class _Object(msgspec.Struct, gc=False, rename="camel"):
    metadata: _Metadata | None = None
    topology_policies: list[str] | None = None
    attributes: list[_Attribute] | None = None
    zones: list[_Zone] | None = None


def topology_of(found: Object) -> Topology:
    """A NodeResourceTopology as it stands in JSON -> Topology. Raises TopologyError."""
    try:
        told = msgspec.convert(found, _Object, strict=True)
    except msgspec.ValidationError as wrong:
        raise TopologyError(str(wrong)) from None
    listed = told.zones or []
    if len(listed) > ZONES_MAX:
        raise TopologyError(f"zones: {len(listed)} of them, want at most {ZONES_MAX}")
    attributes = [(a.name, a.value) for a in told.attributes or ()]
    policy, scope, max_zones = _config(told.topology_policies or [], attributes)
    told_of = dict(reversed(attributes))  # the first of a name counts
    annotations = (told.metadata and told.metadata.annotations) or {}
    fingerprint = told_of.get(FINGERPRINT, "")
    return Topology(
        zones=tuple(_zone(zone, f"zones[{i}]") for i, zone in enumerate(listed)),
        policy=policy,
        scope=scope,
        max_zones=max_zones,
        fingerprint=fingerprint or annotations.get(FINGERPRINT_ANNOTATION, ""),
        only_exclusive=told_of.get(FINGERPRINT_METHOD, "") == WITH_EXCLUSIVE,
        legacy_fingerprint=not fingerprint,
        placement=told_of.get(PLACEMENT, ""),
    )


def zone_id(name: str) -> int:
    """`node-3` -> 3; -1 if it names no NUMA node that we know how to count."""
    found = _ZONE_NAME.fullmatch(name)
    number = int(found[1]) if found else ZONE_IDS
    return number if number < ZONE_IDS else -1


def _config(legacy: list[str], attributes: list[tuple[str, str]]) -> tuple[int, int, int]:
    """Invalid values are passed over, the last valid one wins; attributes win over the deprecated list."""
    policy, scope = _LEGACY.get(legacy[0] if legacy else "", (NONE, CONTAINER))
    max_zones = MAX_ZONES_DEFAULT
    for name, told in attributes:
        if name == POLICY:
            policy = _POLICIES.get(told, policy)
        elif name == SCOPE:
            scope = _SCOPES.get(told, scope)
        elif name == MAX_NUMA_NODES and _WHOLE.fullmatch(told) and 1 < int(told) <= _INT64_MAX:
            max_zones = min(int(told), MAX_ZONES_MOST)
    return policy, scope, max_zones


def _zone(told: _Zone, path: str) -> Zone:
    is_numa = told.type == "Node"
    costs = {zone_id(cost.name): cost.value for cost in told.costs or ()}
    return Zone(
        name=told.name,
        id=zone_id(told.name) if is_numa else -1,
        distances={target: value for target, value in costs.items() if target >= 0},
        resources={r.name: _amount(r, f"{path}.resources[{i}]") for i, r in enumerate(told.resources or ())},
        pinned=next((a.value for a in told.attributes or () if a.name == PLACEMENT_VECTOR), ""),
    )


def _amount(told: _Resource, path: str) -> Amount:
    written = 0 if told.available is None else told.available
    try:
        allocatable = nano(0 if told.allocatable is None else told.allocatable)
        return Amount(nano(written), allocatable, form_of(written))
    except QuantityError as wrong:
        raise TopologyError(f"{path}: {wrong}") from None
