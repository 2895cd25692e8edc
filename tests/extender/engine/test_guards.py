"""Guards see what they watch for, and nothing before; one that disables takes its plugin out at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.guards import CALLS_LEAST, Trip
from extender.engine.meter import Meter
from extender.engine.modes import Off
from extender.framework import Pod
from extender.record.frames import Decision, PluginVerdict, PodRef
from tests.extender.engine.a_world import World, a_pod

NODES = {"small": 2, "large": 8}
NAMES = list(NODES)
SEATS_AND = "profiles: [{{plugins: {{multiPoint: {{enabled: [{{name: Seats}}, {{name: Biggest}}]}}}}}}]\nguards: [{}]\n"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def world(cache: Path) -> World:
    return World(cache, NODES)


def guarded(world: World, guard: str) -> list[Trip]:
    """A policy with this guard; the trips, as they come."""
    trips: list[Trip] = []
    world.engine.on_trip = trips.append
    world.use_text(SEATS_AND.format(guard))
    return trips


def a_call(verb: str = "filter", took_us: float = 100.0, nodes_out: int = 2, **rejected: int) -> Decision:
    plugins = [PluginVerdict(name, "filter", nodes_in=2, rejected=count) for name, count in rejected.items()]
    return Decision(
        at_us=0,
        decision="d",
        attempt=1,
        verb=verb,
        pod=PodRef("ns", "p", "u"),
        nodes_in=2,
        nodes_out=nodes_out,
        plugins=plugins,
        duration_us=took_us,
    )


def hear(world: World, calls: int, **call: Any) -> None:
    for _ in range(calls):
        world.engine.guards.heard(a_call(**call))


def on(world: World) -> set[str]:
    return {seat.name for seat in world.engine.policy.profile_for("default-scheduler").seats}


def test_slow_calls_trip_a_guard_of_latency(world: World) -> None:
    trips = guarded(world, "{name: slow, when: {requestLatencyP99: 20ms}, over: 30s, then: rollback}")
    hear(world, 1000, took_us=1_000)
    hear(world, 9, took_us=50_000)
    world.engine.tick()
    assert trips == []
    hear(world, 5, took_us=50_000)
    world.engine.tick()
    (trip,) = trips
    assert trip.guard.name == "slow"
    assert "the limit is 20ms" in trip.why
    world.engine.tick()
    assert len(trips) == 1, "once"


def test_few_calls_say_nothing(world: World) -> None:
    trips = guarded(world, "{name: slow, when: {requestLatencyP99: 1ms, rejectedShare: 0.1}, then: rollback}")
    hear(world, CALLS_LEAST - 1, took_us=1e6, nodes_out=0)
    world.engine.tick()
    assert trips == []
    hear(world, 1, took_us=1e6, nodes_out=0)
    world.engine.tick()
    assert len(trips) == 1


def test_what_is_longer_ago_than_over_does_not_count(world: World) -> None:
    trips = guarded(world, "{name: refusing, when: {rejectedShare: 0.5}, over: 10s, then: rollback}")
    hear(world, 100, nodes_out=0)
    world.now_s += 12
    hear(world, 100)
    world.engine.tick()
    assert trips == []


def test_refusals_by_another_plugin_are_not_held_against_the_watched_one(world: World) -> None:
    trips = guarded(world, "{name: refusing, plugin: Seats, when: {rejectedShare: 0.3}, over: 10s, then: disable}")
    hear(world, 100, nodes_out=0, Seats=0, Size=2)
    world.engine.tick()
    assert trips == []
    hear(world, 50, nodes_out=0, Seats=2)
    world.engine.tick()
    assert [trip.why for trip in trips] == ["50 of 150 filter calls left no node, the limit is 30%"]
    assert on(world) == {"Biggest"}


def test_pods_that_wait_all_the_time_trip_a_guard(world: World) -> None:
    trips = guarded(world, "{name: queue, when: {pendingPods: 2}, over: 10s, then: rollback}")
    for uid in "abcdef":
        world.filter(a_pod(uid), NAMES)
    assert len(world.engine.waiting) == 4
    world.engine.tick()
    world.now_s += 9
    world.engine.tick()
    assert trips == []
    world.now_s += 1
    world.engine.tick()
    assert [trip.why for trip in trips] == ["4 pods wait, for 10s more than 2"]


def test_a_queue_that_was_short_in_between_begins_anew(world: World) -> None:
    trips = guarded(world, "{name: queue, when: {pendingPods: 2}, over: 10s, then: rollback}")
    for uid in "abcdef":
        world.filter(a_pod(uid), NAMES)
    world.engine.tick()
    world.now_s += 9
    for uid in "cd":
        world.engine.waiting.forget(uid)
    world.engine.tick()
    for uid in "cd":
        world.filter(a_pod(uid), NAMES)
    world.now_s += 5
    world.engine.tick()
    assert trips == []


def test_an_open_breaker_trips_the_guard_of_its_plugin(world: World) -> None:
    trips: list[Trip] = []
    world.engine.on_trip = trips.append
    world.use_text(
        """
