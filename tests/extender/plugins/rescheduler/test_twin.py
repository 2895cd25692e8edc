"""The plugin, its book fed event by event, answers as the twin that takes every sum anew over all pods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.cluster.state import ClusterState
from extender.framework import Code, Cycle
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.model.events import MetricsReplaced, NodeUpserted, PodDeleted, PodUpserted
from extender.model.node import Node
from extender.model.pod import Container, Pod, Quantities
from extender.plugins.rescheduler import PLUGIN
from extender.plugins.rescheduler.args import ReschedulerArgs
from extender.plugins.rescheduler.book import UsageBook
from extender.plugins.rescheduler.plugin import in_full, room_left, warn
from tests.extender.plugins.rescheduler.a_twin import MAINTENANCE, Twin, TwinArgs, TwinNode, TwinPod
from tests.thorough import thorough

NODES = ("n0", "n1", "n2")
UIDS = ("a", "b", "c", "d")
GIB = 2**30
AMOUNTS = st.tuples(st.sampled_from([0, 250, 900, 1000, 2500]), st.sampled_from([0, GIB, 3 * GIB, 7 * GIB + 1]))
LISTS = st.lists(AMOUNTS, max_size=2).map(tuple)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "promise", "assign", "run", "release", "terminate", "delete", "finish"]),
        st.sampled_from(UIDS),
        st.sampled_from(NODES),
        LISTS,
        LISTS,
    ),
    max_size=25,
)
MACHINES = st.builds(
    TwinNode,
    name=st.just(""),
    cpu=st.sampled_from([0, 2000, 4000, 10_000]),
    memory=st.sampled_from([0, 4 * GIB, 10 * GIB]),
    cordoned=st.sampled_from([False, False, True]),
    maintenance=st.sampled_from([None, None, "true", "True"]),
    measured=st.none() | st.tuples(st.floats(0, 120), st.floats(0, 120)),
)
ARGS = st.builds(
    TwinArgs,
    cpu_threshold=st.sampled_from([0.0, 62.5, 80.0, 100.0]) | st.floats(0, 100),
    memory_threshold=st.sampled_from([30.0, 80.0]) | st.floats(0, 100),
    cpu_weight=st.sampled_from([0.6, 0.0, 1.0]) | st.floats(0, 1),
    memory_weight=st.sampled_from([0.4, 0.0]) | st.floats(0, 1),
    bonus=st.sampled_from([10.0, 0.0]) | st.floats(0, 50),
    optimise=st.sampled_from([True, True, True, False]),
    count_incoming=st.booleans(),
    usage=st.sampled_from(["runningRequests", "requests", "measured"]),
    guard=st.sampled_from([95.0, 60.0, 100.0]),
)


@pytest.fixture(scope="module")
def compiled(kernels: Path) -> CompiledPlugin:
    return compile_all((PLUGIN,), kernels)[PLUGIN.name]


class World:
    """The real state and book beside the twin, told the same story."""

    def __init__(self, machines: list[TwinNode], args: TwinArgs) -> None:
        self.state, self.book = ClusterState(), UsageBook()
        self.state.pod_listeners.append(self.book.pod_changed)
        self.state.node_listeners.append(self.book.node_changed)
        named = [replace(machine, name=name) for machine, name in zip(machines, NODES, strict=True)]
        self.twin = Twin(args, named)
        for machine in named:
            self.state.apply(NodeUpserted(_node(machine)), 0.0)
        self.state.apply(MetricsReplaced(_load(named), 0.0), 0.0)

    def tell(self, action: str, uid: str, node: str, containers: Any, init: Any) -> None:
        pods = {pod.uid: pod for pod in self.twin.pods}
        pod = pods.get(uid)
        if action == "create" and pod is None:
            pods[uid] = TwinPod(uid, containers=containers, init=init)
        elif pod is None:
            return
        elif action == "promise" and not pod.node:
            pods[uid] = replace(pod, reserved_on=node)
            self.book.promise(_pod(pod), node)
        elif action == "assign" and not pod.node:
            # Elsewhere than promised: somebody else bound it, and the promise is void.
            kept = node if pod.reserved_on == node else ""
            pods[uid] = replace(pod, node=node, reserved_on=kept)
        elif action == "run" and pod.node:
            pods[uid] = replace(pod, phase="Running", reserved_on="")
        elif action == "release":
            pods[uid] = pod if pod.node else replace(pod, reserved_on="")
            self.book.release(uid)
        elif action in ("delete", "finish"):
            del pods[uid]
        self.twin.pods = list(pods.values())
        self._show(action, uid, pods.get(uid))

    def cycle(self, pod: Pod, rows: list[int], args: ReschedulerArgs) -> Cycle:
        return Cycle(
            pod=pod,
            nodes=self.state.nodes,
            rows=np.array(rows, np.int32),
            args=args,
            book=self.book,
            memo={},
            pods=self.state.pods,
            nominated=self.state.nominated,
            objects={},
            assignments=(),
        )

    def _show(self, action: str, uid: str, pod: TwinPod | None) -> None:
        if pod is None and action == "finish" and uid in self.state.pods:
            old = self.state.pods[uid]
            self.state.apply(PodUpserted(Pod(namespace=old.namespace, name=uid, uid=uid, phase="Succeeded")), 0.0)
        elif pod is None:
            self.state.apply(PodDeleted(uid), 0.0)
        else:
            self.state.apply(PodUpserted(_pod(pod, terminating=action == "terminate")), 0.0)


def _node(machine: TwinNode) -> Node:
    has: Quantities = {"cpu": f"{machine.cpu}m", "memory": str(machine.memory), "pods": "110"}
    labels = {} if machine.maintenance is None else {MAINTENANCE: machine.maintenance}
    return Node(name=machine.name, capacity=has, allocatable=has, unschedulable=machine.cordoned, labels=labels)


def _pod(pod: TwinPod, *, terminating: bool = False) -> Pod:
    def containers(amounts: tuple[tuple[int, int], ...]) -> tuple[Container, ...]:
        return tuple(Container(requests={"cpu": f"{cpu}m", "memory": str(memory)}) for cpu, memory in amounts)

    return Pod(
        namespace="default",
        name=pod.uid,
        uid=pod.uid,
        node_name=pod.node,
        phase=pod.phase,
        containers=containers(pod.containers),
        init_containers=containers(pod.init),
        terminating=terminating,
    )


def _load(machines: list[TwinNode]) -> dict[str, Any]:
    told = {
        machine.name: {
            "metrics": [
                {"type": kind, "operator": "Latest", "value": value}
                for kind, value in zip(("CPU", "Memory"), machine.measured, strict=True)
            ]
        }
        for machine in machines
        if machine.measured is not None
    }
    return {"window": {"end": 1000}, "data": {"NodeMetricsMap": told}}


def _args(args: TwinArgs) -> ReschedulerArgs:
    return ReschedulerArgs(
        cpu_threshold=args.cpu_threshold,
        memory_threshold=args.memory_threshold,
        cpu_score_weight=args.cpu_weight,
        memory_score_weight=args.memory_weight,
        load_balance_bonus=args.bonus,
        enable_scheduling_optimization=args.optimise,
        count_incoming_pod=args.count_incoming,
        usage=args.usage,  # type: ignore[arg-type] # drawn from its values
        reserve_threshold=args.guard,
    )


@thorough
@given(
    machines=st.lists(MACHINES, min_size=3, max_size=3),
    args=ARGS,
    steps=STEPS,
    incoming=LISTS,
    uid=st.sampled_from(UIDS),
)
def test_filter_score_and_guard_are_the_twins(
    compiled: CompiledPlugin, machines: list[TwinNode], args: TwinArgs, steps: Any, incoming: Any, uid: str
) -> None:
    world = World(machines, args)
    for step in steps:
        world.tell(*step)
    waiting = next((p for p in world.twin.pods if p.uid == uid and not p.node), None)
    pod = waiting or TwinPod("new", containers=incoming)
    rows = [world.state.nodes.row(name) for name in NODES]
    cycle = world.cycle(_pod(pod), rows, _args(args))

    codes, raw = np.zeros(3, np.int16), np.zeros(3, np.int64)
    compiled.filter_rows(cycle, codes, 0)
    compiled.score_rows(cycle, raw)

    told = ["" if not code else in_full(cycle, row, int(code)) for code, row in zip(codes.tolist(), rows, strict=True)]
    assert told == [world.twin.filter(pod, node) for node in world.twin.nodes]
    assert raw.tolist() == [world.twin.score(node) for node in world.twin.nodes]
    guarded = [room_left(world.cycle(_pod(pod), [row], _args(args))).code is Code.SUCCESS for row in rows]
    assert guarded == [world.twin.guard(pod, node) for node in world.twin.nodes]


@given(machines=st.lists(MACHINES, min_size=3, max_size=3), args=ARGS, steps=STEPS)
def test_a_warning_never_refuses(machines: list[TwinNode], args: TwinArgs, steps: Any) -> None:
    world = World(machines, args)
    for step in steps:
        world.tell(*step)
    for name in NODES:
        status = warn(world.cycle(_pod(TwinPod("new")), [world.state.nodes.row(name)], _args(args)))
        assert status.code is Code.SUCCESS


@given(steps=STEPS)
def test_nothing_stays_charged_when_all_pods_are_gone(steps: Any) -> None:
    world = World([TwinNode(name, 4000, GIB) for name in NODES], TwinArgs())
    for step in steps:
        world.tell(*step)
    for uid in UIDS:
        world.tell("delete", uid, "", (), ())
    assert world.book.promises == 0
    assert not world.book.running.any()
    assert not world.book.binding.any()
    assert not world.book.starting.any()
