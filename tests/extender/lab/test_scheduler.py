"""The stand-in scheduler calls the extender as kube-scheduler does, and takes its answers as it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.responses import Response

from extender.lab.kinds import NODES, PODS
from extender.lab.scheduler import nodes_to_find
from tests.extender.lab.small_lab import SmallLab


def in_a_lab(story: Callable[[SmallLab], Awaitable[None]]) -> None:
    async def run() -> None:
        lab = SmallLab()
        try:
            await story(lab)
        finally:
            await lab.calls.close()
            await lab.http.aclose()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("nodes", "sent"), [(99, 99), (100, 100), (250, 120), (1000, 420), (3000, 780), (5000, 500), (15000, 750)]
)
def test_large_clusters_are_sampled_as_the_protocol_sheet_says(nodes: int, sent: int) -> None:
    assert nodes_to_find(nodes) == sent


def test_a_pod_is_filtered_scored_and_bound() -> None:
    async def story(lab: SmallLab) -> None:
        for name in ("n1", "n2", "n3"):
            lab.node(name)
        lab.extender.answers["prioritize"] = lambda args: [
            {"Host": n, "Score": 10 if n == "n2" else 0} for n in args["NodeNames"]
        ]
        pod = lab.pod("p")
        await lab.schedule()
        assert lab.extender.verbs() == ["filter", "prioritize", "bind"]
        assert lab.now(pod)["spec"]["nodeName"] == "n2"
        assert lab.scheduler.tally.counts["bound"] == 1

    in_a_lab(story)


def test_calls_carry_gos_headers_and_null_nodes() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        lab.pod("p<&>"[:1])
        await lab.schedule()
        _verb, args, body, headers = lab.extender.seen[0]
        assert headers["user-agent"] == "Go-http-client/1.1"
        assert int(headers["content-length"]) == len(body)
        assert "accept" not in headers
        assert args["Nodes"] is None
        assert body.startswith(b'{"Pod":{"metadata":{"name":"p","namespace":"team-a","uid":')

    in_a_lab(story)


def test_prioritize_is_skipped_with_one_node_left() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        lab.node("n2", unschedulable=True)
        lab.pod("p")
        await lab.schedule()
        assert lab.extender.verbs() == ["filter", "bind"]

    in_a_lab(story)


def test_nodes_that_do_not_fit_are_never_sent() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("fits")
        lab.node("small", cpu="500m")
        lab.node("tainted", taints=[{"key": "k", "effect": "NoSchedule"}])
        lab.pod("p")
        await lab.schedule()
        assert lab.extender.seen[0][1]["NodeNames"] == ["fits"]

    in_a_lab(story)


def test_rejections_end_in_a_condition_that_counts_them() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        lab.node("n2")
        lab.node("n3", unschedulable=True)
        lab.extender.answers["filter"] = lambda _args: {
            "NodeNames": [],
            "FailedNodes": {"n1": "no slot"},
            "FailedAndUnresolvableNodes": {"n2": "no driver"},
        }
        pod = lab.pod("p")
        await lab.schedule()
        found = lab.condition(pod)
        assert found["reason"] == "Unschedulable"
        assert found["message"] == (
            "0/3 nodes are available: 1 no driver, 1 no slot, 1 node(s) were unschedulable. "
            "no new claims to deallocate, preemption: 0/3 nodes are available: "
            "1 No preemption victims found for incoming pod, "
            "2 Preemption is not helpful for scheduling."
        )

    in_a_lab(story)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"Error": "ledger not synced"}, "ledger not synced"),
        (Response(status_code=503), "failed filter with extender at URL http://extender/filter, code 503"),
        ([], "cannot be read"),
        ({"NodeNames": ["n9"]}, 'claims a filtered node "n9"'),
    ],
)
def test_a_failed_filter_is_a_scheduler_error_and_is_tried_again(answer: Any, message: str) -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        good = lab.extender.answers["filter"]
        lab.extender.answers["filter"] = lambda _args: answer
        pod = lab.pod("p")
        await lab.schedule()
        assert lab.condition(pod)["reason"] == "SchedulerError"
        assert message in lab.condition(pod)["message"]
        lab.extender.answers["filter"] = good
        lab.clock.now_s += 2
        await lab.schedule()
        assert lab.now(pod)["spec"]["nodeName"] == "n1"

    in_a_lab(story)


def test_a_lost_prioritize_answer_does_not_stop_the_pod_but_is_counted() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        lab.node("n2")
        lab.extender.answers["prioritize"] = lambda _args: Response(b'[{"Host":"n1","Score":7.5}]')
        pod = lab.pod("p")
        await lab.schedule()
        assert lab.now(pod)["spec"]["nodeName"] in ("n1", "n2")
        assert "unmarshal number 7.5" in lab.scheduler.tally.errors[0]

    in_a_lab(story)


def test_assumed_pods_count_before_they_are_bound() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1", cpu="1")
        first, second = lab.pod("a"), lab.pod("b")
        for _ in range(2):
            waiting = lab.scheduler.queue.pop(lab.clock())
            assert waiting is not None
            await lab.scheduler.try_one(waiting)
        await lab.scheduler.settle()
        placed = [bool(lab.now(pod)["spec"].get("nodeName")) for pod in (first, second)]
        assert sorted(placed) == [False, True]

    in_a_lab(story)


def test_a_failed_bind_gives_the_room_back() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1", cpu="1")
        lab.extender.answers["bind"] = lambda _args: {"Error": "slot was taken"}
        pod = lab.pod("p")
        await lab.schedule()
        assert lab.condition(pod)["message"] == "slot was taken"
        del lab.extender.answers["bind"]
        lab.clock.now_s += 2
        await lab.schedule()
        assert lab.now(pod)["spec"]["nodeName"] == "n1"

    in_a_lab(story)


def test_success_without_a_binding_is_shown_as_an_error() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        lab.extender.answers["bind"] = lambda _args: {"Error": ""}
        lab.pod("p")
        await lab.schedule()
        assert "answered success, but the pod has no node" in lab.scheduler.tally.errors[0]

    in_a_lab(story)


def test_preemption_evicts_the_lower_and_places_the_higher_by_its_nomination() -> None:
    async def story(lab: SmallLab) -> None:
        lab.priority("high", 1000)
        lab.node("n1", cpu="1")
        lab.node("n2", cpu="1")
        low = [lab.pod(f"low-{i}") for i in range(2)]
        await lab.schedule()
        assert all(lab.now(pod)["spec"].get("nodeName") for pod in low)
        lab.extender.seen.clear()
        lab.extender.answers["preempt"] = lambda args: {
            "NodeNameToMetaVictims": {"n2": args["NodeNameToMetaVictims"]["n2"]}
        }
        high = lab.pod("high", priorityClassName="high")
        await lab.schedule()
        lab.clock.now_s += 2
        await lab.schedule()
        assert lab.extender.verbs() == ["preempt", "filter", "bind"]
        asked = lab.extender.seen[0][1]
        assert set(asked["NodeNameToMetaVictims"]) == {"n1", "n2"}
        assert asked["NodeNameToVictims"] is None
        assert lab.extender.seen[1][1]["NodeNames"] == ["n2"]
        assert lab.extender.seen[1][1]["Pod"]["status"]["nominatedNodeName"] == "n2"
        assert lab.now(high)["spec"]["nodeName"] == "n2"
        assert lab.store.count(PODS) == 2

    in_a_lab(story)


def test_an_extender_that_drops_every_candidate_prevents_the_eviction() -> None:
    async def story(lab: SmallLab) -> None:
        lab.priority("high", 1000)
        lab.node("n1", cpu="1")
        low = lab.pod("low")
        await lab.schedule()
        lab.extender.answers["preempt"] = lambda _args: {"NodeNameToMetaVictims": {}}
        high = lab.pod("high", priorityClassName="high")
        await lab.schedule()
        assert lab.now(low)["spec"]["nodeName"] == "n1"
        assert lab.condition(high)["message"].endswith("preemption: no candidate node for preemption")

    in_a_lab(story)


def test_a_new_node_wakes_waiting_pods() -> None:
    async def story(lab: SmallLab) -> None:
        pod = lab.pod("p")
        await lab.schedule()
        assert lab.condition(pod)["reason"] == "Unschedulable"
        lab.node("n1")
        lab.clock.now_s += 2
        await lab.schedule()
        assert lab.now(pod)["spec"]["nodeName"] == "n1"

    in_a_lab(story)


def test_pods_of_a_lost_node_do_not_count_anywhere() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        lab.pod("p")
        await lab.schedule()
        lab.store.delete(NODES, "", "n1")
        lab.node("n1", cpu="1")
        second = lab.pod("q")
        await lab.schedule()
        assert not lab.now(second)["spec"].get("nodeName"), "p still stands on the node of that name"

    in_a_lab(story)


def test_a_gated_pod_is_not_tried_until_its_last_gate_is_gone() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        pod = lab.pod("p", schedulingGates=[{"name": "example.test/a"}, {"name": "example.test/b"}])
        assert lab.condition(pod)["reason"] == "SchedulingGated"
        await lab.schedule()
        lab.change(pod, spec={"schedulingGates": [{"name": "example.test/b"}]})
        await lab.schedule()
        assert lab.extender.seen == []
        lab.change(pod, spec={"schedulingGates": None})
        await lab.schedule()
        assert lab.now(pod)["spec"]["nodeName"] == "n1"

    in_a_lab(story)


def test_an_annotation_wakes_the_pod_that_bears_it_and_no_other() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1")
        good = lab.extender.answers["filter"]
        lab.extender.answers["filter"] = lambda args: {"FailedAndUnresolvableNodes": {args["NodeNames"][0]: "quota"}}
        first, second = lab.pod("a"), lab.pod("b")
        await lab.schedule()
        lab.extender.answers["filter"] = good
        lab.clock.now_s += 2
        await lab.schedule()
        assert not lab.now(first)["spec"].get("nodeName"), "its own condition is nothing to wake for"
        lab.change(first, metadata={"annotations": {"trimtab.dev/wake": "1"}})
        await lab.schedule()
        assert lab.now(first)["spec"].get("nodeName") == "n1"
        assert not lab.now(second)["spec"].get("nodeName")

    in_a_lab(story)


def test_a_nomination_by_somebody_else_is_tried_first_and_keeps_the_room() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1", cpu="1")
        lab.node("n2", cpu="1")
        pod = lab.pod("p", schedulingGates=[{"name": "example.test/a"}])
        lab.change(pod, status={"nominatedNodeName": "n2"})
        other = lab.pod("q")
        await lab.schedule()
        assert lab.now(other)["spec"]["nodeName"] == "n1", "n2 is kept for p"
        lab.change(pod, spec={"schedulingGates": None})
        await lab.schedule()
        assert lab.now(pod)["spec"]["nodeName"] == "n2"
        assert lab.extender.seen[-2][1]["NodeNames"] == ["n2"]

    in_a_lab(story)


def test_preemption_spares_whom_a_budget_protects_and_counts_whom_it_cannot() -> None:
    async def story(lab: SmallLab) -> None:
        lab.priority("high", 1000)
        lab.node("n1", cpu="2")
        guarded = lab.pod("guarded", labels={"app": "guarded"})
        await lab.schedule()
        lab.pod("free", labels={"app": "free"})
        await lab.schedule()
        lab.budget("one", 1, app="guarded")
        lab.extender.answers["preempt"] = lambda _args: {"NodeNameToMetaVictims": {}}
        lab.pod("small", priorityClassName="high")
        await lab.schedule()
        asked = lab.extender.seen[-1][1]["NodeNameToMetaVictims"]["n1"]
        assert asked["NumPDBViolations"] == 0
        assert [v["UID"] for v in asked["Pods"]] != [guarded.uid]
        lab.pod("large", cpu="2", priorityClassName="high")
        await lab.schedule()
        asked = lab.extender.seen[-1][1]["NodeNameToMetaVictims"]["n1"]
        assert asked["NumPDBViolations"] == 1
        assert len(asked["Pods"]) == 2

    in_a_lab(story)


def test_a_bind_that_is_held_back_holds_back_nobody_else() -> None:
    async def story(lab: SmallLab) -> None:
        lab.node("n1", cpu="2")
        opened, bound = asyncio.Event(), asyncio.Event()
        first = lab.extender.bind

        async def held(args: dict[str, str]) -> str:
            if args["PodName"] == "held":
                await opened.wait()
            error = await first(args)
            bound.set()
            return error

        lab.extender.bind = held
        pods = [lab.pod(name) for name in ("held", "next", "third")]
        for _ in pods:
            waiting = lab.scheduler.queue.pop(lab.clock())
            assert waiting is not None
            await lab.scheduler.try_one(waiting)
        await bound.wait()
        assert lab.now(pods[1])["spec"]["nodeName"] == "n1"
        assert not lab.now(pods[0])["spec"].get("nodeName")
        assert "Insufficient cpu" in lab.condition(pods[2])["message"], "the held pod counts on its node"
        opened.set()
        await lab.scheduler.settle()
        assert lab.now(pods[0])["spec"]["nodeName"] == "n1"

    in_a_lab(story)
