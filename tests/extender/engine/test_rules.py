"""Rules switch plugins by the state of the cluster, and do not flap between two shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.cluster.state import METRICS_STALE_S
from extender.engine.rules import Rules, allocated
from extender.framework import Pod
from extender.model.events import MetricsReplaced, NodeUpserted, PodDeleted, PodUpserted
from extender.model.node import Node
from extender.model.pod import pod_of
from extender.policy.modes import Allocation, Rule, RuleUse, RuleWhen
from extender.record.frames import Decision
from tests.extender.engine.a_world import World, a_pod

NODES = {"small": 2, "large": 8}
NAMES = list(NODES)
FULL = """
profiles: [{plugins: {multiPoint: {enabled: [{name: Biggest}, {name: Seats}]}}}]
rules:
- name: full
  when: {allocation: {above: 0.8, below: 0.6}}
  use: {enable: [Biggest], disable: [Seats]}
"""
BLIND = """
profiles: [{plugins: {multiPoint: {enabled: [{name: Biggest}, {name: Seats}]}}}]
rules: [{name: blind, when: {metricsStale: true}, use: {enable: [Biggest], disable: [Seats]}}]
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def world(cache: Path) -> World:
    world = World(cache, {})
    fill(world, 0)
    return world


def fill(world: World, percent: int) -> None:
    """One node of ten CPUs, and one pod that has so much of it."""
    room: dict[str, str | int | float] = {"cpu": "10", "memory": "10Gi", "pods": "100"}
    world.state.apply(NodeUpserted(Node(name="small", capacity={"cpu": "2"}, allocatable={**room})), world.now_s)
    world.state.apply(PodDeleted("filler"), world.now_s)
    world.state.apply(PodUpserted(filler(percent)), world.now_s)
    world.engine.tick()


def filler(percent: int) -> Pod:
    containers = [{"name": "c", "resources": {"requests": {"cpu": f"{percent * 100}m"}}}]
    metadata = {"namespace": "ns", "name": "filler", "uid": f"filler-{percent}"}
    return pod_of({"metadata": metadata, "spec": {"nodeName": "small", "containers": containers}})


def on(world: World) -> set[str]:
    return {seat.name for seat in world.engine.policy.profile_for("default-scheduler").seats}


def load(world: World) -> None:
    document = {"window": {"end": int(world.now_s)}, "data": {"NodeMetricsMap": {}}}
    world.state.apply(MetricsReplaced(document, world.now_s), world.now_s)
    world.engine.tick()


def test_allocation_is_what_pods_request_of_what_nodes_have(world: World) -> None:
    for percent in (0, 37, 100):
        world.state.apply(PodDeleted("filler-37"), world.now_s)
        world.state.apply(PodDeleted("filler-0"), world.now_s)
        world.state.apply(PodUpserted(filler(percent)), world.now_s)
        assert allocated(world.state, Allocation(above=0.5)) == pytest.approx(percent / 100)
    assert allocated(world.state, Allocation(above=0.5, resource="nvidia.com/gpu")) == 0


@pytest.mark.parametrize(
    ("shares", "holds"),
    [
        ([79], [False]),
        ([80], [False]),
        ([81], [True]),
        ([81, 70, 60], [True, True, True]),
        ([81, 59, 70, 80, 81], [True, False, False, False, True]),
    ],
)
def test_a_rule_begins_above_one_share_and_ends_below_the_other(
    cache: Path, shares: list[int], holds: list[bool]
) -> None:
    world = World(cache, {})
    world.use_text(FULL)
    for share, held in zip(shares, holds, strict=True):
        for percent in range(101):
            world.state.apply(PodDeleted(f"filler-{percent}"), world.now_s)
        fill(world, share)
        assert on(world) == ({"Biggest"} if held else {"Seats"}), share


@given(st.lists(st.integers(0, 100), max_size=30), st.integers(0, 100), st.integers(0, 100))
def test_a_rule_that_holds_has_been_above_and_not_below_since(shares: list[int], one: int, other: int) -> None:
    below, above = sorted((one, other))
    limit = Allocation(above=above / 100, below=below / 100)
    rule = Rule(name="r", when=RuleWhen(allocation=limit), use=RuleUse(enable=("X",)))
    world = _Bare()
    rules = Rules(world)  # type: ignore[arg-type]
    rules.use((rule,))
    expected = False
    for share in shares:
        world.nodes.requested = share
        rules.look(0.0)
        expected = share / 100 >= below / 100 if expected else share / 100 > above / 100
        assert ("r" in rules.holding) == expected


class _Column:
    def __init__(self, value: float) -> None:
        self._value = value

    def __getitem__(self, _at: object) -> _Column:
        return self

    def sum(self, dtype: type) -> float:
        return dtype(self._value)  # type: ignore[no-any-return]


class _Nodes:
    present = None
    allocatable = _Column(100)

    def __init__(self) -> None:
        self._requested = _Column(0)

    @property
    def requested(self) -> _Column:
        return self._requested

    @requested.setter
    def requested(self, share: float) -> None:
        self._requested = _Column(share)

    def resource_index(self, _name: str) -> int:
        return 0


class _Bare:
    """As much of the cluster's state as a rule looks at."""

    metrics_end_s = 0

    def __init__(self) -> None:
        self.nodes = _Nodes()


def test_stale_metrics_swap_one_plugin_for_another(world: World) -> None:
    world.use_text(BLIND)
    assert on(world) == {"Biggest"}, "nothing is known yet"
    load(world)
    assert on(world) == {"Seats"}
    world.now_s += METRICS_STALE_S + 1
    world.engine.tick()
    assert on(world) == {"Biggest"}


def test_a_plugin_that_a_rule_keeps_off_is_recorded_with_its_rule(world: World) -> None:
    world.use_text(BLIND)
    world.filter(a_pod("a"), ["small"])
    last = world.frames[-1]
    assert isinstance(last, Decision)
    assert [(found.plugin, found.why) for found in last.skipped] == [("Seats", "rule blind")]
    load(world)
    world.filter(a_pod("b"), ["small"])
    last = world.frames[-1]
    assert isinstance(last, Decision)
    assert [(found.plugin, found.why) for found in last.skipped] == [("Biggest", "rule blind")]


def test_what_a_plugin_had_promised_is_given_back_when_a_rule_switches_it_off(world: World) -> None:
    world.use_text(BLIND)
    load(world)
    world.filter(a_pod("a"), ["small"])
    assert world.engine.leases()
    world.now_s += METRICS_STALE_S + 1
    world.engine.tick()
    assert world.engine.leases() == []


def test_an_edit_elsewhere_leaves_a_rule_between_its_shares_as_it_is(world: World) -> None:
    world.use_text(FULL)
    fill(world, 90)
    world.state.apply(PodDeleted("filler-90"), world.now_s)
    fill(world, 70)
    assert on(world) == {"Biggest"}
    world.use_text(FULL.replace("{name: Seats}", "{name: Seats, weight: 2}"))
    assert on(world) == {"Biggest"}
    world.use_text(FULL.replace("below: 0.6", "below: 0.5"))
    assert on(world) == {"Seats"}, "another rule begins anew"


def test_the_load_of_a_plugin_that_is_off_because_load_is_stale_is_still_wanted(world: World) -> None:
    world.use_text(BLIND)
    assert {seat.name for seat in world.engine.modes.whole.profiles["default-scheduler"].seats} == {"Biggest", "Seats"}
