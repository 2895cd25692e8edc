"""What the engine promises about filter, prioritize, preempt and bind, whatever plugins are on."""

import asyncio

import pytest

from extender.engine.profile import PolicySet
from extender.engine.verdicts import Victims
from extender.model.events import PodDeleted, PodUpserted
from extender.record.frames import Decision, Outcome
from tests.extender.engine.a_world import SizeArgs, World, a_pod

NODES = {"small": 2, "middle": 4, "large": 8}
NAMES = list(NODES)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def world(cache):
    return World(cache, NODES)


def decisions(world: World) -> list[Decision]:
    return [frame for frame in world.frames if isinstance(frame, Decision)]


def outcomes(world: World) -> list[Outcome]:
    return [frame for frame in world.frames if isinstance(frame, Outcome)]


def test_without_a_policy_every_node_passes_and_scores_nothing(world):
    assert world.filter(a_pod("a"), NAMES) == (NAMES, {})
    assert world.prioritize(a_pod("a"), NAMES) == dict.fromkeys(NAMES, 0)


def test_a_pod_of_another_scheduler_gets_the_neutral_profile(world):
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=10**9)})
    assert world.filter(a_pod("a", scheduler_name="other"), NAMES)[0] == NAMES


def test_each_node_is_either_passed_or_rejected_with_its_reason(world):
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=4000)})
    assert world.filter(a_pod("a"), NAMES) == (["middle", "large"], {"small": "too small"})


def test_a_node_that_the_cache_does_not_know_passes_and_is_counted(world):
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=4000)})
    assert world.filter(a_pod("a"), ["ghost", "small"])[0] == ["ghost"]
    assert decisions(world)[-1].nodes_unknown == 1


def test_weights_multiply_normalised_scores_and_are_summed_exactly(world):
    world.use("Biggest", weights={"Biggest": 7})
    assert world.prioritize(a_pod("a"), NAMES) == {"small": 0, "middle": 7 * 33, "large": 700}


def test_the_strict_scale_is_0_to_10(world):
    world.use("Biggest", weights={"Biggest": 7}, scale="strict")
    assert world.prioritize(a_pod("a"), NAMES) == {"small": 0, "middle": 3, "large": 10}


def test_a_plugin_that_leaves_its_range_is_neutral_and_named(world):
    world.use("Biggest", "Wild")
    assert world.prioritize(a_pod("a"), NAMES)["large"] == 100
    verdict = next(v for v in decisions(world)[-1].plugins if v.plugin == "Wild")
    assert (verdict.code, verdict.message[:20]) == ("Error", "score outside 0..100")


def test_a_plugin_that_raises_is_neutral_and_named(world):
    world.use("Broken", "Size")
    assert world.filter(a_pod("a"), NAMES)[0] == NAMES
    verdict = next(v for v in decisions(world)[-1].plugins if v.plugin == "Broken")
    assert (verdict.code, verdict.message) == ("Error", "RuntimeError: boom")


def test_a_plugin_that_answers_no_status_is_neutral_and_named(world):
    world.use("Speechless", "Size")
    assert world.filter(a_pod("a"), NAMES)[0] == NAMES
    verdict = next(v for v in decisions(world)[-1].plugins if v.plugin == "Speechless")
    assert (verdict.code, "NoneType" in verdict.message) == ("Error", True)


def test_the_record_says_who_rejected_how_many_and_why(world):
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=4000)})
    world.filter(a_pod("a"), NAMES)
    decision = decisions(world)[-1]
    assert decision.plugins[0].reasons == {"too small": 1}
    assert [(r.node, r.plugin, r.reason) for r in decision.rejected] == [("small", "Size", "too small")]
    assert (decision.code, decision.nodes_in, decision.nodes_out, decision.revision) == ("Success", 3, 2, "r1")


def test_the_record_of_a_score_holds_every_part_of_the_best_nodes(world):
    world.use("Biggest", weights={"Biggest": 2})
    world.prioritize(a_pod("a"), NAMES)
    best = decisions(world)[-1].best
    assert [(b.node, b.total) for b in best] == [("large", 200), ("middle", 66), ("small", 0)]
    assert best[0].parts == {"Biggest": (8000, 100, 200)}


def test_a_reason_that_names_the_pod_is_counted_without_the_name_and_told_with_it(world):
    world.use("Seats")
    for uid in "abc":
        passed, reasons = world.filter(a_pod(uid), NAMES)
    assert (passed, set(reasons.values())) == ([], {"no seat left for pod-c"})
    verdict = decisions(world)[-1].plugins[0]
    assert (verdict.reasons, verdict.message) == ({"no seat left": 3}, "no seat left for pod-c")
    assert {(r.plugin, r.reason) for r in decisions(world)[-1].rejected} == {("Seats", "no seat left")}


