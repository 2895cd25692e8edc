"""Permit for any plugin: what is asked, what is held, what the engine makes of a plugin that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from extender.cluster.state import ClusterState
from extender.engine import permits
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.engine.verdicts import BindVerdict
from extender.framework import Code, Cycle, Order, Permission, Permit, Plugin, Pod
from extender.framework.compiled import CompiledPlugin
from extender.ledger.holds import Holds
from extender.model.events import NodeDeleted, NodeUpserted, PodAssumed, PodDeleted, PodUpserted
from extender.model.node import Node
from extender.model.verdict import Phase
from extender.telemetry.metrics import REGISTRY
from tests.extender.engine.a_world import FakeBinder, a_pod


@dataclass
class Gate:
    """A book that is also its plugin's script."""

    says: Permission | Exception | None = field(default_factory=lambda: Permission(Code.WAIT, "others", "g", 60.0))
    asked: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    dropped: int = 0
    pending: list[Order] = field(default_factory=list)

    def pod_changed(self, *_: object) -> None:
        pass

    def object_changed(self, *_: object) -> None:
        pass

    def unreserve(self, pod: Pod, _now_s: float) -> None:
        self.back.append(pod.uid)

    def orders(self) -> Sequence[Order]:
        pending, self.pending = self.pending, []
        return pending

    def drop(self) -> None:
        self.dropped += 1


def ask(cycle: Cycle) -> Permission:
    book: Gate = cycle.book
    book.asked.append(cycle.pod.uid)
    if isinstance(book.says, Exception):
        raise book.says
    return book.says  # type: ignore[return-value]  # one test wants it wrong


def a_gate(name: str) -> Plugin:
    return Plugin(
        name=name,
        doc="Waits.",
        book=Gate,
        permit=Permit(ask=ask, unreserve=Gate.unreserve, orders=Gate.orders, drop=Gate.drop),
    )


FIRST, SECOND = a_gate("First"), a_gate("Second")


class World:
    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.now_s = 1000.0
        self.state, self.binder = ClusterState(), FakeBinder()
        self.engine = Engine(
            self.state, (FIRST, SECOND), self.binder, offer=lambda _f: None, clock=lambda: self.now_s, hold_limit_s=30.0
        )
        self.state.apply(NodeUpserted(Node(name="node")), self.now_s)
        self.use(FIRST)

    def use(self, *plugins: Plugin) -> None:
        seats = [Seat(p, CompiledPlugin(p, {}, {}), p.args(), 1, frozenset(Phase)) for p in plugins]
        self.engine.activate(PolicySet("r", "h", "wide", {"*": profile_of("*", seats)}))

    def gate(self, plugin: Plugin = FIRST) -> Gate:
        book = self.engine.books.of(plugin.name)
        assert isinstance(book, Gate)
        return book

    def bind(self, pod: Pod) -> asyncio.Task[BindVerdict]:
        task = self.runner.get_loop().create_task(
            self.engine.bind(pod.namespace, pod.name, pod.uid, "node", self.now_s + 5)
        )
        self.pump()
        return task

    def pump(self) -> None:
        async def turns() -> None:
            for _ in range(10):
                await asyncio.sleep(0)

        self.runner.run(turns())

    def tick(self, seconds: float) -> None:
        self.now_s += seconds
        self.engine.tick()
        self.pump()


@pytest.fixture
def world() -> Iterator[World]:
    with asyncio.Runner() as runner:
        yield World(runner)


@pytest.fixture
def pod(world: World) -> Pod:
    from extender.model.events import PodUpserted

    pod = a_pod("a")
    world.state.apply(PodUpserted(pod), world.now_s)
    return pod


def test_success_binds_at_once(world: World, pod: Pod) -> None:
    world.gate().says = Permission()
    assert world.bind(pod).result().error == ""
    assert world.binder.bound == [("a", "node")]


