"""How figures about a real kube-scheduler are made. The measurement itself: tests/e2e/test_scheduling_benchmark.py."""

from __future__ import annotations

import json
import math
import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import scheduling
from benchmarks.scheduling_echo import answer_to
from benchmarks.scheduling_figures import Histogram, Metrics, cpu_times
from benchmarks.scheduling_run import Run
from benchmarks.scheduling_variants import VARIANTS, Variant

PAGE = """\
# TYPE took_seconds histogram
took_seconds_bucket{result="ok",profile="a",le="1"} 1
took_seconds_bucket{result="ok",profile="a",le="2"} 2
took_seconds_bucket{result="ok",profile="a",le="+Inf"} 2
took_seconds_sum{result="ok",profile="a"} 2
took_seconds_count{result="ok",profile="a"} 2
took_seconds_bucket{result="ok",profile="b",le="1"} 0
took_seconds_bucket{result="ok",profile="b",le="2"} 2
took_seconds_bucket{result="ok",profile="b",le="+Inf"} 2
took_seconds_sum{result="ok",profile="b"} 3
took_seconds_count{result="ok",profile="b"} 2
took_seconds_bucket{result="failed",profile="a",le="1"} 9
took_seconds_bucket{result="failed",profile="a",le="2"} 9
took_seconds_bucket{result="failed",profile="a",le="+Inf"} 9
took_seconds_sum{result="failed",profile="a"} 1
took_seconds_count{result="failed",profile="a"} 9
"""
BOUNDS = (0.001, 0.002, 0.004, 0.008)


def a_histogram(counts: list[int]) -> Histogram:
    """`counts` per bucket, not cumulated; the last is beyond every bound."""
    bounds = [*BOUNDS, math.inf]
    return Histogram(tuple((bound, sum(counts[: i + 1])) for i, bound in enumerate(bounds)), sum(counts), 1.0)


def a_run(pods_per_s: float, *, others: float = 0.0, cpu: float = 5.0, trimtab: dict[str, float] | None = None) -> Run:
    programs = {"kube-scheduler": cpu, "extender": 1.0}
    return Run(pods_per_s, 10.0, 20.0, 3.0, 1.0, programs, others, trimtab or {})


def test_series_of_a_histogram_are_added_up_by_the_labels_asked_for() -> None:
    found = Metrics(PAGE).histogram("took_seconds", result="ok")
    assert found == Histogram(((1.0, 1.0), (2.0, 4.0), (math.inf, 4.0)), 4.0, 5.0)
    assert found.mean == 1.25
    assert Metrics(PAGE).sum("took_seconds_count", profile="a") == 11


def test_a_quantile_lies_as_far_into_its_bucket_as_its_rank() -> None:
    assert a_histogram([0, 0, 4, 0, 0]).quantile(0.5) == pytest.approx(0.003)
    assert a_histogram([1, 0, 1, 0, 0]).quantile(0.75) == pytest.approx(0.003)
    assert a_histogram([0, 0, 0, 0, 7]).quantile(0.5) == BOUNDS[-1], (
        "beyond all bounds the last one is all that is known"
    )
    assert math.isnan(a_histogram([0] * 5).quantile(0.5))


@given(st.lists(st.integers(0, 50), min_size=5, max_size=5).filter(any), st.lists(st.floats(0.01, 1), min_size=2))
def test_quantiles_rise_and_stay_in_the_bucket_that_holds_their_rank(counts: list[int], parts: list[float]) -> None:
    found = a_histogram(counts)
    quantiles = [found.quantile(q) for q in sorted(parts)]
    assert all(a <= b for a, b in pairwise(quantiles))
    values = sorted(bound for bound, count in zip([*BOUNDS, math.inf], counts, strict=True) for _ in range(count))
    for q, value in zip(sorted(parts), quantiles, strict=True):
        upper = values[max(0, math.ceil(q * len(values)) - 1)]
        lower = max((bound for bound in (0.0, *BOUNDS) if bound < upper), default=0.0)
        assert lower <= value <= upper


NAMES = st.lists(st.from_regex(r"[a-z]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True), min_size=1, unique=True)


@given(NAMES)
def test_the_echo_passes_every_node_and_scores_all_alike(names: list[str]) -> None:
    pod = {"metadata": {"name": "p", "annotations": {"note": '"NodeNames":["not-this-one"]'}}}
    body = json.dumps({"Pod": pod, "Nodes": None, "NodeNames": names}, separators=(",", ":")).encode()
    assert json.loads(answer_to(b"POST /filter HTTP/1.1\r\n", body)) == {"NodeNames": names}
    scored = json.loads(answer_to(b"POST /prioritize HTTP/1.1\r\n", body))
    assert scored == [{"Host": name, "Score": 0} for name in names]


def test_ratios_are_of_medians_and_their_range_spans_every_pair_of_runs() -> None:
    none, trimtab = VARIANTS[0], next(v for v in VARIANTS if v.name == "trimtab")
    rows = {
        none: [a_run(100), a_run(200, others=0.5), a_run(300)],
        trimtab: [a_run(90, cpu=11.0), a_run(120, cpu=11.0), a_run(150, cpu=11.0)],
    }
    found = scheduling._figures(rows, none.name)
    assert list(found) == ["none", "trimtab"]
    assert found["none"]["ratio"] == found["none"]["cpu_ratio"] == 1.0
    assert found["trimtab"]["ratio"] == 0.6
    assert found["trimtab"]["ratio_range"] == [0.3, 1.5]
    assert found["trimtab"]["cpu_ratio"] == 0.5, "6 ms of CPU a pod against 12"
    assert (found["none"]["runs"], found["none"]["noisy_runs"]) == (3, 1)


def test_noisy_runs_are_repeated_while_there_is_time_and_the_quietest_count() -> None:
    noise = iter([0.5, 0.0, 0.0, 0.3, 0.02, 0.01])
    order: list[str] = []

    def once(_variant: Variant, name: str) -> Run:
        order.append(name)
        return a_run(100, others=next(noise))

    rows = scheduling._alternately(VARIANTS[:2], once, 2, 60)
    assert order == ["none-0", "in-tree-0", "in-tree-1", "none-1", "none-2", "none-3"]
    assert [[one.others_cpu_share for one in runs] for runs in rows.values()] == [[0.01, 0.02], [0.0, 0.0]]


def test_without_patience_noisy_runs_count_too() -> None:
    rows = scheduling._alternately(VARIANTS[:2], lambda _variant, **_name: a_run(100, others=0.9), 2, 0)
    assert [len(runs) for runs in rows.values()] == [2, 2]


def test_cpu_time_of_a_program_grows_with_its_work_and_is_part_of_the_machines() -> None:
    before = cpu_times({"me": os.getpid()})
    while (now := cpu_times({"me": os.getpid()})).programs["me"] < before.programs["me"] + 0.1:
        sum(range(10_000))
    assert now.machine - before.machine >= 0.05
