"""NetworkOverhead: near to what a pod depends on, and the plugin equals the table of its page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Code, Cycle, Node, NodeTable, Pod, ReserveOnNode
from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins.network_overhead import PLUGIN
from extender.plugins.network_overhead.book import GROUP_LABEL, WORKLOAD_LABEL, GroupBook
from extender.plugins.network_overhead.distances import Places
from extender.plugins.network_overhead.objects import REGION, ZONE
from extender.plugins.network_overhead.plan import PLANS_MAX, Planner
from tests.thorough import thorough

GOLDEN_NODES = [
    ("us-west-1", "Z1"), ("us-west-1", "Z1"), ("us-west-1", "Z2"), ("us-west-1", "Z2"),
    ("us-east-1", "Z3"), ("us-east-1", "Z3"), ("us-east-1", "Z4"), ("us-east-1", "Z4"),
]  # fmt: skip
GOLDEN_COSTS = {
    REGION: {"us-west-1": {"us-east-1": 20}, "us-east-1": {"us-west-1": 20}},
    ZONE: {"Z1": {"Z2": 5}, "Z2": {"Z1": 5}, "Z3": {"Z4": 10}, "Z4": {"Z3": 10}},
}
GOLDEN_NEEDS: dict[str, list[tuple[str, int]]] = {"p1": [("p2", 15)], "p2": [("p3", 8)], "p3": []}
GOLDEN_PODS = [("p1", 1), ("p2", 4), ("p3", 0)]

Costs = Mapping[str, Mapping[str, Mapping[str, int]]]


@pytest.fixture(scope="module")
def compiled(kernels: Path) -> CompiledPlugin:
    return compile_all([PLUGIN], kernels)["NetworkOverhead"]


def an_app_group(needs: Mapping[str, list[tuple[str, int]]], name: str = "app") -> dict[str, Any]:
    workloads = [
        {
            "workload": {"kind": "Deployment", "name": w, "selector": w},
            "dependencies": [{"workload": {"selector": s}, "maxNetworkCost": most} for s, most in found],
        }
        for w, found in needs.items()
    ]
    return {"kind": "AppGroup", "metadata": {"name": name, "uid": "u1"}, "spec": {"workloads": workloads}}


def a_topology(costs: Costs, weights: str = "UserDefined") -> dict[str, Any]:
    topologies = [
        {
            "topologyKey": key,
            "originList": [
                {"origin": o, "costList": [{"destination": d, "networkCost": c} for d, c in found.items()]}
                for o, found in origins.items()
            ],
        }
        for key, origins in costs.items()
    ]
    spec = {"weights": [{"name": weights, "topologyList": topologies}]}
    return {"kind": "NetworkTopology", "metadata": {"name": "nt-default", "uid": "u2"}, "spec": spec}


def a_pod(workload: str, name: str = "new", **fields: Any) -> Pod:
    labels = {GROUP_LABEL: "app", WORKLOAD_LABEL: workload}
    return Pod(**{"namespace": "ns", "name": name, "uid": name, "labels": labels, **fields})


def a_table(places: list[tuple[str, str]]) -> NodeTable:
    table = NodeTable()
    for i, (region, zone) in enumerate(places):
        labels = {key: text for key, text in ((REGION, region), (ZONE, zone)) if text}
        table.set_object(table.add(f"n{i}"), Node(name=f"n{i}", labels=labels))
    return table


def a_book(needs: Mapping[str, list[tuple[str, int]]], costs: Costs, pods: list[tuple[str, int]]) -> GroupBook:
    book = GroupBook()
    book.object_changed("AppGroup", "default/app", None, an_app_group(needs))
    book.object_changed("NetworkTopology", "default/nt-default", None, a_topology(costs))
    for i, (workload, node) in enumerate(pods):
        book.pod_changed(None, a_pod(workload, f"s{i}", node_name=f"n{node}"))
    return book


def a_cycle(book: GroupBook, table: NodeTable, pod: Pod, memo: dict[str, Any] | None = None, **args: Any) -> Cycle:
    decoded, problems = args_of(PLUGIN, args)
    assert problems == []
    return Cycle(
        pod=pod,
        nodes=table,
        rows=np.arange(table.rows, dtype=np.int32),
        args=decoded,
        book=book,
        memo={} if memo is None else memo,
        pods={},
        nominated={},
        objects={},
        assignments=(),
    )


def asked(compiled: CompiledPlugin, cycle: Cycle) -> tuple[list[bool], list[int], list[int]]:
    """(refused, raw score, normalised score) by node."""
    codes, raw = np.zeros(len(cycle.rows), np.int16), np.zeros(len(cycle.rows), np.int64)
    compiled.filter_rows(cycle, codes, 0)
    compiled.score_rows(cycle, raw)
    return codes.astype(bool).tolist(), raw.tolist(), compiled.normalize(raw).tolist()


@pytest.mark.parametrize(
    ("workload", "raw", "normal"),
    [
        ("p1", [20, 20, 20, 20, 0, 1, 10, 10], [0, 0, 0, 0, 100, 95, 50, 50]),
        ("p2", [0, 1, 5, 5, 20, 20, 20, 20], [100, 95, 75, 75, 0, 0, 0, 0]),
        ("p3", [0] * 8, [0] * 8),
    ],
)
def test_golden_scores(compiled: CompiledPlugin, workload: str, raw: list[int], normal: list[int]) -> None:
    book = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS)
    assert asked(compiled, a_cycle(book, a_table(GOLDEN_NODES), a_pod(workload)))[1:] == (raw, normal)


def test_a_node_is_refused_while_more_is_broken_than_kept(compiled: CompiledPlugin) -> None:
    book = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS)
    table = a_table(GOLDEN_NODES)
    assert asked(compiled, a_cycle(book, table, a_pod("p1")))[0] == [True] * 4 + [False] * 4
    assert asked(compiled, a_cycle(book, table, a_pod("p2")))[0] == [False] * 4 + [True] * 4


def test_the_full_reason_names_node_and_numbers() -> None:
    cycle = a_cycle(a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS), a_table(GOLDEN_NODES), a_pod("p1"))
    assert PLUGIN.filter
    assert PLUGIN.filter.describe
    assert PLUGIN.filter.describe(cycle, 2, 1) == (
        "Node n2 does not meet several network requirements from Workload dependencies: Satisfied: 0 Violated: 1"
    )
    assert "n2" not in PLUGIN.filter.rejections[0].reason


@pytest.mark.parametrize("missing", ["AppGroup", "NetworkTopology"])
def test_without_its_objects_the_plugin_is_neutral(compiled: CompiledPlugin, missing: str) -> None:
    book = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS)
    book.object_changed(missing, "default/app" if missing == "AppGroup" else "default/nt-default", {}, None)
    assert asked(compiled, a_cycle(book, a_table(GOLDEN_NODES), a_pod("p1"))) == ([False] * 8, [0] * 8, [0] * 8)


def test_a_pod_outside_of_any_application_is_left_alone(compiled: CompiledPlugin) -> None:
    book = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS)
    assert asked(compiled, a_cycle(book, a_table(GOLDEN_NODES), a_pod("p1", labels={})))[1] == [0] * 8


def test_the_first_namespace_that_has_the_object_wins(compiled: CompiledPlugin) -> None:
    book = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS)
    book.object_changed("AppGroup", "other/app", None, an_app_group({"p1": []}))
    table = a_table(GOLDEN_NODES)
    first = a_cycle(book, table, a_pod("p1"), namespaces=["other", "default"])
    assert asked(compiled, first)[1] == [0] * 8
    assert asked(compiled, a_cycle(book, table, a_pod("p1"), namespaces=["default", "other"]))[1] != [0] * 8


BAD_LIMIT = {"workloads": [{"dependencies": [{"maxNetworkCost": "9"}]}]}
BAD_COST = {"weights": [{"topologyList": [{"originList": [{"costList": [{"networkCost": 2**63}]}]}]}]}


@pytest.mark.parametrize(
    ("kind", "broken", "told"),
    [
        ("AppGroup", {"metadata": {"name": "app"}}, "without metadata.uid"),
        ("AppGroup", {"metadata": {"uid": "u"}, "spec": {"workloads": {}}}, "spec.workloads"),
        ("AppGroup", {"metadata": {"uid": "u"}, "spec": BAD_LIMIT}, "maxNetworkCost"),
        ("AppGroup", {}, "metadata"),
        ("NetworkTopology", {"metadata": {"uid": 5}}, "metadata.uid"),
        ("NetworkTopology", {"metadata": {"uid": "u"}, "spec": BAD_COST}, "networkCost"),
    ],
)  # fmt: skip
def test_a_malformed_object_counts_as_missing_and_says_why(kind: str, broken: dict[str, Any], told: str) -> None:
    book = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS)
    key = "default/app" if kind == "AppGroup" else "default/nt-default"
    book.object_changed(kind, key, {}, broken)
    assert told in book.problems[f"{kind} {key}"]
    cycle = a_cycle(book, a_table(GOLDEN_NODES), a_pod("p1"))
    assert Planner(cycle.args).plan(cycle) is None
    book.object_changed(kind, key, {}, None)
    assert not book.problems


def test_a_sibling_on_an_unknown_node_is_an_error_and_is_passed_over(compiled: CompiledPlugin) -> None:
    book = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, [*GOLDEN_PODS, ("p2", 99)])
    cycle = a_cycle(book, a_table(GOLDEN_NODES), a_pod("p1"))
    assert PLUGIN.pre_filter
    status = PLUGIN.pre_filter.check(cycle)
    assert status.code is Code.ERROR
    assert status.reason == 'pod hostname not found: nodeinfo not found for node name "n99"'
    assert "n99" not in status.label
    assert asked(compiled, cycle)[1] == [20, 20, 20, 20, 0, 1, 10, 10]


def test_a_pod_counts_where_it_goes_from_the_arrival_of_its_bind(compiled: CompiledPlugin) -> None:
    book, table = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, []), a_table(GOLDEN_NODES)
    assert isinstance(PLUGIN.reserve, ReserveOnNode)
    going = a_pod("p2", "going")
    PLUGIN.reserve.take(book, going, "n4")
    there = [20, 20, 20, 20, 0, 1, 10, 10]
    assert asked(compiled, a_cycle(book, table, a_pod("p1")))[1] == there
    book.pod_changed(going, a_pod("p2", "going", node_name="n4"))
    PLUGIN.reserve.release(book, "going")
    assert asked(compiled, a_cycle(book, table, a_pod("p1")))[1] == there
    PLUGIN.reserve.take(book, a_pod("p2", "other"), "n0")
    PLUGIN.reserve.release(book, "other")
    assert asked(compiled, a_cycle(book, table, a_pod("p1")))[1] == there


def test_what_is_kept_of_plans_is_bounded() -> None:
    needs = {f"w{i}": [("s", 5)] for i in range(2 * PLANS_MAX)}
    book, table = a_book(needs, GOLDEN_COSTS, [("s", 0)]), a_table(GOLDEN_NODES)
    memo: dict[str, Any] = {}
    planner = None
    for workload in needs:
        cycle = a_cycle(book, table, a_pod(workload), memo)
        planner = planner or Planner(cycle.args)
        assert planner.plan(cycle) is not None
    assert planner
    assert len(planner._plans) == PLANS_MAX


def test_a_plan_is_made_once_until_something_changes() -> None:
    book, table = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS), a_table(GOLDEN_NODES)
    cycle = a_cycle(book, table, a_pod("p1"))
    planner = Planner(cycle.args)
    first = planner.plan(cycle)
    book.pod_changed(None, a_pod("x", "stranger", labels={GROUP_LABEL: "other"}, node_name="n0"))
    assert planner.plan(cycle) is first
    book.pod_changed(None, a_pod("p2", "more", node_name="n7"))
    second = planner.plan(cycle)
    assert second is not first
    region, zone = GOLDEN_NODES[0]
    table.set_object(0, Node(name="n0", labels={REGION: region, ZONE: zone}, annotations={"any": "thing"}))
    assert planner.plan(cycle) is second, "its place is the same"
    table.set_object(0, Node(name="n0"))
    assert planner.plan(cycle) is not second


def test_places_that_nobody_has_any_more_are_forgotten() -> None:
    table, places = a_table(GOLDEN_NODES), Places()
    for i in range(500):
        table.set_object(0, Node(name="n0", labels={ZONE: f"z{i}"}))
        places.follow(table)
        assert places.all[places.of_row[0]] == ("", f"z{i}")
        assert [places.all[p] for p in places.of_row[1:]] == GOLDEN_NODES[1:]
    assert len(places.all) < 200


# The table of the README, pair by pair and node by node.

NAMES = st.sampled_from(["", "a", "b", "c"])
SELECTORS = st.sampled_from(["p", "q", "r"])
PLACES = st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=6)
NEEDS = st.dictionaries(SELECTORS, st.lists(st.tuples(SELECTORS, st.integers(0, 60)), max_size=4))
COSTS = st.fixed_dictionaries(
    {key: st.dictionaries(NAMES, st.dictionaries(NAMES, st.integers(0, 80))) for key in (REGION, ZONE)}
)


def pair(
    here: tuple[str, str], there: tuple[str, str], most: int, costs: Costs, *, same_node: bool
) -> tuple[int, int, int]:
    """(kept, broken, cost) of one pair."""
    if same_node:
        return 1, 0, 0
    if there == ("", ""):
        return 0, 1, 100
    if here == there:
        return 1, 0, 1
    level = 1 if here[0] == there[0] else 0
    listed: dict[tuple[str, str], int] = {}
    for key, name in ((REGION, here[0]), (ZONE, here[1])):
        if name:
            listed.update({(name, d): c for d, c in costs[key].get(name, {}).items()})
    cost = listed.get((here[level], there[level]))
    if cost is None:
        return 0, 0, 100
    return int(cost <= most), int(cost > most), cost


@thorough
@given(
    places=PLACES,
    needs=NEEDS,
    costs=COSTS,
    pods=st.lists(st.tuples(SELECTORS, st.integers(0, 7)), max_size=8),
    pod=SELECTORS,
)
def test_the_compiled_plugin_equals_its_table(
    compiled: CompiledPlugin,
    places: list[tuple[str, str]],
    needs: dict[str, list[tuple[str, int]]],
    costs: dict[str, dict[str, dict[str, int]]],
    pods: list[tuple[str, int]],
    pod: str,
) -> None:
    refused, raw = [], []
    for n, here in enumerate(places):
        pairs = [
            pair(here, places[m], most, costs, same_node=m == n)
            for workload, m in pods
            for selector, most in needs.get(pod, [])
            if selector == workload and m < len(places)
        ]
        refused.append(sum(p[1] for p in pairs) > sum(p[0] for p in pairs))
        raw.append(sum(p[2] for p in pairs))
    cycle = a_cycle(a_book(needs, costs, pods), a_table(places), a_pod(pod))
    assert asked(compiled, cycle)[:2] == (refused, raw)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["see", "move", "gone", "take", "release", "unlabel"]),
        st.sampled_from("abcd"),
        st.integers(0, 2),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_the_book_counts_each_pod_once_and_forgets_those_that_leave(steps: list[tuple[str, str, int]]) -> None:
    book = GroupBook()
    seen: dict[str, int | None] = {}
    going: dict[str, int] = {}
    for step, uid, node in steps:
        match step:
            case "see" | "move":
                seen[uid] = node
                going.pop(uid, None)
                book.pod_changed(None, a_pod("p", uid, node_name=f"n{node}"))
            case "unlabel":
                seen[uid] = None
                going.pop(uid, None)
                book.pod_changed(None, a_pod("p", uid, node_name=f"n{node}", labels={}))
            case "gone":
                seen.pop(uid, None)
                going.pop(uid, None)
                book.pod_changed(a_pod("p", uid), None)
            case "take" if seen.get(uid) is None and uid not in seen:
                going[uid] = node
                book.take(a_pod("p", uid), f"n{node}")
            case "release":
                going.pop(uid, None)
                book.release(uid)
    expected: dict[str, int] = {}
    for at in (*seen.values(), *going.values()):
        if at is not None:
            expected[f"n{at}"] = expected.get(f"n{at}", 0) + 1
    members = book.members("app")
    assert (dict(members.counts["p"]) if members else {}) == expected


def test_weights_trusted_to_be_sorted_are_searched_as_they_stand(compiled: CompiledPlugin) -> None:
    backwards = {key: dict(reversed(list(origins.items()))) for key, origins in GOLDEN_COSTS.items()}
    book = a_book(GOLDEN_NEEDS, GOLDEN_COSTS, GOLDEN_PODS)
    table = a_table(GOLDEN_NODES)
    book.object_changed("NetworkTopology", "default/nt-default", {}, a_topology(backwards))
    assert asked(compiled, a_cycle(book, table, a_pod("p2")))[1] == [0, 1, 5, 5, 20, 20, 20, 20]
    book.object_changed("NetworkTopology", "default/nt-default", {}, a_topology(backwards, "NetperfCosts"))
    found = asked(compiled, a_cycle(book, table, a_pod("p2"), weightsName="NetperfCosts"))[1]
    # The zones are out of order, the regions are not.
    assert found == [0, 1, 100, 100, 20, 20, 20, 20]
