"""LoadVariationRiskBalancing's rule, request and arguments."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Container, Pod
from extender.framework.arguments import args_of
from extender.framework.arithmetic import rounded
from extender.plugins.load_variation_risk_balancing import PLUGIN
from extender.plugins.load_variation_risk_balancing.args import LoadVariationRiskBalancingArgs
from extender.plugins.load_variation_risk_balancing.kernel import least_risky, resource_score
from extender.plugins.load_variation_risk_balancing.requests import requested

MI = 2**20


def score(
    *,
    cpu: tuple[float, float] | None = None,
    memory: tuple[float, float] | None = None,
    pod: tuple[int, int] = (0, 0),
    known: bool = True,
    margin: float = 1.0,
    sensitivity: float = 1.0,
) -> int:
    """(average, deviation) per resource or None; a node of 1000m and 1Gi."""
    load = [(v is not None, *(v or (0.0, 0.0))) for v in (cpu, memory)]
    return least_risky(known, *load[0], *load[1], (1000, 2**30), *pod, margin, sensitivity)


@pytest.mark.parametrize(
    ("margin", "sensitivity", "average", "deviation", "expected"),
    [
        (1, 1, 40, 36, 57),
        (1, 2, -40, 36, 65),
        (1, 2, 200, 36, 20),
        (1, 2, 40, -36, 75),
        (1, 2, 40, 120, 25),
        (1, -1, 40, 36, 57),
        (1, 0, 40, 36, 75),
    ],
)
def test_golden_scores_of_one_resource(
    margin: float, sensitivity: float, average: float, deviation: float, expected: int
) -> None:
    assert rounded(resource_score(100, 10, average, deviation, margin, sensitivity)) == expected


def test_a_resource_that_a_node_does_not_have_scores_nothing() -> None:
    assert resource_score(0, 10, 40, 36, 1, 1) == 0


def test_golden_scores_of_nodes() -> None:
    assert score(cpu=(50, 0)) == 75
    assert score(cpu=(100, 0)) == 50
    assert score(cpu=(30, 16), pod=(200, 256 * MI)) == 67
    assert score(cpu=(40, 16), memory=(50, 10), pod=(100, 512 * MI)) == 45
    assert score(cpu=(80, 20), memory=(25, 15), pod=(100, 512 * MI)) == 45
    assert score(cpu=(10, 0), known=False) == 0


def test_a_resource_that_is_not_measured_does_not_count() -> None:
    assert score(cpu=(50, 0)) == score(memory=(50, 0)) == 75
    assert score() == 0


def test_an_infinite_root_leaves_only_the_largest_deviation() -> None:
    assert score(cpu=(0, 99), sensitivity=0) == 100
    assert score(cpu=(0, 100), sensitivity=0) == 50


LOAD = st.none() | st.tuples(st.floats(-20, 150), st.floats(-20, 150))


@given(cpu=LOAD, memory=LOAD, pod=st.tuples(st.integers(0, 3000), st.integers(0, 2**32)), m=st.floats(0, 5))
def test_a_score_is_0_to_100(cpu: Any, memory: Any, pod: tuple[int, int], m: float) -> None:
    assert 0 <= score(cpu=cpu, memory=memory, pod=pod, margin=m, sensitivity=m) <= 100


@given(cpu=LOAD, more=st.integers(0, 2000))
def test_a_larger_pod_never_scores_higher(cpu: Any, more: int) -> None:
    assert score(cpu=cpu, pod=(more, 0)) <= score(cpu=cpu)


def a_pod(**parts: Any) -> Pod:
    return Pod(namespace="ns", name="p", uid="u", **parts)


def asking(cpu: str, memory: str = "0") -> Container:
    return Container(requests={"cpu": cpu, "memory": memory})


def test_containers_add_up_and_an_init_container_counts_if_it_is_larger() -> None:
    both = (asking("100m", "1Ki"), asking("200m", "2Ki"))
    assert requested(a_pod(containers=both)) == (300, 3072)
    assert requested(a_pod(containers=both, init_containers=(asking("1", "1"),))) == (1000, 3072)
    sidecar = Container(requests={"cpu": "1"}, sidecar=True)
    assert requested(a_pod(containers=both, init_containers=(sidecar,))) == (1000, 3072)
    assert requested(a_pod(containers=both, overhead={"cpu": "50m", "memory": "1Ki"})) == (350, 4096)


def decoded(args: dict[str, Any]) -> LoadVariationRiskBalancingArgs:
    found, problems = args_of(PLUGIN, args)
    assert problems == []
    assert isinstance(found, LoadVariationRiskBalancingArgs)
    return found


@pytest.mark.parametrize("name", ["safeVarianceMargin", "safeVarianceSensitivity"])
def test_margin_and_sensitivity_below_zero_become_one_and_zero_stays(name: str) -> None:
    field = {"safeVarianceMargin": "safe_variance_margin", "safeVarianceSensitivity": "safe_variance_sensitivity"}[name]
    assert getattr(decoded({}), field) == 1
    assert getattr(decoded({name: -0.5}), field) == 1
    assert getattr(decoded({name: None}), field) == 1
    assert getattr(decoded({name: 0}), field) == 0
    assert getattr(decoded({name: 7}), field) == 7


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"watcherAddress": ""}, "metricProvider.type"),
        ({"safeVarianceMargin": "1"}, "safeVarianceMargin"),
        ({"safevariancemargin": 1}, "safevariancemargin"),
    ],
)
def test_bad_args_are_refused_where_they_are(args: dict[str, Any], path: str) -> None:
    found, problems = args_of(PLUGIN, args)
    assert found is None
    assert [where for where, _what in problems] == [path]
