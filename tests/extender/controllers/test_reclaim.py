"""Reclaim: who gets room made, from whom, how often, and what it leaves in the record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec
import pytest

from extender.controllers.controller import Surroundings
from extender.controllers.reclaim import AGAIN_MAX_S, AGAIN_S, NOMINATED_S, PER_ROUND_MAX, SETTLE_S, Reclaim
from extender.eviction import Evictions, Job
from extender.kube import KubeApi
from extender.model.events import PodDeleted
from extender.model.node import Taint
from extender.model.pod import Placement, Pod
from extender.plugins.capacity_scheduling import preemption
from extender.record.frames import Decision
from extender.telemetry.metrics import RECLAIMS
from tests.extender.engine.a_quota_world import MINIMUM, QUOTAS, SECONDS, TOLERATION, QuotaWorld


@dataclass
class FakeEvictions:
    """Takes every job in, unless it is full; somebody else makes the victims leave."""

    jobs: list[Job] = field(default_factory=list)
    awaited: set[str] = field(default_factory=set)
    full: bool = False
    waits_for_its_victims: bool = False
    """As the real one does until they are gone."""

    def submit(self, job: Job) -> bool:
        if not self.full:
            self.jobs.append(job)
            if self.waits_for_its_victims and job.preemptor is not None:
                self.awaited.add(job.preemptor.uid)
        return not self.full

    def awaits(self, uid: str) -> bool:
        return uid in self.awaited

    def spared(self, pod: Pod) -> str:
        return "it is another scheduler's" if pod.scheduler_name == "other" else ""


class Scene(QuotaWorld):
    def __init__(self, cache: Path) -> None:
        super().__init__(cache, QUOTAS, TOLERATION)
        self.evictions = FakeEvictions()
        self.reclaim = Reclaim(
            Surroundings(
                self.engine,
                self.state,
                cast("KubeApi", None),
                cast("Evictions", self.evictions),
                self.frames.append,
                lambda: self.now_s,
            )
        )

    def outside(self, pod: Pod) -> Pod:
        """The scheduler found no node for it."""
        return self.tell(
            msgspec.structs.replace(pod, unscheduled_reason="Unschedulable", unschedulable_at_s=int(self.now_s))
        )

    def look(self, after_s: float = SETTLE_S) -> list[tuple[str, str, list[str]]]:
        """(pod, node, victims) of each new job."""
        self.now_s += after_s
        before = len(self.evictions.jobs)
        asyncio.run(self.reclaim.round())
        new = self.evictions.jobs[before:]
        return [(job.preemptor.name if job.preemptor else "", job.node, [v.name for v in job.victims]) for job in new]


@pytest.fixture
def scene(kernels: Path) -> Scene:
    """Namespace b has borrowed all of a's guarantee on two full nodes."""
    scene = Scene(kernels)
    scene.quota("a", 4, 8)
    scene.quota("b", 4, 8)
    for node in ("m", "n"):
        scene.node(node)
        for i in range(4):
            scene.pod(f"b/b-{node}{i}", node, started_at_s=1000 + i + 10 * (node == "n"))
    return scene


def test_a_guarantee_is_taken_back_for_a_pod_that_finds_all_nodes_full(scene: Scene) -> None:
    pod = scene.outside(scene.pod("a/p", cpu=2))
    assert scene.look() == [("p", "n", ["b-n2", "b-n3"])], "those who started last, most important first"
    job = scene.evictions.jobs[0]
    assert (job.plugin, job.why, job.preemptor) == ("CapacityScheduling", "preemption", pod)
    assert job.verify() == ""
    record = scene.record
    assert (record.verb, record.code, record.node, record.message) == ("preempt", "Success", "n", "reclaim")
    assert [(v.plugin, v.phase) for v in record.plugins][-1] == ("CapacityScheduling", "postFilter")
    assert record.decision == job.decision


def test_a_pod_that_the_quota_refuses_where_there_is_room_gets_it_too(scene: Scene) -> None:
    scene.node("roomy", 32)
    pod = scene.tell(scene.pod("a/p"))
    assert not scene.filter(pod)
    assert [job[0] for job in scene.look()] == ["p"]


def test_nobody_leaves_for_a_namespace_beyond_its_guarantee_or_without_one(scene: Scene) -> None:
    scene.outside(scene.pod("a/big", cpu=5))
    scene.outside(scene.pod("free/f", priority=1000))
    assert scene.look() == []
    assert scene.record.code == "Unschedulable"
    assert scene.record.pod.name == "big"
    assert scene.record.message == (
        "0/2 nodes are available: 1 No victims found on node m for preemptor pod big, "
        "1 No victims found on node n for preemptor pod big."
    )


