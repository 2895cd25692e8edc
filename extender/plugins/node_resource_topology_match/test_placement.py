"""Fingerprints of pods and the placement of containers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.plugins.node_resource_topology_match.fingerprint import fingerprint
from extender.plugins.node_resource_topology_match.placement import PlacementError, container_hash, placement_of
from extender.plugins.node_resource_topology_match.topology import Topology, topology_of

DIGITS = [chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"&<>\\']


def test_the_known_fingerprint() -> None:
    assert fingerprint([("namespace1", "pod1")]) == "pfp0v0019e0420efb37746c6"
    assert fingerprint([]) == "pfp0v001ef46db3751d8e999"


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=6), st.randoms())
def test_the_order_of_pods_does_not_matter(pods: list[tuple[str, str]], shuffle: Any) -> None:
    shuffled = list(pods)
    shuffle.shuffle(shuffled)
    assert fingerprint(pods) == fingerprint(shuffled)


def encoded(number: int) -> str:
    """Base 89 as exporters write it: continuation digits first, then one of 64 that ends the number."""
    if number < 64:
        return DIGITS[number]
    rest, last = divmod(number - 64, 64)
    digits = []
    while True:
        rest, digit = divmod(rest, 25)
        digits.append(DIGITS[64 + digit])
        if not rest:
            return "".join(reversed(digits)) + DIGITS[last]


def told(zone_of: dict[tuple[str, str, str], int], zones: int, **metadata: object) -> Topology:
    """An object that says where each container stands."""
    hashes = sorted(container_hash(*container) for container in zone_of)
    at = {container_hash(*container): zone for container, zone in zone_of.items()}
    places = [[i for i, one in enumerate(hashes) if at[one] == zone] for zone in range(zones)]
    busiest = max(range(zones), key=lambda zone: (len(places[zone]), -zone))
    fields = {"ve": "leb89", "cc": len(hashes), "nn": zones, "bn": busiest} | metadata
    vectors = {
        zone: "npv0v001" + "".join(encoded(b - a) for a, b in zip([0, *of_zone], of_zone, strict=False))
        for zone, of_zone in enumerate(places)
        if zone != busiest and of_zone
    }
    return topology_of(
        {
            "attributes": [
                {
                    "name": "topology.node.k8s.io/numaplacement-metadata",
                    "value": "::".join(["npv0v001", *(f"{key}={value}" for key, value in fields.items())]),
                }
            ],
            "zones": [
                {
                    "name": f"node-{zone}",
                    "type": "Node",
                    "attributes": [{"name": "topology.node.k8s.io/numaplacement-vector", "value": vectors[zone]}]
                    if zone in vectors
                    else [],
                }
                for zone in range(zones)
            ],
        }
    )


@given(st.lists(st.integers(0, 3), min_size=1, max_size=300))
def test_every_container_is_found_where_the_exporter_saw_it(zones: list[int]) -> None:
    zone_of = {("ns", f"pod-{i}", "main"): zone for i, zone in enumerate(zones)}
    placed = placement_of(told(zone_of, 4), zone_of)
    assert placed == {container_hash(*container): zone for container, zone in zone_of.items()}


ONE = {("ns", "pod", "main"): 0}
TWO = {("ns", "pod", "main"): 0, ("ns", "pod", "side"): 1, ("ns", "other", "main"): 1}


def test_a_placement_that_does_not_fit_the_pods_is_not_believed() -> None:
    with pytest.raises(PlacementError, match="tells of 3 containers, the node has 1"):
        placement_of(told(TWO, 2), ONE)


@pytest.mark.parametrize(
    "metadata",
    [{"ve": "plain"}, {"bn": -1}, {"bn": 2}, {"nn": 0}, {"cc": "many"}, {"xx": 1}, {"bn": 0}],
)
def test_metadata_that_contradicts_itself_is_not_believed(metadata: dict[str, object]) -> None:
    with pytest.raises(PlacementError):
        placement_of(told(TWO, 2, **metadata), TWO)


@pytest.mark.parametrize("vector", ["", "npv0v001~", "npv0v001&", "npv0v001#", "npv0v001!!", "npv9v001!"])
def test_a_corrupt_vector_is_not_believed(vector: str) -> None:
    topology = told(TWO, 2)
    spoilt = {
        "attributes": [{"name": "topology.node.k8s.io/numaplacement-metadata", "value": topology.placement}],
        "zones": [
            {
                "name": f"node-{zone.id}",
                "type": "Node",
                "attributes": [{"name": "topology.node.k8s.io/numaplacement-vector", "value": vector}]
                if zone.pinned
                else [],
            }
            for zone in topology.zones
        ],
    }
    if vector:
        with pytest.raises(PlacementError):
            placement_of(topology_of(spoilt), ONE)
    else:
        assert set(placement_of(topology_of(spoilt), TWO).values()) == {1}, "without vectors all are on the busiest"
