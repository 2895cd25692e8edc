"""TargetLoadPacking's rule, prediction and arguments."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.framework import Container, Pod
from extender.framework.arguments import args_of
from extender.plugins.target_load_packing import PLUGIN
from extender.plugins.target_load_packing.args import TargetLoadPackingArgs
from extender.plugins.target_load_packing.kernel import packed
from extender.plugins.target_load_packing.prediction import Predictor


def score(*, load_pct: float = 0.0, pod: int = 0, missing: int = 0, target: int = 40, known: bool = True) -> int:
    return packed(known, load_pct, 1000, pod, missing, target)


def test_golden_scores() -> None:
    assert score(load_pct=0) == 40
    assert score(load_pct=50) == 33
    assert score(load_pct=30, pod=1500) == 0
    assert score(load_pct=30, known=False) == 0


def test_the_score_peaks_at_the_target_and_drops_behind_it() -> None:
    assert score(load_pct=40) == 100
    assert score(load_pct=40, pod=1) == 40
    assert score(load_pct=100) == 0
    assert score(load_pct=100, pod=1) == 0


def test_recent_pods_count_like_load() -> None:
    assert score(load_pct=10, missing=200) == score(load_pct=30)


def test_a_node_without_capacity_has_no_utilisation() -> None:
    assert packed(True, 80.0, 0, 500, 0, 40) == 40  # noqa: FBT003 - a rule has plain parameters


@given(load=st.floats(0, 200), pod=st.integers(0, 5000), target=st.integers(1, 100))
@settings(deadline=None)
def test_with_a_usual_target_the_score_is_0_to_100(load: float, pod: int, target: int) -> None:
    assert 0 <= score(load_pct=load, pod=pod, target=target) <= 100


def test_a_target_above_100_leaves_the_range_as_upstream_does() -> None:
    assert score(load_pct=0, target=110) == 110


def predicted(pod: dict[str, Any], args: dict[str, Any] | None = None) -> int:
    decoded, problems = args_of(PLUGIN, args or {})
    assert not problems
    assert isinstance(decoded, TargetLoadPackingArgs)
    return Predictor.of(decoded).cpu_milli(Pod(namespace="ns", name="p", uid="u", **pod))


def test_a_limit_beats_a_request_beats_the_default() -> None:
    assert predicted({"containers": (Container(limits={"cpu": "2"}, requests={"cpu": "1"}),)}) == 2000
    assert predicted({"containers": (Container(limits={"cpu": "0"}, requests={"cpu": "1"}),)}) == 0
    assert predicted({"containers": (Container(requests={"cpu": "101m"}),)}) == 152
    assert predicted({"containers": (Container(limits={"memory": "1Gi"}),)}) == 1000


def test_only_app_containers_and_overhead_count() -> None:
    busy = Container(limits={"cpu": "8"})
    assert predicted({"init_containers": (busy,)}) == 0
    assert predicted({"init_containers": (Container(limits={"cpu": "8"}, sidecar=True),)}) == 0
    assert predicted({"containers": (busy, busy), "overhead": {"cpu": "100m"}}) == 16100


def test_default_requests_without_cpu_mean_zero() -> None:
    nothing_said = {"containers": (Container(),)}
    assert predicted(nothing_said, {"defaultRequests": {"memory": "1Gi"}}) == 0
    assert predicted(nothing_said, {"defaultRequests": {}}) == 0
    assert predicted(nothing_said, {"defaultRequests": {"cpu": "300m"}}) == 300
    assert predicted(nothing_said, {"defaultRequests": None}) == 1000


def test_absurd_requests_stay_countable() -> None:
    absurd = {"containers": (Container(requests={"cpu": "1e400"}), Container(limits={"cpu": "9e30"}))}
    assert predicted(absurd, {"defaultRequestsMultiplier": "1e300"}) == 2**53


def decoded(args: dict[str, Any]) -> TargetLoadPackingArgs:
    found, problems = args_of(PLUGIN, args)
    assert problems == []
    assert isinstance(found, TargetLoadPackingArgs)
    return found


@pytest.mark.parametrize(
    "written", [{}, {"targetUtilization": 0}, {"targetUtilization": -5}, {"targetUtilization": None}]
)
def test_no_target_means_40(written: dict[str, Any]) -> None:
    assert decoded(written).target_utilization == 40


@pytest.mark.parametrize(
    ("written", "told"),
    [({"cpu": "2000m"}, {"cpu": "2"}), ({"memory": "1024Mi"}, {"memory": "1Gi"}), ({}, msgspec.UNSET)],
)
def test_default_requests_are_told_as_upstream_writes_them(written: dict[str, str], told: object) -> None:
    assert decoded({"defaultRequests": written}).default_requests == told


def test_the_provider_is_defaulted_only_without_a_watcher_address() -> None:
    assert decoded({}).metric_provider.type == "KubernetesMetricsServer"
    assert decoded({"metricProvider": {"type": "Prometheus"}}).metric_provider.insecure_skip_verify
    explicit = {"type": "Prometheus", "insecureSkipVerify": False}
    assert not decoded({"metricProvider": explicit}).metric_provider.insecure_skip_verify
    assert decoded({"metricProvider": {"type": "Bogus"}, "watcherAddress": "http://w:2020"})


@pytest.mark.parametrize(
    ("args", "path", "words"),
    [
        ({"watcherAddress": ""}, "metricProvider.type", "invalid MetricProvider.Type, got"),
        ({"metricProvider": {"type": "Bogus"}}, "metricProvider.type", "got Bogus"),
        ({"defaultRequestsMultiplier": "1.5x"}, "defaultRequestsMultiplier", 'parsing "1.5x": invalid syntax'),
        ({"defaultRequestsMultiplier": ""}, "defaultRequestsMultiplier", "invalid syntax"),
        ({"defaultRequestsMultiplier": " 1"}, "defaultRequestsMultiplier", "invalid syntax"),
        ({"defaultRequestsMultiplier": "1e400"}, "defaultRequestsMultiplier", "out of range"),
        ({"defaultRequestsMultiplier": "NaN"}, "defaultRequestsMultiplier", "invalid syntax"),
        ({"defaultRequestsMultiplier": 1.5}, "defaultRequestsMultiplier", "Expected `str`"),
        ({"defaultRequests": {"cpu": "lots"}}, "defaultRequests.cpu", "not a quantity"),
        ({"targetUtilization": "40"}, "targetUtilization", "Expected `int`"),
        ({"targetUtilisation": 40}, "targetUtilisation", "did you mean targetUtilization?"),
        ({"metricProvider": {"typo": 1}}, "metricProvider.typo", "did you mean type?"),
    ],
)
def test_bad_args_are_refused_where_they_are(args: dict[str, Any], path: str, words: str) -> None:
    found, problems = args_of(PLUGIN, args)
    assert found is None
    assert [p for p, _message in problems] == [path]
    assert words in problems[0][1]


@pytest.mark.parametrize(("text", "number"), [("2", 2), ("1_000", 1000), ("0x1p-1", 0.5), ("-1.5", -1.5), ("1e2", 100)])
def test_a_multiplier_is_spelled_as_go_spells_floats(text: str, number: float) -> None:
    assert math.isclose(Predictor.of(decoded({"defaultRequestsMultiplier": text})).multiplier, number)
