"""Whatever happens in whatever order, what was promised is kept or given back, once: to a pod that passed filter
(Reserve), on the node that was chosen for it (ReserveOnNode), and to a gang that waits (Permit), with Bindings that
take their time and fail.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from extender.framework import PASSED, Code, Cycle, Plugin, Pod, PreFilter, Reserve, ReserveOnNode, Status
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.model.events import NodeDeleted
from extender.plugins import coscheduling
from extender.plugins.coscheduling.args import CoschedulingArgs
from tests.extender.engine.a_gang_world import HOLD_LIMIT_S, GangWorld, member
from tests.extender.engine.a_world import FakeBinder
from tests.thorough import CI

IN_ALL, ON_A_NODE = 6, 3
LEAST = {"a": 2, "b": 3, "": 1}
GANGS = st.sampled_from(sorted(LEAST))
INDEXES = st.integers(0, 3)
NODES = {"node-1": 4, "node-2": 3}


class Tally:
    """Who counts, by lease or by standing, and where."""

    def __init__(self) -> None:
        self.charged: dict[str, str] = {}
        self.standing: dict[str, str] = {}

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is not None and new.node_name:
            self.standing[new.uid] = new.node_name
            self.charged.pop(new.uid, None)
        elif new is None and old is not None:
            self.standing.pop(old.uid, None)

    def object_changed(self, *_: object) -> None:
        pass

    def take(self, pod: Pod, node: str = "") -> None:
        if pod.uid not in self.standing:
            self.charged[pod.uid] = node

    def release(self, uid: str) -> None:
        self.charged.pop(uid, None)

    def on(self, node: str) -> set[str]:
        return {uid for uid, where in (self.charged | self.standing).items() if where == node}


def counted(cycle: Cycle) -> Status:
    others = (cycle.book.charged.keys() | cycle.book.standing.keys()) - {cycle.pod.uid}
    return PASSED if len(others) < IN_ALL else Status(Code.UNSCHEDULABLE, "no seat left")


def counted_there(cycle: Cycle) -> Status:
    others = cycle.book.on(cycle.nodes.names[int(cycle.rows[0])]) - {cycle.pod.uid}
    return PASSED if len(others) < ON_A_NODE else Status(Code.UNSCHEDULABLE, "no perch left")


SEATS = Plugin(
    name="Seats",
    doc="So many in all.",
    book=Tally,
    pre_filter=PreFilter(counted),
    reserve=Reserve(Tally.take, Tally.release),
)
PERCHES = Plugin(
    name="Perches",
    doc="So many on a node.",
    book=Tally,
    reserve=ReserveOnNode(counted_there, Tally.take, Tally.release),
)


class SlowBinder(FakeBinder):
    """Every Binding waits to be told how it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, asyncio.Future[str]] = {}

    async def bind(self, namespace: str, name: str, uid: str, node: str, timeout_s: float) -> str:
        assert uid not in self.open, "two Bindings of one pod at once"
        self.open[uid] = asyncio.get_running_loop().create_future()
        answer = await self.open[uid]
        del self.open[uid]
        if not answer:
            self.bound.append((uid, node))
        return answer


