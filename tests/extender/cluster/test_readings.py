"""Load-watcher documents in both spellings, and in none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.cluster.readings import Reading, readings_of


def metric(kind: str, operator: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "operator": operator, "value": value}


def one(*metrics: Any) -> Reading:
    return readings_of({"data": {"NodeMetricsMap": {"n": {"metrics": list(metrics)}}}}).nodes["n"]


def test_the_last_average_or_latest_counts() -> None:
    assert one(metric("CPU", "AVG", 10), metric("CPU", "Latest", 20), metric("CPU", "STD", 3)).cpu_pct == 20
    assert one(metric("CPU", "Latest", 20), metric("CPU", "AVG", 10)).cpu_pct == 10
    assert one(metric("CPU", "", 20), metric("Memory", "AVG", 30)) == Reading(None, 30)


def test_negative_values_stand_and_a_missing_value_is_zero() -> None:
    assert one(metric("CPU", "AVG", -5)).cpu_pct == -5
    assert one({"type": "CPU", "operator": "AVG"}).cpu_pct == 0


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), "12", [], {}, True])
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
        assert readings.nodes == {"n": Reading(5, None)}


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
