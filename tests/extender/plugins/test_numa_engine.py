"""NUMA zones through the engine's verbs: charged at bind, believed again when proven, freed in preemption's what-if."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extender.cluster.state import ClusterState
from extender.engine.cycle import rows_of
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.engine.verdicts import Victims
from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.model.events import NodeUpserted, ObjectUpserted, PodUpserted
from extender.model.node import Node
from extender.model.pod import Container, Pod
from extender.model.verdict import Phase
from extender.plugins.node_resource_topology_match import PLUGIN
from extender.plugins.node_resource_topology_match.fingerprint import fingerprint
from extender.plugins.node_resource_topology_match.placement import container_hash
from tests.extender.engine.a_world import FakeBinder, decided

VECTOR = "topology.node.k8s.io/numaplacement-vector"
OVER_RESERVE = {"cacheResyncPeriodSeconds": 5}


@pytest.fixture(scope="module")
def compiled(kernels: Path) -> CompiledPlugin:
    return compile_all([PLUGIN], kernels)[PLUGIN.name]


def guaranteed(name: str, cpu: str, **fields: Any) -> Pod:
    container = Container(name="main", requests={"cpu": cpu}, limits={"cpu": cpu})
    return Pod(namespace="ns", name=name, uid=name, qos_class="Guaranteed", containers=(container,), **fields)


def topology(zones: list[tuple[str, str]], **attributes: str) -> dict[str, Any]:
    """`zones`: (cores available, placement vector); each has 8 cores."""
    told = {"topologyManagerPolicy": "single-numa-node", **attributes}
    return {
        "kind": "NodeResourceTopology",
        "metadata": {"name": "n"},
        "attributes": [{"name": name.replace("__", "/"), "value": value} for name, value in told.items()],
        "zones": [
            {
                "name": f"node-{i}",
                "type": "Node",
                "attributes": [{"name": "topology.node.k8s.io/numaplacement-vector", "value": vector}]
                if vector
                else [],
                "resources": [{"name": "cpu", "allocatable": "8", "available": cores}],
            }
            for i, (cores, vector) in enumerate(zones)
        ],
    }


class World:
    """One node n under one policy."""

    def __init__(self, compiled: CompiledPlugin, args: dict[str, Any], *off: Phase) -> None:
        self.now_s = 1000.0
        self.state, self.binder = ClusterState(), FakeBinder()
        self.engine = Engine(
            self.state, [PLUGIN], self.binder, offer=lambda _frame: None, clock=lambda: self.now_s, lease_ttl_s=60.0
        )
        decoded, problems = args_of(PLUGIN, args)
        assert not problems
        seat = Seat(PLUGIN, compiled, decoded, 1, frozenset(Phase) - {*off})
        profile = profile_of("default-scheduler", [seat])
        self.engine.activate(PolicySet("r", "h", "wide", {"default-scheduler": profile}))
        self.tell(NodeUpserted(Node(name="n", allocatable={"cpu": "16"})))

    def tell(self, event: Any) -> None:
        self.state.apply(event, self.now_s)

    def export(self, zones: list[tuple[str, str]], **attributes: str) -> None:
        self.tell(ObjectUpserted("NodeResourceTopology", "n", topology(zones, **attributes)))

    def later(self, seconds: float) -> None:
        self.now_s += seconds
        self.engine.tick()

    def refusal(self, pod: Pod) -> str:
        self.tell(PodUpserted(pod))
        verdict = decided(self.engine, pod, ["n"], rows_of(self.state, ["n"]), self.now_s)
        (code,) = verdict.codes.tolist()
        return verdict.rejections[code - 1].reason if code else ""

    def bind(self, pod: Pod) -> str:
        return asyncio.run(self.engine.bind("ns", pod.name, pod.uid, "n", self.now_s + 5)).error

    def kept(self, pod: Pod, *victims: Pod) -> bool:
        uids = tuple(victim.uid for victim in victims)
        return bool(self.engine.preempt(pod, {"n": Victims(uids)}, self.now_s).nodes)


def test_two_pods_that_chose_one_zone_get_it_once(compiled: CompiledPlugin) -> None:
    world = World(compiled, OVER_RESERVE)
    world.export([("6", "")])
    world.later(1)
    first, second = guaranteed("first", "4"), guaranteed("second", "4")
    assert (world.refusal(first), world.refusal(second)) == ("", "")
    assert world.bind(first) == ""
    assert world.bind(second) == "cannot align container"
    assert world.binder.bound == [("first", "n")]
    assert world.refusal(second) == "cannot align container"


def test_a_bind_that_fails_gives_its_zone_back(compiled: CompiledPlugin) -> None:
    world = World(compiled, OVER_RESERVE)
    world.export([("6", "")])
    world.later(1)
    first, second = guaranteed("first", "4"), guaranteed("second", "4")
    assert (world.refusal(first), world.refusal(second)) == ("", "")
    world.binder.answers["first"] = "the API server was cross"
    assert world.bind(first) == "the API server was cross"
    assert world.bind(second) == ""


def test_a_charge_ends_when_the_node_reports_the_pod(compiled: CompiledPlugin) -> None:
    world = World(compiled, OVER_RESERVE)
    world.export([("8", ""), ("8", "")])
    world.later(1)
    first, second = guaranteed("first", "6"), guaranteed("second", "6")
    assert world.refusal(first) == ""
    assert world.bind(first) == ""
    world.tell(PodUpserted(msgspec.structs.replace(first, node_name="n", phase="Running")))
    assert world.refusal(second) == "cannot align container", "it is charged on both zones"

    world.export([("2", ""), ("8", "")], nodeTopologyPodsFingerprint=fingerprint([("ns", "first")]))
    world.later(1)
    assert world.refusal(second) == "cannot align container", "the period is not over"
    world.later(5)
    assert world.refusal(second) == ""


def test_a_foreign_pod_makes_the_node_wait_for_proof(compiled: CompiledPlugin) -> None:
    world = World(compiled, OVER_RESERVE)
    world.export([("8", "")])
    world.later(1)
    world.tell(PodUpserted(guaranteed("theirs", "1", node_name="n", phase="Running", scheduler_name="other")))
    assert world.refusal(guaranteed("ours", "1")) == "invalid node topology data"
    world.export([("7", "")], nodeTopologyPodsFingerprint=fingerprint([("ns", "theirs")]))
    world.later(6)
    assert world.refusal(guaranteed("ours", "1")) == ""


def test_a_node_takes_no_other_pod_while_one_is_on_its_way(compiled: CompiledPlugin) -> None:
    world = World(compiled, {"discardReservedNodes": True})
    world.export([("8", "")])
    first, second = guaranteed("first", "1"), guaranteed("second", "1")
    assert (world.refusal(first), world.refusal(second)) == ("", "")

    async def race() -> list[str]:
        world.binder.gate = asyncio.Event()
        binds = [
            asyncio.create_task(world.engine.bind("ns", pod.name, pod.uid, "n", world.now_s + 5))
            for pod in (first, second)
        ]
        await binds[1]
        assert world.refusal(guaranteed("third", "1")) == "invalid node topology data"
        world.binder.gate.set()
        return [(await bind).error for bind in binds]

    assert asyncio.run(race()) == ["", "invalid node topology data"]
    assert world.refusal(second) == ""


def with_placement(world: World, *running: Pod) -> None:
    """`left` and `right` have 6 of 8 cores of their zones, and the exporter says so."""
    for pod in running:
        world.tell(PodUpserted(pod))
    hashes = sorted(container_hash("ns", pod.name, "main") for pod in running)
    on_right = hashes.index(container_hash("ns", "right", "main"))
    world.export(
        [("2", ""), ("2", "npv0v001" + "!#"[on_right])],  # the digits 0 and 1
        nodeTopologyPodsFingerprint=fingerprint((pod.namespace, pod.name) for pod in running),
        **{"topology.node.k8s.io__numaplacement-metadata": "npv0v001::ve=leb89::cc=2::nn=2::bn=0"},
    )
    world.later(1)
    world.later(6)


def test_preemption_is_agreed_to_where_the_victims_free_one_zone(compiled: CompiledPlugin) -> None:
    left = guaranteed("left", "6", node_name="n", phase="Running")
    right = guaranteed("right", "6", node_name="n", phase="Running")
    asking = guaranteed("asking", "7", priority=10)
    blind = World(compiled, OVER_RESERVE)
    with_placement(blind, left, right)
    assert not blind.kept(asking, right), "without the mode the zones look occupied"

    world = World(compiled, OVER_RESERVE | {"preemptionMode": "Enabled"})
    with_placement(world, left, right)
    assert world.refusal(asking) == "cannot align container"
    assert world.kept(asking, right)
    assert world.kept(asking, left, right)
    assert not world.kept(guaranteed("huge", "9", priority=10), left, right)


def test_without_the_pre_filter_phase_victims_keep_their_zones(compiled: CompiledPlugin) -> None:
    right = guaranteed("right", "6", node_name="n", phase="Running")
    world = World(compiled, OVER_RESERVE | {"preemptionMode": "Enabled"}, Phase.PRE_FILTER)
    with_placement(world, guaranteed("left", "6", node_name="n", phase="Running"), right)
    assert not world.kept(guaranteed("asking", "7", priority=10), right)
    assert world.kept(guaranteed("asking", "2", priority=10), right), "filter is on"


def test_victims_without_anything_of_a_zone_free_nothing(compiled: CompiledPlugin) -> None:
    left = guaranteed("left", "6", node_name="n", phase="Running")
    right = guaranteed("right", "6", node_name="n", phase="Running")
    world = World(compiled, OVER_RESERVE | {"preemptionMode": "Enabled"})
    with_placement(world, left, right)
    burstable = Pod(namespace="ns", name="b", uid="b", qos_class="Burstable", node_name="n", phase="Running")
    world.tell(PodUpserted(burstable))
    assert not world.kept(guaranteed("asking", "1", priority=10), burstable)