profiles: [{plugins: {multiPoint: {enabled: [{name: Broken}, {name: Biggest}]}}}]
guards:
- {name: other, plugin: Biggest, when: {breakerOpen: true}, then: disable}
- {name: broken, plugin: Broken, when: {breakerOpen: true}, then: disable}
"""
    )
    for uid in "abc":
        world.filter(a_pod(uid), NAMES)
    world.engine.tick()
    assert [trip.guard.name for trip in trips] == ["broken"]
    world.now_s += 1000  # a breaker would try again; what a guard took out stays out
    world.filter(a_pod("d"), NAMES)
    last = [frame for frame in world.frames if isinstance(frame, Decision)][-1]
    assert [(found.plugin, found.why) for found in last.skipped] == [("Broken", "guard broken")]


def test_the_guard_of_a_canary_leaves_what_is_on_for_all(world: World) -> None:
    trips: list[Trip] = []
    world.engine.on_trip = trips.append
    world.use_text(
        """
profiles:
- plugins:
    multiPoint: {enabled: [{name: Seats, canary: {namespaces: [ns], guards: {rejectedShare: 0.1, over: 5s}}}]}
    reserve: {enabled: [{name: Seats}]}
"""
    )
    hear(world, 50, nodes_out=0, Seats=2)
    world.engine.tick()
    assert [trip.guard.then for trip in trips] == ["disable"]
    phases = [sorted(seat.phases) for seat in world.engine.policy.profile_for("default-scheduler").seats]
    assert phases == [["reserve"]]


def test_what_a_guard_takes_out_gives_back_what_it_had_promised(world: World) -> None:
    guarded(world, "{name: refusing, plugin: Seats, when: {rejectedShare: 0.3}, over: 10s, then: disable}")
    world.filter(a_pod("a"), NAMES)
    assert world.engine.leases()
    hear(world, 50, nodes_out=0, Seats=2)
    world.engine.tick()
    assert world.engine.leases() == []


def test_a_restart_finds_the_plugin_off_and_the_guard_at_rest(world: World) -> None:
    policy = world.built(SEATS_AND.format("{name: refusing, plugin: Seats, when: {rejectedShare: 0.3}, then: disable}"))
    trips: list[Trip] = []
    world.engine.on_trip = trips.append
    world.engine.activate(policy, [Off("refusing", "Seats")])
    assert on(world) == {"Biggest"}
    hear(world, 50, nodes_out=0, Seats=2)
    world.engine.tick()
    assert trips == []
    (row,) = world.engine.guards.rows()
    assert row["tripped"]


def test_another_policy_is_measured_anew(world: World) -> None:
    guarded(world, "{name: refusing, when: {rejectedShare: 0.3}, then: rollback}")
    hear(world, 50, nodes_out=0)
    trips = guarded(world, "{name: refusing, when: {rejectedShare: 0.3}, then: rollback}")
    world.engine.tick()
    assert trips == []


def test_the_guarded_are_shown(world: World) -> None:
    guarded(world, "{name: refusing, plugin: Seats, when: {rejectedShare: 0.3}, then: disable}")
    hear(world, 50, nodes_out=0, Seats=2)
    world.engine.tick()
    (row,) = world.engine.guards.rows()
    assert (row["tripped"], row["at"]) == (True, world.now_s)
    rows = {found["name"]: found["skippedNow"] for found in world.engine.modes.rows()}
    assert rows == {"Seats": "guard refusing", "Biggest": ""}


@given(
    st.lists(st.tuples(st.floats(0, 40), st.floats(1, 1e7), st.booleans()), max_size=60),
    st.floats(1, 30),
    st.floats(0, 10),
)
def test_a_meter_knows_what_a_list_of_all_calls_knows(
    calls: list[tuple[float, float, bool]], over_s: float, later_s: float
) -> None:
    meter, heard = Meter(30), []
    for at_s, took_us, refused in sorted(calls):
        meter.heard(a_call(took_us=took_us, nodes_out=0 if refused else 2, Seats=2 if refused else 0), 1000 + at_s)
        heard.append((1000 + at_s, took_us, refused))
    now_s = max((at_s for at_s, _, _ in heard), default=1000) + later_s
    # Whole seconds: a call counts while any of its second is within.
    within = [(took, refused) for at_s, took, refused in heard if math.floor(at_s) > now_s - over_s - 1]
    assert meter.refused(over_s, now_s) == (sum(refused for _, refused in within), len(within))
    assert meter.refused(over_s, now_s, "Seats") == meter.refused(over_s, now_s)
    p99_s, count = meter.p99_s(over_s, now_s)
    assert count == len(within)
    if within:
        exact = sorted(took for took, _ in within)[math.ceil(0.99 * len(within)) - 1] / 1e6
        assert exact / 1.051 <= p99_s <= exact * 1.0001 or p99_s == pytest.approx(exact, rel=0.051)


def test_a_pod_that_no_policy_governs_is_of_no_concern(world: World) -> None:
    trips = guarded(world, "{name: queue, plugin: Seats, when: {pendingPods: 1}, over: 1s, then: disable}")
    world.filter(Pod(namespace="ns", name="a", uid="a", scheduler_name="other"), NAMES)
    world.now_s += 5
    world.engine.tick()
    assert trips == []