def test_a_refusal_fails_the_bind_and_is_told_back(world: World, pod: Pod) -> None:
    world.gate().says = Permission(Code.UNSCHEDULABLE, "not today")
    assert world.bind(pod).result().error == "not today"
    assert (world.binder.bound, world.gate().back) == ([], ["a"])


def test_two_plugins_are_waited_for_one_after_the_other_and_never_longer_than_the_limit(world: World, pod: Pod) -> None:
    world.use(FIRST, SECOND)
    task = world.bind(pod)
    world.tick(20)
    world.gate().pending.append(Order("g", released=True))
    world.tick(0)
    assert world.gate(SECOND).asked == ["a"]
    world.tick(9)
    assert not task.done()
    world.tick(1)
    assert task.result().error == "rejected due to timeout after waiting 10s at plugin Second"
    assert (world.gate().back, world.gate(SECOND).back) == (["a"], ["a"])


def test_the_time_of_a_hold_is_not_taken_from_the_binding(world: World, pod: Pod) -> None:
    task = world.bind(pod)
    world.tick(25)
    world.gate().pending.append(Order("g", released=True))
    world.tick(0)
    assert task.result().error == ""


def test_an_order_for_another_group_moves_nobody(world: World, pod: Pod) -> None:
    task = world.bind(pod)
    world.gate().pending.append(Order("h", released=True))
    world.tick(1)
    assert not task.done()
    world.tick(60)


@pytest.mark.parametrize("said", [RuntimeError("boom"), None])
def test_a_plugin_that_fails_keeps_nobody_and_is_counted(world: World, pod: Pod, said: Exception | None) -> None:
    labels = {"plugin": "First", "phase": "permit", "kind": "raised"}
    before = REGISTRY.get_sample_value("trimtab_plugin_failures_total", labels) or 0.0
    world.gate().says = said
    assert world.bind(pod).result().error == ""
    assert REGISTRY.get_sample_value("trimtab_plugin_failures_total", labels) == before + 1


def test_one_hold_too_many_is_refused_and_counted(world: World, pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Holds, "is_full", property(lambda _holds: True))
    before = REGISTRY.get_sample_value("trimtab_holds_refused_total") or 0.0
    assert world.bind(pod).result().error == "0 bind calls are held open already; try again"
    assert REGISTRY.get_sample_value("trimtab_holds_refused_total") == before + 1


def test_a_binding_that_fails_after_the_wait_is_told_back(world: World, pod: Pod) -> None:
    world.binder.answers["a"] = "no room"
    task = world.bind(pod)
    world.gate().pending.append(Order("g", released=True))
    world.tick(0)
    assert task.result().error == "no room"
    assert world.gate().back == ["a"]


def test_a_held_pod_that_somebody_else_binds_is_done(world: World, pod: Pod) -> None:
    import msgspec

    task = world.bind(pod)
    world.state.apply(PodAssumed(msgspec.structs.replace(pod, node_name="node"), world.now_s), world.now_s)
    world.pump()
    assert task.result().error == ""
    assert (world.binder.bound, world.gate().back) == ([], [])


def test_a_bind_that_is_cancelled_gives_everything_back(world: World, pod: Pod) -> None:
    task = world.bind(pod)
    task.cancel()
    world.pump()
    assert task.cancelled()
    assert (world.gate().back, world.engine.holds()) == (["a"], [])


def test_switching_one_profile_off_drops_the_plugins_promises_once(world: World, pod: Pod) -> None:
    task = world.bind(pod)
    world.use(SECOND)
    world.pump()
    assert task.result().error == ""
    assert (world.gate().dropped, world.gate(SECOND).dropped) == (1, 0)


def test_shutdown_begins_no_hold(world: World, pod: Pod) -> None:
    world.engine.drain()
    assert world.bind(pod).result().error == permits.SHUTTING_DOWN


def test_a_node_that_goes_ends_the_waits_for_it(world: World, pod: Pod) -> None:
    task = world.bind(pod)
    world.state.apply(NodeDeleted("node"), world.now_s)
    world.pump()
    assert task.result().error == "node node is gone"
    assert (world.engine.holds(), world.binder.bound, world.gate().back) == ([], [], ["a"])


