"""The sums on each node are those of the pods that stand there or are being bound there, after any story."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Container, NodeTable, Pod
from extender.plugins.low_risk_over_commitment.book import CommitmentBook
from extender.plugins.low_risk_over_commitment.commitment import NOTHING, Commitment

NODES = ("a", "b", "c")
UIDS = ("u1", "u2", "u3", "u4")


def a_pod(uid: str, milli: int, node: str = "") -> Pod:
    container = Container(requests={"cpu": f"{milli}m", "memory": str(milli)}, limits={"cpu": f"{2 * milli}m"})
    return Pod(namespace="ns", name=uid, uid=uid, containers=(container,), node_name=node)


UID, NODE, MILLI = st.sampled_from(UIDS), st.sampled_from(NODES), st.integers(1, 9)
STORY = st.lists(
    st.tuples(st.just("seen"), UID, st.one_of(NODE, st.just("")), MILLI)
    | st.tuples(st.just("gone"), UID)
    | st.tuples(st.just("bind"), UID, NODE, MILLI)
    | st.tuples(st.just("failed"), UID)
    | st.tuples(st.just("node"), NODE)
    | st.tuples(st.just("look")),
    max_size=40,
)


class Naive:
    """The same rules, counted from scratch."""

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.binding: dict[str, Pod] = {}

    def sums(self, node: str) -> Commitment:
        standing = [pod for pod in self.pods.values() if pod.node_name == node]
        coming = [pod for pod in self.binding.values() if pod.node_name == node]
        milli = [int(pod.containers[0].requests["memory"]) for pod in standing + coming]
        return Commitment(sum(milli), 2 * sum(milli), sum(milli), sum(milli))


@given(STORY)
def test_columns_follow_any_story(story: list[Any]) -> None:
    book, naive, nodes = CommitmentBook(), Naive(), NodeTable()
    for step in story:
        match step:
            case ("seen", uid, node, milli):
                pod = a_pod(uid, milli, node)
                book.pod_changed(naive.pods.get(uid), pod)
                naive.pods[uid] = pod
                if node:
                    naive.binding.pop(uid, None)
            case ("gone", uid):
                book.pod_changed(naive.pods.pop(uid, None), None)
                naive.binding.pop(uid, None) if uid not in naive.pods else None
                book.bind_failed(uid)
            case ("bind", uid, node, milli):
                book.bind_began(a_pod(uid, milli), node)
                seen = naive.pods.get(uid)
                if seen is None or not seen.node_name:
                    naive.binding[uid] = a_pod(uid, milli, node)
            case ("failed", uid):
                book.bind_failed(uid)
                naive.binding.pop(uid, None)
            case ("node", node):
                nodes.remove(node) if nodes.row(node) >= 0 else nodes.add(node)
            case _:
                assert_same(book, naive, nodes)
    assert_same(book, naive, nodes)


def assert_same(book: CommitmentBook, naive: Naive, nodes: NodeTable) -> None:
    table = np.array(book.columns(nodes))
    for node in NODES:
        assert book.on(node) == naive.sums(node)
        if nodes.row(node) >= 0:
            assert tuple(table[:, nodes.row(node)].tolist()) == naive.sums(node)
    free = [row for row in range(nodes.rows) if not nodes.names[row]]
    assert not table[:, free].any()


def test_nothing_is_kept_of_pods_that_are_gone() -> None:
    book = CommitmentBook()
    pod = a_pod("u1", 5, "a")
    book.bind_began(pod, "a")
    book.pod_changed(None, pod)
    assert book.on("a").cpu == 5, "counted once, not twice"
    book.pod_changed(pod, None)
    assert book.on("a") == NOTHING
    assert not book._sums
    assert not book._seen
    assert not book._binding


def test_a_sum_beyond_int64_is_shown_as_very_large() -> None:
    book, nodes = CommitmentBook(), NodeTable()
    nodes.add("a")
    for uid in UIDS:
        container = Container(requests={"memory": "9e18"})
        book.pod_changed(None, Pod(namespace="ns", name=uid, uid=uid, containers=(container,), node_name="a"))
    assert book.columns(nodes)[2][0] > 2**61