# Reservations.


def test_two_pods_never_take_the_last_seat(world):
    world.use("Seats")
    assert [world.filter(a_pod(uid), NAMES)[0] == NAMES for uid in "abc"] == [True, True, False]


def test_a_pod_that_is_filtered_again_keeps_one_promise(world):
    world.use("Seats")
    for _ in range(5):
        assert world.filter(a_pod("a"), NAMES)[0] == NAMES
    assert world.filter(a_pod("b"), NAMES)[0] == NAMES
    assert [lease["uid"] for lease in world.engine.leases()] == ["a", "b"]


def test_a_promise_is_given_back_when_the_pod_is_deleted_or_fails_or_time_is_over(world):
    world.use("Seats")
    world.state.apply(PodUpserted(a_pod("a")), world.now_s)
    world.filter(a_pod("a"), NAMES)
    world.filter(a_pod("b"), NAMES)
    world.state.apply(PodDeleted("a"), world.now_s)
    assert world.filter(a_pod("c"), NAMES)[0] == NAMES
    world.state.apply(PodUpserted(a_pod("b", unschedulable_at_s=int(world.now_s))), world.now_s)
    assert world.filter(a_pod("d"), NAMES)[0] == NAMES
    world.now_s += 61
    world.engine.tick()
    assert world.engine.leases() == []


def test_when_no_node_passes_nothing_is_reserved(world):
    world.use("Seats", "Size", args={"Size": SizeArgs(least_cpu_milli=10**9)})
    assert world.filter(a_pod("a"), NAMES)[0] == []
    assert world.engine.leases() == []


def test_switching_the_plugin_off_gives_everything_back(world):
    world.use("Seats")
    world.filter(a_pod("a"), NAMES)
    world.engine.activate(PolicySet("r2", "h2"))
    assert world.engine.leases() == []
    world.use("Seats")
    assert [world.filter(a_pod(uid), NAMES)[0] == NAMES for uid in "bcd"] == [True, True, False]


def test_a_plugin_that_does_not_give_back_stops_neither_filter_nor_time_nor_a_new_policy(world):
    world.use("Grasping", "Seats")
    for _ in range(2):
        assert world.filter(a_pod("a"), NAMES)[0] == NAMES
    world.now_s += 61
    world.engine.tick()
    assert world.engine.books.of("Seats").taken == set(), "what others were charged is given back"
    world.filter(a_pod("a"), NAMES)
    world.engine.activate(PolicySet("r2", "h2"))
    assert (world.engine.policy.revision, world.engine.leases()) == ("r2", [])


def test_a_promise_that_fails_half_way_leaves_no_charge(world):
    world.use("Clumsy")
    assert world.filter(a_pod("a"), NAMES)[0] == NAMES
    assert (world.engine.leases(), world.engine.books.of("Clumsy").leased) == ([], set())


# Bind.


def run(coroutine):
    return asyncio.run(coroutine)


def test_a_bound_pod_is_seen_on_its_node_at_once_and_its_lease_is_its_own(world):
    world.use("Seats")
    world.filter(a_pod("a"), NAMES)
    assert run(world.bind(a_pod("a"), "large")) == ""
    assert list(world.state.pods_on("large")) == ["a"]
    assert world.engine.leases() == []
    assert world.engine.books.of("Seats").taken == {"a"}
    assert [(o.result, o.node, o.seen_by) for o in outcomes(world)] == [("bound", "large", "bind")]


def test_an_error_of_the_api_server_is_passed_on_and_the_seat_given_back(world):
    world.use("Seats")
    world.filter(a_pod("a"), NAMES)
    world.binder.answers["a"] = "node large is gone"
    assert run(world.bind(a_pod("a"), "large")) == "node large is gone"
    assert world.engine.books.of("Seats").taken == set()
    assert [(o.result, o.message) for o in outcomes(world)] == [("failed", "node large is gone")]


def test_binding_a_pod_twice_to_one_node_binds_once_and_to_another_is_refused(world):
    world.filter(a_pod("a"), NAMES)
    assert run(world.bind(a_pod("a"), "large")) == ""
    assert run(world.bind(a_pod("a"), "large")) == ""
    assert run(world.bind(a_pod("a"), "small")) == "pod ns/pod-a is already bound to node large"
    assert world.binder.bound == [("a", "large")]


