"""Plugin cases of a batch: what a case may hold, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.vectors import CaseError, answer_plugin_case
from extender.framework import Filter, Plugin, Rejection, Score
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins import PLUGINS


def few_pods(node_pod_count: int) -> int:
    return 0 if node_pod_count < 1 else 1


def by_pods(node_pod_count: int) -> int:
    return node_pod_count


COUNTS = Plugin("Counts", "For tests.", filter=Filter(few_pods, (Rejection("taken"),)), score=Score(by_pods))


@pytest.fixture(scope="module")
def installed(kernels: Path) -> dict[str, CompiledPlugin]:
    return compile_all([*PLUGINS, COUNTS], kernels)


def a_case(plugin: str = "PodState", **fields: Any) -> dict[str, Any]:
    return {"case": "c", "plugin": plugin, "pod": a_pod("p"), "nodes": [a_node("n0"), a_node("n1")], **fields}


def a_pod(name: str, node: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "uid": name}, "spec": {"nodeName": node}}


def a_greedy_pod() -> dict[str, Any]:
    return {**a_pod("p"), "spec": {"containers": [{"resources": {"requests": {"cpu": "everything"}}}]}}


def a_node(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"capacity": {"cpu": "1"}}}


def test_a_filter_tells_a_verdict_per_node(installed: dict[str, CompiledPlugin]) -> None:
    told = answer_plugin_case(a_case("Counts", pods=[a_pod("e", "n1")]), installed)
    assert told["filter"] == {
        "n0": {"code": "Success", "reasons": []},
        "n1": {"code": "UnschedulableAndUnresolvable", "reasons": ["taken"]},
    }
    assert told["score"] == {"n0": 0, "n1": 1}


def test_phases_that_a_plugin_does_not_have_are_absent(installed: dict[str, CompiledPlugin]) -> None:
    assert set(answer_plugin_case(a_case(), installed)) == {"score", "normalized"}
    preempting = {"eligible", "victims", "postfilter"}
    assert set(answer_plugin_case(a_case("CapacityScheduling"), installed)) - preempting == {"prefilter", "ledger"}


def test_one_case_does_not_see_another(installed: dict[str, CompiledPlugin]) -> None:
    busy = a_case("Counts", pods=[a_pod("e", "n1")])
    first = answer_plugin_case(busy, installed)
    answer_plugin_case(a_case("Counts", pods=[a_pod("x", "n0"), a_pod("y", "n0")]), installed)
    assert answer_plugin_case(busy, installed) == first


def test_a_case_without_a_subject_asks_about_its_args(installed: dict[str, CompiledPlugin]) -> None:
    def told(args: dict[str, Any]) -> dict[str, Any]:
        return answer_plugin_case({"case": "c", "plugin": "NodeResourcesAllocatable", "args": args}, installed)

    assert told({"mode": "Most"})["defaulted"]["mode"] == "Most"
    assert set(told({"mode": "best"})) == {"defaulted", "validationError"}
    assert set(told({"mood": "best"})) == {"decodeError"}


def test_wrong_args_are_the_whole_answer(installed: dict[str, CompiledPlugin]) -> None:
    assert answer_plugin_case(a_case(args={"x": 1}), installed) == {"argsError": "x: unknown field; known: none"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"plugin": "Absent"}, "plugin"),
        ({"plugin": None}, "plugin"),
        ({"args": []}, "args"),
        ({"pod": {"metadata": {"name": 3}}}, "pod.metadata.name"),
        ({"pod": None}, "pod"),
        ({"plugin": "TargetLoadPacking", "pod": a_greedy_pod()}, "pod"),
        ({"nodes": [a_node("n"), {"metadata": []}]}, "nodes[1].metadata"),
        ({"nodes": {}}, "nodes"),
        ({"pods": [7]}, "pods[0]"),
        ({"objects": [{"kind": "X"}]}, "objects[0].metadata.name"),
        ({"objects": ["X"]}, "objects[0]"),
        ({"assigned": [{"pod": a_pod("a"), "node": 3, "time": 0}]}, "assigned[0].node"),
        ({"assigned": [{"pod": a_pod("a"), "node": "n0"}]}, "assigned[0].time"),
        ({"assigned": [{"node": "n0", "time": 0}]}, "assigned[0].pod"),
        ({"assigned": [3]}, "assigned[0]"),
        ({"metrics": []}, "metrics"),
        ({"now": "yesterday"}, "now"),
        ({"now": 5}, "now"),
    ],
)
def test_a_wrong_case_is_told_where(installed: dict[str, CompiledPlugin], fields: dict[str, Any], path: str) -> None:
    with pytest.raises(CaseError) as wrong:
        answer_plugin_case(a_case(**fields), installed)
    assert wrong.value.path == path
    assert wrong.value.message


def test_a_plugin_about_pods_needs_one(installed: dict[str, CompiledPlugin]) -> None:
    with pytest.raises(CaseError, match="the case has none"):
        answer_plugin_case({"case": "c", "plugin": "PodState", "pair": []}, installed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    plugin=st.sampled_from(["PodState", "TargetLoadPacking", "CapacityScheduling", "NodeResourcesAllocatable"]),
    key=st.sampled_from(["pod", "nodes", "pods", "objects", "metrics", "assigned", "args", "now"]),
    value=JSON,
)
def test_hostile_cases_are_answered_or_refused_with_a_path(
    installed: dict[str, CompiledPlugin], plugin: str, key: str, value: object
) -> None:
    try:
        answer_plugin_case(a_case(plugin, **{key: value}), installed)
    except CaseError as wrong:
        path = wrong.path
    else:
        path = key
    assert path.startswith(key)
