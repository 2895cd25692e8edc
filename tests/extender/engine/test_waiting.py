"""Pods that our last answer left without any node are remembered, and no others."""

import asyncio

import pytest

from extender.engine import waiting as waiting_module
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.engine.verdicts import Victims
from extender.engine.waiting import Waiting
from extender.framework import PASSED, Args, Cycle, Phase, Plugin, PreFilter, Status
from extender.framework.compiled import CompiledPlugin
from extender.model.events import PodDeleted, PodUpserted
from extender.telemetry import metrics
from tests.extender.engine.a_world import SizeArgs, World, a_pod

NODES = {"small": 2, "large": 8}
NAMES = list(NODES)
HUGE: dict[str, Args] = {"Size": SizeArgs(least_cpu_milli=10**9)}


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def world(cache):
    world = World(cache, NODES)
    world.use("Size", args=HUGE)
    return world


def test_a_pod_with_no_node_left_waits_with_who_refused_it_and_why(world):
    world.filter(a_pod("a"), NAMES)
    found = world.engine.waiting.get("a")
    assert (found.uid, found.plugins, found.reason) == ("a", {"Size"}, "too small")
    assert (found.since_s, found.refusals) == (1000.0, 1)


def test_only_plugins_that_rejected_a_node_are_named(world):
    world.use("Seats", "Size", args=HUGE)
    world.filter(a_pod("a"), NAMES)
    assert world.engine.waiting.get("a").plugins == {"Size"}


def test_a_rejection_of_the_whole_pod_is_its_plugins(world):
    world.use("Seats", "Size", args=HUGE)
    for uid in ("x", "y"):
        world.state.apply(PodUpserted(a_pod(uid, node_name="large")), world.now_s)
    world.filter(a_pod("a"), NAMES)
    assert world.engine.waiting.get("a").plugins == {"Seats"}


def test_it_waits_since_its_first_refusal(world):
    world.filter(a_pod("a"), NAMES)
    world.now_s = 1060.0
    world.filter(a_pod("a"), NAMES)
    found = world.engine.waiting.get("a")
    assert (found.since_s, found.refused_s, found.refusals) == (1000.0, 1060.0, 2)


def test_one_node_left_is_not_waiting(world):
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=4000)})
    world.filter(a_pod("a"), NAMES)
    assert len(world.engine.waiting) == 0


def test_a_call_without_candidates_says_nothing_about_us(world):
    world.filter(a_pod("a"), [])
    assert len(world.engine.waiting) == 0


def test_a_refusal_on_the_nominated_node_alone_is_marked(world):
    world.filter(a_pod("a", nominated_node_name="small"), ["small"])
    assert world.engine.waiting.get("a").nominated
    world.filter(a_pod("a", nominated_node_name="small"), NAMES)
    assert not world.engine.waiting.get("a").nominated


@pytest.mark.parametrize(
    "end",
    [
        lambda world: (world.use(), world.filter(a_pod("a"), NAMES)),
        lambda world: world.state.apply(PodUpserted(a_pod("a", node_name="large")), world.now_s),
        lambda world: world.state.apply(PodUpserted(a_pod("a", terminating=True)), world.now_s),
        lambda world: (
            world.state.apply(PodUpserted(a_pod("a")), world.now_s),
            world.state.apply(PodDeleted("a"), world.now_s),
        ),
    ],
    ids=["passed", "bound", "going", "gone"],
)
def test_whoever_waits_no_more_is_forgotten(world, end):
    world.filter(a_pod("a"), NAMES)
    assert "a" in world.engine.waiting
    end(world)
    assert "a" not in world.engine.waiting


def test_the_table_is_bounded_and_its_overflow_counted(world):
    before = metrics.WAITING_FORGOTTEN._value.get()
    world.engine.waiting = Waiting(remembered_max=2)
    for uid in "abc":
        world.filter(a_pod(uid), NAMES)
    assert [pod.uid for pod in world.engine.waiting] == ["b", "c"]
    assert metrics.WAITING_FORGOTTEN._value.get() == before + 1
    assert waiting_module.REMEMBERED_MAX > 1000


def test_whether_a_pod_would_pass_is_asked_over_all_nodes(world):
    assert not world.engine.would_pass(a_pod("a"))
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=4000)})
    assert world.engine.would_pass(a_pod("a"))
    assert world.engine.leases() == []


def test_nobody_passes_where_no_node_is(cache):
    assert not World(cache, {}).engine.would_pass(a_pod("a"))


def test_only_filter_asks_in_earnest(world):
    asked: list[bool] = []

    def looks_on(cycle: Cycle) -> Status:
        asked.append(cycle.quiet)
        return PASSED

    watching = Plugin(name="Watching", doc="Looks on.", pre_filter=PreFilter(looks_on))
    seat = Seat(watching, CompiledPlugin(watching, {}, {}), watching.args(), 1, frozenset(Phase))
    profile = profile_of("default-scheduler", [seat])
    world.engine.activate(PolicySet("r1", "h1", "wide", {"default-scheduler": profile}))
    world.filter(a_pod("a"), NAMES)
    assert asked == [False]
    for ask in (
        lambda: world.engine.would_pass(a_pod("a")),
        lambda: world.engine.preempt(a_pod("a"), {"small": Victims(("v",), 0)}, world.now_s),
        lambda: asyncio.run(world.engine.explain(a_pod("a"), NAMES, None)),
        world.engine.rehearse,
    ):
        asked.clear()
        ask()
        assert set(asked) == {True}


def test_the_one_refused_longest_ago_comes_first(world):
    for uid in ("a", "b", "a"):
        world.filter(a_pod(uid), NAMES)
    assert [pod.uid for pod in world.engine.waiting] == ["b", "a"]
