"""What filter, guard and warning say, and how a moved pod's next life keeps away from the node it left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from extender.cluster.state import ClusterState
from extender.framework import Code, Cycle
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.model.events import NodeUpserted, PodDeleted, PodUpserted
from extender.model.node import Node
from extender.model.pod import Container, Pod, Quantities
from extender.plugins.rescheduler import PLUGIN
from extender.plugins.rescheduler.args import ReschedulerArgs
from extender.plugins.rescheduler.book import MAINTENANCE_LABEL, UsageBook
from extender.plugins.rescheduler.kernel import BOTH_OVER, CPU_OVER, MAINTENANCE, MEMORY_OVER, MOVED_FROM
from extender.plugins.rescheduler.plugin import REJECTIONS, in_full, room_left, warn

HAS: Quantities = {"cpu": "10", "memory": "10Gi", "pods": "110"}


@pytest.fixture(scope="module")
def compiled(kernels: Path) -> CompiledPlugin:
    return compile_all((PLUGIN,), kernels)[PLUGIN.name]


class Nodes:
    """Nodes `a`, `b`, ... used by so many tenths of cpu and memory each."""

    def __init__(self, *used: tuple[int, int], **args: Any) -> None:
        self.state, self.book = ClusterState(), UsageBook()
        self.state.pod_listeners.append(self.book.pod_changed)
        self.state.node_listeners.append(self.book.node_changed)
        self.args = msgspec.convert(args, ReschedulerArgs)
        self.names = "abcdefgh"[: len(used)]
        for name, (cpu, memory) in zip(self.names, used, strict=True):
            self.node(name)
            self.run(f"on-{name}", name, cpu, memory)

    def node(self, name: str, **parts: Any) -> None:
        self.state.apply(NodeUpserted(Node(name=name, capacity=HAS, allocatable=HAS, **parts)), 0.0)

    def run(self, uid: str, node: str, cpu: int, memory: int, **parts: Any) -> Pod:
        pod = a_pod(uid, cpu, memory, node_name=node, phase="Running", **parts)
        self.state.apply(PodUpserted(pod), 0.0)
        return pod

    def move(self, uid: str, node: str, until_s: float = 600.0) -> None:
        """A pod of owner `o` was there, and was moved."""
        self.book.expect_move(self.run(uid, node, 0, 0, owner_uid="o"), until_s)
        self.state.apply(PodDeleted(uid), 0.0)

    def cycle(self, pod: Pod, names: str = "") -> Cycle:
        rows = [self.state.nodes.row(name) for name in names or self.names]
        return Cycle(
            pod=pod,
            nodes=self.state.nodes,
            rows=np.array(rows, np.int32),
            args=self.args,
            book=self.book,
            memo={},
            pods={},
            nominated={},
            objects={},
            assignments=(),
            now_s=60.0,
        )

    def filter(self, compiled: CompiledPlugin, pod: Pod, names: str = "") -> list[int]:
        codes = np.zeros(len(names or self.names), np.int16)
        compiled.filter_rows(self.cycle(pod, names), codes, 0)
        told: list[int] = codes.tolist()
        return told


def a_pod(uid: str = "new", cpu: int = 0, memory: int = 0, **parts: Any) -> Pod:
    requests: Quantities = {"cpu": str(cpu), "memory": f"{memory}Gi"}
    return Pod(namespace="a", name=uid, uid=uid, containers=(Container(requests=requests),), **parts)


def test_each_way_of_being_full_has_its_reason_and_80_percent_is_not_full(compiled: CompiledPlugin) -> None:
    nodes = Nodes((8, 8), (9, 8), (8, 9), (9, 9))
    assert nodes.filter(compiled, a_pod()) == [0, CPU_OVER, MEMORY_OVER, BOTH_OVER]


def test_the_full_text_has_the_numbers_and_the_short_one_groups_over_nodes(compiled: CompiledPlugin) -> None:
    nodes = Nodes((9, 9), cpuThreshold=85.25)
    cycle = nodes.cycle(a_pod())
    assert in_full(cycle, 0, BOTH_OVER) == (
        "node overloaded: [cpu usage 90.0% over threshold 85.2%, memory usage 90.0% over threshold 80.0%]"
    )
    assert in_full(cycle, 0, MAINTENANCE) == "node is in maintenance mode"
    assert all("%" not in rejection.reason for rejection in REJECTIONS)
    assert not any(rejection.cured_in_tree for rejection in REJECTIONS), "in-tree preemption would evict for nothing"


def test_maintenance_comes_after_load(compiled: CompiledPlugin) -> None:
    nodes = Nodes((9, 0), (0, 0), (0, 0))
    nodes.node("a", labels={MAINTENANCE_LABEL: "true"})
    nodes.node("b", labels={MAINTENANCE_LABEL: "true"})
    nodes.node("c", labels={MAINTENANCE_LABEL: "yes"})
    assert nodes.filter(compiled, a_pod()) == [CPU_OVER, MAINTENANCE, 0]


def test_the_pod_itself_counts_only_where_told(compiled: CompiledPlugin) -> None:
    assert Nodes((7, 0)).filter(compiled, a_pod(cpu=2)) == [0]
    assert Nodes((7, 0), countIncomingPod=True).filter(compiled, a_pod(cpu=2)) == [CPU_OVER]


def test_a_node_that_came_and_went_in_between_is_looked_up_anew(compiled: CompiledPlugin) -> None:
    nodes = Nodes((9, 0), (0, 0))
    assert nodes.filter(compiled, a_pod()) == [CPU_OVER, 0]
    nodes.state.apply(PodDeleted("on-a"), 0.0)
    nodes.run("late", "b", 9, 0)
    assert nodes.filter(compiled, a_pod()) == [0, CPU_OVER]


# Moved from.


def test_the_next_pod_of_the_owner_keeps_away_from_the_node_that_one_was_moved_from(compiled: CompiledPlugin) -> None:
    nodes = Nodes((0, 0), (0, 0))
    nodes.move("old", "a")
    assert nodes.filter(compiled, a_pod(owner_uid="o")) == [MOVED_FROM, 0]
    assert nodes.filter(compiled, a_pod(owner_uid="another")) == [0, 0]
    assert nodes.filter(compiled, a_pod()) == [0, 0]


def test_unless_nothing_else_would_take_it(compiled: CompiledPlugin) -> None:
    nodes = Nodes((0, 0), (9, 0), (0, 0))
    nodes.node("c", labels={MAINTENANCE_LABEL: "true"})
    nodes.move("old", "a")
    assert nodes.filter(compiled, a_pod(owner_uid="o")) == [0, CPU_OVER, MAINTENANCE]
    assert nodes.filter(compiled, a_pod(owner_uid="o"), "a") == [0], "its nominated node alone"


def test_a_pod_that_has_failed_once_takes_what_it_can_get(compiled: CompiledPlugin) -> None:
    nodes = Nodes((0, 0), (0, 0))
    nodes.move("old", "a")
    assert nodes.filter(compiled, a_pod(owner_uid="o", unschedulable_at_s=5)) == [0, 0]


def test_a_move_is_forgotten_when_its_time_is_over(compiled: CompiledPlugin) -> None:
    nodes = Nodes((0, 0), (0, 0))
    nodes.move("old", "a", until_s=60.0)
    assert nodes.filter(compiled, a_pod(owner_uid="o")) == [0, 0]


# Bind.


def test_the_guard_counts_what_is_on_its_way(compiled: CompiledPlugin) -> None:
    nodes = Nodes((7, 0))
    assert room_left(nodes.cycle(a_pod(cpu=2))).code is Code.SUCCESS
    nodes.book.promise(a_pod("first", cpu=1), "a")
    status = room_left(nodes.cycle(a_pod(cpu=2)))
    assert (status.code, status.reason) == (
        Code.UNSCHEDULABLE,
        "the node would be used to 100.0% of cpu and 0.0% of memory, over 95.0%",
    )
    nodes.book.release("first")
    assert room_left(nodes.cycle(a_pod(cpu=2))).code is Code.SUCCESS


def test_a_pod_does_not_stand_in_its_own_way(compiled: CompiledPlugin) -> None:
    nodes = Nodes((7, 0))
    nodes.book.promise(a_pod(cpu=2), "a")
    assert room_left(nodes.cycle(a_pod(cpu=2))).code is Code.SUCCESS


def test_a_bind_over_a_threshold_is_warned_of_and_passes(compiled: CompiledPlugin) -> None:
    nodes = Nodes((7, 0))
    status = warn(nodes.cycle(a_pod(cpu=2)))
    assert (status.code, status.reason) == (Code.SUCCESS, "after this pod: cpu usage 90.0% over threshold 80.0%")
    assert status.label, "what is counted names no number"
    assert warn(nodes.cycle(a_pod(cpu=1))).reason == ""


def test_off_switches_make_it_neutral(compiled: CompiledPlugin) -> None:
    nodes = Nodes((9, 9), enableSchedulingOptimization=False, enablePreventiveRescheduling=False)
    cycle, raw = nodes.cycle(a_pod(cpu=9)), np.full(1, 7, np.int64)
    compiled.score_rows(cycle, raw)
    assert nodes.filter(compiled, a_pod()) == [0]
    assert raw.tolist() == [0]
    assert room_left(cycle).code is Code.SUCCESS
    assert warn(cycle).reason == ""


def test_an_unknown_node_is_no_data(compiled: CompiledPlugin) -> None:
    cycle = Nodes((9, 9)).cycle(a_pod(cpu=9), "z")
    assert room_left(cycle).code is Code.SUCCESS
    assert warn(cycle).reason == ""
