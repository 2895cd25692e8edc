"""Rounds of the balance: when they come, what they submit, and that nothing happens once the plugin is off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from extender.cluster.binder import FileBinder
from extender.controllers.controller import Surroundings
from extender.controllers.rescheduling import Rescheduling
from extender.engine.audience import Audience
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.eviction import EvictionSettings
from extender.eviction.limits import Limits
from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.kube import KubeApi
from extender.lab.kinds import NODES
from extender.model.events import ObjectUpserted
from extender.model.pod import Pod
from extender.plugins.rescheduler import PLUGIN
from extender.plugins.rescheduler.book import MAINTENANCE_LABEL, UsageBook
from extender.policy.modes import Canary
from tests.extender.eviction.a_cluster import Cluster

SOON = {"reschedulingInterval": "10s", "minPodAge": "0s", "enabledStrategies": ["ResourceOptimization"]}


@pytest.fixture(scope="module")
def compiled(kernels: Path) -> CompiledPlugin:
    return compile_all((PLUGIN,), kernels)[PLUGIN.name]


class Balanced(Cluster):
    """A cluster with an engine and the controller; four pods fill node `full` to 90 percent of its cpu."""

    def __init__(self, compiled: CompiledPlugin, **args: Any) -> None:
        super().__init__()
        self._compiled = compiled
        self.engine = Engine(
            self.state, [PLUGIN], FileBinder(self.state), offer=self.frames.append, clock=self.lab.clock
        )
        around = Surroundings(
            self.engine, self.state, cast("KubeApi", self.kube), self.evictions, self.frames.append, self.lab.clock
        )
        self.controller = Rescheduling(around)
        self.lab.node("full")
        self.lab.node("free")
        self.web = [self.owned(f"web-{i}", "full") for i in range(4)]
        self.turn_on(**args)

    def owned(self, name: str, node: str = "", **spec: Any) -> Pod:
        found = self.pod(name, node, cpu="900m", **spec)
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "owner", "controller": True}
        self.lab.change(self._stored(found), metadata={"ownerReferences": [owner]})
        return self.state.pods[found.uid]

    def turn_on(self, scheduler: str = "*", **given: Any) -> None:
        args, wrong = args_of(PLUGIN, {**SOON, **given})
        assert wrong == []
        seat = Seat(PLUGIN, self._compiled, args, 1, frozenset({"filter"}))
        self.engine.activate(PolicySet(profiles={scheduler: profile_of(scheduler, [seat])}))

    def turn_on_for(self, namespace: str) -> None:
        """A canary of one namespace."""
        args, _ = args_of(PLUGIN, SOON)
        audience = Audience(Canary(namespaces=(namespace,)))
        seat = Seat(PLUGIN, self._compiled, args, 1, frozenset({"filter"}), audience=audience)
        self.engine.activate(PolicySet(profiles={"*": profile_of("*", [seat])}))

    def turn_off(self) -> None:
        self.engine.activate(PolicySet(profiles={"*": profile_of("*", [])}))

    @property
    def book(self) -> UsageBook:
        book = self.engine.books.of(PLUGIN.name)
        assert isinstance(book, UsageBook)
        return book

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and the controller look once."""
        self.lab.clock.now_s += seconds
        asyncio.run(self.controller.look())

    def round(self) -> None:
        """One whole round, its evictions included."""
        self.pass_time(0)
        self.pass_time(10)
        self.work()

    def work(self, while_working: Callable[[], object] = lambda: True) -> None:
        async def run() -> None:
            async with self.working():
                await self.until(lambda: while_working() and self.evictions.idle)

        asyncio.run(run())

    def queued(self) -> int:
        queued: int = self.evictions.status()["queued"]
        return queued


