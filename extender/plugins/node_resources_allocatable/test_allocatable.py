"""NodeResourcesAllocatable prefers small or big nodes, exactly as upstream weighs them."""

from __future__ import annotations

from typing import Any

import pytest

from extender.framework import Cycle, NodeTable, Pod
from extender.framework.arguments import args_of, decode
from extender.plugins.node_resources_allocatable import PLUGIN
from extender.plugins.node_resources_allocatable.kernel import weighted_allocatable
from extender.plugins.node_resources_allocatable.plugin import signed_weights


def raw_score(allocatable: dict[str, int], args: dict[str, Any], *, nodes: NodeTable | None = None) -> int:
    table = nodes or NodeTable()
    row = table.add("n")
    for name, amount in allocatable.items():
        table.allocatable[row, table.add_resource(name)] = amount
    decoded, problems = args_of(PLUGIN, args)
    assert not problems
    values = signed_weights(a_cycle(table, decoded))
    return weighted_allocatable(
        table.allocatable[row].tolist(), values["signed_weights"].tolist(), values["weight_sum"]
    )


def a_cycle(table: NodeTable, args: object) -> Cycle:
    return Cycle(
        pod=Pod(namespace="ns", name="p", uid="u"),
        nodes=table,
        rows=table.present[:0].astype("int32"),
        args=args,
        book=None,
        memo={},
        pods={},
        nominated={},
        objects={},
        assignments=(),
    )


SMALL, BIG = {"cpu": 4000, "memory": 10000}, {"cpu": 6000, "memory": 10000}


def test_least_prefers_the_small_node_and_most_the_big_one() -> None:
    assert raw_score(SMALL, {}) > raw_score(BIG, {})
    assert raw_score(SMALL, {"mode": "Most"}) < raw_score(BIG, {"mode": "Most"})


def test_by_default_a_millicore_weighs_as_much_as_a_mib() -> None:
    assert raw_score({"cpu": 1000}, {"mode": "Most"}) == 1000 * 2**20 // (2**20 + 1)
    assert raw_score({"memory": 1000 * 2**20}, {"mode": "Most"}) == 1000 * 2**20 // (2**20 + 1)


def test_a_heavy_resource_decides_alone() -> None:
    args = {"resources": [{"name": "cpu", "weight": 1 << 30}, {"name": "memory", "weight": 1}]}
    assert raw_score({"cpu": 1000, "memory": 2000}, args) > raw_score({"cpu": 1005, "memory": 1000}, args)


def test_of_a_name_given_twice_the_last_weight_wins() -> None:
    twice = {"resources": [{"name": "cpu", "weight": 7}, {"name": "cpu", "weight": 1}], "mode": "Most"}
    assert raw_score({"cpu": 10}, twice) == 10


@pytest.mark.parametrize("name", ["pods", "storage", "example.com/absent"])
def test_what_upstream_does_not_count_only_thins_the_mean(name: str) -> None:
    args = {"resources": [{"name": "cpu", "weight": 1}, {"name": name, "weight": 1}], "mode": "Most"}
    assert raw_score({"cpu": 10, "pods": 110}, args) == 5


def test_a_resource_that_appears_later_counts_from_then_on() -> None:
    table = NodeTable()
    args, _ = args_of(PLUGIN, {"resources": [{"name": "x.org/gpu", "weight": 1}], "mode": "Most"})
    cycle = a_cycle(table, args)
    assert signed_weights(cycle)["signed_weights"].tolist() == [0, 0, 0, 0]
    table.add_resource("x.org/gpu")
    assert signed_weights(cycle)["signed_weights"].tolist() == [0, 0, 0, 0, 1]
    assert signed_weights(cycle) is signed_weights(cycle)


def test_a_node_without_allocatable_is_the_best_in_least() -> None:
    assert raw_score({}, {}) == 0
    assert raw_score({}, {}) > raw_score(SMALL, {})


def test_weights_that_sum_up_to_zero_do_not_crash() -> None:
    huge = [{"name": "cpu", "weight": 2**63 - 1}, {"name": "memory", "weight": 2**63 - 1}, {"name": "x", "weight": 2}]
    assert raw_score(SMALL, {"resources": huge}) == 0


def test_empty_mode_and_empty_resources_mean_the_defaults() -> None:
    assert args_of(PLUGIN, {"mode": "", "resources": []}) == args_of(PLUGIN, {})


@pytest.mark.parametrize(
    ("args", "path", "words"),
    [
        ({"mode": "least"}, "mode", "invalid support ModeType"),
        (
            {"resources": [{"name": "a", "weight": 1}, {"name": "cpu", "weight": -1}]},
            "resources[1].weight",
            "resource weight of cpu should be a positive value, got :-1",
        ),
        ({"resources": [{"name": "cpu"}]}, "resources[0].weight", "got :0"),
        ({"resources": [{"name": "cpu", "weight": 0}]}, "resources[0].weight", "got :0"),
        ({"resources": [{"name": "cpu", "weight": 2**63}]}, "resources[0].weight", "at most"),
        ({"resources": [{"name": "cpu", "weight": 1.5}]}, "resources[0].weight", "Expected `int`"),
    ],
)
def test_bad_args_are_refused_where_they_are(args: dict[str, Any], path: str, words: str) -> None:
    decoded, problems = args_of(PLUGIN, args)
    assert decoded is None
    assert [p for p, _message in problems] == [path]
    assert words in problems[0][1]


def test_a_bad_mode_still_decodes_so_that_its_defaults_can_be_shown() -> None:
    decoded, problems = decode(PLUGIN, {"mode": "most"})
    assert decoded
    assert not problems
