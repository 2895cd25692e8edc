"""The book: promises end on every way out, slots are never mixed up, moves are remembered as long as told."""

from __future__ import annotations

from typing import Any

import pytest

from extender.framework import Container, Node, Pod
from extender.plugins.rescheduler import book as module
from extender.plugins.rescheduler.book import MAINTENANCE_LABEL, UsageBook


def pod(uid: str = "p", cpu: str = "1", **parts: Any) -> Pod:
    containers = (Container(requests={"cpu": cpu, "memory": "1Gi"}), Container(requests={"cpu": "250m"}))
    found: dict[str, Any] = {"owner_uid": "o", "containers": containers, **parts}
    return Pod(namespace="a", name=uid, uid=uid, **found)


def running(book: UsageBook, node: str) -> list[int]:
    told: list[int] = book.running[book.slot(node)].tolist()
    return told


def promised(book: UsageBook, node: str) -> int:
    return int(book.binding[book.slot(node)][0] + book.starting[book.slot(node)][0])


def test_only_app_containers_of_running_pods_count() -> None:
    book = UsageBook()
    book.pod_changed(
        None, pod("a", node_name="n", phase="Running", init_containers=(Container(requests={"cpu": "8"}),))
    )
    book.pod_changed(None, pod("b", node_name="n", phase="Pending", overhead={"cpu": "1"}))
    assert running(book, "n") == [1250, 2**30]


def test_a_terminating_pod_counts_until_it_is_gone() -> None:
    book, here = UsageBook(), pod(node_name="n", phase="Running")
    leaving = pod(node_name="n", phase="Running", terminating=True)
    book.pod_changed(None, here)
    book.pod_changed(here, leaving)
    assert running(book, "n") == [1250, 2**30]
    book.pod_changed(leaving, None)
    assert running(book, "n") == [0, 0]


def test_a_promise_lasts_until_the_pod_runs() -> None:
    book, waiting = UsageBook(), pod()
    book.promise(waiting, "n")
    book.promise(waiting, "n")
    assert promised(book, "n") == 1250
    bound = pod(node_name="n")
    book.pod_changed(waiting, bound)
    assert promised(book, "n") == 1250, "bound is not running: it does not count as use yet"
    book.release("p")
    assert promised(book, "n") == 1250, "it will run there, whatever became of the bind call"
    book.pod_changed(bound, pod(node_name="n", phase="Running"))
    assert promised(book, "n") == 0
    assert running(book, "n") == [1250, 2**30]


@pytest.mark.parametrize("way", ["bind failed", "deleted", "bound elsewhere", "another promise"])
def test_a_promise_ends_on_every_other_way_out(way: str) -> None:
    book, waiting = UsageBook(), pod()
    book.promise(waiting, "n")
    match way:
        case "bind failed":
            book.release("p")
            book.release("p")
        case "deleted":
            book.pod_changed(waiting, None)
        case "bound elsewhere":
            book.pod_changed(waiting, pod(node_name="m"))
        case _:
            book.promise(waiting, "m")
    assert promised(book, "n") == 0


def test_a_pod_that_runs_is_promised_nothing() -> None:
    book, here = UsageBook(), pod(node_name="n", phase="Running")
    book.pod_changed(None, here)
    book.promise(here, "n")
    assert book.promises == 0


def test_a_node_that_goes_and_comes_keeps_its_pods_and_gives_its_place_only_when_empty() -> None:
    book, here = UsageBook(), pod(node_name="n", phase="Running")
    node = Node(name="n", labels={MAINTENANCE_LABEL: "true"})
    book.node_changed(None, node)
    book.pod_changed(None, here)
    assert book.maintenance[book.slot("n")]
    book.node_changed(node, None)
    assert not book.maintenance[book.slot("n")]
    assert running(book, "n") == [1250, 2**30]
    book.node_changed(None, Node(name="m"))
    assert running(book, "m") == [0, 0]
    book.pod_changed(here, None)
    assert book.slot("n") == 0
    book.node_changed(None, Node(name="k"))
    assert running(book, "k") == [0, 0]


def test_only_the_value_true_of_the_label_is_maintenance() -> None:
    book = UsageBook()
    for value in ("True", "1", "", "false"):
        book.node_changed(None, Node(name="n", labels={MAINTENANCE_LABEL: value}))
        assert not book.maintenance[book.slot("n")]


def test_it_grows_with_the_cluster() -> None:
    book = UsageBook()
    for i in range(300):
        book.node_changed(None, Node(name=f"n{i}"))
        book.pod_changed(None, pod(f"p{i}", cpu=str(i), node_name=f"n{i}", phase="Running"))
    assert all(running(book, f"n{i}")[0] == 1000 * i + 250 for i in range(300))


@pytest.mark.parametrize("new", [None, pod(node_name="n", phase="Running", terminating=True)], ids=["gone", "leaving"])
def test_a_move_is_remembered_once_the_pod_really_leaves(new: Pod | None) -> None:
    book, here = UsageBook(), pod(node_name="n", phase="Running")
    book.pod_changed(None, here)
    book.expect_move(here, until_s=600.0)
    assert book.expected(0.0) == {"p": ("o", "n")}
    assert book.moved_from("o", 0.0) == []
    book.pod_changed(here, new)
    assert book.expected(0.0) == {}
    assert book.moved_from("o", 599.0) == ["n"]
    assert book.moved_from("another", 599.0) == []
    assert book.cooling(599.0) == {("o", "n")}
    assert book.moved_from("o", 600.0) == []


def test_what_never_leaves_is_forgotten_and_what_is_remembered_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOVES_MAX", 2)
    book = UsageBook()
    for i in range(3):
        book.expect_move(pod(f"p{i}", node_name="n", phase="Running"), until_s=10.0)
    assert list(book.expected(0.0)) == ["p1", "p2"]
    assert book.expected(10.0) == {}