def test_a_fresh_refusal_is_left_to_the_scheduler_first(scene: Scene) -> None:
    scene.outside(scene.pod("a/p"))
    assert scene.look(SETTLE_S / 2) == []
    assert len(scene.look(SETTLE_S)) == 1


def test_a_fresh_nomination_is_left_to_the_scheduler_for_longer(scene: Scene) -> None:
    scene.outside(scene.pod("a/p", nominated_node_name="n"))
    assert scene.look(NOMINATED_S / 2) == []
    assert len(scene.look(NOMINATED_S)) == 1


def test_room_is_promised_once_a_node_is_closed_until_its_preemptor_is_seen_nominated(scene: Scene) -> None:
    scene.evictions.waits_for_its_victims = True
    scene.outside(scene.pod("a/p"))
    scene.outside(scene.pod("a/q"))
    jobs = scene.look()
    assert [(job[0], job[1]) for job in jobs] == [("p", "n"), ("q", "m")], "the better node is being cleared for p"

    third = scene.outside(scene.pod("a/r"))
    assert scene.look() == []
    scene.tell(msgspec.structs.replace(scene.state.pods["p"], nominated_node_name="n"))
    ((name, node, victims),) = scene.look(AGAIN_MAX_S)
    assert (name, node) == (third.name, "n")
    assert set(jobs[0][2]) < set(victims), "p's room is p's: one more has to leave"


def test_a_guarantee_is_promised_once_although_no_nomination_is_seen_yet(scene: Scene) -> None:
    scene.evictions.waits_for_its_victims = True
    for name in ("p", "q"):
        scene.outside(scene.pod(f"a/{name}", cpu=3))

    assert [job[0] for job in scene.look()] == ["p"], "with p's 3 of 4, q would be borrowing"
    assert scene.evictions.jobs[0].verify() == ""
    assert scene.look(AGAIN_MAX_S) == [], "node m is open, and its pods borrow; q is not entitled to their room"


def test_pods_that_the_engine_would_spare_are_not_chosen(scene: Scene) -> None:
    for uid in [f"b-n{i}" for i in range(4)]:
        scene.tell(msgspec.structs.replace(scene.state.pods[uid], scheduler_name="other"))
    scene.outside(scene.pod("a/p"))
    assert [job[1] for job in scene.look()] == ["m"]


