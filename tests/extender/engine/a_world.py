"""A small world for engine tests: three plugins of our own, a cluster, a binder that says what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extender.cluster.state import ClusterState
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, Seat, build, profile_of
from extender.engine.verdicts import FilterVerdict
from extender.framework import (
    PASSED,
    Args,
    Code,
    Cycle,
    Filter,
    Normalize,
    Plugin,
    Pod,
    PreFilter,
    Rejection,
    Reserve,
    Score,
    Status,
)
from extender.framework.compiled import compile_all
from extender.framework.info import catalogue_of
from extender.kube import KubeError
from extender.model.events import NodeUpserted
from extender.model.node import Node
from extender.model.verdict import Phase
from extender.policy import parse
from extender.record.frames import Frame


class SeatsBook:
    """Two seats in all; a pod takes one by lease or by being assigned."""

    SEATS = 2

    def __init__(self) -> None:
        self.assigned: set[str] = set()
        self.leased: set[str] = set()

    @property
    def taken(self) -> set[str]:
        return self.assigned | self.leased

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is not None and new.node_name:
            self.assigned.add(new.uid)
            self.leased.discard(new.uid)
        elif new is None and old is not None:
            self.assigned.discard(old.uid)

    def object_changed(self, *_: object) -> None:
        pass


def seats_left(cycle: Cycle) -> Status:
    if cycle.pod.uid in cycle.book.taken or len(cycle.book.taken) < SeatsBook.SEATS:
        return PASSED
    return Status(Code.UNSCHEDULABLE, f"no seat left for {cycle.pod.name}", "no seat left")


SEATS = Plugin(
    name="Seats",
    doc="Two pods in all.",
    pre_filter=PreFilter(seats_left),
    reserve=Reserve(
        take=lambda book, pod: book.leased.add(pod.uid),
        release=lambda book, uid: book.leased.discard(uid),
        missing="the seat is gone",
    ),
    book=SeatsBook,
)


class SizeArgs(Args, frozen=True):
    least_cpu_milli: int = 0


def big_enough(node_capacity_cpu_milli: int, node_unschedulable: bool, arg_least_cpu_milli: int) -> int:  # noqa: FBT001
    if node_unschedulable:
        return 2
    return 1 if node_capacity_cpu_milli < arg_least_cpu_milli else 0


SIZE = Plugin(
    name="Size",
    doc="Only nodes of some size.",
    args=SizeArgs,
    filter=Filter(big_enough, (Rejection("too small"), Rejection("cordoned", Code.UNSCHEDULABLE, cured_in_tree=True))),
)


def capacity(node_capacity_cpu_milli: int) -> int:
    return node_capacity_cpu_milli


BIGGEST = Plugin(name="Biggest", doc="Big nodes.", score=Score(capacity, Normalize.MIN_MAX))


def lack_of_capacity(node_capacity_cpu_milli: int) -> int:
    return -node_capacity_cpu_milli


SMALLEST = Plugin(name="Smallest", doc="Small nodes.", score=Score(lack_of_capacity, Normalize.MIN_MAX))


def raw_count(node_pod_count: int) -> int:
    return node_pod_count * 1000 - 1


WILD = Plugin(name="Wild", doc="Leaves 0..100.", score=Score(raw_count))


def raises(cycle: Cycle) -> Status:
    """Not while it is warmed."""
    if cycle.now_s:
        raise RuntimeError("boom")
    return PASSED


BROKEN = Plugin(name="Broken", doc="Raises.", pre_filter=PreFilter(raises))

SPEECHLESS = Plugin(name="Speechless", doc="Answers nothing.", pre_filter=PreFilter(lambda _cycle: None))  # type: ignore[arg-type, return-value]


def keeps(_book: object, _uid: str) -> None:
    raise RuntimeError("mine")


GRASPING = Plugin(
    name="Grasping", doc="Gives nothing back.", reserve=Reserve(take=lambda _book, _pod: None, release=keeps)
)


def charges_and_raises(book: SeatsBook, pod: Pod) -> None:
    book.leased.add(pod.uid)
    raise RuntimeError("boom")


CLUMSY = Plugin(
    name="Clumsy",
    doc="Charges and then fails.",
    reserve=Reserve(take=charges_and_raises, release=lambda book, uid: book.leased.discard(uid)),
    book=SeatsBook,
)


class CountBook:
    """How many pods were asked about for real."""

    def __init__(self) -> None:
        self.asked = 0

    def pod_changed(self, _old: Pod | None, _new: Pod | None) -> None:
        pass

    def object_changed(self, *_: object) -> None:
        pass


def not_the_third(cycle: Cycle) -> Status:
    if not cycle.quiet:
        cycle.book.asked += 1
    return Status(Code.UNSCHEDULABLE, "every third waits") if cycle.book.asked % 3 == 0 else PASSED


THIRD = Plugin(
    name="Third", doc="Remembers whom it was asked about.", pre_filter=PreFilter(not_the_third), book=CountBook
)

INSTALLED = (SEATS, SIZE, BIGGEST, SMALLEST, WILD, BROKEN, SPEECHLESS, GRASPING, CLUMSY, THIRD)


@dataclass
class FakeBinder:
    """Answers what `answers` says, pod by pod; "" is success."""

    answers: dict[str, str] = field(default_factory=dict)
    bound: list[tuple[str, str]] = field(default_factory=list)
    stored: dict[str, Pod] = field(default_factory=dict)
    gate: Any = None
    reading: Any = None
    unreachable: str = ""

    async def bind(self, namespace: str, name: str, uid: str, node: str, timeout_s: float) -> str:
        if self.gate is not None:
            await self.gate.wait()
        answer = self.answers.get(uid, "")
        if not answer:
            self.bound.append((uid, node))
        return answer

    async def read_pod(self, namespace: str, name: str) -> Pod | None:
        if self.unreachable:
            raise KubeError(self.unreachable)
        found = self.stored.get(f"{namespace}/{name}")
        if self.reading is not None:
            await self.reading.wait()
        return found


def decided(engine: Engine, pod: Pod, names: list[str], rows: Any, now_s: float) -> FilterVerdict:
    """A whole filter call."""
    verdict = engine.decide(pod, names, rows, now_s)
    verdict.conclude()
    return verdict


class World:
    def __init__(self, cache: Path, cpus: dict[str, int], more: tuple[Plugin, ...] = ()) -> None:
        self.now_s = 1000.0
        self.state = ClusterState()
        self.frames: list[Frame] = []
        self.binder = FakeBinder()
        self.compiled = compile_all(INSTALLED, cache)
        self.engine = Engine(
            self.state,
            (*INSTALLED, *more),
            self.binder,
            offer=self.frames.append,
            clock=lambda: self.now_s,
            lease_ttl_s=60.0,
        )
        for name, cpu in cpus.items():
            self.state.apply(NodeUpserted(Node(name=name, capacity={"cpu": str(cpu)})), self.now_s)

    def use(
        self,
        *names: str,
        weights: dict[str, int] | None = None,
        args: dict[str, Args] | None = None,
        scale: str = "wide",
    ) -> None:
        seats = [self._seat(name, (weights or {}).get(name, 1), (args or {}).get(name)) for name in names]
        profile = profile_of("default-scheduler", seats)
        self.engine.activate(PolicySet("r1", "h1", scale, {"default-scheduler": profile}))

    def use_text(self, text: str, revision: str = "r1") -> None:
        """The policy as people write it."""
        self.engine.activate(self.built(text, revision))

    def built(self, text: str, revision: str = "r1") -> PolicySet:
        catalogue = catalogue_of(compiled.plugin for compiled in self.compiled.values())
        head = "apiVersion: policy.trimtab.dev/v1alpha1\nkind: SchedulingPolicy\n"
        return build(parse(head + text, catalogue), revision, self.compiled)

    def _seat(self, name: str, weight: int, args: Args | None) -> Seat:
        compiled = self.compiled[name]
        phases = frozenset(Phase)
        return Seat(compiled.plugin, compiled, args or compiled.plugin.args(), weight, phases)

    def rows(self, names: list[str]) -> Any:
        from extender.engine.cycle import rows_of

        return rows_of(self.state, names)

    def filter(self, pod: Pod, names: list[str]) -> tuple[list[str], dict[str, str]]:
        """(names that pass, reason of each other)"""
        verdict = decided(self.engine, pod, names, self.rows(names), self.now_s)
        assert verdict.make_frame is not None
        self.frames.append(verdict.make_frame())
        passed = [n for n, c in zip(names, verdict.codes, strict=True) if c == 0]
        return passed, {n: verdict.rejections[c - 1].reason for n, c in zip(names, verdict.codes, strict=True) if c}

    def prioritize(self, pod: Pod, names: list[str]) -> dict[str, int]:
        verdict = self.engine.prioritize(pod, names, self.rows(names), self.now_s)
        assert verdict.make_frame is not None
        self.frames.append(verdict.make_frame())
        return dict(zip(names, verdict.totals.tolist(), strict=True))

    async def bind(self, pod: Pod, node: str) -> str:
        verdict = await self.engine.bind(pod.namespace, pod.name, pod.uid, node, self.now_s + 5)
        if verdict.make_frame is not None:
            self.frames.append(verdict.make_frame())
        return verdict.error


def a_pod(uid: str, **fields: Any) -> Pod:
    return Pod(namespace="ns", name=f"pod-{uid}", uid=uid, **fields)
