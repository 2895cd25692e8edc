"""The balance: what sets each strategy off, whom it moves where, and whom nothing moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.model.node import Taint
from extender.model.pod import Container, NodeTerm, Placement, Pod, Requirement, Toleration
from extender.plugins.rescheduler import plan as planning
from extender.plugins.rescheduler.balance import balance, node_maintenance
from extender.plugins.rescheduler.movable import GROUP_LABEL, group_of, immovable
from extender.plugins.rescheduler.plan import Plan
from extender.plugins.rescheduler.scene import Machine, Scene
from tests.extender.plugins.rescheduler.a_scene import GIB, NOW_S, after, machine, pod, scene


def pods(count: int, cpu_milli: int = 1000, **parts: Any) -> list[Pod]:
    return [pod(cpu_milli, **parts) for _ in range(count)]


def moved(found: Scene) -> list[tuple[str, str]]:
    return [(move.source, move.target) for move in balance(found)]


# LoadBalancing.


@pytest.mark.parametrize(("on_a", "moves"), [(2, 0), (3, 1), (4, 1), (5, 2), (9, 2)])
def test_load_is_balanced_from_20_points_on_while_they_last_and_two_pods_at_most(on_a: int, moves: int) -> None:
    found = scene([machine("a", pods(on_a)), machine("b", pods(1)), machine("c", pods(2))], "LoadBalancing")
    assert moved(found) == [("a", "b")] * moves


def test_exactly_the_threshold_apart_is_far_enough() -> None:
    for on_a, moves in ((3, 1), (2, 0)):
        found = scene([machine("a", pods(on_a)), machine("b", pods(1))], "LoadBalancing")
        assert len(balance(found)) == moves


def test_a_pod_that_would_only_swap_the_roles_of_two_nodes_stays() -> None:
    found = scene([machine("a", [pod(3000)]), machine("b")], "LoadBalancing")
    assert balance(found) == []


def test_pods_without_cpu_do_not_balance_cpu() -> None:
    light, heavy = pod(0, priority=-5), pod(1000)
    (move,) = balance(scene([machine("a", [light, heavy, *pods(1)]), machine("b")], "LoadBalancing"))[:1]
    assert move.pod.uid == heavy.uid


def test_one_node_or_none_with_a_measurement_is_nothing_to_balance() -> None:
    assert balance(scene([machine("a", pods(5))], "LoadBalancing")) == []
    assert balance(scene([machine("a", pods(5)), machine("b", known=False)], "LoadBalancing")) == []
    assert balance(scene([machine("a", pods(5)), machine("b", unschedulable=True)], "LoadBalancing")) == []
    assert balance(scene([])) == []


def test_the_reason_says_how_far_apart_they_were() -> None:
    (move, *_rest) = balance(scene([machine("a", pods(5)), machine("b")], "LoadBalancing"))
    assert move.reason == "node a is used to 50.0% of cpu, node b to 0.0%: 20.0 points or more apart"
    assert move.after == (40.0, 0.0)


# PodCountBalancing.


@pytest.mark.parametrize(("more", "moves"), [(19, 0), (20, 1), (21, 1), (22, 2), (40, 3)])
def test_counts_are_balanced_from_20_pods_on_three_at_most(more: int, moves: int) -> None:
    found = scene([machine("a", pods(1 + more, 1)), machine("b", pods(1, 1))], "PodCountBalancing")
    assert moved(found) == [("a", "b")] * moves


def test_only_nodes_with_a_pod_that_counts_are_compared() -> None:
    system = [pod(1, namespace="kube-system")]
    assert balance(scene([machine("a", pods(30, 1)), machine("b", system)], "PodCountBalancing")) == []


# ResourceOptimization.


def test_the_first_overloaded_node_with_a_pod_and_a_place_for_it_gives_one() -> None:
    stuck = machine("a", pods(9, namespace="kube-system"))
    found = scene([stuck, machine("b", pods(9)), machine("c", pods(9)), machine("d")], "ResourceOptimization")
    (move,) = balance(found)
    assert (move.source, move.target) == ("b", "d")
    assert move.reason == "node b is overloaded: cpu usage 90.0% over threshold 80.0%"


def test_exactly_the_threshold_is_not_overloaded() -> None:
    assert balance(scene([machine("a", pods(8)), machine("b")], "ResourceOptimization")) == []


def test_memory_counts_too_and_the_best_score_is_the_target() -> None:
    full = machine("a", [pod(0, 90 * GIB), pod(0, GIB)])
    found = scene([full, machine("b", pods(5)), machine("c", pods(1)), machine("d", pods(4))], "ResourceOptimization")
    (move,) = balance(found)
    assert (move.target, "memory usage 91.0%" in move.reason) == ("c", True)


def test_a_target_stays_below_the_threshold_by_the_hysteresis() -> None:
    for on_b, moves in ((6, 1), (7, 0)):
        found = scene([machine("a", pods(9)), machine("b", pods(on_b))], "ResourceOptimization")
        assert len(balance(found)) == moves


def test_no_pod_is_sent_back_by_the_next_round() -> None:
    found = scene([machine("a", pods(9)), machine("b", pods(6)), machine("c", pods(7))], "ResourceOptimization")
    assert moved(found) == [("a", "b")]
    assert moved(after(found, balance(found))) == []


# NodeMaintenance.


def test_a_node_under_maintenance_is_emptied_cordoned_or_not() -> None:
    for cordoned in (True, False):
        drained = machine("a", pods(4, 100), maintenance=True, unschedulable=cordoned)
        assert moved(scene([drained, machine("b")], "NodeMaintenance")) == [("a", "b")] * 4


def test_a_node_under_maintenance_is_no_target() -> None:
    found = scene([machine("a", pods(9)), machine("b", maintenance=True)])
    assert balance(found) == []


def test_a_node_without_a_measurement_may_still_be_drained_but_takes_nothing() -> None:
    assert moved(scene([machine("a", pods(1), maintenance=True, known=False), machine("b")])) == [("a", "b")]
    assert moved(scene([machine("a", pods(1), maintenance=True), machine("b", known=False)])) == []


# The round.


def test_a_round_moves_ten_pods_at_most_and_no_pod_twice() -> None:
    drained = machine("a", pods(30, 300), maintenance=True)
    found = balance(scene([drained, machine("b"), machine("c")]))
    assert len(found) == 10
    assert len({move.pod.uid for move in found}) == 10


def test_strategies_that_are_off_do_nothing_and_their_order_is_that_of_the_policy() -> None:
    machines = [machine("a", pods(9, 900), maintenance=True), machine("b", pods(9)), machine("c")]
    both = balance(scene(machines, "ResourceOptimization", "NodeMaintenance", args={"maxReschedulePods": 3}))
    assert [move.strategy for move in both] == ["ResourceOptimization", "NodeMaintenance", "NodeMaintenance"]
    assert {move.strategy for move in balance(scene(machines, "NodeMaintenance"))} == {"NodeMaintenance"}


def test_the_least_important_go_first_then_the_weakest_quality() -> None:
    late = pod(100, priority=5)
    sure, burst, best = (pod(100, qos_class=q) for q in ("Guaranteed", "Burstable", "BestEffort"))
    found = scene([machine("a", [late, sure, burst, best], maintenance=True), machine("b")])
    assert [move.pod.uid for move in balance(found)] == [p.uid for p in (best, burst, sure, late)]


def test_each_limit_of_a_round_holds() -> None:
    one_owner = pods(3, 100, owner_uid="o")
    drained = [machine("a", one_owner, maintenance=True), machine("b")]
    assert len(balance(scene(drained))) == 1
    assert len(balance(scene(drained, args={"evictionLimits": {"owner": 2}}))) == 2
    many = [machine("a", pods(4, 100), maintenance=True), machine("b")]
    assert len(balance(scene(many, args={"evictionLimits": {"node": 2}}))) == 2
    assert len(balance(scene(many, args={"evictionLimits": {"namespace": 3}}))) == 3
    assert len(balance(scene(many, args={"maxReschedulePods": 0}))) == 0


def test_targets_are_not_searched_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "SEARCHES_MAX", 3)
    found = scene([machine("a", pods(9, 900), maintenance=True), machine("b", pods(9))])
    plan = Plan(found)
    node_maintenance(plan)
    assert (plan.searches, plan.moves) == (3, [])


# Who stays.


@pytest.mark.parametrize(
    "parts",
    [
        {"phase": "Pending"},
        {"terminating": True},
        {"namespace": "kube-system"},
        {"namespace": "kept"},
        {"owner": "", "owner_uid": ""},
        {"owner": "DaemonSet/d"},
        {"owner": "Node/a"},
        {"annotations": {"kubernetes.io/config.mirror": "x"}},
        {"annotations": {"kubernetes.io/config.source": "file"}},
        {"annotations": {"kubernetes.io/config.source": "api"}},
        {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}},
        {"priority": 2_000_000_000},
        {"local_storage": True},
        {"started_at_s": int(NOW_S) - 59},
    ],
    ids=str,
)
def test_a_protected_pod_stays_whatever_the_strategy(parts: dict[str, Any]) -> None:
    args = {"evictableNamespaces": {"exclude": ["kept"]}, "thresholds": {"cpu": 20}, "targetThresholds": {"cpu": 30}}
    kept = [pod(9000, **parts)]
    for drained in (True, False):
        assert balance(scene([machine("a", kept, maintenance=drained), machine("b")], args=args)) == []


def test_switches_let_some_of_them_go() -> None:
    stored, young = pod(100, local_storage=True), pod(100, started_at_s=int(NOW_S))
    machines = [machine("a", [stored, young], maintenance=True), machine("b")]
    args = {"evictLocalStoragePods": True, "minPodAge": "0s"}
    assert len(balance(scene(machines, args=args))) == 2


def test_members_of_a_gang_stay_when_it_has_no_more_than_it_needs() -> None:
    members = pods(4, 100, labels={GROUP_LABEL: "g"})
    machines = [machine("a", members[:3], maintenance=True), machine("b", members[3:])]
    for least, moves in ((4, 0), (3, 1), (2, 2), (1, 3)):
        assert len(balance(scene(machines, "NodeMaintenance", min_members={"team/g": least}))) == moves
    leaving = scene(machines, "NodeMaintenance", min_members={"team/g": 3}, leaving={members[3].uid})
    assert balance(leaving) == []


def test_an_owner_with_a_pod_on_its_way_out_keeps_the_others() -> None:
    two = pods(2, 100, owner_uid="o")
    machines = [machine("a", two[:1], maintenance=True), machine("b", two[1:])]
    assert balance(scene(machines, leaving={two[1].uid})) == []
    gone = msgspec.structs.replace(two[1], terminating=True)
    assert balance(scene([machines[0], machine("b", [gone])])) == []


def test_a_cooling_owner_neither_leaves_the_node_nor_comes_to_it() -> None:
    one = pods(1, 100, owner_uid="o")
    machines = [machine("a", one, maintenance=True), machine("b"), machine("c", pods(1, 5))]
    assert balance(scene(machines, cooling={("o", "a")})) == []
    assert moved(scene(machines, cooling={("o", "b")})) == [("a", "c")]


def test_pods_that_another_profile_governs_stay() -> None:
    mine, other = pods(2, 100)
    found = scene([machine("a", [mine, other], maintenance=True), machine("b")], governed={mine.uid})
    assert [move.pod.uid for move in balance(found)] == [mine.uid]


def test_what_is_leaving_counts_as_gone_so_that_no_more_leave_than_must() -> None:
    full = pods(9)
    machines = [machine("a", full), machine("b")]
    assert len(balance(scene(machines, "ResourceOptimization"))) == 1
    assert balance(scene(machines, "ResourceOptimization", leaving={full[0].uid})) == []


# nodeFit.

SPOT = Taint("spot", "yes", "NoSchedule")
ANYTHING = Toleration(operator="Exists")


@pytest.mark.parametrize(
    ("target", "placement", "fits"),
    [
        ({}, Placement(), True),
        ({"ready": False}, Placement(), False),
        ({"unschedulable": True}, Placement(), False),
        ({"taints": (SPOT,)}, Placement(), False),
        ({"taints": (SPOT,)}, Placement(tolerations=(Toleration("spot", "Exists"),)), True),
        (
            {"taints": (SPOT, Taint("x", "", "NoExecute"))},
            Placement(tolerations=(Toleration(operator="Exists"),)),
            True,
        ),
        ({}, Placement(node_selector={"disk": "ssd"}), False),
        ({"labels": {"disk": "ssd"}}, Placement(node_selector={"disk": "ssd"}), True),
        ({}, Placement(node_terms=(NodeTerm(labels=(Requirement("disk", "Exists"),)),)), False),
        ({"labels": {"disk": "x"}}, Placement(node_terms=(NodeTerm(labels=(Requirement("disk", "Exists"),)),)), True),
        ({}, Placement(unjudged=("volumes",)), False),
        ({"cpu": 99}, Placement(), False),
    ],
)
def test_a_pod_leaves_only_if_another_node_would_take_it(
    target: dict[str, Any], placement: Placement, *, fits: bool
) -> None:
    one = pods(1, 100, placement=placement)
    machines = [machine("a", one, maintenance=True), machine("b", **target)]
    assert len(balance(scene(machines))) == fits


def test_room_is_counted_as_the_scheduler_does_and_moves_take_it_up() -> None:
    init = (Container(requests={"cpu": "6"}),)
    two = pods(2, 100, init_containers=init)
    assert len(balance(scene([machine("a", two, maintenance=True), machine("b")]))) == 1


def test_a_host_port_is_taken_once() -> None:
    two = pods(2, 100, placement=Placement(host_ports=(("TCP", "0.0.0.0", 80),)))
    assert len(balance(scene([machine("a", two, maintenance=True), machine("b")]))) == 1


def test_without_node_fit_only_the_thresholds_count() -> None:
    one = pods(1, 100, placement=Placement(unjudged=("volumes",)))
    machines = [machine("a", one, maintenance=True), machine("b", taints=(SPOT,))]
    assert len(balance(scene(machines, args={"nodeFit": False}))) == 1
    assert balance(scene([machines[0], machine("b", pods(8))], args={"nodeFit": False})) == []


# LowNodeUtilization.

LOW = {"thresholds": {"cpu": 20, "pods": 20}, "targetThresholds": {"cpu": 50, "pods": 70}}


def low(machines: list[Machine], **args: Any) -> list[tuple[str, str]]:
    return moved(scene(machines, "LowNodeUtilization", args={**LOW, "maxReschedulePods": 50, **args}))


def test_it_is_off_without_thresholds() -> None:
    assert moved(scene([machine("a", pods(9)), machine("b")], "LowNodeUtilization")) == []


def test_pods_go_from_above_the_target_to_below_the_threshold_until_the_target_is_met() -> None:
    assert low([machine("a", pods(8)), machine("b"), machine("c", pods(4))]) == [("a", "b")] * 3
    assert low([machine("a", pods(5)), machine("b")]) == [], "exactly the target is not above it"


def test_the_most_used_source_comes_first() -> None:
    found = low([machine("a", pods(6)), machine("b", pods(7)), machine("c"), machine("d")])
    assert [source for source, _target in found] == ["b", "b", "a"]


def test_it_stops_without_destinations_sources_or_with_too_few_destinations() -> None:
    full, idle, fair = machine("a", pods(8)), machine("b"), machine("c", pods(4))
    assert low([full, fair]) == []
    assert low([idle, machine("d")]) == []
    assert low([idle, fair]) == []
    assert low([full, idle], numberOfNodes=1) == []
    assert low([full, idle, machine("d")], numberOfNodes=1) != []


def test_a_cordoned_node_may_give_and_does_not_take() -> None:
    assert low([machine("a", pods(8), unschedulable=True), machine("b")]) == [("a", "b")] * 3
    assert low([machine("a", pods(8)), machine("b", unschedulable=True)]) == []


def test_no_more_leave_than_the_destinations_have_headroom_for() -> None:
    assert len(low([machine("a", pods(8)), machine("b", cpu=4000)])) == 2, "2000m up to 50 % of 4000m"


def test_every_resource_without_a_target_counts_with_all_of_its_capacity() -> None:
    heavy = pods(8, memory=60 * GIB)
    assert len(low([machine("a", heavy, memory=1000 * GIB), machine("b")], memoryThreshold=100, hysteresis=0)) == 1


def test_deviation_is_from_the_average() -> None:
    args = {"useDeviationThresholds": True, "thresholds": {"cpu": 10}, "targetThresholds": {"cpu": 10}}
    machines = [machine("a", pods(7)), machine("b", pods(4)), machine("c", pods(1))]
    assert low(machines, **args) == [("a", "c")] * 2, "average 40: down to 50 from 70"
    assert low([machine("a", pods(5)), machine("b", pods(4))], **args) == []


def test_more_taints_than_tolerations_may_still_be_tolerated_but_soft_ones_are_taints_too() -> None:
    anything = Placement(tolerations=(ANYTHING,))
    two = (SPOT, Taint("x", "", "PreferNoSchedule"))
    assert len(low([machine("a", pods(8, placement=anything)), machine("b", taints=two)])) == 3
    assert low([machine("a", pods(8)), machine("b", taints=two[1:])]) == []


def test_use_that_is_measured_replaces_requests_of_cpu_and_memory() -> None:
    machines = [machine("a", pods(8)), machine("b")]
    measured = [
        Machine(
            node=m.node,
            used=(10.0, 0.0),
            capacity=m.capacity,
            allocatable=m.allocatable,
            requested=m.requested,
            pods=m.pods,
        )
        for m in machines
    ]
    assert low(measured, usage="measured") == []


# Laws.

PODS_DRAWN = st.builds(
    pod,
    cpu_milli=st.sampled_from([0, 100, 900, 2500]),
    memory=st.sampled_from([0, GIB, 20 * GIB]),
    priority=st.sampled_from([0, 0, 100, 2_000_000_000]),
    owner=st.sampled_from(["ReplicaSet/web", "ReplicaSet/web", "DaemonSet/d"]),
    owner_uid=st.sampled_from(["", "o1", "o2", "o3", "o4", "o5"]),
    local_storage=st.sampled_from([False, False, True]),
    labels=st.sampled_from([{}, {}, {GROUP_LABEL: "g"}]),
    terminating=st.sampled_from([False, False, False, True]),
    namespace=st.sampled_from(["team", "team", "other", "kube-system"]),
)
DRAWN = st.lists(
    st.tuples(st.lists(PODS_DRAWN, max_size=6), st.sampled_from([False, False, True]), st.booleans()),
    min_size=1,
    max_size=4,
)
ROUND_ARGS = st.fixed_dictionaries(
    {
        "imbalanceThreshold": st.sampled_from([2, 20]),
        "maxReschedulePods": st.integers(0, 10),
        "hysteresis": st.sampled_from([0, 10]),
        "evictionLimits": st.sampled_from([{}, {"node": 1}, {"namespace": 2, "owner": 3}]),
        "thresholds": st.just({"cpu": 20}),
        "targetThresholds": st.just({"cpu": 50}),
    }
)


def drawn_scene(drawn: Any, args: dict[str, Any], least: int) -> Scene:
    machines = [
        machine(f"n{i}", there, maintenance=maintenance, unschedulable=cordoned)
        for i, (there, maintenance, cordoned) in enumerate(drawn)
    ]
    return scene(machines, args=args, min_members={"team/g": least, "other/g": least})


@given(drawn=DRAWN, args=ROUND_ARGS, least=st.integers(0, 4))
def test_every_round_keeps_every_promise(drawn: Any, args: dict[str, Any], least: int) -> None:
    found = drawn_scene(drawn, args, least)
    moves = balance(found)
    assert len(moves) <= found.args.max_reschedule_pods
    assert len({move.pod.uid for move in moves}) == len(moves)
    for move in moves:
        assert move.source == move.pod.node_name != move.target
        assert immovable(move.pod, found.args, NOW_S) == ""
    limits = found.args.eviction_limits
    assert _most(move.source for move in moves) <= (limits.node or 10)
    assert _most(move.pod.namespace for move in moves) <= (limits.namespace or 10)
    assert _most(move.pod.owner_uid for move in moves) <= limits.owner
    then = after(found, moves)
    for before, now in zip(found.machines, then.machines, strict=True):
        if now.node.name in {move.target for move in moves}:
            assert not before.maintenance
            assert not before.node.unschedulable
            assert all(has <= room for has, room in zip(now.requested, now.allocatable, strict=True))
    for group in ("team/g", "other/g"):
        taken = sum(1 for move in moves if group_of(move.pod) == group)
        assert not taken or found.members_staying()[group] - taken >= least


def _most(values: Iterable[str]) -> int:
    return max(Counter(values).values(), default=0)


@given(drawn=DRAWN, args=ROUND_ARGS)
def test_a_cluster_left_alone_comes_to_rest(drawn: Any, args: dict[str, Any]) -> None:
    """Round after round on the result of the one before: no pod wanders for ever."""
    found = drawn_scene(drawn, args, 0)
    for _ in range(40):
        moves = balance(found)
        if not moves:
            return
        found = after(found, moves)
    pytest.fail("it never comes to rest")
