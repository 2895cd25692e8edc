"""What is read of a NodeResourceTopology, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from extender.plugins.node_resource_topology_match.topology import (
    CONTAINER,
    NONE,
    POD,
    RESTRICTED,
    SINGLE_NUMA_NODE,
    Topology,
    TopologyError,
    topology_of,
    zone_id,
)

UNIT = 10**9


def read(*attributes: tuple[str, str], **fields: Any) -> Topology:
    return topology_of({"attributes": [{"name": n, "value": v} for n, v in attributes], **fields})


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *[("node-0", 0), ("node-63", 63), ("node-+1", 1), ("node-007", 7)],
        *[(bad, -1) for bad in ("node-64", "node-", "node-x", "node0", "numa-0", "node--1", "node-1-2", "node-1_0")],
        ("node-" + "9" * 40, -1),
    ],
)
def test_only_node_and_a_number_below_64_names_a_numa_zone(name: str, number: int) -> None:
    assert zone_id(name) == number


def test_zones_of_another_type_are_kept_but_do_not_count() -> None:
    told = read(zones=[{"name": "node-0", "type": "Core"}, {"name": "node-1", "type": "Node"}])
    assert [zone.id for zone in told.zones] == [-1, 1]
    assert [zone.id for zone in told.numa] == [1]


def test_nothing_said_means_no_policy_per_container_and_eight_zones() -> None:
    assert topology_of({}).config == (NONE, CONTAINER, 8)


def test_the_last_valid_attribute_wins_over_the_deprecated_list() -> None:
    told = read(
        ("topologyManagerPolicy", "restricted"),
        ("topologyManagerPolicy", "bogus"),
        ("topologyManagerMaxNUMANodes", "1"),
        ("topologyManagerMaxNUMANodes", "2000"),
        ("topologyManagerMaxNUMANodes", "-3"),
        topologyPolicies=["SingleNUMANodePodLevel", "BestEffortContainerLevel"],
    )
    assert told.config == (RESTRICTED, POD, 1024)


def test_only_the_first_of_the_deprecated_list_counts() -> None:
    assert read(topologyPolicies=["SingleNUMANodePodLevel", "none"]).config == (SINGLE_NUMA_NODE, POD, 8)
    assert read(topologyPolicies=["Bogus", "SingleNUMANodePodLevel"]).config == (NONE, CONTAINER, 8)


def test_a_fingerprint_attribute_wins_over_the_annotation_of_old() -> None:
    annotated = {"annotations": {"topology.node.k8s.io/fingerprint": "old"}}
    new = read(("nodeTopologyPodsFingerprint", "new"), metadata=annotated)
    assert (new.fingerprint, new.legacy_fingerprint) == ("new", False)
    old = read(("nodeTopologyPodsFingerprintMethod", "with-exclusive-resources"), metadata=annotated)
    assert (old.fingerprint, old.legacy_fingerprint, old.only_exclusive) == ("old", True, True)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"zones": "many"}, "zones"),
        ({"zones": [{"name": 3}]}, "zones"),
        ({"zones": [{"resources": [{"name": "cpu", "available": "lots"}]}]}, "zones[0].resources[0]: not a quantity"),
        ({"zones": [{"costs": [{"name": "node-0", "value": "near"}]}]}, "costs"),
        ({"zones": [{}] * 257}, "257 of them"),
        ({"attributes": [None]}, "attributes"),
    ],
)
def test_a_malformed_object_is_refused_with_the_place(found: dict[str, Any], words: str) -> None:
    with pytest.raises(TopologyError) as wrong:
        topology_of(found)
    assert words in str(wrong.value)
