"""The filter's rule, the search for minResources, and the order, each against a plain telling of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Container, Node, NodeTable, Pod, QueuedPod, QueueView
from extender.framework.arguments import decode
from extender.framework.binding import bind_plugin
from extender.framework.loop import filter_loop
from extender.plugins.coscheduling import PLUGIN
from extender.plugins.coscheduling.book import GangBook
from extender.plugins.coscheduling.gap import resource_gap
from extender.plugins.coscheduling.kernel import beside_gangs
from extender.plugins.coscheduling.order import QUEUE_SORT, key
from extender.plugins.coscheduling.pod_group import LABEL, PodGroup
from tests.extender.framework.loops import loaded
from tests.thorough import thorough

ROWS, RESOURCES = 4, 3
table = st.lists(st.lists(st.integers(-2, 9), min_size=RESOURCES, max_size=RESOURCES), min_size=ROWS, max_size=ROWS)


def test_the_compiled_filter_answers_as_its_rule(kernels: Path) -> None:
    assert PLUGIN.filter is not None
    loop = loaded(filter_loop(beside_gangs, bind_plugin(PLUGIN)["filter"]), kernels)

    @thorough
    @given(
        has=table,
        used=table,
        promised=table,
        request=st.lists(st.integers(0, 6), min_size=RESOURCES, max_size=RESOURCES),
        here=st.lists(st.integers(0, 1), min_size=ROWS, max_size=ROWS),
        pinned=st.booleans(),
        guarded=st.booleans(),
        rows=st.lists(st.integers(-1, ROWS - 1), max_size=8),
    )
    def same(
        has: Any,
        used: Any,
        promised: Any,
        request: Any,
        here: Any,
        pinned: bool,  # noqa: FBT001 - drawn, not called
        guarded: bool,  # noqa: FBT001
        rows: list[int],
    ) -> None:
        flat = [amount for row in promised for amount in row]
        told = [
            beside_gangs(has[r], used[r], pinned, here[r], guarded, request, flat, r * RESOURCES) if r >= 0 else 0
            for r in rows
        ]
        codes = np.zeros(len(rows), np.int16)
        values = {
            "node_allocatable": np.array(has, np.int64),
            "node_requested": np.array(used, np.int64),
            "cycle_pinned": pinned,
            "cycle_here": np.array(here, np.int64),
            "cycle_guarded": guarded,
            "cycle_request": np.array(request, np.int64),
            "cycle_reserved": np.array(flat, np.int64),
            "cycle_offset": np.arange(ROWS, dtype=np.int64) * RESOURCES,
        }
        loop(np.array(rows, np.int32), codes, 0, 2, *values.values())
        assert codes.tolist() == told

    same()


def test_a_pod_stands_beside_what_is_promised_or_not_at_all() -> None:
    def answer(request: list[int], promised: list[int]) -> int:
        return beside_gangs([10, 10], [4, 0], False, 0, True, request, promised, 0)  # noqa: FBT003 - a rule

    assert answer([3, 0], [3, 0]) == 0
    assert answer([4, 0], [3, 0]) == 1
    assert answer([99, 0], [0, 5]) == 0  # the scheduler's own affair


def a_table(nodes: list[tuple[int, int]]) -> NodeTable:
    """(allocatable, requested) cpu of each."""
    made = NodeTable()
    for i, (has, used) in enumerate(nodes):
        row = made.add(f"n{i}")
        made.allocatable[row, 0], made.requested[row, 0] = has, used
        made.allocatable[row, 3] = 5
        made.set_object(row, Node(name=f"n{i}"))
    return made


@thorough
@given(
    nodes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=6),
    need=st.integers(-2, 20),
)
def test_a_need_ends_at_the_first_node_after_which_it_is_covered(nodes: list[tuple[int, int]], need: int) -> None:
    left: int | None = need
    for has, used in nodes:
        if left is not None:
            left -= has - used
            left = None if left <= 0 else left
    made = a_table(nodes)
    gap = resource_gap({"cpu": f"{need}m"}, made, np.arange(len(nodes), dtype=np.int32), ())
    assert gap == (None if left is None else {"cpu": f"{left}m"})


def test_sums_beyond_64_bits_are_no_gap() -> None:
    made = a_table([(2**62, 0)] * 3)
    assert resource_gap({"cpu": "5m"}, made, np.arange(3, dtype=np.int32), ()) is None


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.sampled_from(["2", "1Gi"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["minMember", "minResources", "scheduleTimeoutSeconds", "cpu", "uid", "creationTimestamp"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@thorough
@given(spec=anything, metadata=anything)
def test_whatever_stands_in_a_pod_group_it_is_understood_or_refused_with_a_reason(spec: Any, metadata: Any) -> None:
    book = GangBook()
    found = {"metadata": metadata, "spec": spec}
    book.object_changed("PodGroup", "ns/g", None, found)
    gang = book.gang("ns/g")
    assert gang is not None
    assert (gang.group is None) == ("ns/g" in book.problems) == bool(gang.problem)
    if gang.group is not None:
        assert gang.group.wait_s(60) < 2**31
    book.object_changed("PodGroup", "ns/g", found, None)
    assert book.gang("ns/g") is None
    assert book.problems == {}


def test_pods_of_the_group_itself_take_no_room() -> None:
    made = a_table([(4, 4)])
    made.pod_count[0] = 1
    own = Pod(namespace="ns", name="p", uid="u", node_name="n0", containers=(Container(requests={"cpu": "3m"}),))
    rows = np.array([0], np.int32)
    assert resource_gap({"cpu": "3m", "pods": 5}, made, rows, [own]) is None
    assert resource_gap({"cpu": "4m", "pods": 6}, made, rows, [own]) == {"cpu": "1m"}


def test_a_resource_that_a_node_does_not_name_is_not_owed_there() -> None:
    made = a_table([(1, 0), (1, 0)])
    column = made.add_resource("example.test/gpu")
    made.requested[0, column] = 7
    made.allocatable[1, column] = 2
    made.set_object(1, Node(name="n1", allocatable={"example.test/gpu": "2"}))
    assert resource_gap({"example.test/gpu": 2}, made, np.array([0, 1], np.int32), ()) is None
    assert resource_gap({"unheard-of": 1}, made, np.array([0, 1], np.int32), ()) == {"unheard-of": "1"}


@pytest.mark.parametrize(
    ("own", "otherwise", "waits"), [(None, 60, 60), (None, 0, 60), (5, 60, 5), (0, 60, 60), (0, 0, 0), (-3, 60, -3)]
)
def test_how_long_members_wait(own: int | None, otherwise: int, waits: int) -> None:
    assert PodGroup("", 1, None, own, 0).wait_s(otherwise) == waits


def test_members_of_one_group_stay_together_and_a_group_that_failed_falls_back() -> None:
    book = GangBook()
    objects = {
        "PodGroup": {
            f"ns/{name}": {"metadata": {"creationTimestamp": f"2026-01-01T00:00:0{i}Z"}, "spec": {"minMember": 1}}
            for i, name in enumerate(["first", "second"])
        }
    }
    for name, found in objects["PodGroup"].items():
        book.object_changed("PodGroup", name, None, found)
    view = QueueView(None, book, objects)

    def queued(name: str, gang: str, **fields: Any) -> QueuedPod:
        return QueuedPod(Pod(namespace="ns", name=name, uid=name, labels={LABEL: gang}, **fields), 0, 0)

    pods = [queued("a", "second"), queued("b", "first"), queued("c", "second"), queued("d", "first", priority=1)]

    def order() -> list[str]:
        return [q.pod.name for q in sorted(pods, key=lambda q: key(view, q))]

    assert order() == ["d", "b", "a", "c"]
    gang = book.gang("ns/first")
    assert gang is not None
    book.collapse(gang, "", 2e9)
    assert order() == ["d", "a", "c", "b"]
    assert QUEUE_SORT.group(view, pods[0].pod) == "ns/second"


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("permitWaitingTimeSeconds", 2**63 - 1),
        ("podGroupBackoffSeconds", 2**63 - 1),
        ("podGroupRejectPercentage", 2**31 - 1),
    ],
)
def test_a_number_that_upstreams_field_does_not_hold_is_not_decoded(name: str, most: int) -> None:
    for beyond in (most + 1, -most - 2, 10**400):
        args, problems = decode(PLUGIN, {name: beyond})
        assert args is None
        assert [path for path, _text in problems] == [name]
    assert decode(PLUGIN, {name: most})[0] is not None
