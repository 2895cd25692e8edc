"""Which container stands on which zone, as the node's exporter tells in very few bytes (numaplacement v0.1.0).

The node's attribute holds `npv0v001::ve=leb89::cc=<containers>::nn=<zones>::bn=<busiest zone>`, the zones' attributes
vectors: `npv0v001` and the differences between ascending indices into the sorted hashes of all pinned containers.
The busiest zone has no vector: what no vector names stands there. Nothing is believed unless all of it fits together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xxhash import xxh64_intdigest

from extender.plugins.node_resource_topology_match.topology import Topology

VERSION = "npv0v001"

_SEPARATOR = "::"
# The digits of base 89: printable characters that JSON leaves as they are. The first 64 end a number.
_DIGITS = {
    character: index
    for index, character in enumerate(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"&<>\\')
}
_LAST_DIGITS = 64
_CARRIED = 25
_NUMBER_MOST = 2**31 - 1


class PlacementError(ValueError):
    """The placement contradicts itself or the pods."""


def container_hash(namespace: str, pod: str, container: str) -> int:
    return xxh64_intdigest(f"{namespace}\0{pod}\0{container}".encode())


def placement_of(topology: Topology, pinned: Iterable[tuple[str, str, str]]) -> dict[int, int]:
    """{container_hash: zone id} of the pinned (namespace, pod, container). Raises PlacementError."""
    told = _metadata(topology.placement)
    hashes = sorted({container_hash(*container) for container in pinned})
    if told.get("ve") != "leb89":
        raise PlacementError(f"vectors are written as {told.get('ve', '')!r}, want leb89")
    containers, zones, busiest = (_whole(told, key) for key in ("cc", "nn", "bn"))
    if containers != len(hashes):
        raise PlacementError(f"it tells of {containers} containers, the node has {len(hashes)} that are pinned")
    if zones <= 0 or not 0 <= busiest < zones:
        raise PlacementError(f"zone {busiest} cannot be the busiest of {zones}")
    placed: dict[int, int] = {}
    for zone in topology.numa:
        if not zone.pinned:
            continue
        if zone.id >= zones or zone.id == busiest:
            raise PlacementError(f"zone {zone.id} must not have a vector")
        for index in _indices(zone.pinned):
            if index >= len(hashes) or hashes[index] in placed:
                raise PlacementError(f"the vector of zone {zone.id} names container {index}")
            placed[hashes[index]] = zone.id
    return {one: placed.get(one, busiest) for one in hashes}


def _metadata(text: str) -> dict[str, str]:
    version, *fields = text.split(_SEPARATOR)
    if version != VERSION:
        raise PlacementError(f"metadata {text[:40]!r} is not of version {VERSION}")
    pairs = [field.partition("=") for field in fields]
    if not all(key in ("ve", "cc", "nn", "bn") and told for key, _equals, told in pairs):
        raise PlacementError(f"metadata {text[:80]!r} cannot be read")
    return {key: told for key, _equals, told in pairs}


def _whole(told: dict[str, str], key: str) -> int:
    try:
        return int(told.get(key, "-1")[:20])
    except ValueError:
        raise PlacementError(f"metadata: {key} is no number") from None


def _indices(vector: str) -> Iterator[int]:
    if not vector.startswith(VERSION):
        raise PlacementError(f"vector {vector[:40]!r} is not of version {VERSION}")
    index = 0
    for step in _numbers(vector.removeprefix(VERSION)):
        index += step
        yield index


def _numbers(text: str) -> Iterator[int]:
    carried, is_open = 0, False
    for character in text:
        digit = _DIGITS.get(character, -1)
        if digit < 0 or carried > _NUMBER_MOST:
            raise PlacementError("a vector has characters or numbers that do not belong there")
        if digit >= _LAST_DIGITS:
            carried, is_open = carried * _CARRIED + digit - _LAST_DIGITS, True
            continue
        yield _LAST_DIGITS * (1 + carried) + digit if is_open else digit
        carried, is_open = 0, False
    if is_open:
        raise PlacementError("a vector ends within a number")
