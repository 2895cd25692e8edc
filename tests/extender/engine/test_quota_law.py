"""A quota is never exceeded and never leaks, in whatever order filter, bind, failure, deletion and time come."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from extender.cluster.state import ClusterState
from extender.engine.cycle import rows_of
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.model.events import NodeUpserted, ObjectUpserted, PodDeleted, PodUpserted
from extender.model.node import Node
from extender.model.pod import Container, Pod
from extender.plugins import capacity_scheduling
from extender.plugins.capacity_scheduling.book import QuotaBook
from tests.extender.engine.a_world import FakeBinder, decided
from tests.thorough import CI

MAX_CPU = 4
NODES = ["node-1", "node-2"]
UIDS = st.sampled_from([f"u{i}" for i in range(8)])
QUOTA = {
    "apiVersion": "scheduling.x-k8s.io/v1alpha1",
    "kind": "ElasticQuota",
    "metadata": {"namespace": "team", "name": "q"},
    "spec": {"min": {"cpu": "4"}, "max": {"cpu": str(MAX_CPU), "memory": "1Gi", "ephemeral-storage": "1Gi"}},
}


def a_pod(uid: str) -> Pod:
    cpu = 1 + int(uid[1:]) % 3
    return Pod(namespace="team", name=uid, uid=uid, containers=(Container(requests={"cpu": str(cpu)}),))


def cpu_of(uid: str) -> int:
    return 1 + int(uid[1:]) % 3


class QuotaMachine(RuleBasedStateMachine):
    compiled: CompiledPlugin
    runner: asyncio.Runner
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0
        self.exists: set[str] = set()
        self.start(())

    @rule()
    def restart(self) -> None:
        """A new process: leases are gone, the cluster is listed again."""
        self.start(list(self.state.pods.values()))

    def start(self, listed: Iterable[Pod]) -> None:
        self.state = ClusterState()
        self.binder = FakeBinder()
        self.engine = Engine(
            self.state,
            [self.compiled.plugin],
            self.binder,
            offer=lambda _f: None,
            clock=lambda: self.now_s,
            lease_ttl_s=30.0,
        )
        seat = Seat(
            self.compiled.plugin, self.compiled, self.compiled.plugin.args(), 1, frozenset({"preFilter", "reserve"})
        )
        self.policy = PolicySet("r", "h", "wide", {"*": profile_of("*", [seat])})
        self.engine.activate(self.policy)
        for name in NODES:
            self.state.apply(NodeUpserted(Node(name=name)), self.now_s)
        self.state.apply(ObjectUpserted("ElasticQuota", "team/q", QUOTA), self.now_s)
        for pod in listed:
            self.state.apply(PodUpserted(pod), self.now_s)

    @rule(uid=UIDS)
    def create(self, uid: str) -> None:
        if uid not in self.exists:
            self.exists.add(uid)
            self.state.apply(PodUpserted(a_pod(uid)), self.now_s)

    @rule(uid=UIDS)
    def filter(self, uid: str) -> None:
        """The scheduler may filter a pod that our watch has not shown yet, or has shown gone."""
        pod = self.state.pods.get(uid) or a_pod(uid)
        if not pod.node_name:
            decided(self.engine, pod, NODES, rows_of(self.state, NODES), self.now_s)

    @rule(uid=UIDS, fails=st.booleans())
    def bind(self, uid: str, fails: bool) -> None:  # noqa: FBT001 - drawn, not called
        if uid in self.exists:
            self.binder.answers[uid] = "no" if fails else ""
            self.runner.run(self.engine.bind("team", uid, uid, "node-1", self.now_s + 5))

    @rule(uid=UIDS)
    def fails_elsewhere(self, uid: str) -> None:
        pod = self.state.pods.get(uid)
        if pod is not None and not pod.node_name:
            failed = msgspec.structs.replace(pod, unschedulable_at_s=int(self.now_s))
            self.state.apply(PodUpserted(failed), self.now_s)

    @rule(uid=UIDS)
    def delete(self, uid: str) -> None:
        self.exists.discard(uid)
        self.binder.bound = [(bound, node) for bound, node in self.binder.bound if bound != uid]
        self.state.apply(PodDeleted(uid), self.now_s)

    @rule(after_s=st.sampled_from([1.0, 10.0, 31.0]))
    def time_passes(self, after_s: float) -> None:
        self.now_s += after_s
        self.engine.tick()

    @rule()
    def switch_off_and_on(self) -> None:
        self.engine.activate(PolicySet())
        self.engine.activate(self.policy)

    @invariant()
    def the_quota_holds(self) -> None:
        QuotaMachine.steps += 1
        bound = {uid for uid, _node in self.binder.bound} & self.exists
        on_nodes = {uid for uid, pod in self.state.pods.items() if pod.node_name}
        assert sum(map(cpu_of, bound | on_nodes)) <= MAX_CPU

    @invariant()
    def what_is_charged_is_what_is_held(self) -> None:
        held = {lease["uid"] for lease in self.engine.leases()} | {u for u, p in self.state.pods.items() if p.node_name}
        book = self.engine.books.of("CapacityScheduling")
        assert isinstance(book, QuotaBook)
        assert book.used("team").cpu_milli == 1000 * sum(map(cpu_of, held))

    def teardown(self) -> None:
        for uid in list(self.state.pods):
            self.state.apply(PodDeleted(uid), self.now_s)
        self.now_s += 1000
        self.engine.tick()
        book = self.engine.books.of("CapacityScheduling")
        assert isinstance(book, QuotaBook)
        assert book.used("team").cpu_milli == 0
        assert self.engine.leases() == []


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledPlugin:
    cache: Path = tmp_path_factory.mktemp("kernels")
    return compile_all([capacity_scheduling.PLUGIN], cache)["CapacityScheduling"]


@pytest.mark.timeout(900)  # a hundred thousand steps in CI
def test_the_quota_law(compiled: CompiledPlugin) -> None:
    QuotaMachine.compiled, QuotaMachine.steps = compiled, 0
    with asyncio.Runner() as QuotaMachine.runner:
        run_state_machine_as_test(
            QuotaMachine,
            settings=settings(deadline=None, max_examples=600 if CI else 30, stateful_step_count=200),
        )
    assert QuotaMachine.steps >= (100_000 if CI else 1000)