def test_a_bind_that_comes_while_the_first_is_under_way_joins_it(world):
    async def both():
        world.binder.gate = asyncio.Event()
        first = asyncio.create_task(world.bind(a_pod("a"), "large"))
        await asyncio.sleep(0)
        second = asyncio.create_task(world.bind(a_pod("a"), "large"))
        other = asyncio.create_task(world.bind(a_pod("a"), "small"))
        await asyncio.sleep(0)
        world.binder.gate.set()
        return await asyncio.gather(first, second, other)

    world.filter(a_pod("a"), NAMES)
    assert run(both()) == ["", "", "pod ns/pod-a is being bound to node large"]
    assert world.binder.bound == [("a", "large")]


def test_a_bind_without_a_lease_is_checked_again(world):
    world.use("Seats")
    world.state.apply(PodUpserted(a_pod("late")), world.now_s)
    world.filter(a_pod("a"), NAMES)
    world.filter(a_pod("b"), NAMES)
    assert run(world.bind(a_pod("late"), "large")) == "the seat is gone"
    world.state.apply(PodUpserted(a_pod("a")), world.now_s)
    world.state.apply(PodDeleted("a"), world.now_s)
    assert run(world.bind(a_pod("late"), "large")) == ""


def test_a_pod_that_nobody_knows_is_read_from_the_api_server(world):
    world.binder.stored["ns/pod-x"] = a_pod("x")
    assert run(world.bind(a_pod("x"), "large")) == ""
    assert run(world.bind(a_pod("y"), "large")) == "pod ns/pod-y with uid y does not exist"


def test_a_namesake_with_another_uid_is_not_bound(world):
    world.binder.stored["ns/pod-x"] = a_pod("x").__class__(namespace="ns", name="pod-x", uid="other")
    assert "does not exist" in run(world.bind(a_pod("x"), "large"))
    assert world.binder.bound == []


def test_a_bind_whose_caller_leaves_gives_the_seat_back(world):
    async def leave():
        world.binder.gate = asyncio.Event()
        task = asyncio.create_task(world.bind(a_pod("a"), "large"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    world.use("Seats")
    world.filter(a_pod("a"), NAMES)
    run(leave())
    assert world.engine.leases() == []
    assert world.engine.books.of("Seats").taken == set()


def test_what_the_watch_saw_during_a_bind_outweighs_the_binders_doubt(world):
    """The answer to the Binding was lost, but not the binding."""

    async def doubt():
        world.binder.gate = asyncio.Event()
        world.binder.answers["a"] = "whether the pod is bound is unknown"
        task = asyncio.create_task(world.bind(a_pod("a"), "large"))
        await asyncio.sleep(0)
        world.state.apply(PodUpserted(a_pod("a", node_name="large")), world.now_s)
        world.binder.gate.set()
        return await task

    world.use("Seats")
    world.filter(a_pod("a"), NAMES)
    assert run(doubt()) == ""
    assert (world.engine.leases(), world.engine.books.of("Seats").taken) == ([], {"a"})
    assert [(o.result, o.node, o.seen_by) for o in outcomes(world)] == [("bound", "large", "watch")]


def test_a_pod_seen_on_another_node_during_its_bind_is_not_bound_here(world):
    async def elsewhere():
        world.binder.gate = asyncio.Event()
        world.binder.answers["a"] = "already bound to node small"
        task = asyncio.create_task(world.bind(a_pod("a"), "large"))
        await asyncio.sleep(0)
        world.state.apply(PodUpserted(a_pod("a", node_name="small")), world.now_s)
        world.binder.gate.set()
        return await task

    world.filter(a_pod("a"), NAMES)
    assert run(elsewhere()) == "already bound to node small"


def test_a_pod_that_cannot_be_read_is_not_bound_and_the_error_says_why(world):
    world.binder.unreachable = "GET /api/v1/namespaces/ns/pods/pod-x: 503 later"
    assert run(world.bind(a_pod("x"), "large")) == f"pod ns/pod-x cannot be read: {world.binder.unreachable}"
    assert world.binder.bound == []


def test_a_pod_that_came_while_it_was_read_is_taken_as_the_watch_tells_it(world):
    async def meanwhile():
        world.binder.reading = asyncio.Event()
        task = asyncio.create_task(world.bind(a_pod("x"), "large"))
        await asyncio.sleep(0)
        world.state.apply(PodUpserted(a_pod("x", node_name="small")), world.now_s)
        world.binder.reading.set()
        return await task

    world.binder.stored["ns/pod-x"] = a_pod("x")
    assert run(meanwhile()) == "pod ns/pod-x is already bound to node small"
    assert world.binder.bound == []


# Decisions.


def test_the_calls_of_one_attempt_share_a_decision_and_the_next_attempt_has_another(world):
    world.filter(a_pod("a"), NAMES)
    world.prioritize(a_pod("a"), NAMES)
    run(world.bind(a_pod("a"), "large"))
    assert len({d.decision for d in decisions(world)}) == 1
    assert outcomes(world)[0].decision == decisions(world)[0].decision
    world.filter(a_pod("b"), NAMES)
    world.filter(a_pod("b"), NAMES)
    assert [d.attempt for d in decisions(world) if d.pod.uid == "b"] == [1, 2]


def test_the_full_call_after_a_rejected_nominated_one_joins_its_decision(world):
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=4000)})
    pod = a_pod("a", nominated_node_name="small")
    world.filter(pod, ["small"])
    world.filter(pod, NAMES)
    first, second = decisions(world)
    assert (first.decision, first.nominated) == (second.decision, True)
    assert not second.nominated