def test_a_canary_moves_its_own_pods_only(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    cluster.turn_on_for("elsewhere")
    cluster.round()
    assert cluster.evicted() == []
    cluster.turn_on_for(cluster.web[0].namespace)
    cluster.round()
    assert len(cluster.evicted()) == 1


def test_a_pod_leaves_an_overloaded_node_and_the_record_says_why(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    cluster.round()
    (frame,) = cluster.evicted()
    assert (frame.plugin, frame.why, frame.result, frame.node) == ("Rescheduler", "rescheduling", "evicted", "full")
    assert frame.reason == (
        "ResourceOptimization: node full is overloaded: cpu usage 90.0% over threshold 80.0%; "
        "node free would take the pod"
    )
    assert cluster.controller.status()["*"] == {
        "rounds": 1,
        "skipped": 0,
        "moves": 1,
        "lastMoves": 1,
        "lastAt": cluster.lab.clock.now_s,
    }


def test_the_first_round_comes_after_an_interval_and_then_one_per_interval(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled, dryRun=True)
    for passed, rounds in ((0, 0), (9, 0), (1, 1), (5, 1), (5, 2)):
        cluster.pass_time(passed)
        cluster.work()
        assert cluster.controller.status()["*"]["rounds"] == rounds
    cluster.turn_on(dryRun=True, reschedulingInterval="1h")
    cluster.pass_time(11)
    assert cluster.controller.status()["*"]["rounds"] == 3, "the round that was due is not put off"
    cluster.turn_on(dryRun=True, reschedulingInterval="2s")
    cluster.pass_time(0)
    cluster.pass_time(2)
    assert cluster.controller.status()["*"]["rounds"] == 4, "a shorter interval takes effect at once"


def test_without_the_plugin_nothing_happens_and_its_rounds_are_forgotten(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    for off in (cluster.turn_off, lambda: cluster.turn_on(enableReschedulingController=False)):
        off()
        cluster.round()
        assert (cluster.evicted(), cluster.controller.status()) == ([], {})


def test_what_is_queued_when_the_plugin_goes_off_is_not_done(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    cluster.pass_time(0)
    cluster.pass_time(10)
    assert cluster.queued() == 1
    cluster.turn_off()
    cluster.work()
    assert [(frame.result, frame.message) for frame in cluster.evicted()] == [("gone", "Rescheduler is off")]
    assert cluster.kube.calls == []


def test_a_round_waits_until_the_evictions_of_the_one_before_are_done(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    cluster.pass_time(0)
    cluster.pass_time(10)
    cluster.pass_time(10)
    assert (cluster.controller.status()["*"]["skipped"], cluster.queued()) == (1, 1)


def test_the_owner_of_a_moved_pod_cools_down(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled, cpuThreshold=50, hysteresis=0, cooldown="1m")
    cluster.round()
    (victim,) = [pod for pod in cluster.web if pod.name == cluster.evicted()[0].pod.name]
    cluster.gone(victim)
    assert cluster.book.moved_from("owner", cluster.lab.clock.now_s) == ["full"]
    cluster.pass_time(10)
    cluster.work()
    assert len(cluster.evicted()) == 1, "though the node is overloaded still"
    cluster.pass_time(60)
    cluster.work()
    assert len(cluster.evicted()) == 2


def test_a_dry_run_records_each_move_once_and_moves_nothing(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled, dryRun=True)
    cluster.round()
    cluster.pass_time(10)
    cluster.work()
    assert [frame.result for frame in cluster.evicted()] == ["dryRun"]
    assert cluster.kube.calls == []
    assert cluster.book.moved_from("owner", cluster.lab.clock.now_s) == []


def test_a_node_that_came_down_by_itself_keeps_its_pods(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    cluster.pass_time(0)
    cluster.pass_time(10)
    for pod in cluster.web[1:]:
        cluster.gone(pod)
    cluster.gone(cluster.web[0])
    cluster.work()
    assert [frame.result for frame in cluster.evicted()] == ["gone"]


def test_a_drain_stops_when_the_label_goes(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled, enabledStrategies=["NodeMaintenance"], evictionLimits={"owner": 4})
    node = cluster.lab.store.get(NODES, "", "full")
    labelled = {**node.tree, "metadata": {**node.tree["metadata"], "labels": {MAINTENANCE_LABEL: "true"}}}
    node = cluster.lab.store.replace(node, labelled)
    cluster.pass_time(0)
    cluster.pass_time(10)
    assert cluster.queued() == 3, "a fourth would fill the other node too far"
    cluster.lab.store.replace(node, {**node.tree, "metadata": {**node.tree["metadata"], "labels": {}}})
    cluster.work()
    assert {frame.message for frame in cluster.evicted()} == {"the node is no longer in maintenance mode"}


def test_only_pods_that_the_profile_governs_are_moved(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    cluster.turn_on(scheduler="another")
    cluster.round()
    assert cluster.evicted() == []
    assert cluster.controller.status()["another"]["rounds"] == 1


def test_gang_members_stay_when_none_is_spare_and_malformed_groups_protect_nobody(compiled: CompiledPlugin) -> None:
    for least, moves in ((4, 0), (3, 1), ("4", 1), (None, 1)):
        cluster = Balanced(compiled)
        for pod in cluster.web:
            labels = {"scheduling.x-k8s.io/pod-group": "gang"}
            cluster.lab.change(cluster._stored(pod), metadata={"labels": labels})
        group = {"metadata": {"name": "gang"}, "spec": {"minMember": least}}
        cluster.state.apply(ObjectUpserted("PodGroup", "team-a/gang", group), 0.0)
        cluster.round()
        assert len(cluster.evicted()) == moves


def test_looking_at_the_cluster_lets_others_run_in_between(
    compiled: CompiledPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler's calls are served by the same loop."""
    monkeypatch.setattr("extender.controllers.rescheduling.SLICE", 1)
    cluster = Balanced(compiled)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def run() -> None:
        await cluster.controller.look()
        cluster.lab.clock.now_s += 10
        others = asyncio.create_task(count())
        await cluster.controller.look()
        others.cancel()

    asyncio.run(run())
    assert turns >= 2
    assert cluster.queued() == 1


def test_a_pod_that_stays_after_all_is_not_waited_for(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    cluster.pass_time(0)
    cluster.pass_time(10)
    assert len(cluster.book.expected(cluster.lab.clock())) == 1
    cluster.turn_on(excludedNamespaces=[cluster.web[0].namespace])
    cluster.work()
    assert [result for _pod, result in cluster.results()] == ["gone"]
    assert cluster.book.expected(cluster.lab.clock()) == {}
    cluster.turn_on()
    cluster.round()
    assert [result for _pod, result in cluster.results()] == ["gone", "evicted"]


def test_a_move_over_a_limit_is_thought_of_again_in_the_next_round(compiled: CompiledPlugin) -> None:
    cluster = Balanced(compiled)
    cluster.evictions._limits = Limits(EvictionSettings(per_node=0))
    cluster.round()
    cluster.evictions._limits = Limits(EvictionSettings())
    cluster.round()
    assert [result for _pod, result in cluster.results()] == ["refused", "evicted"]
