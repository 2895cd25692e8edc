"""A stream says the same however it is cut, and whatever comes and goes leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.cluster import state as state_module
from extender.cluster.binder import FileBinder
from extender.cluster.informer import Informer
from extender.cluster.resource import PODS
from extender.cluster.state import ClusterState
from extender.engine.engine import Engine
from extender.kube import KubeApi
from extender.model.events import NodeUpserted, PodUpserted
from extender.model.node import Node
from extender.model.pod import Pod, Quantities
from extender.plugins import PLUGINS
from tests.extender.cluster.a_server import a_pod

NODES = ("n1", "n2")
NOW = 1_700_000_000.0
STAYS = Pod(namespace="ns", name="stays", uid="stays")


class ScriptedApi:
    """Streams that were written before; after the last one it is silent."""

    def __init__(self, streams: Iterable[Sequence[Sequence[bytes]]]) -> None:
        self._streams = list(streams)
        self.silent = asyncio.Event()

    async def lines(
        self, _path: str, *, query: Mapping[str, str], read_timeout_s: float
    ) -> AsyncGenerator[list[bytes]]:
        del query, read_timeout_s
        if not self._streams:
            self.silent.set()
            await asyncio.Event().wait()
        for read in self._streams.pop(0):
            yield list(read)


def a_cluster() -> ClusterState:
    """With the books of all plugins."""
    state = ClusterState()
    Engine(state, list(PLUGINS), FileBinder(state), offer=lambda _frame: None, clock=lambda: NOW)
    for name in NODES:
        has: Quantities = {"cpu": "4", "memory": "8Gi", "pods": "110"}
        state.apply(NodeUpserted(Node(name=name, allocatable=has, capacity=has)), NOW)
    return state


def followed(state: ClusterState, streams: Iterable[Sequence[Sequence[bytes]]], *, anew: bool = False) -> ClusterState:
    """`anew`: every stream begins with a list."""

    async def run() -> None:
        api = ScriptedApi(streams)
        informer = Informer(cast("KubeApi", api), state, PODS, lambda: NOW, asyncio.Lock(), lambda: list(state.assumed))
        while not api.silent.is_set():
            task = asyncio.create_task(informer._once())
            silent = asyncio.create_task(api.silent.wait())
            await asyncio.wait({task, silent}, return_when=asyncio.FIRST_COMPLETED)
            for each in (task, silent):
                each.cancel()
            await asyncio.gather(task, silent, return_exceptions=True)
            if anew:
                informer._version = ""

    asyncio.run(run())
    return state


def said(kind: str, name: str, node: str, phase: str = "Running", version: int = 0) -> bytes:
    pod = a_pod(name, node, phase=phase)
    pod["metadata"]["resourceVersion"] = str(version)
    return json.dumps({"type": kind, "object": pod}).encode()


END = json.dumps(
    {
        "type": "BOOKMARK",
        "object": {"metadata": {"resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}},
    }
).encode()

EVENTS = st.lists(
    st.builds(
        said,
        st.sampled_from(["ADDED", "MODIFIED", "DELETED"]),
        st.sampled_from(["p1", "p2", "p3"]),
        st.sampled_from(["", *NODES, "unknown"]),
        st.sampled_from(["Pending", "Running", "Succeeded"]),
        st.integers(0, 3),
    ),
    max_size=20,
)


def shown(state: ClusterState) -> dict[str, Any]:
    nodes = state.nodes
    columns = {name: getattr(nodes, name)[: nodes.rows].tolist() for name, _kind, _meaning in nodes.COLUMNS}
    return {
        "pods": {uid: msgspec.to_builtins(pod) for uid, pod in state.pods.items()},
        "on": {name: list(state.pods_on(name)) for name in (*NODES, "unknown")},
        "columns": columns,
        "requested": nodes.requested[: nodes.rows].tolist(),
        "assignments": [(entry.uid, entry.row, entry.removed) for entry in state.assignments],
    }


@given(EVENTS, st.data())
def test_a_stream_says_the_same_in_whatever_reads_it_comes(events: list[bytes], data: st.DataObject) -> None:
    lines = [END, *events]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lines)), max_size=5)) | {0, len(lines)})
    reads = [lines[a:b] for a, b in pairwise(cuts)]
    one_by_one = followed(a_cluster(), [[[line] for line in lines]])
    assert shown(followed(a_cluster(), [reads])) == shown(one_by_one)


@given(EVENTS, EVENTS, st.data())
def test_a_first_list_says_the_same_in_whatever_groups_it_comes(
    listed: list[bytes], after: list[bytes], data: st.DataObject
) -> None:
    lines = [*listed, END, *after]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lines)), max_size=3)) | {0, len(lines)})
    one_by_one = followed(a_cluster(), [[[line] for line in lines]])
    assert shown(followed(a_cluster(), [[lines[a:b] for a, b in pairwise(cuts)]])) == shown(one_by_one)


@given(EVENTS, st.lists(st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(["Running", "Failed"]))))
def test_after_a_list_there_is_what_it_named_and_nothing_else(
    before: list[bytes], listed: list[tuple[str, str]]
) -> None:
    # An object of a known version is the known one.
    lines = [said("ADDED", name, "n1", phase, 10 + i) for i, (name, phase) in enumerate(listed)]
    found = followed(a_cluster(), [[[END, *before]], [[*lines, END]]], anew=True)
    assert set(found.pods) == {f"uid-{name}" for name, phase in dict(listed).items() if phase == "Running"}


def test_a_changed_pod_is_the_one_that_came_last() -> None:
    first, second = (said("ADDED", name, "n1", version=1) for name in ("p1", "p2"))
    state = followed(a_cluster(), [[[END, first, second, said("MODIFIED", "p1", "n1", version=2)]]])
    assert list(state.pods_on("n1")) == ["uid-p2", "uid-p1"]


def blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


def test_lists_of_the_same_pods_leave_nothing_behind() -> None:
    state = a_cluster()
    streams = [
        [[said("ADDED", f"p{i}", NODES[i % 2], version=turn) for i in range(200)] + [END]] for turn in range(1, 13)
    ]
    followed(state, streams[:3], anew=True)
    before = blocks()
    followed(state, streams[3:], anew=True)
    assert blocks() - before < 200, "less than one object for a pod after nine more lists"


def test_pods_that_come_and_go_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "_DELETED_MAX", 50)
    state = a_cluster()

    def churned(first: int) -> None:
        names = [f"c{first + i:06d}" for i in range(500)]
        events = [said(kind, name, "n1", version=1) for name in names for kind in ("ADDED", "MODIFIED", "DELETED")]
        followed(state, [[[END, *events]]])
        # What came and went lately is remembered for some minutes.
        state.apply(PodUpserted(STAYS), NOW + 10_000 + first)

    churned(0)
    churned(500)
    before = blocks()
    for turn in range(2, 8):
        churned(500 * turn)
    assert blocks() - before < 500, "less than one object for six pods that came and went"
