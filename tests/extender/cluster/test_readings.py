"""Load-watcher documents in both spellings, and in none."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.cluster.readings import Digest, Reading, readings_of


def metric(kind: str, operator: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "operator": operator, "value": value}


def one(*metrics: Any) -> Reading:
    return readings_of({"data": {"NodeMetricsMap": {"n": {"metrics": list(metrics)}}}}).nodes["n"]


def test_the_last_average_or_latest_counts() -> None:
    assert one(metric("CPU", "AVG", 10), metric("CPU", "Latest", 20), metric("CPU", "STD", 3)).cpu_pct == 20
    assert one(metric("CPU", "Latest", 20), metric("CPU", "AVG", 10)).cpu_pct == 10
    assert one(metric("CPU", "", 20), metric("Memory", "AVG", 30)).cpu_pct is None


def test_the_first_average_or_latest_is_kept_beside_it() -> None:
    assert one(metric("CPU", "", 1), metric("CPU", "Latest", 20), metric("CPU", "AVG", 10)).cpu_first_pct == 20


def test_an_average_wins_over_the_latest_and_both_over_nothing() -> None:
    assert one(metric("CPU", "AVG", 10), metric("CPU", "Latest", 20)).cpu_avg_pct == 10
    assert one(metric("CPU", "Latest", 20), metric("CPU", "", 30)).cpu_avg_pct == 30
    assert one(metric("Memory", "AVG", 1), metric("Memory", "AVG", 2)).memory_avg_pct == 2
    assert one({"type": "CPU", "value": 4}).cpu_avg_pct == 4


def test_a_lone_deviation_makes_the_average_zero() -> None:
    assert one(metric("CPU", "STD", 5)) == Reading(cpu_avg_pct=0, cpu_std_pct=5)
    assert one(metric("Memory", "Unknown", 5)) == Reading(memory_avg_pct=0, memory_std_pct=0)


@pytest.mark.parametrize("listed", [[], None, [metric("CPU", "AVG", float("nan"))], [7]])
def test_a_node_that_is_listed_with_nothing_usable_is_not_measured(listed: Any) -> None:
    assert readings_of({"data": {"NodeMetricsMap": {"n": {"metrics": listed}}}}).nodes == {}


def test_a_node_with_other_metrics_only_is_measured_all_the_same() -> None:
    assert one(metric("Energy", "AVG", 5)) == Reading()


def test_negative_values_stand_and_a_missing_value_is_zero() -> None:
    assert one(metric("CPU", "AVG", -5)).cpu_pct == -5
    assert one({"type": "CPU", "operator": "AVG"}).cpu_pct == 0


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 10**400, "12", [], {}, True])
def test_a_value_that_is_no_number_is_left_out(odd: object) -> None:
    assert one(metric("CPU", "AVG", 7), metric("CPU", "AVG", odd)).cpu_pct == 7


@pytest.mark.parametrize(
    "data",
    [
        {"NodeMetricsMap": {"n": {"metrics": [metric("CPU", "AVG", 5)]}}},
        {"nodeMetricsMap": {"n": {"metrics": [metric("CPU", "AVG", 5)]}}},
        {"n": {"metrics": [metric("CPU", "AVG", 5)]}},
        {"NodeMetricsMap": {"n": {"Metrics": [{"Type": "CPU", "Operator": "AVG", "Value": 5}]}}},
    ],
)
def test_both_spellings_are_read(data: dict[str, Any]) -> None:
    for document in ({"window": {"end": 9}, "data": data}, {"Window": {"End": 9}, "Data": data}):
        readings = readings_of(document)
        assert readings.end_s == 9
        assert readings.nodes == {"n": Reading(5, 5, 5, 0)}


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["window", "end", "data", "NodeMetricsMap", "n", "metrics", "type", "value", "operator"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["window", "data", "Data"]), json_like))
def test_no_document_raises(document: dict[str, Any]) -> None:
    readings = readings_of(document)
    assert msgspec.json.encode(readings)


METRICS = st.lists(
    st.builds(
        metric,
        st.sampled_from(["CPU", "Memory", "Energy"]),
        st.sampled_from(["AVG", "Latest", "STD", "", "Unknown"]),
        st.floats(-10, 200),
    ),
    max_size=8,
)


@given(st.dictionaries(st.sampled_from("abc"), METRICS))
def test_what_is_kept_of_a_document_reads_the_same(nodes: dict[str, Any]) -> None:
    read = readings_of({"window": {"end": 9}, "data": {name: {"metrics": listed} for name, listed in nodes.items()}})
    assert readings_of(msgspec.json.decode(msgspec.json.encode(dict(asyncio.run(Digest.of(read)))))) == read