def test_a_search_that_outlives_its_pods_wait_leaves_no_trace(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = scene.outside(scene.pod("a/p"))
    room_for = scene.engine.room_for

    async def slowly(*asked: object) -> object:
        plan = await room_for(*asked)  # type: ignore[arg-type]
        scene.tell(msgspec.structs.replace(pod, node_name="m"))
        return plan

    monkeypatch.setattr(scene.engine, "room_for", slowly)
    assert scene.look() == []
    assert not any(isinstance(frame, Decision) for frame in scene.frames)


def test_a_pod_whose_victims_are_still_going_gets_no_others(scene: Scene) -> None:
    scene.outside(scene.pod("a/p"))
    scene.evictions.awaited.add("p")
    assert scene.look() == []
    scene.evictions.awaited.clear()
    scene.outside(scene.pod("a/q", nominated_node_name="n"))
    scene.tell(msgspec.structs.replace(scene.state.pods["b-n0"], terminating=True))
    assert [job[0] for job in scene.look(NOMINATED_S)] == ["p"]


@pytest.mark.parametrize(
    "change", [{"gates": ("x",)}, {"terminating": True}, {"preemption_policy": "Never"}, {"scheduler_name": "other"}]
)
def test_some_pods_get_no_room_made(scene: Scene, change: dict[str, object]) -> None:
    scene.outside(msgspec.structs.replace(scene.pod("a/p"), **change))
    assert scene.look() == []


def test_a_pod_that_is_bound_or_gone_is_forgotten(scene: Scene) -> None:
    pod = scene.outside(scene.pod("a/p"))
    scene.outside(scene.pod("a/q"))
    assert scene.reclaim.status()["candidates"] == 2
    scene.tell(msgspec.structs.replace(pod, node_name="n"))
    scene.state.apply(PodDeleted("q"), scene.now_s)
    assert scene.reclaim.status()["candidates"] == 0
    assert scene.look() == []


def test_a_search_in_vain_is_repeated_later_and_later_and_told_once(scene: Scene) -> None:
    scene.outside(scene.pod("a/p", cpu=64))
    searched = RECLAIMS.labels("nothing")
    before = searched._value.get()
    scene.look()
    for _ in range(40):
        scene.look(AGAIN_S)
    tries = searched._value.get() - before
    assert 4 <= tries <= 4 + 40 / AGAIN_MAX_S + 1
    assert sum(isinstance(frame, Decision) for frame in scene.frames) == 1


def test_one_round_searches_for_so_many_the_most_important_first(scene: Scene) -> None:
    for i in range(PER_ROUND_MAX + 2):
        scene.outside(scene.pod(f"a/p{i:02d}", priority=i))
    asked = [job[0] for job in scene.look()]
    assert asked[0] == f"p{PER_ROUND_MAX + 1}"
    assert len(asked) == PER_ROUND_MAX


def test_nodes_where_the_pod_may_not_stand_are_not_cleared(scene: Scene) -> None:
    scene.node("n", 4, Taint(key="x", effect="NoSchedule"))
    scene.outside(scene.pod("a/p"))
    assert [job[1] for job in scene.look()] == ["m"]
    scene.outside(scene.pod("a/q", placement=Placement(unjudged=("volumes",))))
    assert scene.look() == []
    assert "only the scheduler can judge volumes" in scene.record.message


def test_protected_pods_stay(scene: Scene) -> None:
    scene.priority_class("guarded", 0, **{MINIMUM: "100000", SECONDS: "-1"})
    for i in range(4):
        scene.tell(msgspec.structs.replace(scene.state.pods[f"b-n{i}"], priority_class="guarded"))
    scene.outside(scene.pod("a/p"))
    assert [job[1] for job in scene.look()] == ["m"]


def test_a_plan_that_has_lost_its_sense_is_not_carried_out(scene: Scene) -> None:
    scene.outside(scene.pod("a/p", cpu=2))
    scene.look()
    verify = scene.evictions.jobs[0].verify
    scene.quota("b", 8, 8)
    assert verify().startswith("No victims found on node n")
    scene.quota("b", 4, 8)
    scene.state.apply(PodDeleted("b-n0"), scene.now_s)
    assert verify() == "pod b/b-n2 may stay now"
    scene.engine.activate(scene.off)
    assert verify() == "no plugin makes room for the pod any more"


def test_a_full_queue_is_counted_and_asked_again(scene: Scene) -> None:
    scene.evictions.full = True
    scene.outside(scene.pod("a/p"))
    refused = RECLAIMS.labels("refused")
    before = refused._value.get()
    assert scene.look() == []
    assert refused._value.get() == before + 1
    scene.evictions.full = False
    assert len(scene.look(AGAIN_S)) == 1


def test_switched_off_it_does_nothing(scene: Scene) -> None:
    scene.outside(scene.pod("a/p"))
    scene.engine.activate(scene.off)
    assert scene.look() == []


def test_nobody_leaves_for_a_pod_that_fits_somewhere_as_it_is(scene: Scene) -> None:
    scene.node("roomy")
    scene.quota("c", 4, 4)
    scene.outside(scene.pod("a/p"))
    assert scene.look() == [], "the guarantee of c is idle, so that the quotas allow it, and roomy is empty"
    assert scene.record.message == "the pod fits on node roomy as it is: nobody has to leave"
    scene.node("roomy", 4, Taint(key="x", effect="NoSchedule"))
    assert [job[0] for job in scene.look(AGAIN_S)] == ["p"]


def test_nobody_leaves_for_a_pod_that_has_passed_and_waits_for_its_bind(scene: Scene) -> None:
    scene.node("roomy")
    scene.quota("c", 4, 4)
    pod = scene.outside(scene.pod("a/p"))
    assert scene.filter(pod)
    scene.node("roomy", 0)
    assert scene.look() == []


def test_a_plan_falls_once_its_pod_has_passed_or_may_not_preempt(scene: Scene) -> None:
    pod = scene.outside(scene.pod("a/p"))
    scene.look()
    verify = scene.evictions.jobs[0].verify
    assert verify() == ""
    scene.tell(msgspec.structs.replace(pod, nominated_node_name="n"))
    scene.tell(msgspec.structs.replace(scene.state.pods["b-n0"], terminating=True))
    assert verify() == "not eligible due to a terminating pod on the nominated node."
    scene.tell(pod)
    scene.quota("c", 4, 4)
    assert scene.filter(pod)
    assert verify() == "no plugin makes room for the pod any more"


def test_a_plugin_that_raises_evicts_nobody_and_stops_nobody_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.outside(scene.pod("a/p"))
    scene.look()

    def broken(*_: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(preemption._Search, "__call__", broken)
    assert scene.evictions.jobs[0].verify() == "CapacityScheduling failed: ZeroDivisionError: boom"
    scene.outside(scene.pod("a/q"))
    assert scene.look() == []
    assert "CapacityScheduling failed: ZeroDivisionError: boom" in scene.record.message
