"""The state equals a naive recomputation after any sequence of events, and nothing in an event can break it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.cluster import assignments as assignments_module
from extender.cluster import state as state_module
from extender.cluster.state import ClusterState
from extender.model.events import (
    Event,
    MetricsReplaced,
    NodeDeleted,
    NodeUpserted,
    ObjectDeleted,
    ObjectUpserted,
    PodAssumed,
    PodDeleted,
    PodUpserted,
)
from extender.model.node import Node
from extender.model.pod import Container, Pod
from extender.model.resources import request_k8s
from extender.quantity import MAX_INT64

NOW = 1_700_000_000.0


def a_pod(uid: str = "u1", name: str = "", cpu: str = "100m", memory: str = "1Mi", **fields: Any) -> Pod:
    fields.setdefault("containers", (Container(requests={"cpu": cpu, "memory": memory}),))
    return Pod(namespace="ns", name=name or f"pod-{uid}", uid=uid, **fields)


def a_node(name: str = "n1", **fields: Any) -> Node:
    fields.setdefault("capacity", {"cpu": "4", "memory": "8Gi", "pods": "110"})
    fields.setdefault("allocatable", fields["capacity"])
    return Node(name=name, **fields)


def a_state(*events: Event) -> ClusterState:
    state = ClusterState()
    for event in events:
        state.apply(event, NOW)
    return state


def metrics(**cpu: float) -> dict[str, Any]:
    nodes = {n: {"metrics": [{"type": "CPU", "operator": "AVG", "value": v}]} for n, v in cpu.items()}
    return {"window": {"end": int(NOW)}, "data": {"NodeMetricsMap": nodes}}


class Naive:
    """The same rules, recomputed from nothing but the surviving pods and nodes."""

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.nodes: dict[str, Node] = {}
        self.load: dict[str, float] = {}
        self.gone: set[str] = set()

    def apply(self, event: Event) -> None:
        match event:
            case PodUpserted(pod):
                self._upsert(pod)
            case PodAssumed(pod, _):
                held = self.pods.get(pod.uid)
                if pod.node_name and not pod.is_terminal and pod.uid not in self.gone and not (held and held.node_name):
                    self._put(pod)
            case PodDeleted(uid):
                self._drop(uid)
            case NodeUpserted(node):
                self.nodes[node.name] = node
            case NodeDeleted(name):
                self.nodes.pop(name, None)
            case MetricsReplaced(document, _):
                told = document["data"]["NodeMetricsMap"]
                self.load = {name: entry["metrics"][-1]["value"] for name, entry in told.items()}

    def _upsert(self, pod: Pod) -> None:
        if pod.is_terminal:
            self._drop(pod.uid)
            return
        self.gone.discard(pod.uid)
        held = self.pods.get(pod.uid)
        if held and held.node_name and not pod.node_name:
            pod = msgspec.structs.replace(pod, node_name=held.node_name)
        self._put(pod)

    def _put(self, pod: Pod) -> None:
        for uid, other in list(self.pods.items()):
            if other.key == pod.key and uid != pod.uid:
                self._drop(uid)
        self.pods[pod.uid] = pod

    def _drop(self, uid: str) -> None:
        self.gone.add(uid)
        self.pods.pop(uid, None)


UIDS, NODES = ["a", "b", "c", "d"], ["n1", "n2", "n3"]
pods = st.builds(
    lambda uid, name, cpu, node, nominated, phase, terminating: a_pod(
        uid,
        name,
        cpu,
        node_name=node,
        nominated_node_name=nominated,
        phase=phase,
        terminating=terminating,
    ),
    st.sampled_from(UIDS),
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from(["1m", "250m", "3", "9e18"]),
    st.sampled_from(["", "", *NODES]),
    st.sampled_from(["", *NODES]),
    st.sampled_from(["Pending", "Running", "Running", "Succeeded", "Failed"]),
    st.booleans(),
)
nodes = st.builds(
    lambda name, cpu, cordoned, gpu: a_node(
        name, capacity={"cpu": cpu, "memory": "1Gi", **({"x.org/gpu": gpu} if gpu else {})}, unschedulable=cordoned
    ),
    st.sampled_from(NODES),
    st.integers(0, 9).map(str),
    st.booleans(),
    st.sampled_from(["", "1", "8"]),
)
events: st.SearchStrategy[Event] = st.one_of(
    pods.map(PodUpserted),
    pods.map(PodUpserted),
    pods.map(lambda pod: PodAssumed(pod, NOW)),
    st.sampled_from(UIDS).map(PodDeleted),
    nodes.map(NodeUpserted),
    st.sampled_from(NODES).map(NodeDeleted),
    st.dictionaries(st.sampled_from([*NODES, "elsewhere"]), st.floats(-5, 150)).map(
        lambda cpu: MetricsReplaced(metrics(**cpu), NOW)
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(events, max_size=40))
def test_equals_a_naive_recomputation_after_any_sequence_of_events(happened: list[Event]) -> None:
    state, naive = ClusterState(), Naive()
    told: dict[str, Pod | None] = {}

    def remember(old: Pod | None, new: Pod | None) -> None:
        known = old or new
        assert known is not None
        assert told.get(known.uid) == old
        told[known.uid] = new

    state.pod_listeners.append(remember)
    for count, event in enumerate(happened, 1):
        state.apply(event, NOW)
        naive.apply(event)
        assert state.generation == count
        assert_equal(state, naive)
    assert {uid: pod for uid, pod in told.items() if pod} == state.pods


def assert_equal(state: ClusterState, naive: Naive) -> None:
    assert state.pods == naive.pods
    assert {name for name, _ in state.nodes.items()} == set(naive.nodes)
    waiting = {u: p for u, p in naive.pods.items() if not p.node_name and p.nominated_node_name and not p.terminating}
    assert state.nominated == waiting
    for pod in naive.pods.values():
        assert state.find_pod(pod.namespace, pod.name) == pod
    for name in (*NODES, "elsewhere"):
        here = {uid: pod for uid, pod in naive.pods.items() if pod.node_name == name}
        assert set(state.pods_on(name)) == set(here)
        if name in naive.nodes:
            assert_row(state, naive, name, here)
    assert live_assignments(state.assignments) == {
        uid: state.nodes.row(pod.node_name) for uid, pod in naive.pods.items() if pod.node_name in naive.nodes
    }


def assert_row(state: ClusterState, naive: Naive, name: str, here: dict[str, Pod]) -> None:
    table, node = state.nodes, naive.nodes[name]
    row = table.row(name)
    sums = [request_k8s(pod) for pod in here.values()]
    assert table.names[row] == name
    assert table.present[row]
    assert table.requested_cpu_milli[row] == min(MAX_INT64, sum(s.cpu_milli for s in sums))
    assert table.requested_memory_bytes[row] == min(MAX_INT64, sum(s.memory_bytes for s in sums))
    assert table.pod_count[row] == len(here)
    assert table.terminating_count[row] == sum(p.terminating for p in here.values())
    nominated = [p for p in naive.pods.values() if not p.node_name and p.nominated_node_name == name]
    assert table.nominated_count[row] == len(nominated)
    assert table.capacity_cpu_milli[row] == 1000 * int(node.capacity["cpu"])
    assert table.unschedulable[row] == node.unschedulable
    gpu = table.resource_index("x.org/gpu")
    assert int(node.allocatable.get("x.org/gpu", 0)) == (table.allocatable[row, gpu] if gpu >= 0 else 0)
    assert table.load_cpu_known[row] == (name in naive.load)
    assert table.load_cpu_pct[row] == naive.load.get(name, 0.0)


def live_assignments(entries: Sequence[Any]) -> dict[str, int]:
    """uid -> row, as a reader of the entries would fold them."""
    assert (
        [e.sequence for e in entries] == list(range(entries[0].sequence, entries[0].sequence + len(entries)))
        if (entries)
        else True
    )
    live: dict[str, int] = {}
    for entry in entries:
        if entry.removed:
            assert live.pop(entry.uid) == entry.row
        else:
            assert entry.uid not in live
            live[entry.uid] = entry.row
    return live


def test_a_stale_watch_event_does_not_unassign_a_pod_that_we_bound() -> None:
    pod = a_pod()
    bound = msgspec.structs.replace(pod, node_name="n1")
    state = a_state(NodeUpserted(a_node()), PodUpserted(pod), PodAssumed(bound, NOW), PodUpserted(pod))
    assert state.pods["u1"].node_name == "n1"
    assert state.nodes.pod_count[state.nodes.row("n1")] == 1


def test_an_own_bind_told_after_the_deletion_brings_no_ghost() -> None:
    bound = a_pod(node_name="n1")
    state = a_state(NodeUpserted(a_node()), PodUpserted(bound), PodDeleted("u1"), PodAssumed(bound, NOW))
    assert not state.pods


def test_an_own_bind_counts_before_the_pod_is_seen() -> None:
    state = a_state(NodeUpserted(a_node()), PodAssumed(a_pod(node_name="n1", cpu="2"), NOW))
    assert state.nodes.requested_cpu_milli[state.nodes.row("n1")] == 2000


def test_pods_without_uid_stand_under_their_name() -> None:
    state = a_state(PodUpserted(a_pod("", "one")), PodUpserted(a_pod("", "two")))
    assert set(state.pods) == {"ns/one", "ns/two"}


@pytest.mark.parametrize("absurd", ["1e400", "", "ten", "-5", "١", "0x10", "1" * 5000, float("inf"), float("nan")])
def test_an_absurd_quantity_of_a_node_breaks_nothing(absurd: str | float) -> None:
    state = a_state(NodeUpserted(a_node(capacity={"cpu": absurd, "memory": "1Gi"})))
    row = state.nodes.row("n1")
    assert state.nodes.capacity_memory_bytes[row] == 2**30
    assert state.nodes.capacity_cpu_milli[row] == (MAX_INT64 if absurd == "1e400" else 0)
    assert state.nodes.allocatable[row, 0] == state.nodes.capacity_cpu_milli[row]


@pytest.mark.parametrize("absurd", ["1e400", "", "ten", "-5", "1" * 5000])
def test_an_absurd_quantity_of_a_pod_breaks_neither_its_own_nor_its_neighbours_count(absurd: str) -> None:
    odd = a_pod("odd", cpu=absurd, node_name="n1")
    plain = a_pod("plain", cpu="1", node_name="n1")
    state = a_state(NodeUpserted(a_node()), PodUpserted(odd), PodUpserted(odd), PodUpserted(plain))
    row = state.nodes.row("n1")
    assert state.nodes.requested_cpu_milli[row] == (MAX_INT64 if absurd == "1e400" else 1000)
    state.apply(PodDeleted("odd"), NOW)
    assert state.nodes.requested_cpu_milli[row] == 1000


def test_a_node_without_status_is_a_row_of_zeros() -> None:
    state = a_state(NodeUpserted(Node(name="bare")))
    assert not state.nodes.allocatable[state.nodes.row("bare")].any()


@pytest.mark.parametrize(("length", "taken"), [(0, 0), (1, 1), (253, 1), (254, 0)])
def test_a_node_name_has_1_to_253_characters(length: int, taken: int) -> None:
    assert len(a_state(NodeUpserted(a_node("n" * length))).nodes) == taken


def test_more_resources_than_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "RESOURCES_MAX", 6)
    many = {f"x.org/r{i}": "1" for i in range(9)}
    state = a_state(NodeUpserted(a_node(capacity={"cpu": "1", **many})))
    assert len(state.nodes.resources) == 6


def test_a_heartbeat_that_changes_nothing_leaves_the_generation_of_the_columns_alone() -> None:
    state = a_state(NodeUpserted(a_node()))
    before = state.nodes.generation
    state.apply(NodeUpserted(a_node(resource_version="2")), NOW)
    assert state.nodes.generation == before


@given(st.lists(events, max_size=30), st.integers(1, 30))
def test_events_applied_together_are_events_applied_one_by_one(told: list[Event], size: int) -> None:
    together, heard = an_overheard_state()
    for at in range(0, len(told), size):
        together.apply_all(told[at : at + size], NOW)
    singly, heard_singly = an_overheard_state()
    for event in told:
        singly.apply(event, NOW)
    assert heard == heard_singly, "each listener hears the same in the same order"
    assert together.pods == singly.pods
    assert together.nominated == singly.nominated
    assert together.assumed == singly.assumed
    assert list(together.assignments) == list(singly.assignments)
    assert (together.generation, together.nodes.names) == (singly.generation, singly.nodes.names)
    for column, _kind, _meaning in together.nodes.COLUMNS:
        assert np.array_equal(getattr(together.nodes, column), getattr(singly.nodes, column)), column
    assert np.array_equal(together.nodes.requested, singly.nodes.requested)
    for node in NODES:
        assert list(together.pods_on(node)) == list(singly.pods_on(node))


def an_overheard_state() -> tuple[ClusterState, list[list[Any]]]:
    """And what each of its listeners hears."""
    state = ClusterState()
    heard: list[list[Any]] = [[] for _ in range(5)]
    state.pod_listeners += [lambda *what: heard[0].append(what), lambda *what: heard[1].append(what)]
    state.node_listeners.append(lambda *what: heard[2].append(what))
    state.object_listeners.append(lambda *what: heard[3].append(what))
    state.listeners.append(heard[4].append)
    return state, heard


def test_a_failing_listener_stops_neither_the_state_nor_the_other_listeners() -> None:
    state = ClusterState()
    heard: list[Any] = []

    def broken(*_: object) -> None:
        raise RuntimeError("mine")

    state.pod_listeners.extend([broken, lambda old, new: heard.append((old, new))])
    state.listeners.extend([broken, heard.append])
    event = PodUpserted(a_pod())
    state.apply(event, NOW)
    assert heard == [(None, a_pod()), event]


def test_a_fault_while_applying_is_no_exception_of_the_caller() -> None:
    state = ClusterState()
    state.apply(PodUpserted(None), NOW)  # type: ignore[arg-type]
    state.apply(PodUpserted(a_pod()), NOW)
    assert state.generation == 2
    assert set(state.pods) == {"u1"}


def test_objects_come_and_go_with_old_and_new_told() -> None:
    state, heard = ClusterState(), []
    state.object_listeners.append(lambda *what: heard.append(what))
    for event in (
        ObjectUpserted("ElasticQuota", "ns/q", {"v": 1}),
        ObjectUpserted("ElasticQuota", "ns/q", {"v": 2}),
        ObjectDeleted("ElasticQuota", "ns/q"),
        ObjectDeleted("ElasticQuota", "ns/q"),
    ):
        state.apply(event, NOW)
    assert heard == [
        ("ElasticQuota", "ns/q", None, {"v": 1}),
        ("ElasticQuota", "ns/q", {"v": 1}, {"v": 2}),
        ("ElasticQuota", "ns/q", {"v": 2}, None),
    ]
    assert state.objects == {"ElasticQuota": {}}


def test_load_waits_for_its_node() -> None:
    state = a_state(MetricsReplaced(metrics(n1=42.0), NOW), NodeUpserted(a_node()))
    row = state.nodes.row("n1")
    assert (state.nodes.load_cpu_pct[row], state.nodes.load_cpu_known[row]) == (42.0, True)
    assert state.metrics_end_s == int(NOW)


def test_an_empty_document_blanks_every_node() -> None:
    state = a_state(NodeUpserted(a_node()), MetricsReplaced(metrics(n1=42.0), NOW), MetricsReplaced({}, NOW))
    assert not state.nodes.load_cpu_known.any()
    assert state.metrics_end_s == 0


def test_old_assignments_leave_and_those_after_the_window_stay() -> None:
    state = a_state(NodeUpserted(a_node()), PodUpserted(a_pod(node_name="n1")))
    state.apply(MetricsReplaced(metrics(n1=1.0), NOW), NOW + 200)
    state.apply(NodeDeleted("other"), NOW + 10_000)
    assert len(state.assignments) == 1, "the window ended at NOW: its readers still need what came then"
    state.apply(MetricsReplaced({}, NOW), NOW + 10_000)
    assert len(state.assignments) == 0


def test_assignments_have_an_upper_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignments_module, "ENTRIES_MAX", 20)
    state = a_state(NodeUpserted(a_node()), *(PodUpserted(a_pod(str(i), node_name="n1")) for i in range(50)))
    assert len(state.assignments) <= 20
    assert state.assignments[-1].uid == "49"


def test_a_reused_row_inherits_nothing() -> None:
    state = a_state(
        NodeUpserted(a_node(capacity={"cpu": "8", "x.org/gpu": "4"})),
        PodUpserted(a_pod(node_name="n1")),
        MetricsReplaced(metrics(n1=50.0), NOW),
        NodeDeleted("n1"),
        NodeUpserted(Node(name="n2")),
    )
    row = state.nodes.row("n2")
    assert row == 0
    for column, _, _ in state.nodes.COLUMNS:
        if column not in ("present", "ready"):
            assert getattr(state.nodes, column)[row] == 0, column
    assert not np.any(state.nodes.allocatable[row])
