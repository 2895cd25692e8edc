"""TopologicalSort: within an application by its graph, else by priority and time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Pod, QueuedPod, QueueView
from extender.framework.arguments import args_of
from extender.plugins.topological_sort import PLUGIN
from extender.plugins.topological_sort.book import OrderBook
from extender.plugins.topological_sort.order import NOT_FOUND, Order
from extender.plugins.topological_sort.plugin import (
    GROUP_LABEL,
    WORKLOAD_LABEL,
    TopologicalSortArgs,
    has_group,
    less,
    turn,
)

SELECTORS = ("p1", "p2", "p3", "p4")


def an_app(*entries: tuple[str, int], created: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    order = [{"index": index, "workload": {"selector": selector}} for selector, index in entries]
    return {"metadata": {"creationTimestamp": created}, "status": {"topologyOrder": order}}


def a_book(**apps: Any) -> OrderBook:
    book = OrderBook()
    for name, app in apps.items():
        book.object_changed("AppGroup", f"default/{name}", None, app)
    return book


def view(book: OrderBook, *namespaces: str) -> QueueView:
    return QueueView(TopologicalSortArgs(namespaces=namespaces or ("default",)), book, {})


def queued(workload: str = "", group: str = "app", priority: int = 0, at_ns: int = 0) -> QueuedPod:
    labels = {GROUP_LABEL: group, WORKLOAD_LABEL: workload} if group else {}
    return QueuedPod(Pod(namespace="ns", name="p", uid="p", labels=labels, priority=priority), at_ns, at_ns)


APP = view(a_book(app=an_app(("p1", 2), ("p2", 1), ("p3", 3))))


def test_within_a_group_the_index_decides_and_priority_does_not() -> None:
    assert less(APP, queued("p2"), queued("p1", priority=10))
    assert not less(APP, queued("p1", priority=10), queued("p2"))


def test_equal_indices_are_less_both_ways_as_upstream() -> None:
    assert less(APP, queued("p1", at_ns=1), queued("p1", at_ns=2))
    assert less(APP, queued("p1", at_ns=2), queued("p1", at_ns=1))


@pytest.mark.parametrize("group", ["", "missing"])
def test_without_a_usable_group_priority_and_time_decide(group: str) -> None:
    assert less(APP, queued("p1", group, priority=1, at_ns=9), queued("p2", group))
    assert less(APP, queued("p1", group, at_ns=1), queued("p2", group, at_ns=2))
    assert not less(APP, queued("p1", group, at_ns=1), queued("p2", group, at_ns=1))


def test_pods_of_different_groups_go_by_priority_and_time() -> None:
    both = view(a_book(app=an_app(("p1", 5)), other=an_app(("p1", 1))))
    assert less(both, queued("p1", "app", at_ns=1), queued("p1", "other", at_ns=2))


def test_an_unsorted_list_is_searched_as_upstream_searches_it() -> None:
    assert Order(("p3", "p2", "p1"), (1, 2, 3), 0).index_of("p2") == 2
    assert Order(("p3", "p2", "p1"), (1, 2, 3), 0).index_of("p3") == NOT_FOUND
    assert Order((), (), 0).index_of("p1") == NOT_FOUND


@given(
    st.dictionaries(st.text("ab", min_size=1, max_size=4), st.integers(-3, 9), max_size=9), st.text("ab", max_size=4)
)
def test_in_a_sorted_list_everything_is_found(indices: dict[str, int], wanted: str) -> None:
    selectors = tuple(sorted(indices))
    order = Order(selectors, tuple(indices[each] for each in selectors), 0)
    assert order.index_of(wanted) == indices.get(wanted, NOT_FOUND)


def test_the_first_namespace_that_has_the_group_counts() -> None:
    book = a_book(app=an_app(("p1", 1), ("p2", 2)))
    book.object_changed("AppGroup", "other/app", None, an_app(("p1", 2), ("p2", 1)))
    assert less(view(book, "default", "other"), queued("p1"), queued("p2"))
    assert less(view(book, "other", "default"), queued("p2"), queued("p1"))


def test_only_pods_with_the_label_are_gated() -> None:
    assert has_group(APP, queued("p1").pod)
    assert not has_group(APP, queued(group="").pod)


entries = st.builds(
    queued,
    st.sampled_from((*SELECTORS, "p9")),
    st.sampled_from(("app", "other", "missing", "")),
    st.integers(-1, 1),
    st.integers(0, 3),
)
TWO = view(a_book(app=an_app(("p1", 2), ("p2", 1)), other=an_app(("p3", 1), ("p1", 1), created="2026-01-01T00:00:01Z")))


@given(entries, entries, entries)
def test_pods_are_let_go_by_a_strict_weak_order(a: QueuedPod, b: QueuedPod, c: QueuedPod) -> None:
    def before(x: QueuedPod, y: QueuedPod) -> bool:
        return turn(TWO, x) < turn(TWO, y)

    assert not (before(a, b) and before(b, a))
    assert not (before(a, b) and before(b, c)) or before(a, c)
    equal = [turn(TWO, x) == turn(TWO, y) for x, y in ((a, b), (b, c), (a, c))]
    assert not (equal[0] and equal[1]) or equal[2]


@given(entries, entries)
def test_within_a_group_and_a_priority_it_agrees_with_upstreams(a: QueuedPod, b: QueuedPod) -> None:
    a_group, b_group = (each.pod.labels.get(GROUP_LABEL, "") for each in (a, b))
    if a_group == b_group and a.pod.priority == b.pod.priority and turn(TWO, a) < turn(TWO, b):
        assert less(TWO, a, b)


def test_the_pods_of_an_older_group_go_together_before_those_of_a_younger() -> None:
    pods = [queued("p1", "other", at_ns=1), queued("p1", "app", at_ns=2), queued("p3", "other"), queued("p2", "app")]
    ordered = sorted(pods, key=lambda each: turn(TWO, each))
    assert [each.pod.labels[GROUP_LABEL] for each in ordered] == ["app", "app", "other", "other"]


MALFORMED = [
    ({"status": {"topologyOrder": "p1"}}, "status.topologyOrder: want a list, got str"),
    ({"status": []}, "status: want a mapping, got list"),
    ({"status": {"topologyOrder": [7]}}, "status.topologyOrder[0]: want a mapping, got int"),
    ({"status": {"topologyOrder": [{"index": "1"}]}}, "status.topologyOrder[0].index: want an int32, got '1'"),
    ({"status": {"topologyOrder": [{"index": 2**31}]}}, "status.topologyOrder[0].index: want an int32, got 2147483648"),
    (
        {"status": {"topologyOrder": [{"workload": {"selector": 3}}]}},
        "status.topologyOrder[0].workload.selector: want text, got int",
    ),
    ({"metadata": {"creationTimestamp": "soon"}}, "metadata.creationTimestamp: want a time, got 'soon'"),
]


@pytest.mark.parametrize(("app", "why"), MALFORMED)
def test_a_malformed_group_counts_as_missing_and_says_why(app: Any, why: str) -> None:
    book = a_book(app=an_app(("p1", 1), ("p2", 2)))
    book.object_changed("AppGroup", "default/app", None, app)
    assert book.problems == {"default/app": why}
    assert less(view(book), queued("p2", priority=1), queued("p1"))
    book.object_changed("AppGroup", "default/app", app, None)
    assert book.problems == {}


def test_an_empty_order_finds_nobody() -> None:
    empty = view(a_book(app={}))
    assert less(empty, queued("p1"), queued("p2"))
    assert less(empty, queued("p2"), queued("p1"))


@pytest.mark.parametrize(
    ("raw", "namespaces"), [({}, ("default",)), ({"namespaces": []}, ("default",)), ({"namespaces": ["a"]}, ("a",))]
)
def test_no_namespaces_mean_the_default(raw: dict[str, Any], namespaces: tuple[str, ...]) -> None:
    args, problems = args_of(PLUGIN, raw)
    assert not problems
    assert args == TopologicalSortArgs(namespaces=namespaces)


def test_a_namespace_is_text() -> None:
    assert args_of(PLUGIN, {"namespaces": [1]})[0] is None