class PromiseMachine(RuleBasedStateMachine):
    compiled: ClassVar[tuple[CompiledPlugin, ...]]
    runner: ClassVar[asyncio.Runner]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.slow = SlowBinder()
        gang, *others = self.compiled
        self.world = GangWorld(gang, self.runner, dict(NODES), CoschedulingArgs(), tuple(others))
        self.world.binder = self.slow
        self.restart()
        self.made = 0
        self.uids: dict[tuple[str, int], str] = {}
        for name, least in LEAST.items():
            if name:
                self.world.group(name, least)

    # The cluster.

    @rule(gang=GANGS, i=INDEXES, cpu=st.integers(1, 2))
    def create(self, gang: str, i: int, cpu: int) -> None:
        if self.uids.get((gang, i)) not in self.world.state.pods:
            self.made += 1
            uid = self.uids[gang, i] = f"{gang}-{i}-{self.made}"
            made = member(gang, i, cpu)
            self.world.create(Pod(**{f: getattr(made, f) for f in made.__struct_fields__} | {"uid": uid}))

    @rule(gang=GANGS, cpu=st.integers(1, 2))
    def a_gang_comes(self, gang: str, cpu: int) -> None:
        if gang:
            self.world.group(gang, LEAST[gang])
        for i in range(LEAST[gang] + 1):
            self.create(gang, i, cpu)
        self.schedule(gang)

    @rule(gang=GANGS)
    def a_gang_goes(self, gang: str) -> None:
        for i in range(4):
            self.delete(gang, i)

    @rule(gang=GANGS, i=INDEXES)
    def delete(self, gang: str, i: int) -> None:
        if uid := self.uids.pop((gang, i), ""):
            self.world.delete(uid)

    @rule(gang=st.sampled_from(["a", "b"]), least=st.sampled_from([0, 1, 2, 3, 9, "two", None]))
    def edit_the_group(self, gang: str, least: int | str | None) -> None:
        if least is None:
            self.world.delete_group(gang)
        else:
            self.world.group(gang, least)
        self.world.pump()

    @rule(name=st.sampled_from(sorted(NODES)))
    def a_node_goes_or_comes(self, name: str) -> None:
        if name in self.world.cpus:
            del self.world.cpus[name]
            self.world.state.apply(NodeDeleted(name), self.world.now_s)
        else:
            self.world.cpus[name] = NODES[name]
            self.world.add_node(name, NODES[name])
        self.world.pump()

    # The scheduler.

    @rule(gang=GANGS)
    def schedule(self, gang: str) -> None:
        for i in range(4):
            pod = self.world.state.pods.get(self.uids.get((gang, i), ""))
            if pod is not None:
                self.world.schedule(pod)

    @rule()
    def schedule_all(self) -> None:
        for gang in LEAST:
            self.schedule(gang)

    @rule(data=st.data())
    def filter_again(self, data: st.DataObject) -> None:
        """Even while its bind is under way: the scheduler has given that up."""
        pending = sorted(uid for uid, pod in self.world.state.pods.items() if not pod.node_name)
        if pending:
            self.world.filter(self.world.state.pods[data.draw(st.sampled_from(pending))])
            self.world.pump()

    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        there = [uid for uid, bind in self.world.binds.items() if not bind.left.done()]
        if there:
            self.world.hang_up(data.draw(st.sampled_from(there)))

    # The API server, time, the operator.

    @rule()
    def every_binding_succeeds(self) -> None:
        self.settle()

    @rule(data=st.data(), answer=st.sampled_from(["", "", "500 busy", "409 conflict"]))
    def a_binding_ends(self, data: st.DataObject, answer: str) -> None:
        if self.slow.open:
            self.slow.open[data.draw(st.sampled_from(sorted(self.slow.open)))].set_result(answer)
            self.world.pump()

    @rule(after_s=st.sampled_from([1.0, 20.0, HOLD_LIMIT_S + 1, 61.0, -30.0]))
    def the_clock_moves(self, after_s: float) -> None:
        self.world.pass_time(after_s)

    @rule(how=st.sampled_from(["off and on", "planned", "parity"]))
    def change_the_policy(self, how: str) -> None:
        if how == "off and on":
            self.world.switch(on=False)
            self.world.pump()
        self.world.switch(on=True, args=CoschedulingArgs(mode="parity") if how == "parity" else CoschedulingArgs())
        self.world.pump()

    @rule()
    def restart(self) -> None:
        """What waits is answered, what is being bound ends; the cluster is listed anew."""
        self.world.engine.drain()
        self.settle()
        assert self.world.binds == {}
        old = self.world.state
        self.world.start(list(old.pods.values()), list(old.objects.get("PodGroup", {}).items()))

    def settle(self) -> None:
        self.world.pump()
        while self.slow.open:
            for answer in list(self.slow.open.values()):
                answer.set_result("")
            self.world.pump()

    def tally(self, plugin: Plugin) -> Tally:
        book = self.world.engine.books.of(plugin.name)
        assert isinstance(book, Tally)
        return book

    @invariant()
    def no_limit_is_passed(self) -> None:
        PromiseMachine.steps += 1
        seats, perches = self.tally(SEATS), self.tally(PERCHES)
        assert len(seats.charged.keys() | seats.standing.keys()) <= IN_ALL
        assert all(len(perches.on(node)) <= ON_A_NODE for node in NODES)

    @invariant()
    def every_charge_has_its_lease(self) -> None:
        leases = self.world.engine.leases()
        for plugin in (SEATS, PERCHES):
            assert self.tally(plugin).charged.keys() == {x["uid"] for x in leases if plugin.name in x["plugins"]}

    @invariant()
    def who_is_being_bound_keeps_its_promise(self) -> None:
        charged = self.tally(PERCHES).charged.keys() | self.tally(PERCHES).standing.keys()
        alive = self.world.state.pods.keys()
        assert (self.slow.open.keys() | set(self.world.held)) & alive <= charged

    def teardown(self) -> None:
        for uid in list(self.world.state.pods):
            self.world.delete(uid)
        self.settle()
        self.world.pass_time(1000)
        assert self.world.engine.holds() == self.world.engine.leases() == []
        assert list(self.world.book.busy()) == []
        for plugin in (SEATS, PERCHES):
            assert self.tally(plugin).charged == self.tally(plugin).standing == {}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[CompiledPlugin, ...]:
    cache: Path = tmp_path_factory.mktemp("kernels")
    found = compile_all([coscheduling.PLUGIN, SEATS, PERCHES], cache)
    return found["Coscheduling"], found["Seats"], found["Perches"]


@pytest.mark.timeout(1800)  # a hundred thousand steps in CI
def test_the_promise_law(compiled: tuple[CompiledPlugin, ...]) -> None:
    PromiseMachine.compiled, PromiseMachine.steps = compiled, 0
    with asyncio.Runner() as PromiseMachine.runner:
        run_state_machine_as_test(
            PromiseMachine,
            settings=settings(
                deadline=None,
                max_examples=600 if CI else 30,
                stateful_step_count=200 if CI else 60,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
    assert PromiseMachine.steps >= (100_000 if CI else 1000)
