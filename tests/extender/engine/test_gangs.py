"""Gangs through the verbs: planned as a whole, held until complete, let go or sent back together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from extender.engine.verdicts import Victims
from extender.framework import Pod
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.model.events import NodeDeleted
from extender.model.verdict import Phase
from extender.plugins import coscheduling
from extender.plugins.coscheduling.args import CoschedulingArgs
from extender.record.frames import Decision
from tests.extender.engine.a_gang_world import HOLD_LIMIT_S, GangWorld, member


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledPlugin:
    cache: Path = tmp_path_factory.mktemp("kernels")
    return compile_all([coscheduling.PLUGIN], cache)["Coscheduling"]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def world(compiled: CompiledPlugin, runner: asyncio.Runner) -> GangWorld:
    return GangWorld(compiled, runner, {"node-a": 4, "node-b": 4})


def scheduled(world: GangWorld, pods: list[Pod]) -> list[str]:
    return [world.schedule(pod) for pod in pods]


def test_members_are_held_until_the_last_one_comes_and_are_then_all_bound(world: GangWorld) -> None:
    pods = world.gang("g", 5)
    assert scheduled(world, pods[:4]) == [""] * 4
    assert world.held == [pod.uid for pod in pods[:4]]
    assert world.bound == set()
    assert world.schedule(pods[4]) == ""
    assert world.held == []
    assert world.bound == {pod.uid for pod in pods}
    assert world.engine.leases() == []
    assert list(world.book.busy()) == []


def test_a_hold_says_what_it_waits_for_and_leaves_two_records(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    world.schedule(pods[0])
    row = world.engine.holds()[0]
    assert row["waitingFor"] == "waiting for 2 of 3 members of gang ns/g"
    assert (row["pod"], row["group"], row["deadline"]) == ("ns/g-0", "ns/g", world.now_s + HOLD_LIMIT_S)
    world.pass_time(7)
    scheduled(world, pods[1:])
    told = [f for f in world.frames if isinstance(f, Decision) and f.pod.uid == "g-0"]
    begun = next(f for f in told if f.verb == "permit")
    assert (begun.code, begun.message, begun.decision) == ("Wait", row["waitingFor"], row["decision"])
    ended = next(f for f in told if f.verb == "bind")
    verdict = next(v for v in ended.plugins if v.phase == "permit")
    assert (ended.code, verdict.code, verdict.duration_us) == ("Success", "Success", 7e6)


def test_a_gang_that_does_not_fit_holds_nothing(world: GangWorld) -> None:
    pods = world.gang("g", 9)
    assert scheduled(world, pods) == ["resource gap: 8 of 9 members of the pod group find room"] * 9
    assert world.held == []
    assert list(world.book.busy()) == []


def test_what_is_planned_for_a_gang_is_out_of_reach_for_others(world: GangWorld) -> None:
    pods = world.gang("g", 8)
    world.schedule(pods[0])
    stranger = member("", 0)
    world.create(stranger)
    assert world.schedule(stranger) == "node capacity is reserved for a pod group"
    scheduled(world, pods[1:])
    assert len(world.bound) == 8


def test_a_pod_of_higher_priority_takes_planned_room_and_the_gang_is_planned_anew(world: GangWorld) -> None:
    pods = world.gang("g", 4, cpu=2, least=2)
    world.schedule(pods[0])
    urgent = member("", 0, cpu=2, priority=10)
    world.create(urgent)
    assert world.schedule(urgent) == ""
    assert world.schedule(pods[1]) == ""
    assert world.bound == {"single-0", "g-0", "g-1"}


def test_a_gang_of_higher_priority_takes_the_room_of_a_planned_one_and_sends_its_members_back(world: GangWorld) -> None:
    weak = world.gang("weak", 8)
    world.schedule(weak[0])
    strong = world.gang("strong", 4, priority=10)
    assert world.schedule(strong[0]) == ""
    assert world.errors == {"weak-0": "pods of higher priority took the room of the pod group"}
    scheduled(world, strong[1:])
    assert world.bound == {pod.uid for pod in strong}


def test_one_timeout_sends_all_back(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    world.schedule(pods[0])
    world.pass_time(HOLD_LIMIT_S / 2)
    world.schedule(pods[1])
    world.pass_time(HOLD_LIMIT_S / 2)
    assert world.errors == {
        "g-0": "rejected due to timeout after waiting 40s at plugin Coscheduling",
        "g-1": "rejection in Unreserve",
    }
    assert world.held == []
    assert world.engine.leases() == []
    assert list(world.book.busy()) == []
    assert world.book.failed_ns("ns/g") == int(world.now_s) * 10**9


@pytest.mark.parametrize(("spec", "waits_s"), [({"scheduleTimeoutSeconds": 5}, 5), ({}, HOLD_LIMIT_S)])
def test_a_group_may_wait_for_less_than_the_limit(world: GangWorld, spec: dict[str, int], waits_s: float) -> None:
    pods = world.gang("g", 3)
    world.group("g", 3, **spec)
    world.schedule(pods[0])
    world.pass_time(waits_s - 1)
    assert world.held == ["g-0"]
    world.pass_time(1)
    assert world.held == []


def test_no_time_to_wait_means_not_to_wait(compiled: CompiledPlugin, runner: asyncio.Runner) -> None:
    world = GangWorld(compiled, runner, {"node-a": 4}, CoschedulingArgs(permit_waiting_time_seconds=0))
    pods = world.gang("g", 2)
    world.group("g", 2, scheduleTimeoutSeconds=0)
    world.schedule(pods[0])
    assert world.errors == {"g-0": "rejected due to timeout after waiting 0s at plugin Coscheduling"}


def test_a_waiting_member_that_is_deleted_sends_all_back(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    scheduled(world, pods[:2])
    world.delete("g-0")
    assert world.errors == {"g-0": "pod ns/g-0 is gone", "g-1": "rejection in Unreserve"}
    assert world.held == []


def test_a_caller_that_leaves_never_binds_and_sends_all_back(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    scheduled(world, pods[:2])
    world.hang_up("g-0")
    assert world.errors == {"g-0": "the scheduler has given this bind up", "g-1": "rejection in Unreserve"}
    assert world.binder.bound == []
    scheduled(world, pods)
    assert len(world.bound) == 3


def test_a_newer_attempt_ends_the_hold_of_the_one_before(world: GangWorld) -> None:
    pods = world.gang("g", 2)
    world.schedule(pods[0])
    passed, _why = world.filter(pods[0], ["node-a", "node-b"])
    world.pump()
    assert passed
    assert world.errors == {"g-0": "the scheduler has begun a newer attempt"}
    assert [lease["uid"] for lease in world.engine.leases()] == ["g-0"]


def test_a_second_call_for_a_held_bind_joins_it(world: GangWorld) -> None:
    pods = world.gang("g", 2)
    world.schedule(pods[0])
    first = world.binds.pop("g-0")
    world.bind(pods[0], first.node)
    world.schedule(pods[1])
    assert first.task.result() == ""
    assert world.errors == {}
    assert sorted(uid for uid, _node in world.binder.bound) == ["g-0", "g-1"]


def test_a_lease_does_not_expire_while_its_bind_is_held(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    world.schedule(pods[0])
    world.pass_time(HOLD_LIMIT_S - 1)
    assert [lease["state"] for lease in world.engine.leases()] == ["binding"]


def test_switching_the_plugin_off_lets_everybody_go(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    scheduled(world, pods[:2])
    world.switch(on=False)
    world.pump()
    assert world.bound == {"g-0", "g-1"}
    assert world.errors == {}
    assert world.engine.leases() == []
    world.switch(on=True)
    assert world.schedule(pods[2]) == ""
    assert len(world.bound) == 3


def test_shutting_down_answers_every_hold(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    world.schedule(pods[0])
    world.engine.drain()
    world.pump()
    assert world.errors == {"g-0": "the extender is shutting down; the scheduler tries again"}
    world.schedule(pods[1])
    assert world.held == []


def test_a_lower_minimum_lets_waiting_members_go(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    scheduled(world, pods[:2])
    world.group("g", 2)
    world.pump()
    assert world.bound == {"g-0", "g-1"}


def test_a_higher_minimum_is_planned_for_by_the_next_member(world: GangWorld) -> None:
    pods = world.gang("g", 4, least=3)
    scheduled(world, pods[:2])
    world.group("g", 4)
    assert world.schedule(pods[2]) == ""
    assert world.bound == set()
    assert world.schedule(pods[3]) == ""
    assert len(world.bound) == 4


def test_a_deleted_group_sends_its_members_back(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    world.schedule(pods[0])
    world.delete_group("g")
    world.pump()
    assert world.errors == {"g-0": "PodGroup not found"}
    assert world.schedule(pods[1]) == "PodGroup not found"


@pytest.mark.parametrize("least", [0, -3])
def test_a_group_that_wants_nobody_keeps_nobody(world: GangWorld, least: int) -> None:
    pods = world.gang("g", 2, least=least)
    assert scheduled(world, pods) == ["", ""]
    assert len(world.bound) == 2


def test_a_group_that_cannot_be_read_refuses_its_members_with_the_reason(world: GangWorld) -> None:
    pods = world.gang("g", 2)
    world.group("g", "two")
    why = "spec.minMember: want a whole number of 32 bits, got 'two'"
    assert world.schedule(pods[0]) == "PodGroup ns/g cannot be used: " + why
    assert world.book.problems == {"ns/g": f"ignored: {why}"}
    world.group("g", 2)
    assert scheduled(world, pods) == ["", ""]
    assert world.book.problems == {}


def test_more_members_than_needed_are_placed_like_any_pod(world: GangWorld) -> None:
    pods = world.gang("g", 5, least=3)
    scheduled(world, pods)
    assert len(world.bound) == 5


def test_a_member_on_another_node_than_planned_counts_where_it_is(world: GangWorld) -> None:
    """Another extender or a second scheduler may have its own mind."""
    pods = world.gang("g", 2)
    world.filter(pods[0])
    world.bind(pods[0], "node-b")
    assert world.held == ["g-0"]
    world.schedule(pods[1])
    assert len(world.bound) == 2


def test_a_planned_node_that_the_scheduler_does_not_offer_is_planned_anew(world: GangWorld) -> None:
    pods = world.gang("g", 2)
    first, _why = world.filter(pods[0])
    other = next(node for node in ("node-a", "node-b") if node not in first)
    world.bind(pods[0], first[0])
    assert world.filter(pods[1], [other]) == ([other], "")


def test_a_node_that_goes_takes_its_plan_along(world: GangWorld) -> None:
    from extender.model.events import NodeDeleted

    pods = world.gang("g", 6)
    world.schedule(pods[0])
    gone = "node-b" if world.binds["g-0"].node == "node-a" else "node-a"
    world.state.apply(NodeDeleted(gone), world.now_s)
    del world.cpus[gone]
    assert world.schedule(pods[1]).startswith("resource gap: ")
    assert world.errors == {"g-0": "optimistic rejection in PostFilter"}
    assert world.held == []


def test_a_member_for_which_the_scheduler_finds_no_node_sends_the_others_back(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    scheduled(world, pods[:2])
    world.pass_time(2)
    world.filter(pods[2])
    world.says_unschedulable(pods[2])
    assert set(world.errors.values()) == {"optimistic rejection in PostFilter"}
    assert world.held == []


def test_what_the_scheduler_said_before_the_plan_does_not_end_it(world: GangWorld) -> None:
    pods = world.gang("g", 3)
    world.schedule(pods[0])
    world.says_unschedulable(pods[1])
    assert world.held == ["g-0"]


def test_a_group_that_found_no_room_is_backed_off(compiled: CompiledPlugin, runner: asyncio.Runner) -> None:
    world = GangWorld(compiled, runner, {"node-a": 2}, CoschedulingArgs(pod_group_backoff_seconds=20))
    pods = world.gang("g", 3)
    assert world.schedule(pods[0]).startswith("resource gap: ")
    world.add_node("node-b", 4)
    world.cpus["node-b"] = 4
    assert world.schedule(pods[1]) == "podGroup ns/g failed recently"
    world.pass_time(21)
    assert scheduled(world, pods) == ["", "", ""]
    assert len(world.bound) == 3


def test_asking_what_would_be_said_changes_nothing(world: GangWorld) -> None:
    pods = world.gang("g", 2)
    told = asyncio.run(world.engine.explain(pods[0], None, None))
    assert sorted(v["code"] for v in told["filter"].values()) == ["Success", "UnschedulableAndUnresolvable"]
    assert list(world.book.busy()) == []
    assert world.engine.would_pass(pods[0])
    assert list(world.book.busy()) == []


def test_a_plan_that_nobody_follows_ends(world: GangWorld) -> None:
    pods = world.gang("g", 8)
    world.filter(pods[0])
    stranger = member("", 0)
    world.create(stranger)
    assert world.schedule(stranger) != ""
    world.pass_time(61)
    assert world.schedule(stranger) == ""


def test_pods_of_several_shapes_are_planned_together(world: GangWorld) -> None:
    world.group("g", 3)
    pods = [member("g", 0, cpu=3), member("g", 1, cpu=3), member("g", 2, cpu=2)]
    world.create(*pods)
    assert world.schedule(pods[0]).startswith("resource gap: the 3 members")
    small = member("g", 2, cpu=1)
    world.create(small)
    assert scheduled(world, [small, *pods[:2]]) == ["", "", ""]
    assert len(world.bound) == 3


def test_five_gangs_that_race_for_room_for_three_are_placed_whole_or_not_at_all(world: GangWorld) -> None:
    world.add_node("node-c", 4)
    world.cpus["node-c"] = 4
    gangs = [world.gang(f"g{k}", 4) for k in range(5)]
    for i in range(4):
        for pods in gangs:
            world.schedule(pods[i])
    for pod in [pod for pods in gangs for pod in pods]:
        world.schedule(pod)
    placed = [k for k, pods in enumerate(gangs) if {p.uid for p in pods} <= world.bound]
    assert len(placed) == 3
    assert len(world.bound) == 12
    assert world.held == []
    for pod in gangs[placed[0]] + gangs[placed[1]]:
        world.delete(pod.uid)
    for pod in [pod for k, pods in enumerate(gangs) if k not in placed for pod in pods]:
        world.schedule(pod)
    assert len(world.bound) == 12


def test_in_parity_mode_members_hold_what_they_got(compiled: CompiledPlugin, runner: asyncio.Runner) -> None:
    world = GangWorld(compiled, runner, {"node-a": 4, "node-b": 4}, CoschedulingArgs(mode="parity"))
    pods = world.gang("g", 9)
    assert scheduled(world, pods)[:8] == [""] * 8
    assert len(world.held) == 8
    world.pass_time(HOLD_LIMIT_S)
    assert world.held == []
    assert world.bound == set()


def test_without_post_filter_nobody_is_sent_back_because_a_sibling_found_no_node(world: GangWorld) -> None:
    world.switch(on=True, phases=set(Phase) - {Phase.POST_FILTER})
    pods = world.gang("g", 3)
    scheduled(world, pods[:2])
    world.pass_time(2)
    world.says_unschedulable(pods[2])
    assert world.held == ["g-0", "g-1"]


def test_a_member_may_preempt_only_if_its_whole_gang_can_then_be_placed(world: GangWorld) -> None:
    for i, node in enumerate(["node-a", "node-b"]):
        world.create(member("", i, cpu=4, node_name=node))
    would_go = {node: Victims((f"single-{i}",)) for i, node in enumerate(["node-a", "node-b"])}

    def kept(pod: Pod) -> set[str]:
        return set(world.engine.preempt(pod, would_go, world.now_s).nodes)

    fits, large = world.gang("fits", 8, priority=5), world.gang("large", 9, priority=5)
    assert len(kept(fits[0])) == 1
    assert kept(large[0]) == set()
    assert list(world.book.busy()) == []
    world.group("fits", 8, minResources={"cpu": "8"})
    assert len(kept(fits[0])) == 1


def test_without_permit_members_are_bound_as_they_come(world: GangWorld) -> None:
    world.switch(on=True, phases=set(Phase) - {Phase.PERMIT})
    pods = world.gang("g", 3)
    world.schedule(pods[0])
    assert world.bound == {"g-0"}


def test_a_thousand_binds_are_held_without_a_thread(compiled: CompiledPlugin, runner: asyncio.Runner) -> None:
    import threading

    world = GangWorld(compiled, runner, {f"node-{i}": 64 for i in range(32)})
    pods = world.gang("g", 1001)
    before = threading.active_count()
    scheduled(world, pods[:1000])
    assert len(world.held) == 1000
    assert threading.active_count() == before
    world.schedule(pods[1000])
    assert len(world.bound) == 1001


def test_a_plan_does_not_keep_its_gang_out_when_gangs_are_planned_no_more(
    compiled: CompiledPlugin, runner: asyncio.Runner
) -> None:
    world = GangWorld(compiled, runner, {"node-a": 3})
    pods = world.gang("a", 3)
    world.filter(pods[0])
    gang = world.book.gang("ns/a")
    assert gang is not None
    assert len(gang.slots) == 3
    world.switch(on=True, args=CoschedulingArgs(mode="parity"))
    assert [world.schedule(pod) for pod in pods] == ["", "", ""]
    assert world.bound == {"a-0", "a-1", "a-2"}


def test_members_that_wait_unplanned_are_not_planned_for_again(
    compiled: CompiledPlugin, runner: asyncio.Runner
) -> None:
    world = GangWorld(compiled, runner, {"node-a": 4}, CoschedulingArgs(mode="parity"))
    pods = world.gang("a", 4)
    assert [world.schedule(pod) for pod in pods[:3]] == ["", "", ""]
    world.switch(on=True, args=CoschedulingArgs(mode="planned"))
    assert world.schedule(pods[3]) == ""
    assert len(world.bound) == 4


def test_a_place_on_a_node_that_is_gone_counts_for_nothing(compiled: CompiledPlugin, runner: asyncio.Runner) -> None:
    world = GangWorld(compiled, runner, {"node-a": 1, "node-b": 1})
    pods = world.gang("a", 2)
    assert world.filter(pods[0])[0] == ["node-a"]
    world.state.apply(NodeDeleted("node-a"), world.now_s)
    del world.cpus["node-a"]
    assert world.schedule(pods[1]).startswith("resource gap")
    assert world.held == []
