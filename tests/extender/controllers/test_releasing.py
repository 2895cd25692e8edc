"""Gates come off in order, a window at a time, and every doubt lets pods go."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extender.controllers.line import ON_ITS_WAY_S, WINDOW
from extender.controllers.releasing import BACKLOG_MAX, SILENT_S, UNSEEN_PAUSE_S, UNSEEN_S, Releasing
from extender.kube import KubeError
from extender.model.pod import Pod
from extender.telemetry import metrics
from tests.extender.controllers.an_api import GANG_GATE, GATE, OTHERS, Plane
from tests.extender.engine.a_world import a_pod


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def plane(cache: Path) -> Plane:
    plane = Plane(cache, {"a": 4})
    plane.order_by("Turn")
    return plane


@pytest.fixture
def releasing(plane: Plane) -> Releasing:
    return Releasing(plane.around)


def held(uid: str, *gates: str, **fields: Any) -> Pod:
    return a_pod(uid, gates=gates or (GATE,), **fields)


def rounds(releasing: Releasing, count: int = 1) -> None:
    async def run() -> None:
        for _ in range(count):
            await releasing._round()

    asyncio.run(run())


def full_window(plane: Plane) -> None:
    for i in range(WINDOW):
        plane.api.put(a_pod(f"filler-{i}"))


def test_pods_go_in_the_order_of_the_plugin(plane: Plane, releasing: Releasing) -> None:
    for uid, priority in (("low", 0), ("high", 9), ("middle", 5)):
        plane.api.put(held(uid, priority=priority))
    rounds(releasing)
    assert plane.api.patched == ["high", "middle", "low"]
    assert not any(pod.gates for pod in plane.api.pods.values())


def test_a_full_window_holds_the_rest_until_one_is_bound(plane: Plane, releasing: Releasing) -> None:
    full_window(plane)
    for uid, priority in (("low", 0), ("high", 9)):
        plane.api.put(held(uid, priority=priority))
    rounds(releasing)
    assert plane.api.patched == []
    plane.api.put(a_pod("filler-3", node_name="a"))
    rounds(releasing)
    assert plane.api.patched == ["high"]


def test_a_pod_that_fits_nowhere_makes_room(plane: Plane, releasing: Releasing) -> None:
    full_window(plane)
    plane.api.put(held("next"))
    plane.api.put(a_pod("filler-0", unscheduled_reason="Unschedulable", unschedulable_at_s=1000))
    rounds(releasing)
    assert plane.api.patched == ["next"]


def test_the_condition_of_a_gated_pod_is_no_failure_of_the_scheduler(plane: Plane, releasing: Releasing) -> None:
    full_window(plane)
    plane.api.put(held("next"))
    plane.api.put(a_pod("filler-0", unscheduled_reason="SchedulingGated", unschedulable_at_s=1000))
    rounds(releasing)
    assert plane.api.patched == []


def test_without_a_scheduler_nobody_is_stuck(plane: Plane, releasing: Releasing) -> None:
    full_window(plane)
    plane.api.put(held("next"))
    plane.now_s += ON_ITS_WAY_S + 1
    rounds(releasing)
    assert plane.api.patched == ["next"]


def test_a_gang_is_let_go_whole_even_beyond_the_window(plane: Plane, releasing: Releasing) -> None:
    plane.order_by("Gang")
    for i in range(WINDOW + 5):
        plane.api.put(held(f"m{i:02d}", GANG_GATE, labels={"gang": "g"}))
    plane.api.put(held("later", GANG_GATE, priority=-1))
    rounds(releasing, 2)
    assert sorted(plane.api.patched) == [f"m{i:02d}" for i in range(WINDOW + 5)]


def test_the_first_order_counts_and_any_may_say_what_belongs_together(plane: Plane, releasing: Releasing) -> None:
    plane.order_by("Turn", "Gang")
    full_window(plane)
    plane.api.put(held("m1", labels={"gang": "g"}, priority=3))
    plane.api.put(held("m2", labels={"gang": "g"}, priority=-3))
    plane.api.put(held("alone", priority=2))
    plane.api.put(a_pod("filler-0", node_name="a"))
    rounds(releasing)
    assert sorted(plane.api.patched) == ["m1", "m2"]


@pytest.mark.parametrize("scheduler", ["default-scheduler", "unheard-of"])
def test_without_an_order_all_gates_come_off_at_once(plane: Plane, releasing: Releasing, scheduler: str) -> None:
    plane.order_by()
    full_window(plane)
    for i in range(3 * WINDOW):
        plane.api.put(held(f"p{i}", scheduler_name=scheduler))
    rounds(releasing)
    assert len(plane.api.patched) == 3 * WINDOW


def test_switching_off_lets_everybody_go(plane: Plane, releasing: Releasing) -> None:
    full_window(plane)
    plane.api.put(held("p"))
    rounds(releasing)
    assert plane.api.patched == []
    plane.order_by()
    rounds(releasing)
    assert plane.api.patched == ["p"]


def test_gates_of_others_stay_on(plane: Plane, releasing: Releasing) -> None:
    plane.api.put(held("p", OTHERS, GATE, GANG_GATE))
    rounds(releasing)
    assert plane.api.pods["p"].gates == (OTHERS,)


def test_pods_that_were_there_before_are_known(plane: Plane) -> None:
    plane.api.put(held("p"))
    rounds(Releasing(plane.around))
    assert plane.api.patched == ["p"]


def test_a_change_that_we_have_not_seen_is_respected_and_tried_again(plane: Plane, releasing: Releasing) -> None:
    plane.api.put(held("p"))
    plane.api.put(held("p", OTHERS, GATE), tell=False)
    rounds(releasing)
    assert plane.api.patched == []
    plane.now_s += 1
    plane.api.put(plane.api.pods["p"])
    rounds(releasing)
    assert plane.api.pods["p"].gates == (OTHERS,)


def test_an_api_server_that_refuses_is_asked_again_later_and_counted(plane: Plane, releasing: Releasing) -> None:
    before = metrics.GATES_RELEASED.labels("refused")._value.get()
    for uid in ("p", "q"):
        plane.api.put(held(uid))
    plane.api.statuses = [403]
    rounds(releasing)
    assert plane.api.patched == []
    assert metrics.GATES_RELEASED.labels("refused")._value.get() == before + 1
    plane.now_s += 60
    rounds(releasing)
    assert sorted(plane.api.patched) == ["p", "q"]
    assert releasing.stands_aside() == ""


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_pod_that_changed_does_not_stop_the_others(plane: Plane, releasing: Releasing, status: int) -> None:
    plane.api.put(held("p", priority=1))
    plane.api.put(held("q"))
    plane.api.statuses = [status]
    rounds(releasing)
    assert plane.api.patched == ["q"]


def test_a_release_that_the_watch_does_not_show_is_looked_at_again(plane: Plane, releasing: Releasing) -> None:
    plane.api.shows = False
    plane.api.put(held("p"))
    rounds(releasing, 3)
    assert plane.api.patched == ["p"]
    plane.now_s += 11
    rounds(releasing)
    # The API server knows better: the test in the patch fails.
    assert plane.api.patched == ["p"]


def test_an_order_that_raises_still_lets_everybody_have_a_turn(plane: Plane, releasing: Releasing) -> None:
    before = metrics.PLUGIN_FAILURES.labels("Unsure", "queueSort", "raised")._value.get()
    plane.order_by("Unsure")
    for uid, priority in (("low", 0), ("high", 9)):
        plane.api.put(held(uid, "trimtab.dev/unsure", priority=priority))
    rounds(releasing)
    assert plane.api.patched == ["high", "low"]
    assert metrics.PLUGIN_FAILURES.labels("Unsure", "queueSort", "raised")._value.get() > before


def test_pods_that_go_or_are_bound_are_forgotten(plane: Plane, releasing: Releasing) -> None:
    full_window(plane)
    for uid in ("gone", "going"):
        plane.api.put(held(uid))
    plane.api.delete("gone")
    plane.api.put(held("going", terminating=True))
    assert releasing.status()["held"] == {}


# What the webhook may put on.


def test_only_pods_of_an_order_in_effect_are_gated(plane: Plane, releasing: Releasing) -> None:
    rounds(releasing)
    assert releasing.gates_for(a_pod("p")) == (GATE,)
    assert releasing.gates_for(a_pod("p", scheduler_name="other")) == ()
    plane.order_by("Gang", "Turn")
    assert releasing.gates_for(a_pod("p")) == ()
    assert releasing.gates_for(a_pod("p", labels={"gang": "g"})) == (GANG_GATE,)
    plane.order_by()
    assert releasing.gates_for(a_pod("p")) == ()


def test_before_the_first_round_and_after_a_silence_nothing_is_gated(plane: Plane, releasing: Releasing) -> None:
    assert "does not run" in releasing.stands_aside()
    rounds(releasing)
    assert releasing.gates_for(a_pod("p")) == (GATE,)
    plane.now_s += SILENT_S + 1
    assert releasing.gates_for(a_pod("p")) == ()


def test_failures_that_go_on_stop_the_gating_and_a_success_brings_it_back(plane: Plane, releasing: Releasing) -> None:
    plane.api.put(held("p"))
    plane.api.statuses = [KubeError("unreachable")]
    rounds(releasing)
    plane.now_s += SILENT_S + 1
    plane.api.statuses = [KubeError("unreachable")]
    rounds(releasing)
    assert releasing.stands_aside() == "gates cannot be taken off: unreachable"
    plane.now_s += 60
    rounds(releasing)
    assert releasing.stands_aside() == ""


def test_a_backlog_stops_the_gating(plane: Plane, releasing: Releasing) -> None:
    full_window(plane)
    for i in range(BACKLOG_MAX):
        plane.api.put(held(f"p{i}"))
    rounds(releasing)
    assert releasing.stands_aside() == f"{BACKLOG_MAX} pods are held already"
    assert releasing.gates_for(a_pod("new")) == ()


def test_gates_that_the_watch_never_shows_stop_the_gating_for_a_while(plane: Plane, releasing: Releasing) -> None:
    rounds(releasing)
    releasing.gave_out()
    plane.now_s += UNSEEN_S + 1
    rounds(releasing)
    assert "the watch does not show" in releasing.stands_aside()
    plane.now_s += UNSEEN_PAUSE_S + 1
    rounds(releasing)
    assert releasing.stands_aside() == ""


def test_gates_that_the_watch_shows_are_fine(plane: Plane, releasing: Releasing) -> None:
    rounds(releasing)
    releasing.gave_out()
    plane.api.put(held("p"))
    plane.now_s += UNSEEN_S + 1
    rounds(releasing)
    assert releasing.stands_aside() == ""


def test_it_runs_until_cancelled_and_wakes_up_for_a_pod(plane: Plane, releasing: Releasing) -> None:
    async def scenario() -> None:
        running = asyncio.create_task(releasing.run())
        await asyncio.sleep(0)
        plane.api.put(held("p"))
        async with asyncio.timeout(20):
            await plane.api.happened.wait()
        running.cancel()

    asyncio.run(scenario())
    assert plane.api.patched == ["p"]


def test_a_pod_relabelled_while_it_waits_changes_its_group(plane: Plane, releasing: Releasing) -> None:
    plane.order_by("Gang")
    full_window(plane)
    pod = held("m1", GANG_GATE, labels={"gang": "g"}, priority=1)
    plane.api.put(pod)
    plane.api.put(held("m2", GANG_GATE, labels={"gang": "g"}))
    plane.api.put(msgspec.structs.replace(pod, labels={}))
    plane.api.put(a_pod("filler-0", node_name="a"))
    rounds(releasing)
    assert plane.api.patched == ["m1"]