def test_a_call_that_comes_as_the_wait_ends_creates_no_second_binding(world: World, pod: Pod) -> None:
    first = world.bind(pod)
    world.binder.gate = asyncio.Event()
    world.gate().says = Permission()
    world.gate().pending.append(Order("g", released=True))
    world.engine.tick()  # it is let go, and has not woken
    second = world.bind(pod)
    world.binder.gate.set()
    world.pump()
    assert (first.result().error, second.result().error) == ("", "")
    assert world.binder.bound == [("a", "node")]


def test_orders_that_follow_from_a_pod_that_goes_are_obeyed_at_once(world: World, pod: Pod) -> None:
    task = world.bind(pod)
    other = a_pod("other")
    world.state.apply(PodUpserted(other), world.now_s)
    world.gate().pending.append(Order("g", released=False, reason="one of you is gone"))
    world.state.apply(PodDeleted("other"), world.now_s)
    world.pump()
    assert task.result().error == "one of you is gone"


def test_a_hold_goes_on_when_the_time_of_its_plugin_is_over(world: World, pod: Pod) -> None:
    seat = Seat(FIRST, CompiledPlugin(FIRST, {}, {}), FIRST.args(), 1, frozenset(Phase), until_s=world.now_s + 10)
    world.engine.activate(PolicySet("r", "h", "wide", {"*": profile_of("*", [seat])}))
    task = world.bind(pod)
    world.tick(9)
    assert not task.done()
    world.tick(1)
    assert task.result().error == ""
    assert (world.engine.holds(), world.gate().dropped) == ([], 1)


def test_a_hold_goes_on_when_its_plugin_is_taken_out_for_failures_of_others(world: World, pod: Pod) -> None:
    task = world.bind(pod)
    world.gate().says = RuntimeError("boom")
    for uid in "xyz":
        other = a_pod(uid)
        world.state.apply(PodUpserted(other), world.now_s)
        assert world.bind(other).result().error == "", "a plugin that raises lets pods go"
    assert not task.done()
    world.tick(1)
    assert task.result().error == ""
    assert world.gate().asked == ["a", "x", "y", "z"]


def test_a_permit_that_fails_closed_refuses_the_bind(world: World, pod: Pod) -> None:
    seat = Seat(FIRST, CompiledPlugin(FIRST, {}, {}), FIRST.args(), 1, frozenset(Phase), fails_closed=True)
    world.engine.activate(PolicySet("r", "h", "wide", {"*": profile_of("*", [seat])}))
    world.gate().says = RuntimeError("boom")
    errors = [world.bind(pod).result().error for _ in range(4)]
    assert set(errors[:3]) == {"First failed or took too long, and its policy says onFailure: closed"}
    assert errors[3] == "First is left out after failures, and its policy says onFailure: closed"
    assert len(world.gate().asked) == 3


def test_what_a_plugin_promised_without_its_permit_is_dropped_with_the_plugin(world: World) -> None:
    seat = Seat(FIRST, CompiledPlugin(FIRST, {}, {}), FIRST.args(), 1, frozenset({Phase.FILTER}))
    world.engine.activate(PolicySet("r", "h", "wide", {"*": profile_of("*", [seat])}))
    assert world.gate().dropped == 0
    world.use()
    assert world.gate().dropped == 1


def test_who_does_not_lead_any_more_lets_nobody_be_bound_and_holds_again_when_it_leads(world: World, pod: Pod) -> None:
    held = world.bind(pod)
    assert not held.done()
    world.engine.stand_down()
    world.pump()
    assert "another replica" in held.result().error
    assert not world.binder.bound
    assert "another replica" in world.runner.run(result_of(world.bind(pod))).error

    world.engine.take_over()
    assert not world.bind(pod).done()
    assert [row["uid"] for row in world.engine.holds()] == [pod.uid]


async def result_of(bind: asyncio.Task[BindVerdict]) -> BindVerdict:
    return await bind
