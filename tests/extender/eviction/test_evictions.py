"""How pods are made to leave: whom it hits, what is recorded, and what keeps it from hitting anybody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from extender.eviction import evictions as engine
from extender.model.pod import Pod
from extender.telemetry import metrics
from tests.extender.eviction.a_cluster import Cluster, preemption, rescheduling


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def condition(tree: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((c for c in tree["status"].get("conditions") or [] if c["type"] == kind), {})


def is_leaving(cluster: Cluster, pod: Pod) -> bool:
    tree = cluster.tree(pod)
    return not tree or "deletionTimestamp" in tree["metadata"]


# Preemption.


def test_victims_of_a_preemption_are_marked_and_deleted_and_the_room_is_kept(cluster: Cluster) -> None:
    urgent = cluster.pod("urgent", priority=10)
    victims = [cluster.pod("mid", "n1", priority=5), cluster.pod("low", "n1")]

    cluster.do(preemption(urgent, *victims), frames=2)

    for victim in victims:
        marked = condition(cluster.tree(victim), "DisruptionTarget")
        assert (marked["status"], marked["reason"]) == ("True", "PreemptionByScheduler")
        assert condition(cluster.tree(victim), "PodScheduled"), "its other conditions stay"
        assert is_leaving(cluster, victim)
    assert cluster.tree(urgent)["status"]["nominatedNodeName"] == "n1"
    assert cluster.results() == [("low", "evicted"), ("mid", "evicted")], "least important first"
    frame = cluster.evicted()[0]
    assert (frame.plugin, frame.why, frame.node, frame.decision) == ("CapacityScheduling", "preemption", "n1", "d-1")
    assert frame.preemptor is not None
    assert frame.preemptor.name == "urgent"


def test_the_room_is_kept_before_the_first_victim_goes(cluster: Cluster) -> None:
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    cluster.do(preemption(urgent, low), frames=1)
    assert [call.rpartition("/")[2] for call in cluster.kube.calls] == ["status", "status", "low"]
    assert "urgent" in cluster.kube.calls[0]
    assert cluster.kube.calls[-1].startswith("DELETE")


def test_less_important_nominations_on_the_node_are_taken_back_and_no_others(cluster: Cluster) -> None:
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    lesser, equal, elsewhere = cluster.pod("lesser", priority=9), cluster.pod("equal", priority=10), cluster.pod("far")
    cluster.nominate(lesser, "n1")
    cluster.nominate(equal, "n1")
    cluster.nominate(elsewhere, "n2")

    cluster.do(preemption(urgent, low), frames=1)

    assert "nominatedNodeName" not in cluster.tree(lesser)["status"]
    assert cluster.tree(equal)["status"]["nominatedNodeName"] == "n1"
    assert cluster.tree(elsewhere)["status"]["nominatedNodeName"] == "n2"


def test_a_budget_does_not_stop_a_preemption(cluster: Cluster) -> None:
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    cluster.budget(1)
    cluster.do(preemption(urgent, low), frames=1)
    assert cluster.results() == [("low", "evicted")]


def test_a_job_that_has_lost_its_sense_evicts_nobody(cluster: Cluster) -> None:
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    cluster.do(preemption(urgent, low, verify=lambda: "the quota has room again"), frames=1)
    assert cluster.results() == [("low", "gone")]
    assert cluster.evicted()[0].message == "the quota has room again"
    assert cluster.kube.calls == []


@pytest.mark.parametrize("end", ["bound", "deleted"])
def test_nobody_leaves_for_a_preemptor_that_needs_no_room_any_more(cluster: Cluster, end: str) -> None:
    urgent, low = cluster.pod("urgent", "n2" if end == "bound" else "", priority=10), cluster.pod("low", "n1")
    if end == "deleted":
        cluster.gone(urgent)
    cluster.do(preemption(urgent, low), frames=1)
    assert cluster.results() == [("low", "gone")]
    assert "urgent" in cluster.evicted()[0].message
    assert not is_leaving(cluster, low)


def test_a_pod_of_the_same_name_is_not_the_victim(cluster: Cluster) -> None:
    urgent, old = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    cluster.gone(old)
    new = cluster.pod("low", "n1")
    cluster.do(preemption(urgent, old), frames=1)
    assert cluster.results() == [("low", "gone")]
    assert not is_leaving(cluster, new)


def test_the_server_refuses_to_touch_a_pod_of_the_same_name_that_the_cache_has_not_seen(cluster: Cluster) -> None:
    urgent, old = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    cluster.lab.store.listeners.clear()  # the watch is behind
    cluster.gone(old)
    new = cluster.lab.pod("low")
    cluster.do(preemption(urgent, old), frames=1)
    cluster.do(rescheduling(old), frames=2)
    assert [result for _pod, result in cluster.results()] == ["gone", "gone"]
    assert "deletionTimestamp" not in cluster.lab.now(new)["metadata"]


def test_a_victim_that_moved_or_is_leaving_is_not_evicted_again(cluster: Cluster) -> None:
    urgent = cluster.pod("urgent", priority=10)
    elsewhere, leaving = cluster.pod("elsewhere", "n2"), cluster.pod("leaving", "n1")
    cluster.lab.writer.end_pod(cluster._stored(leaving))
    cluster.do(preemption(urgent, elsewhere, leaving), frames=1)
    assert [(frame.pod.name, frame.message) for frame in cluster.evicted()] == [
        ("elsewhere", "the pod is on node n2 now")
    ], "who made the other leave has recorded that"
    assert cluster.kube.calls == []


def test_after_a_failure_the_more_important_victims_stay_and_the_room_is_given_up(cluster: Cluster) -> None:
    urgent = cluster.pod("urgent", priority=10)
    mid, low = cluster.pod("mid", "n1", priority=5), cluster.pod("low", "n1")
    cluster.kube.trouble = lambda method, _path: "no answer" if method == "DELETE" else ""
    cluster.do(preemption(urgent, mid, low), frames=2)
    assert cluster.results() == [("low", "failed"), ("mid", "failed")]
    assert not is_leaving(cluster, mid)
    assert "nominatedNodeName" not in cluster.tree(urgent)["status"]


def test_a_preemptor_that_cannot_be_nominated_costs_nobody_anything(cluster: Cluster) -> None:
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    cluster.kube.trouble = lambda _method, path: "no answer" if "urgent" in path else ""
    cluster.do(preemption(urgent, low), frames=1)
    assert cluster.results() == [("low", "failed")]
    assert not is_leaving(cluster, low)


# Memory.


def test_a_preemptor_waits_until_its_victims_are_gone(cluster: Cluster) -> None:
    urgent = cluster.pod("urgent", priority=10)
    low, other = cluster.pod("low", "n1"), cluster.pod("other", "n2")
    job = preemption(urgent, other, node="n2")
    assert not cluster.evictions.awaits(urgent.uid)

    cluster.do(preemption(urgent, low), frames=1)
    assert cluster.evictions.awaits(urgent.uid)
    assert not cluster.evictions.submit(job)
    assert not is_leaving(cluster, other)

    cluster.gone(low)
    assert not cluster.evictions.awaits(urgent.uid)
    assert cluster.evictions.submit(job)


def test_a_preemptor_waits_from_the_moment_its_job_is_taken_in(cluster: Cluster) -> None:
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    assert cluster.evictions.submit(preemption(urgent, low))
    assert not cluster.evictions.submit(preemption(urgent, low))


def test_a_preemption_that_evicted_nobody_is_not_tried_again_at_once(cluster: Cluster) -> None:
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1", schedulerName="another")
    cluster.do(preemption(urgent, low), frames=1)
    assert cluster.results() == [("low", "refused")]
    assert not cluster.evictions.submit(preemption(urgent, low))
    cluster.lab.clock.now_s += engine.QUIET_S
    assert cluster.evictions.submit(preemption(urgent, low))


def test_a_victim_that_never_goes_holds_its_preemptor_back_for_a_limited_time(cluster: Cluster) -> None:
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    cluster.do(preemption(urgent, low), frames=1)
    cluster.lab.clock.now_s += 600
    assert not cluster.evictions.awaits(urgent.uid)


# Rescheduling.


def test_a_rescheduled_pod_leaves_through_the_eviction_api(cluster: Cluster) -> None:
    web = cluster.pod("web", "n1")
    cluster.do(rescheduling(web), frames=1)
    assert cluster.kube.calls == ["POST /api/v1/namespaces/team-a/pods/web/eviction"]
    assert is_leaving(cluster, web)
    assert cluster.results() == [("web", "evicted")]


def test_a_budget_refuses_and_once_it_allows_the_pod_goes(cluster: Cluster) -> None:
    web = cluster.pod("web", "n1")
    cluster.budget(1)

    async def run() -> None:
        cluster.evictions.submit(rescheduling(web))
        async with cluster.working():
            await cluster.until(lambda: cluster.results() == [("web", "refused")])
            cluster.pod("web-2", "n2")
            cluster.keeper.keep()
            await cluster.until(lambda: len(cluster.results()) == 2)

    asyncio.run(run())
    refused, evicted = cluster.evicted()
    assert "needs 1 healthy pods and has 1 currently" in refused.message
    assert evicted.result == "evicted"
    assert is_leaving(cluster, web)


def test_a_budget_that_never_allows_is_asked_a_few_times_and_the_refusal_recorded_first_and_last() -> None:
    cluster = Cluster(retries=3)
    web = cluster.pod("web", "n1")
    cluster.budget(1)
    cluster.do(rescheduling(web), frames=2)
    assert cluster.results() == [("web", "refused"), ("web", "refused")]
    assert cluster.evicted()[1].message.endswith("given up after 4 attempts")
    assert len(cluster.kube.calls) == 4
    assert not is_leaving(cluster, web)


def test_before_every_attempt_the_job_is_verified_anew(cluster: Cluster) -> None:
    web = cluster.pod("web", "n1")
    cluster.budget(1)
    why = iter(["", "Rescheduler is off"])
    cluster.do(rescheduling(web, verify=lambda: next(why)), frames=2)
    assert [(f.result, f.message) for f in cluster.evicted()][1:] == [("gone", "Rescheduler is off")]
    assert len(cluster.kube.calls) == 1


def test_refused_evictions_that_wait_are_limited(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WAITING_MAX", 0)
    web = cluster.pod("web", "n1")
    cluster.budget(1)
    cluster.do(rescheduling(web), frames=1)
    assert cluster.evicted()[0].message.endswith("given up after 1 attempts")


# Limits.


def test_a_preemption_over_a_limit_takes_no_victim_at_all() -> None:
    cluster = Cluster(per_node=1)
    urgent = cluster.pod("urgent", priority=10)
    victims = [cluster.pod("a", "n1"), cluster.pod("b", "n1")]
    cluster.do(preemption(urgent, *victims), frames=2)
    assert {result for _pod, result in cluster.results()} == {"refused"}
    assert cluster.evicted()[0].message == "limit: 1 evictions per minute from one node"
    assert cluster.kube.calls == []


def test_a_rescheduling_over_a_limit_takes_those_within_it() -> None:
    cluster = Cluster(per_minute=1)
    cluster.do(rescheduling(cluster.pod("a", "n1"), cluster.pod("b", "n1")), frames=2)
    assert sorted(result for _pod, result in cluster.results()) == ["evicted", "refused"]


def test_pods_of_other_schedulers_stay_unless_an_operator_says_otherwise(cluster: Cluster) -> None:
    for allowed, result in ((False, "refused"), (True, "evicted")):
        cluster = Cluster(other_schedulers=allowed)
        foreign = cluster.pod("foreign", "n1", schedulerName="another")
        cluster.do(rescheduling(foreign), frames=1)
        assert cluster.results() == [("foreign", result)]
        assert is_leaving(cluster, foreign) == allowed


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_dry_run_records_and_does_nothing(everywhere: bool) -> None:  # noqa: FBT001
    cluster = Cluster(dry_run=everywhere)
    urgent, low = cluster.pod("urgent", priority=10), cluster.pod("low", "n1")
    web = cluster.pod("web", "n1")
    dry = not everywhere
    cluster.do(preemption(urgent, low, dry_run=dry), rescheduling(web, dry_run=dry), frames=2)
    assert sorted(cluster.results()) == [("low", "dryRun"), ("web", "dryRun")]
    assert cluster.kube.calls == []
    assert not cluster.evictions.submit(preemption(urgent, low)), "it would only say the same again"


def test_a_full_queue_refuses_and_counts(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "QUEUE_MAX", 2)
    pods = [cluster.pod(f"p{i}", "n1") for i in range(3)]
    before = metrics.EVICTION_JOBS_REFUSED.labels("full")._value.get()
    assert not cluster.evictions.submit(rescheduling(*pods)), "every victim takes a place"
    assert cluster.evictions.submit(rescheduling(*pods[:2]))
    assert not cluster.evictions.submit(rescheduling(pods[2]))
    assert metrics.EVICTION_JOBS_REFUSED.labels("full")._value.get() == before + 2


def test_preemptions_go_before_what_was_queued_earlier(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WORKERS", 1)
    urgent = cluster.pod("urgent", priority=10)
    cluster.do(rescheduling(cluster.pod("calm", "n1")), preemption(urgent, cluster.pod("low", "n1")), frames=2)
    assert [pod for pod, _result in cluster.results()] == ["low", "calm"]


def test_a_plugin_that_raises_while_verifying_stops_nobody_else(cluster: Cluster) -> None:
    def broken() -> str:
        raise ZeroDivisionError

    web, other = cluster.pod("web", "n1"), cluster.pod("other", "n1")
    cluster.do(rescheduling(web, verify=broken), rescheduling(other), frames=2)
    assert sorted(cluster.results()) == [("other", "evicted"), ("web", "failed")]
    assert not is_leaving(cluster, web)


def test_what_waits_for_a_budget_ends_with_the_program() -> None:
    cluster = Cluster(retry_s=3600.0)
    web = cluster.pod("web", "n1")
    cluster.budget(1)
    cluster.do(rescheduling(web), frames=1)
    assert cluster.evictions.status()["waitingForBudget"] == 0


def test_the_status_tells_what_is_queued_done_and_allowed(cluster: Cluster) -> None:
    web = cluster.pod("web", "n1")
    cluster.evictions.submit(rescheduling(web))
    assert cluster.evictions.status()["queued"] == 1
    cluster.do(frames=1)
    told = cluster.evictions.status()
    assert (told["queued"], told["lastMinute"], told["results"]) == (0, 1, {"evicted": 1})


def test_a_preemptor_whose_job_fell_may_ask_again_and_each_victim_is_recorded_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise ZeroDivisionError

    urgent, low, lost = cluster.pod("urgent", priority=10), cluster.pod("low", "n1"), cluster.pod("lost", "n1")
    cluster.gone(lost)
    cluster.do(preemption(urgent, low, lost, verify=broken), frames=2)
    assert sorted(cluster.results()) == [("lost", "failed"), ("low", "failed")]
    assert cluster.evictions.awaits(urgent.uid), "for a moment"
    monkeypatch.setattr(cluster.evictions, "_clock", lambda: cluster.lab.clock() + engine.QUIET_S + 1)
    assert not cluster.evictions.awaits(urgent.uid)


def test_what_was_queued_when_the_lead_was_lost_is_not_done_in_the_next_term(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = engine.WORKERS + 2
    pairs = [(cluster.pod(f"urgent-{i}", priority=10), cluster.pod(f"low-{i}", "n1")) for i in range(many)]
    later = cluster.pod("later", "n1")

    async def hang(*_call: object, **_parts: object) -> None:
        await asyncio.Event().wait()

    async def terms() -> None:
        with monkeypatch.context() as cut:
            cut.setattr(cluster.kube, "request", hang)
            async with cluster.working():
                for urgent, victim in pairs:
                    assert cluster.evictions.submit(preemption(urgent, victim))
                await cluster.until(lambda: cluster.evictions.status()["queued"] == 2)
        cluster.evictions.forget()
        assert not any(cluster.evictions.awaits(urgent.uid) for urgent, _victim in pairs)
        async with cluster.working():
            assert cluster.evictions.submit(rescheduling(later))
            await cluster.until(lambda: is_leaving(cluster, later))

    asyncio.run(terms())
    assert not any(is_leaving(cluster, victim) for _urgent, victim in pairs)
