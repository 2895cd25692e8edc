"""A cluster, the engine with Coscheduling, and a scheduler that assumes what it binds, as kube-scheduler does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from extender.cluster.state import ClusterState
from extender.engine.cycle import rows_of
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.framework import Args, Container, Pod
from extender.framework.compiled import CompiledPlugin
from extender.model.events import NodeUpserted, ObjectDeleted, ObjectUpserted, PodDeleted, PodUpserted
from extender.model.node import Node
from extender.model.verdict import Phase
from extender.plugins.coscheduling.args import CoschedulingArgs
from extender.plugins.coscheduling.book import GangBook
from extender.plugins.coscheduling.pod_group import LABEL
from extender.record.frames import Frame
from tests.extender.engine.a_world import FakeBinder, decided

HOLD_LIMIT_S = 40.0


def member(gang: str, i: int, cpu: int = 1, **fields: Any) -> Pod:
    """Pod `<gang>-<i>` of the namespace `ns`; an empty gang: a pod by itself."""
    name = f"{gang or 'single'}-{i}"
    return Pod(
        namespace="ns",
        name=name,
        uid=name,
        labels={LABEL: gang} if gang else {},
        containers=(Container(requests={"cpu": str(cpu)}),),
        **fields,
    )


def cpu_of(pod: Pod) -> int:
    return int(pod.containers[0].requests["cpu"])


@dataclass
class Bind:
    """A bind call under way, as the scheduler sees it."""

    pod: Pod
    node: str
    task: asyncio.Task[str]
    left: asyncio.Future[None]


@dataclass
class GangWorld:
    compiled: CompiledPlugin
    runner: asyncio.Runner
    cpus: dict[str, int]
    args: CoschedulingArgs = field(default_factory=CoschedulingArgs)
    others: tuple[CompiledPlugin, ...] = ()
    """Plugins beside Coscheduling; they are never switched off."""
    now_s: float = 1000.0
    frames: list[Frame] = field(default_factory=list)
    binds: dict[str, Bind] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """UID -> how its last bind failed."""

    def __post_init__(self) -> None:
        self.start()

    def start(self, pods: Iterable[Pod] = (), objects: Iterable[tuple[str, Any]] = ()) -> None:
        """A new process: nothing is held, the cluster is listed again."""
        self.state = ClusterState()
        self.binder = getattr(self, "binder", None) or FakeBinder()
        self.engine = Engine(
            self.state,
            [self.compiled.plugin, *(other.plugin for other in self.others)],
            self.binder,
            offer=self.frames.append,
            clock=lambda: self.now_s,
            lease_ttl_s=60.0,
            hold_limit_s=HOLD_LIMIT_S,
        )
        self.switch(on=True)
        for name, cpu in self.cpus.items():
            self.add_node(name, cpu)
        for key, found in objects:
            self.state.apply(ObjectUpserted("PodGroup", key, found), self.now_s)
        for pod in pods:
            self.state.apply(PodUpserted(pod), self.now_s)

    def switch(self, *, on: bool, args: Args | None = None, phases: Iterable[Phase] = Phase) -> None:
        seats = [Seat(self.compiled.plugin, self.compiled, args or self.args, 1, frozenset(phases))] if on else []
        seats += [Seat(other.plugin, other, other.plugin.args(), 1, frozenset(Phase)) for other in self.others]
        self.engine.activate(PolicySet("r", "h", "wide", {"*": profile_of("*", seats)} if seats else {}))

    # The cluster.

    def add_node(self, name: str, cpu: int) -> None:
        room: dict[str, str | int | float] = {"cpu": str(cpu), "memory": "64Gi", "pods": "110"}
        self.state.apply(NodeUpserted(Node(name=name, allocatable=room, capacity=room)), self.now_s)

    def group(self, name: str, least: Any, **spec: Any) -> None:
        found = {"metadata": {"namespace": "ns", "name": name, "uid": name}, "spec": {"minMember": least, **spec}}
        self.state.apply(ObjectUpserted("PodGroup", f"ns/{name}", found), self.now_s)

    def delete_group(self, name: str) -> None:
        self.state.apply(ObjectDeleted("PodGroup", f"ns/{name}"), self.now_s)

    def create(self, *pods: Pod) -> None:
        for pod in pods:
            self.state.apply(PodUpserted(pod), self.now_s)

    def gang(self, name: str, size: int, cpu: int = 1, least: int | None = None, **fields: Any) -> list[Pod]:
        """Its PodGroup and its pods."""
        self.group(name, size if least is None else least)
        pods = [member(name, i, cpu, **fields) for i in range(size)]
        self.create(*pods)
        return pods

    def delete(self, uid: str) -> None:
        self.state.apply(PodDeleted(uid), self.now_s)
        self.pump()

    # The scheduler.

    def fitting(self, pod: Pod) -> list[str]:
        """The nodes that pass its in-tree filters: what is bound or assumed takes room."""
        free = dict(self.cpus)
        taken = {uid: (p.node_name, p) for uid, p in self.state.pods.items() if p.node_name}
        taken |= {uid: (bind.node, bind.pod) for uid, bind in self.binds.items() if uid != pod.uid}
        for node, other in taken.values():
            if node in free:
                free[node] -= cpu_of(other)
        return [node for node, left in free.items() if left >= cpu_of(pod)]

    def filter(self, pod: Pod, names: list[str] | None = None) -> tuple[list[str], str]:
        """(nodes that pass, the first reason otherwise); the scheduler does not ask about no node at all."""
        names = self.fitting(pod) if names is None else names
        if not names:
            return [], "Insufficient cpu"
        verdict = decided(self.engine, pod, names, rows_of(self.state, names), self.now_s)
        passed = [name for name, code in zip(names, verdict.codes, strict=True) if code == 0]
        reasons = [verdict.rejections[code - 1].reason for code in verdict.codes if code]
        return passed, reasons[0] if reasons else ""

    def schedule(self, pod: Pod) -> str:
        """One scheduling cycle; the bind goes on by itself. "" or why the pod found no node."""
        pod = self.state.pods.get(pod.uid, pod)
        if pod.node_name or pod.uid in self.binds:
            return ""
        passed, why = self.filter(pod)
        if not passed:
            self.pump()
            return why
        self.bind(pod, passed[0])
        return ""

    def bind(self, pod: Pod, node: str) -> None:
        loop = self.runner.get_loop()
        left: asyncio.Future[None] = loop.create_future()
        call = self._bound(pod, node, left)
        self.binds[pod.uid] = Bind(pod, node, loop.create_task(call), left)
        self.pump()

    async def _bound(self, pod: Pod, node: str, left: asyncio.Future[None]) -> str:
        verdict = await self.engine.bind(pod.namespace, pod.name, pod.uid, node, self.now_s + 5, left)
        if verdict.make_frame is not None:
            self.frames.append(verdict.make_frame())
        return verdict.error

    def pump(self) -> None:
        """Let everything that can go on go on; finished binds leave the scheduler's cache."""

        async def turns() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.runner.run(turns())
        for uid, bind in list(self.binds.items()):
            if bind.task.done():
                del self.binds[uid]
                error = bind.task.result()
                if error:
                    self.errors[uid] = error

    def hang_up(self, uid: str) -> None:
        """The scheduler gives a bind up."""
        self.binds[uid].left.set_result(None)
        self.pump()

    def says_unschedulable(self, pod: Pod) -> None:
        pod = self.state.pods.get(pod.uid, pod)
        told = msgspec.structs.replace(pod, unschedulable_at_s=int(self.now_s), unscheduled_reason="Unschedulable")
        self.state.apply(PodUpserted(told), self.now_s)
        self.pump()

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.engine.tick()
        self.pump()

    # What can be seen.

    @property
    def held(self) -> list[str]:
        return [row["uid"] for row in self.engine.holds()]

    @property
    def bound(self) -> set[str]:
        return {uid for uid, pod in self.state.pods.items() if pod.node_name}

    @property
    def book(self) -> GangBook:
        book = self.engine.books.of("Coscheduling")
        assert isinstance(book, GangBook)
        return book
