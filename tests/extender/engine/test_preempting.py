"""The preempt verb with plugins that have a say in who leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extender.framework import Cycle, Plugin, Pod, PostFilter, Selection, Status
from extender.framework.declaration import PASSED, Exempting, Search
from extender.model.pod import Placement
from extender.model.verdict import Code
from tests.extender.engine.a_quota_world import MINIMUM, QUOTAS, SECONDS, TOLERATION, QuotaWorld


@pytest.fixture
def world(kernels: Path) -> QuotaWorld:
    return QuotaWorld(kernels, QUOTAS)


@pytest.fixture
def tolerant(kernels: Path) -> QuotaWorld:
    world = QuotaWorld(kernels, TOLERATION)
    world.priority_class("guarded", 100, **{MINIMUM: "100000", SECONDS: "-1"})
    world.priority_class("open", 100)
    return world


# CapacityScheduling.


def test_pods_within_their_guarantee_are_not_evicted_for_another_namespace(world: QuotaWorld) -> None:
    world.node("n", 2)
    world.quota("a", 4, 8)
    world.quota("b", 4, 8)
    for name in ("b1", "b2"):
        world.pod(f"b/{name}", "n")
    assert world.preempt(world.pod("a/p", priority=1000), n=("b1",)) == {}
    assert world.record.plugins[-1].phase == "postFilter"
    assert world.record.plugins[-1].code == "Unschedulable"
    assert world.record.plugins[-1].message == "No victims found on node n for preemptor pod p"
    assert [(r.node, r.plugin) for r in world.record.rejected] == [("n", "CapacityScheduling")]


def test_borrowers_leave_whatever_their_priority_and_others_than_those_proposed(world: QuotaWorld) -> None:
    world.node("n", 4)
    world.quota("a", 2, 8)
    world.quota("b", 1, 8)
    world.pod("free/f", "n", priority=0)
    for name, priority in (("b1", 2000), ("b2", 3000), ("b3", 2500)):
        world.pod(f"b/{name}", "n", priority=priority)
    verdict = world.verdict(world.pod("a/p", priority=1000), n=("f",))
    assert {name: victims.uids for name, victims in verdict.nodes.items()} == {"n": ("b1",)}
    assert verdict.added == {"b1"}


def test_a_borrowing_preemptor_takes_only_its_own_namespaces_less_important_pods(world: QuotaWorld) -> None:
    world.node("n", 3)
    world.quota("a", 1, 8)
    world.quota("b", 4, 8)
    world.pod("a/a1", "n", priority=5)
    world.pod("a/a2", "n", priority=2000)
    world.pod("b/b1", "n")
    assert world.preempt(world.pod("a/p", priority=1000), n=("b1",)) == {"n": ("a1",)}


def test_nobody_is_evicted_for_a_pod_that_the_quota_refuses_whoever_leaves(world: QuotaWorld) -> None:
    world.node("n", 4)
    world.quota("a", 1, 1)
    world.pod("a/a1", "n", priority=0, cpu=1)
    pod = world.pod("a/p", priority=1000, cpu=2)
    assert not world.filter(pod)
    assert world.preempt(pod, n=("a1",)) == {}
    assert world.record.plugins[-1].message == "global quota max exceeded"


def test_a_quota_that_victims_cure_is_no_reason_against_them(world: QuotaWorld) -> None:
    world.node("n", 8)
    world.quota("a", 2, 2)
    for name in ("a1", "a2"):
        world.pod(f"a/{name}", "n", priority=0)
    pod = world.pod("a/p", priority=1000)
    assert not world.filter(pod)
    assert len(world.preempt(pod, n=("a1", "a2"))["n"]) == 1


def test_budgets_are_counted_anew(world: QuotaWorld) -> None:
    world.node("n", 2)
    world.quota("a", 2, 8)
    world.budget("a", {"app": "x"})
    world.pod("a/a1", "n", priority=1, labels={"app": "x"})
    world.pod("a/a2", "n", priority=0, labels={"app": "x"})
    verdict = world.verdict(world.pod("a/p", priority=1000, cpu=2), n=("a1", "a2"))
    assert verdict.nodes["n"].uids == ("a1", "a2")
    assert verdict.nodes["n"].pdb_violations == 2


def test_a_pod_that_may_never_preempt_gets_no_node(world: QuotaWorld) -> None:
    world.node("n", 1)
    world.pod("free/f", "n")
    assert world.preempt(world.pod("free/p", priority=1000, preemption_policy="Never"), n=("f",)) == {}
    assert world.record.plugins[-1].message == "not eligible due to preemptionPolicy=Never."


def test_a_preemptor_whose_victims_are_still_going_waits_for_them(world: QuotaWorld) -> None:
    world.node("n", 2)
    world.pod("free/f", "n", terminating=True)
    world.pod("free/g", "n")
    pod = world.pod("free/p", priority=1000, nominated_node_name="n")
    assert world.preempt(pod, n=("g",)) == {}
    too_big = world.pod("free/q", priority=1000, cpu=64, nominated_node_name="n")
    assert world.preempt(too_big, n=("g",)) == {}, "it does not fit, but it may ask"
    assert world.record.plugins[-1].message == "Insufficient cpu"


def test_a_node_whose_proposal_cannot_be_judged_is_left_out(world: QuotaWorld) -> None:
    world.node("n", 1)
    world.pod("free/f", "n")
    pod = world.pod("free/p", priority=1000)
    assert world.preempt(pod, n=("f", "stranger"), elsewhere=("f",)) == {}
    assert sorted(r.reason for r in world.record.rejected) == [
        "a proposed victim is not known here",
        "the node is not known here",
    ]


def test_what_only_the_scheduler_can_judge_stands_as_proposed_or_falls(world: QuotaWorld) -> None:
    world.node("n", 8)
    for name in ("f", "g"):
        world.pod(f"free/{name}", "n")
    world.quota("a", 4, 8)
    world.pod("a/a1", "n")
    pod = world.pod("free/p", priority=1000, placement=Placement(unjudged=("podAntiAffinity",)))
    assert world.preempt(pod, n=("f", "g")) == {"n": ("f", "g")}, "no resource is short: a guess would spare both"
    assert world.preempt(pod, n=("f", "a1")) == {}


def test_nodes_without_a_proposal_can_get_victims(world: QuotaWorld) -> None:
    world.node("n", 1)
    world.pod("free/f", "n")
    assert world.preempt(world.pod("free/p", priority=1000), n=()) == {"n": ("f",)}


# PreemptionToleration.


def test_a_proposal_without_an_exempt_pod_stays_as_it_is(tolerant: QuotaWorld) -> None:
    tolerant.node("n", 4)
    tolerant.pod("x/o1", "n", priority_class="open", priority=100)
    tolerant.pod("x/o2", "n", priority_class="open", priority=100)
    pod = tolerant.pod("x/p", priority=1000)
    assert tolerant.preempt(pod, n=("o2", "o1")) == {"n": ("o2", "o1")}, "the scheduler may know more than we"


def test_an_exempt_pod_is_replaced_by_another_one(tolerant: QuotaWorld) -> None:
    tolerant.node("n", 2)
    tolerant.pod("x/g", "n", priority_class="guarded", priority=100)
    tolerant.pod("x/o", "n", priority_class="open", priority=100)
    verdict = tolerant.verdict(tolerant.pod("x/p", priority=1000), n=("g",))
    assert verdict.nodes["n"].uids == ("o",)
    assert verdict.added == {"o"}
    assert tolerant.preempt(tolerant.pod("x/q", priority=200_000), n=("g",)) == {"n": ("g",)}


def test_a_node_where_the_exempt_pods_keep_the_room_is_dropped(tolerant: QuotaWorld) -> None:
    tolerant.node("n", 2)
    tolerant.node("m", 2)
    tolerant.pod("x/g", "n", cpu=2, priority_class="guarded", priority=100)
    tolerant.pod("x/o", "m", cpu=2, priority_class="open", priority=100)
    assert tolerant.preempt(tolerant.pod("x/p", cpu=2, priority=1000), n=("g",), m=("o",)) == {"m": ("o",)}
    assert tolerant.record.nodes_out == 1
    assert tolerant.record.node == "m"


def test_an_unknown_class_drops_the_node(tolerant: QuotaWorld) -> None:
    tolerant.node("n", 1)
    tolerant.pod("x/u", "n", priority_class="unknown", priority=100)
    assert tolerant.preempt(tolerant.pod("x/p", priority=1000), n=("u",)) == {}
    assert tolerant.record.plugins[-1].message == 'priorityclass.scheduling.k8s.io "unknown" not found'


def test_an_exempt_victim_is_not_replaced_where_only_the_scheduler_can_judge(tolerant: QuotaWorld) -> None:
    tolerant.node("n", 2)
    tolerant.pod("x/g", "n", priority_class="guarded", priority=100)
    tolerant.pod("x/o", "n", priority_class="open", priority=100)
    pod = tolerant.pod("x/p", priority=1000, placement=Placement(unjudged=("volumes",)))
    assert tolerant.preempt(pod, n=("g",)) == {}


def test_every_plugin_obeys_the_exemption(kernels: Path) -> None:
    world = QuotaWorld(kernels, QUOTAS, TOLERATION)
    world.priority_class("guarded", 100, **{MINIMUM: "100000", SECONDS: "-1"})
    world.node("n", 2)
    guarded = world.pod("free/g", "n", priority_class="guarded", priority=100)
    world.pod("free/f", "n")
    pod = world.pod("free/p", priority=1000)
    assert world.preempt(pod, n=("g",)) == {"n": ("f",)}
    assert "protects it" in world.engine.protected(guarded, pod)
    assert "protects it" in world.engine.protected(guarded), "also from who moves it without a preemptor"
    world.engine.activate(world.off)
    assert world.engine.protected(guarded, pod) == ""


# Plugins that break their promises.


def odd(search: Any = None, *, eligible: Any = None, exempt: Any = None) -> Plugin:
    def spare(_cycle: Cycle, _exempt: Exempting) -> Search:
        return lambda _row, proposed: proposed or Selection()

    part = PostFilter(eligible or (lambda _cycle, _hopeless: PASSED), search or spare, exempt=exempt)
    return replace(TOLERATION, name="Odd", post_filter=part)


def boom(*_args: object) -> Any:
    raise RuntimeError("boom")


STRANGER = Pod(namespace="x", name="stranger", uid="stranger")


@pytest.mark.parametrize(
    "plugin",
    [
        odd(boom),
        odd(lambda _cycle, _exempt: boom),
        odd(lambda _cycle, _exempt: lambda _row, _proposed: Selection((STRANGER,))),
        odd(lambda _cycle, _exempt: lambda _row, _proposed: None),
        odd(lambda _cycle, _exempt: lambda _row, _proposed: Selection(status=Status(Code.UNSCHEDULABLE, "no"))),
    ],
    ids=["at the start", "on a node", "a stranger", "nothing", "no"],
)
def test_a_plugin_that_fails_evicts_nobody(kernels: Path, plugin: Plugin) -> None:
    world = QuotaWorld(kernels, plugin)
    world.node("n", 1)
    world.pod("x/f", "n")
    assert world.preempt(world.pod("x/p", priority=1000), n=("f",)) == {}
    assert world.record.plugins[-1].code in ("Error", "Unschedulable")
    assert world.record.plugins[-1].message


def test_a_plugin_that_cannot_say_who_may_ask_is_neutral_and_one_that_cannot_say_who_is_exempt_keeps_all(
    kernels: Path,
) -> None:
    for plugin, kept in ((odd(eligible=boom), {"n": ("f",)}), (odd(exempt=boom), {})):
        world = QuotaWorld(kernels, replace(TOLERATION), plugin)
        world.node("n", 1)
        victim = world.pod("x/f", "n")
        assert world.preempt(world.pod("x/p", priority=1000), n=("f",)) == kept
        assert bool(world.engine.protected(victim)) is not bool(kept)


def test_a_static_pod_is_nobodys_victim(world: QuotaWorld) -> None:
    world.node("n", 2)
    world.pod("free/static", "n", annotations={"kubernetes.io/config.mirror": "x"})
    world.pod("free/f", "n")
    assert world.preempt(world.pod("free/p", priority=1000), n=("static",)) == {"n": ("f",)}
    assert world.preempt(world.pod("free/big", cpu=2, priority=1000), n=("static", "f")) == {}


def postfilter(world: QuotaWorld, pod: Pod) -> Any:
    return asyncio.run(world.engine.explain(pod, None, None))["plugins"]["CapacityScheduling"].get("postFilter")


def test_explain_says_who_would_have_to_leave_and_evicts_nobody(world: QuotaWorld) -> None:
    world.node("n", 2)
    for name, priority in (("f", 5), ("g", 7)):
        world.pod(f"free/{name}", "n", priority=priority)
    pod = world.pod("free/p", priority=1000)
    assert postfilter(world, pod) == {
        "code": "Success",
        "reasons": [],
        "node": "n",
        "victims": ["free/f"],
        "numPDBViolations": 0,
    }
    assert postfilter(world, world.pod("free/never", preemption_policy="Never")) == {
        "code": "Unschedulable",
        "reasons": ["not eligible due to preemptionPolicy=Never."],
    }
    assert postfilter(world, world.pod("free/least", priority=0)) == {
        "code": "Unschedulable",
        "reasons": ["0/1 nodes are available: 1 No victims found on node n for preemptor pod least."],
    }
    world.node("roomy")
    assert postfilter(world, pod) is None
    assert world.frames == []
