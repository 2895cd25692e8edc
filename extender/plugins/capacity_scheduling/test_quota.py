"""What an ElasticQuota says, and how amounts are compared with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import MAX_INT64, Resources
from extender.plugins.capacity_scheduling.quota import (
    GUARANTEED,
    UNLIMITED,
    QuotaError,
    exceeds,
    quota_of,
    remarks_on,
)

NOTHING = Resources()


def a_quota(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "q", "namespace": "ns"}, "spec": spec}


def test_an_absent_min_guarantees_nothing_and_an_absent_max_limits_nothing() -> None:
    for found in ({}, {"spec": None}, a_quota(), a_quota(min=None, max=None)):
        quota = quota_of(found)
        assert quota.min == Resources()
        assert quota.max == Resources(cpu_milli=MAX_INT64, memory_bytes=MAX_INT64, ephemeral_bytes=MAX_INT64)


def test_a_max_that_is_present_forbids_what_it_does_not_list() -> None:
    assert quota_of(a_quota(max={"cpu": "10"})).max == Resources(cpu_milli=10_000)
    assert quota_of(a_quota(max={})).max == Resources()


def test_amounts_are_rounded_up_as_kubernetes_does() -> None:
    quota = quota_of(a_quota(min={"cpu": "100u", "memory": "1500m", "nvidia.com/gpu": 2}))
    assert quota.min == Resources(cpu_milli=1, memory_bytes=2, scalars={"nvidia.com/gpu": 2})


def test_names_that_the_scheduler_does_not_know_are_left_out() -> None:
    assert quota_of(a_quota(min={"storage": "3", "requests.cpu": "2"})).min == Resources()


def test_a_null_amount_is_zero() -> None:
    assert quota_of(a_quota(max={"cpu": None})).max == Resources()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"min": {"cpu": "lots"}}, "spec.min.cpu: not a quantity"),
        ({"max": {"count/x": {}}}, "spec.max.count/x: not a quantity"),
        ({"min": ["cpu"]}, "spec.min: want a mapping of quantities, got list"),
        ({"max": "10"}, "spec.max: want a mapping of quantities, got str"),
    ],
)
def test_a_malformed_quota_says_where_and_why(spec: dict[str, Any], told: str) -> None:
    with pytest.raises(QuotaError) as wrong:
        quota_of(a_quota(**spec))
    assert told in str(wrong.value)


def test_a_spec_that_is_no_mapping_is_malformed() -> None:
    with pytest.raises(QuotaError, match="spec: want a mapping"):
        quota_of({"spec": "x"})


def test_what_is_seldom_meant_is_remarked() -> None:
    assert remarks_on(a_quota(min={"cpu": 1})) == []
    partial, pods = remarks_on(a_quota(max={"cpu": 1, "pods": 3}))
    assert "memory, ephemeral-storage" in partial
    assert "pods" in pods


PLAIN = ("cpu_milli", "memory_bytes", "ephemeral_bytes", "pods")


@pytest.mark.parametrize("field", PLAIN)
def test_reaching_the_limit_passes_and_passing_it_does_not(field: str) -> None:
    limit = Resources(**dict.fromkeys(PLAIN, 10))  # type: ignore[arg-type]
    assert not exceeds(Resources(**{field: 4}), Resources(**{field: 6}), limit, UNLIMITED)  # type: ignore[arg-type]
    assert exceeds(Resources(**{field: 5}), Resources(**{field: 6}), limit, UNLIMITED)  # type: ignore[arg-type]


def test_a_plain_resource_already_over_rejects_even_who_asks_none_of_it() -> None:
    assert exceeds(NOTHING, Resources(memory_bytes=11), Resources(memory_bytes=10), UNLIMITED)


def test_an_extended_resource_is_looked_at_only_if_asked_for() -> None:
    held = Resources(scalars={"gpu": 5})
    assert not exceeds(NOTHING, held, NOTHING, GUARANTEED)
    assert exceeds(Resources(scalars={"gpu": 1}), held, NOTHING, GUARANTEED)
    assert not exceeds(Resources(scalars={"gpu": 1}), held, NOTHING, UNLIMITED)
    assert not exceeds(Resources(scalars={"gpu": 0}), NOTHING, NOTHING, GUARANTEED)


AMOUNTS = st.builds(
    Resources,
    cpu_milli=st.integers(0, 20),
    memory_bytes=st.integers(0, 20),
    scalars=st.dictionaries(st.sampled_from(["gpu", "npu"]), st.integers(0, 5)),
)


@given(asked=AMOUNTS, held=AMOUNTS, limit=AMOUNTS, more=AMOUNTS)
def test_asking_more_never_turns_a_rejection_into_a_pass(
    asked: Resources, held: Resources, limit: Resources, more: Resources
) -> None:
    if exceeds(asked, held, limit, UNLIMITED):
        assert exceeds(asked.plus(more), held, limit, UNLIMITED)
