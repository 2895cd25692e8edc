"""From the policy file to what decides: a guard takes an edit back within seconds, and a restart leaves it so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from extender.record.frames import Decision, GuardTrip, PluginVerdict, PodRef, Policy
from extender.settings import ExtenderSettings
from extender.steering import Steering
from tests.extender.engine.a_world import World

HEAD = "apiVersion: policy.trimtab.dev/v1alpha1\nkind: SchedulingPolicy\nprofiles: [{plugins: {multiPoint: "
GOOD = HEAD + "{enabled: [{name: Biggest}]}}}]\n"
GUARDED = HEAD + "{enabled: [{name: Biggest}, {name: Size}]}}}]\nguards: [%s]\n"
ROLLBACK = GUARDED % "{name: refusing, when: {rejectedShare: 0.2}, then: rollback}"
DISABLE = GUARDED % "{name: refusing, plugin: Size, when: {rejectedShare: 0.2}, then: disable}"
LIMIT_S = 5.0


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


async def steered(world: World, file: Path, story: Callable[[Steering], Awaitable[None]]) -> None:
    """One run of the extender's steering."""
    world.now_s = time.time()
    settings = SimpleNamespace(policy_file=file, policy_name="", policy_namespace="", replica="r")
    steering = Steering(cast("ExtenderSettings", settings), world.compiled, world.engine, None, world.frames.append)
    task = asyncio.create_task(steering.run())
    try:
        await story(steering)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not what():  # noqa: ASYNC110 - a test may look again and again
            await asyncio.sleep(0.01)


def on(world: World) -> set[str]:
    return {seat.name for seat in world.engine.policy.profile_for("default-scheduler").seats}


def refuse_pods(world: World) -> None:
    """Fifty pods are left no node by Size, and a second is over."""
    said = [PluginVerdict("Size", "filter", nodes_in=2, rejected=2)]
    pod = PodRef("ns", "p", "u")
    for _ in range(50):
        call = Decision(at_us=0, decision="d", attempt=1, verb="filter", pod=pod, nodes_in=2, plugins=said)
        world.engine.guards.heard(call)
    world.engine.tick()


def test_a_guard_takes_an_edit_back_and_a_restart_leaves_it_so(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD)
    world = World(cache, {"small": 2, "large": 8})

    async def story(steering: Steering) -> None:
        await until(lambda: on(world) == {"Biggest"})
        first = steering.configz()["revision"]
        file.write_text(ROLLBACK)
        steering.poke()
        await until(lambda: on(world) == {"Biggest", "Size"})
        refuse_pods(world)
        await until(lambda: on(world) == {"Biggest"})
        found = steering.configz()
        assert found["revision"] == first
        assert "guard refusing took it back" in found["desired"]["error"]
        await until(lambda: any(isinstance(frame, GuardTrip) for frame in world.frames))

    asyncio.run(steered(world, file, story))
    (trip,) = (frame for frame in world.frames if isinstance(frame, GuardTrip))
    assert (trip.guard, trip.then, bool(trip.back_to)) == ("refusing", "rollback", True)
    assert any(isinstance(frame, Policy) and "guard refusing" in frame.error for frame in world.frames)

    restarted = World(cache, {"small": 2, "large": 8})

    async def again(steering: Steering) -> None:
        await until(lambda: steering.settled)
        assert on(restarted) == {"Biggest"}
        file.write_text(ROLLBACK + "# another try\n")
        steering.poke()
        await until(lambda: on(restarted) == {"Biggest", "Size"})

    asyncio.run(steered(restarted, file, again))


def test_a_plugin_that_a_guard_switched_off_is_off_after_a_restart(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(DISABLE)
    world = World(cache, {"small": 2, "large": 8})

    async def story(steering: Steering) -> None:
        await until(lambda: on(world) == {"Biggest", "Size"})
        refuse_pods(world)
        assert on(world) == {"Biggest"}, "at once"
        await until(lambda: any(isinstance(frame, GuardTrip) for frame in world.frames))
        assert steering.configz()["revision"]

    asyncio.run(steered(world, file, story))
    restarted = World(cache, {"small": 2, "large": 8})

    async def again(steering: Steering) -> None:
        await until(lambda: steering.settled)
        assert on(restarted) == {"Biggest"}

    asyncio.run(steered(restarted, file, again))
