"""Waiting pods are shown to the scheduler again once they would pass, and not more often than they bear."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from extender.controllers.waking import AGAIN_MAX_S, AGAIN_S, ANNOTATION, PER_ROUND_MAX, UNSEEN_S, Waking
from extender.framework import Args
from extender.kube import KubeError
from extender.telemetry import metrics
from tests.extender.controllers.an_api import GATE, Plane
from tests.extender.engine.a_world import SizeArgs, a_pod

NAMES = ["a"]
HUGE: dict[str, Args] = {"Size": SizeArgs(least_cpu_milli=10**9)}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def plane(cache: Path) -> Plane:
    plane = Plane(cache, {"a": 4})
    plane.use("Size", args=HUGE)
    return plane


@pytest.fixture
def waking(plane: Plane) -> Waking:
    return Waking(plane.around)


def refuse(plane: Plane, *uids: str) -> None:
    for uid in uids:
        plane.api.put(a_pod(uid))
        plane.filter(a_pod(uid), NAMES)


def look(waking: Waking) -> None:
    asyncio.run(waking.round())


def test_a_pod_is_shown_once_its_reason_is_gone(plane: Plane, waking: Waking) -> None:
    refuse(plane, "p")
    look(waking)
    assert plane.api.patched == []
    plane.use("Size")
    look(waking)
    assert plane.api.patched == ["p"]
    assert set(plane.api.annotations["p"]) == {ANNOTATION}


def test_a_plugin_that_is_switched_off_wakes_whom_it_had_refused(plane: Plane, waking: Waking) -> None:
    refuse(plane, "p", "q")
    plane.use()
    look(waking)
    assert sorted(plane.api.patched) == ["p", "q"]


def test_asking_again_reserves_nothing_and_counts_no_rejection(plane: Plane, waking: Waking) -> None:
    plane.use("Seats", "Size", args=HUGE)
    refuse(plane, "p")
    before = metrics.PLUGIN_REJECTIONS.labels("Size", "too small")._value.get()
    frames = len(plane.frames)
    look(waking)
    assert plane.engine.leases() == []
    assert metrics.PLUGIN_REJECTIONS.labels("Size", "too small")._value.get() == before
    assert len(plane.frames) == frames


def test_a_pod_that_stays_is_shown_again_later_and_later(plane: Plane, waking: Waking) -> None:
    refuse(plane, "p")
    plane.use()
    shown_at = []
    for second in range(150):
        plane.now_s = 1000.0 + second
        before = len(plane.api.patched)
        look(waking)
        if len(plane.api.patched) > before:
            shown_at.append(second)
    assert shown_at == [0, AGAIN_S, 3 * AGAIN_S, 7 * AGAIN_S, 7 * AGAIN_S + 40, 7 * AGAIN_S + 40 + AGAIN_MAX_S]


def test_only_so_many_are_shown_in_a_round_and_the_rest_are_counted(plane: Plane, waking: Waking) -> None:
    refuse(plane, *(f"p{i}" for i in range(PER_ROUND_MAX + 3)))
    later = metrics.POKES.labels("later")._value.get()
    plane.use()
    look(waking)
    assert len(plane.api.patched) == PER_ROUND_MAX
    assert metrics.POKES.labels("later")._value.get() == later + 3
    look(waking)
    assert len(plane.api.patched) == PER_ROUND_MAX + 3


def test_whoever_passed_meanwhile_is_left_alone(plane: Plane, waking: Waking) -> None:
    refuse(plane, "p")
    plane.use()
    plane.filter(a_pod("p"), NAMES)
    look(waking)
    assert plane.api.patched == []


def test_a_gated_pod_is_left_alone(plane: Plane, waking: Waking) -> None:
    refuse(plane, "p")
    plane.api.put(a_pod("p", gates=(GATE,)))
    plane.use()
    look(waking)
    assert plane.api.patched == []


def test_a_pod_that_no_watch_ever_shows_is_forgotten(plane: Plane, waking: Waking) -> None:
    plane.filter(a_pod("ghost"), NAMES)
    look(waking)
    assert "ghost" in plane.engine.waiting
    plane.now_s += UNSEEN_S + 1
    look(waking)
    assert "ghost" not in plane.engine.waiting


@pytest.mark.parametrize(
    ("status", "result"), [(404, "gone"), (409, "gone"), (422, "failed"), (403, "failed"), (500, "failed")]
)
def test_what_the_api_server_says_is_counted(plane: Plane, waking: Waking, status: int, result: str) -> None:
    before = metrics.POKES.labels(result)._value.get()
    refuse(plane, "p")
    plane.use()
    plane.api.statuses = [status]
    look(waking)
    assert metrics.POKES.labels(result)._value.get() == before + 1
    assert bool(waking.status()["trouble"]) == (result == "failed")


def test_a_namesake_of_a_pod_that_is_gone_is_left_alone(plane: Plane, waking: Waking) -> None:
    before = metrics.POKES.labels("gone")._value.get()
    refuse(plane, "p")
    plane.use()
    namesake = msgspec.structs.replace(plane.api.pods.pop("p"), uid="another")
    plane.api.put(namesake, tell=False)
    look(waking)
    assert metrics.POKES.labels("gone")._value.get() == before + 1
    assert (plane.api.patched, waking.status()["trouble"]) == ([], "")


def test_an_unreachable_api_server_is_tried_again(plane: Plane, waking: Waking) -> None:
    refuse(plane, "p")
    plane.use()
    plane.api.statuses = [KubeError("unreachable")]
    look(waking)
    plane.now_s += AGAIN_S
    look(waking)
    assert plane.api.patched == ["p"]
    assert waking.status() == {"waiting": 1, "shown": 1, "trouble": ""}


def test_it_runs_until_cancelled(plane: Plane, waking: Waking) -> None:
    refuse(plane, "p")
    plane.use()

    async def scenario() -> None:
        running = asyncio.create_task(waking.run())
        async with asyncio.timeout(20):
            await plane.api.happened.wait()
        running.cancel()

    asyncio.run(scenario())