def test_a_pod_that_others_bind_is_seen_by_the_watch(world):
    world.filter(a_pod("a"), NAMES)
    world.state.apply(PodUpserted(a_pod("a", node_name="middle")), world.now_s)
    assert [(o.result, o.node, o.seen_by) for o in outcomes(world)] == [("bound", "middle", "watch")]


# Preempt.

VICTIMS = {"small": Victims(("v1", "v2")), "large": Victims(("v3",), 1)}


def preempt(world, pod, nodes):
    return dict(world.engine.preempt(pod, nodes, world.now_s).nodes)


def test_without_plugins_preemption_passes_through(world):
    assert preempt(world, a_pod("p"), VICTIMS) == VICTIMS


def test_the_record_of_a_preemption_names_who_would_leave_but_not_who_has_gone(world):
    for uid, node in (("v1", "small"), ("v3", "large")):
        world.state.apply(PodUpserted(a_pod(uid, node_name=node)), world.now_s)
    told = world.engine.preempt(a_pod("p"), VICTIMS, world.now_s).make_frame().victims
    assert {node: [pod.uid for pod in pods] for node, pods in told.items()} == {"small": ["v1"], "large": ["v3"]}


def test_nodes_without_victims_are_left_out(world):
    assert preempt(world, a_pod("p"), {"small": Victims(()), **VICTIMS}) == VICTIMS


def test_nobody_is_evicted_for_a_pod_that_filter_would_refuse(world):
    world.use("Seats")
    world.filter(a_pod("a"), NAMES)
    world.filter(a_pod("b"), NAMES)
    assert preempt(world, a_pod("p"), VICTIMS) == {}


def test_a_node_that_filter_would_refuse_for_good_is_left_out(world):
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=4000)})
    assert preempt(world, a_pod("p"), VICTIMS) == {"large": VICTIMS["large"]}


# Explain.


def test_explain_says_what_filter_and_prioritize_would_and_reserves_nothing(world):
    world.use("Seats", "Size", "Biggest", args={"Size": SizeArgs(least_cpu_milli=4000)}, weights={"Biggest": 3})
    told = run(world.engine.explain(a_pod("a"), None, None))
    assert told["filter"]["small"] == {
        "code": "UnschedulableAndUnresolvable", "plugin": "Size", "reasons": ["too small"],
    }  # fmt: skip
    assert told["filter"]["large"] == {"code": "Success", "plugin": "", "reasons": []}
    assert told["total"] == {"middle": 0, "large": 300}
    assert told["plugins"]["Seats"]["preFilter"] == {"code": "Success", "reasons": []}
    assert told["plugins"]["Biggest"] == {
        "weight": 3, "score": {"middle": 4000, "large": 8000}, "normalized": {"middle": 0, "large": 100},
    }  # fmt: skip
    assert world.engine.leases() == []
    assert world.engine.books.of("Seats").taken == set()


def test_an_edit_elsewhere_leaves_a_plugin_what_it_derived(world):
    world.use("Seats", "Size")
    before = {seat.name: seat for seat in world.engine.policy.profiles["default-scheduler"].seats}
    before["Size"].memo["derived"] = 1
    world.use("Size")
    assert world.engine.policy.profiles["default-scheduler"].seats[0].memo == {"derived": 1}
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=7)})
    assert world.engine.policy.profiles["default-scheduler"].seats[0].memo == {}


def test_a_rehearsal_reserves_records_and_counts_nothing(world):
    world.use("Seats", "Size")
    world.engine.rehearse()
    assert world.engine.leases() == []
    assert world.frames == []
    assert len(world.engine.waiting) == 0
    assert world.filter(a_pod("a"), NAMES)[0]
