"""QoS: priority, then class, then time; and where no gate helps, giving way within bounds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Container, Cycle, NodeTable, Pod, Quantities, QueuedPod, QueueView
from extender.plugins.qos import PLUGIN
from extender.plugins.qos.book import QueueBook
from extender.plugins.qos.plugin import DEFERRALS_MAX, LOOKED_AT_MAX, give_way, turn
from extender.plugins.qos.rank import BEST_EFFORT, BURSTABLE, GUARANTEED, rank_of

VIEW = QueueView(PLUGIN.args(), None, {})
NOW_S = 1000.0
CLASSES = ("Guaranteed", "Burstable", "BestEffort")


def a_pod(uid: str, qos: str = "", **fields: Any) -> Pod:
    return Pod(namespace="ns", name=uid, uid=uid, qos_class=qos, **fields)


def less(a: QueuedPod, b: QueuedPod) -> bool:
    return turn(VIEW, a) < turn(VIEW, b)


def queued(qos: str, priority: int, at_ns: int) -> QueuedPod:
    return QueuedPod(a_pod("p", qos, priority=priority), at_ns, at_ns)


@pytest.mark.parametrize(
    ("a", "b", "first"),
    [
        (("BestEffort", 0, 1), ("Guaranteed", 0, 2), False),
        (("Guaranteed", 0, 2), ("Burstable", 0, 1), True),
        (("Burstable", 0, 1), ("Burstable", 0, 2), True),
        (("Burstable", 0, 1), ("Burstable", 0, 1), False),
        (("BestEffort", 10, 2), ("Guaranteed", 0, 1), True),
    ],
)
def test_golden_pairs(a: tuple[str, int, int], b: tuple[str, int, int], first: object) -> None:
    assert less(queued(*a), queued(*b)) is first


entries = st.builds(queued, st.sampled_from(CLASSES), st.integers(-1, 1), st.integers(0, 2))


@given(entries, entries, entries)
def test_it_is_a_strict_weak_order(a: QueuedPod, b: QueuedPod, c: QueuedPod) -> None:
    assert not less(a, a)
    assert not (less(a, b) and less(b, a))
    assert not (less(a, b) and less(b, c)) or less(a, c)
    equal = [not less(x, y) and not less(y, x) for x, y in ((a, b), (b, c), (a, c))]
    assert not (equal[0] and equal[1]) or equal[2]


def block(cpu: str = "", memory: str = "", cpu_limit: str = "", memory_limit: str = "") -> Container:
    requests: Quantities = {k: v for k, v in (("cpu", cpu), ("memory", memory)) if v}
    limits: Quantities = {k: v for k, v in (("cpu", cpu_limit), ("memory", memory_limit)) if v}
    return Container(requests=requests, limits=limits)


SAME, HALF, NONE, MORE = (
    block("1", "1Gi", "1000m", "1024Mi"),
    block("1", "", "1"),
    block(),
    block("1", "1Gi", "2", "2Gi"),
)


@pytest.mark.parametrize(
    ("containers", "inits", "rank"),
    [
        ((), (), BEST_EFFORT),
        ((NONE,), (), BEST_EFFORT),
        ((SAME,), (), GUARANTEED),
        ((HALF,), (), BURSTABLE),
        ((MORE,), (), BURSTABLE),
        ((SAME, NONE), (), BURSTABLE),
        ((SAME,), (SAME,), GUARANTEED),
        ((SAME,), (NONE,), BURSTABLE),
        ((SAME, MORE), (), BURSTABLE),
        ((block("0", "0", "0", "0"),), (), BEST_EFFORT),
        ((Container(requests={"ephemeral-storage": "1Gi"}),), (), BEST_EFFORT),
        ((block("0.1m", "1", "0.2m", "1"),), (), BURSTABLE),
    ],
)
def test_the_class_of_a_pod_without_status(containers: Any, inits: Any, rank: int) -> None:
    assert rank_of(a_pod("p", containers=containers, init_containers=inits)) == rank


def test_the_pods_own_block_counts_alone() -> None:
    pod = a_pod("p", containers=(NONE,), requests={"cpu": "1", "memory": "1"}, limits={"cpu": "1", "memory": "1"})
    assert rank_of(pod) == GUARANTEED


def test_the_status_wins_over_the_resources() -> None:
    assert rank_of(a_pod("p", "BestEffort", containers=(SAME,))) == BEST_EFFORT


def test_a_class_that_there_is_not_comes_last() -> None:
    assert rank_of(a_pod("p", "Golden")) < BEST_EFFORT


# Giving way.


def a_book(*pods: Pod) -> QueueBook:
    book = QueueBook()
    for pod in pods:
        book.pod_changed(None, pod)
    return book


def small(uid: str, qos: str = "BestEffort", **fields: Any) -> Pod:
    return a_pod(uid, qos, containers=(Container(requests={"cpu": "1"}),), **fields)


def asks(book: QueueBook, pod: Pod, *, free_cpus: int = 1, quiet: bool = False) -> str:
    """The reason why `pod` gives way on two nodes with so much room together, or nothing."""
    nodes = NodeTable()
    rows = np.array([nodes.add("a"), nodes.add("b"), -1], np.int32)
    nodes.allocatable[rows[0], 0] = free_cpus * 1000
    nodes.allocatable[rows[:2], 1:] = 10**12
    cycle = Cycle(
        pod=pod,
        nodes=nodes,
        rows=rows,
        args=PLUGIN.args(),
        book=book,
        memo={},
        pods={},
        nominated={},
        objects={},
        assignments=(),
        now_s=NOW_S,
        quiet=quiet,
    )
    return give_way(cycle).reason


GIVES_WAY = "a pod of a higher QoS class is waiting"


def test_the_last_room_is_left_to_a_better_pod() -> None:
    low, high = small("low"), small("high", "Guaranteed")
    assert asks(a_book(low, high), low) == GIVES_WAY
    assert asks(a_book(low, high), high) == ""


def test_without_contention_nobody_gives_way() -> None:
    low, high = small("low"), small("high", "Guaranteed")
    assert asks(a_book(low, high), low, free_cpus=2) == ""


@pytest.mark.parametrize(
    "better",
    [
        small("high", "Guaranteed", gates=("trimtab.dev/qos-order",)),
        small("high", "Guaranteed", node_name="a"),
        small("high", "Guaranteed", nominated_node_name="a"),
        small("high", "Guaranteed", terminating=True),
        small("high", "Guaranteed", scheduler_name="other"),
        small("high", "Guaranteed", created_at_s=int(NOW_S)),
        small("high", "Guaranteed", unscheduled_reason="Unschedulable", unschedulable_at_s=1),
        small("high", "BestEffort"),
        small("high", "Guaranteed", priority=-1),
    ],
    ids=["gated", "bound", "nominated", "going", "elsewhere", "too young", "tried", "no better", "less important"],
)
def test_for_these_nobody_waits(better: Pod) -> None:
    low = small("low")
    assert asks(a_book(low, better), low) == ""


def test_who_was_tried_is_not_waited_for_until_room_changes() -> None:
    low, high = small("low"), small("high", "Guaranteed")
    book = a_book(low, high)
    asks(book, high)
    assert asks(book, low) == ""
    placed = small("placed", node_name="a")
    book.pod_changed(None, placed)
    assert asks(book, low) == ""
    book.pod_changed(placed, None)
    assert asks(book, low) == GIVES_WAY


def test_a_better_pod_that_the_scheduler_could_not_place_is_not_waited_for() -> None:
    low, high = small("low"), small("high", "Guaranteed")
    book = a_book(low, high)
    refused = small("high", "Guaranteed", unscheduled_reason="Unschedulable", unschedulable_at_s=5)
    book.pod_changed(high, refused)
    assert asks(book, low) == ""
    book.node_changed(None, None)
    book.pod_changed(refused, refused)
    assert asks(book, low) == GIVES_WAY


def test_a_pod_gives_way_only_so_often() -> None:
    low, high = small("low"), small("high", "Guaranteed")
    book = a_book(low, high)
    told = [asks(book, low) for _ in range(DEFERRALS_MAX + 2)]
    assert told == [GIVES_WAY] * DEFERRALS_MAX + ["", ""]


def test_a_quiet_question_counts_for_nothing() -> None:
    low, high = small("low"), small("high", "Guaranteed")
    book = a_book(low, high)
    assert {asks(book, low, quiet=True) for _ in range(DEFERRALS_MAX + 2)} == {GIVES_WAY}
    asks(book, high, quiet=True)
    assert asks(book, low) == GIVES_WAY


def test_how_often_it_gave_way_is_forgotten_with_the_pod() -> None:
    low, high = small("low"), small("high", "Guaranteed")
    book = a_book(low, high)
    asks(book, low)
    book.pod_changed(low, None)
    assert book.gave_way("low") == 0
    book.pod_changed(None, low)
    assert book.gave_way("low") == 0


def test_a_nominated_pod_and_one_that_nobody_knows_never_give_way() -> None:
    high = small("high", "Guaranteed")
    nominated = small("low", nominated_node_name="a")
    assert asks(a_book(high, nominated), nominated) == ""
    assert asks(a_book(high), small("stranger")) == ""


def test_only_so_many_better_pods_are_looked_at() -> None:
    low = small("low")
    tried = [
        small(f"t{i}", "Guaranteed", unscheduled_reason="Unschedulable", unschedulable_at_s=1)
        for i in range(LOOKED_AT_MAX)
    ]
    assert asks(a_book(*tried[1:], small("high", "Guaranteed"), low), low) == GIVES_WAY
    assert asks(a_book(*tried, small("high", "Guaranteed"), low), low) == ""


states = st.builds(
    lambda uid, qos, priority, node, gates: small(uid, qos, priority=priority, node_name=node, gates=gates),
    st.sampled_from("abcd"),
    st.sampled_from(CLASSES),
    st.integers(0, 1),
    st.sampled_from(("", "a")),
    st.sampled_from(((), ("gate",))),
)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.none() | states), max_size=20))
def test_the_book_is_a_fold_of_what_is_there_now(changes: list[tuple[str, Pod | None]]) -> None:
    book, now = QueueBook(), dict[str, Pod]()
    for uid, state in changes:
        uid = state.uid if state else uid  # noqa: PLW2901
        old = now.pop(uid, None)
        if state is not None:
            now[uid] = state
        if old is not None or state is not None:
            book.pod_changed(old, state)
    fresh = a_book(*now.values())
    for uid in "abcd":
        assert book.knows(uid) == fresh.knows(uid)
    low = small("low", priority=-5)
    found = ({w.uid for w in each.ahead_of(low, NOW_S, 100) if w.tried_at < 0} for each in (book, fresh))
    assert next(found) == next(found)


def test_better_pods_come_best_class_first() -> None:
    pods = [small(f"{q}{p}", q, priority=p) for q, p in itertools.product(CLASSES, (0, 1))]
    ahead = list(a_book(*pods).ahead_of(small("low", priority=-1), NOW_S, 100))
    assert [w.uid for w in ahead] == [
        "Guaranteed1",
        "Burstable1",
        "BestEffort1",
        "Guaranteed0",
        "Burstable0",
        "BestEffort0",
    ]
