"""LowRiskOverCommitment's rule, its beta distribution, its commitments and arguments."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Container, Pod
from extender.framework.arguments import args_of
from extender.plugins.low_risk_over_commitment import PLUGIN
from extender.plugins.low_risk_over_commitment.args import LowRiskOverCommitmentArgs
from extender.plugins.low_risk_over_commitment.commitment import Commitment, commitment_of
from extender.plugins.low_risk_over_commitment.kernel import (
    KEPT,
    beta_below,
    excess,
    limit_risk,
    low_risk,
    mu_sigma,
    shape,
    weighed,
)


def risk_of(
    capacity: int, before: tuple[int, int], after: tuple[int, int], average: float, deviation: float, window: int = 5
) -> float:
    """(requests, limits) before and after the pod; the risk of CPU."""
    mu, sigma = mu_sigma(float(capacity), average, deviation)
    load = excess(capacity, min(before[0], capacity), before[1], mu, sigma, window)
    return weighed(limit_risk(capacity, *after), load, 0.5)


def test_golden_risks() -> None:
    assert risk_of(4000, (1000, 2000), (2000, 3000), 80, 0) == 0.5
    assert risk_of(4096, (0, 0), (2048, 6144), 25, 0) == 0.25
    assert risk_of(4000, (3000, 4000), (4000, 5000), 80, 0) == 1.0
    assert risk_of(4096, (512, 6144), (1024, 7168), 25, 0) == 0.75
    assert math.isclose(risk_of(4000, (1000, 3000), (2000, 6000), 50, 10), 0.6574074, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("mu", "sigma", "threshold", "probability"),
    [
        (0.5, 0.1, 0.4, 0.352),
        (0.3, 0.05, 0.5, 0.951423989),
        (0.8, 0.02, 0.75, 0.134787997),
        (0.2, 0.3, 0.1, 0.796476277),
    ],
)
def test_golden_probabilities(mu: float, sigma: float, threshold: float, probability: float) -> None:
    # Limits at capacity: nothing is known about what load cannot exceed.
    found = 1 - excess(10_000, int(threshold * 10_000), 10_000, mu, sigma, 5)
    assert math.isclose(found, probability, abs_tol=1e-9)


def test_the_beta_function_meets_its_closed_forms() -> None:
    for x in (0.001, 0.2, 0.5, 0.77, 0.999):
        assert math.isclose(beta_below(x, 1, 1), x, rel_tol=1e-14)
        assert math.isclose(beta_below(x, 3, 1), x**3, rel_tol=1e-13)
        assert math.isclose(beta_below(x, 1, 4), 1 - (1 - x) ** 4, rel_tol=1e-13)
        assert math.isclose(beta_below(x, 0.5, 0.5), 2 / math.pi * math.asin(math.sqrt(x)), rel_tol=1e-13)
        assert math.isclose(beta_below(x, 2, 2), x * x * (3 - 2 * x), rel_tol=1e-13)


@given(x=st.floats(0.001, 0.999), a=st.floats(0.002, 400), b=st.floats(0.002, 400))
def test_the_beta_function_is_symmetric(x: float, a: float, b: float) -> None:
    assert math.isclose(beta_below(x, a, b) + beta_below(1 - x, b, a), 1, abs_tol=1e-9)


@given(x=st.floats(0.01, 0.98), n=st.integers(1, 60), k=st.integers(1, 60))
def test_the_beta_function_is_a_binomial_tail(x: float, n: int, k: int) -> None:
    k = min(k, n)
    tail = math.fsum(math.comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(k, n + 1))
    assert math.isclose(beta_below(x, k, n - k + 1), tail, rel_tol=1e-9, abs_tol=1e-12)


def test_what_exceeds_1_by_its_last_bit_is_1() -> None:
    """Found by the comparison with the compiled loop: one libm gives 1, another 1 + 2^-52."""
    assert beta_below(0.5, 2.2428747972225036e-20, 0.010101010101009944) == 1.0


def test_the_ends_of_the_beta_function() -> None:
    assert beta_below(0, 2, 3) == 0
    assert beta_below(1, 2, 3) == 1
    assert 0 <= beta_below(0.5, 5e-324, 1.0) <= 1
    assert 0 <= beta_below(0.3, 1e15, 2e15) <= 1


@given(mu=st.floats(0, 1), sigma=st.floats(0, 0.7))
def test_a_shape_has_the_moments_it_was_made_of(mu: float, sigma: float) -> None:
    a, b = shape(mu, sigma)
    if a > 0 and sigma > 1e-3 and mu > 1e-6:
        assert math.isclose(a / (a + b), mu, rel_tol=1e-6)
        assert math.isclose(a * b / ((a + b) ** 2 * (a + b + 1)), sigma * sigma, rel_tol=1e-6)


AMOUNT = st.integers(0, 8000)


@given(st.tuples(AMOUNT, AMOUNT, AMOUNT, AMOUNT, AMOUNT), st.floats(-10, 150), st.floats(-10, 100), st.integers(1, 50))
def test_a_risk_is_0_to_1(amounts: tuple[int, ...], average: float, deviation: float, window: int) -> None:
    capacity, requested, over, pod, pod_over = amounts
    before, after = (requested, requested + over), (requested + pod, requested + over + pod + pod_over)
    assert 0 <= risk_of(capacity, before, after, average, deviation, window) <= 1


def node_score(pod: Commitment, *, known: bool = True, measured: bool = True) -> int:
    kept = [math.nan] * (2 * KEPT)
    return low_risk(
        known, measured, 50.0, 10.0, measured, 0.0, 0.0, (4000, 2**30), 1000, 3000, 0, 0, *on(pod), 0.5, 0.5, kept, 0, 5
    )


def on(pod: Commitment) -> tuple[int, int, int, int]:
    return pod.cpu, pod.limit_cpu, pod.memory, pod.limit_memory


def test_the_worse_resource_decides() -> None:
    assert node_score(Commitment(1000, 3000, 0, 0)) == 34
    assert node_score(Commitment(1000, 3000, 0, 0), measured=False) == 75


def test_no_metrics_and_pods_that_ask_for_nothing_score_0() -> None:
    assert node_score(Commitment(1000, 3000, 0, 0), known=False) == 0
    assert node_score(Commitment()) == 0


def test_a_limit_is_at_least_the_request_and_init_containers_count_if_larger() -> None:
    container = Container(requests={"cpu": "1", "memory": "10"}, limits={"memory": "20"})
    init = Container(requests={"cpu": "3"}, limits={"cpu": "2", "memory": "5"}, sidecar=True)
    pod = Pod(namespace="ns", name="p", uid="u", containers=(container, container), overhead={"cpu": "100m"})
    assert commitment_of(pod) == Commitment(2100, 2100, 20, 40)
    both = Pod(namespace="ns", name="p", uid="u", containers=(container, container), init_containers=(init,))
    assert commitment_of(both) == Commitment(3000, 3000, 20, 40)


def decoded(args: dict[str, Any]) -> LowRiskOverCommitmentArgs:
    found, problems = args_of(PLUGIN, args)
    assert problems == []
    assert isinstance(found, LowRiskOverCommitmentArgs)
    return found


def test_defaults_are_upstreams() -> None:
    assert decoded({}).smoothing_window_size == decoded({"smoothingWindowSize": 0}).smoothing_window_size == 5
    assert decoded({"riskLimitWeights": {}}).risk_limit_weights == {"cpu": 0.5, "memory": 0.5}
    weighed = decoded({"riskLimitWeights": {"cpu": 1.01, "memory": 0}})
    assert weighed.risk_limit_weights == {"cpu": 0.5, "memory": 0}
    assert decoded({"riskLimitWeights": {"cpu": 1}}).weight_of("memory") == 0.5


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"smoothingWindowSize": 1.5}, "smoothingWindowSize"),
        ({"riskLimitWeights": {"cpu": "x"}}, "riskLimitWeights[...]"),
        ({"watcherAddress": ""}, "metricProvider.type"),
    ],
)
def test_bad_args_are_refused_where_they_are(args: dict[str, Any], path: str) -> None:
    found, problems = args_of(PLUGIN, args)
    assert found is None
    assert [where for where, _what in problems] == [path]
