"""How far a tenant may go, and in which words it is told that it went too far."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.tenancy import (
    NAMES,
    Amounts,
    Tenant,
    bursting,
    excesses,
    guaranteed,
    limit,
    read_tenant,
    reason,
    told,
    told_all,
)

QUOTA = {"cpu": "10", "memory": "20Gi", "storage": "100Gi", "gpu": "2", "pods": 100}
BURSTS: dict[str, Any] = {"allowBurstable": True, "maxBurstRatio": 1.5}


def a_tenant(quota: dict[str, Any] | None = None, **policies: Any) -> Tenant:
    return read_tenant(
        {"name": "team-a", "namespaces": ["n"], "quota": QUOTA if quota is None else quota, "policies": policies}
    )


def test_the_limit_of_the_requirements_example() -> None:
    assert told_all(limit(a_tenant(**BURSTS)).items()) == {
        "cpu": "15",
        "memory": "30Gi",
        "storage": "150Gi",
        "gpu": "3",
        "pods": 150,
    }


@pytest.mark.parametrize(
    "policies",
    [{}, {"maxBurstRatio": 2}, {**BURSTS, "schedulingPolicy": "Guaranteed"}, {"allowBurstable": True}],
)
def test_without_leave_to_burst_the_quota_is_the_limit(policies: dict[str, Any]) -> None:
    tenant = a_tenant(**policies)
    assert limit(tenant) == guaranteed(tenant)


def test_a_limit_is_rounded_down_and_the_ratio_is_what_was_written() -> None:
    tenant = a_tenant({"gpu": "3", "pods": 10, "cpu": "1m"}, allowBurstable=True, maxBurstRatio=1.1)
    assert limit(tenant) == {"cpu": 1, "gpu": 3, "pods": 11}
    # 100 x 1.15 is 114.99999999999999 in binary.
    assert limit(a_tenant({"pods": 100}, allowBurstable=True, maxBurstRatio=1.15)) == {"pods": 115}


def test_what_the_quota_does_not_list_is_not_limited() -> None:
    assert limit(a_tenant({})) == {}
    assert excesses(a_tenant({"cpu": "1"}), Amounts(memory=2**60), Amounts(memory=2**60, pods=1)) == []


def test_the_reason_is_the_one_of_the_requirements() -> None:
    tenant = a_tenant(**BURSTS)
    found = excesses(tenant, Amounts(cpu=9000), Amounts(cpu=7000))
    assert [str(excess) for excess in found] == ["cpu: 9 used + 7 requested is over the limit of 15"]
    assert reason(tenant, found) == "tenant team-a: cpu: 9 used + 7 requested is over the limit of 15"


def test_every_resource_in_excess_is_named_in_order() -> None:
    tenant = a_tenant({"cpu": "1", "memory": "1Gi", "pods": 1})
    asked = Amounts(cpu=1500, memory=2**30 + 2**20, pods=1)
    assert reason(tenant, excesses(tenant, Amounts(pods=1), asked)) == (
        "tenant team-a: cpu: 0 used + 1500m requested is over the limit of 1; "
        "memory: 0 used + 1025Mi requested is over the limit of 1Gi; pods: 1 used + 1 requested is over the limit of 1"
    )


def test_reaching_the_limit_is_fine_and_what_is_not_asked_for_refuses_nobody() -> None:
    tenant = a_tenant({"cpu": "1", "memory": "1Gi"})
    assert excesses(tenant, Amounts(cpu=400), Amounts(cpu=600)) == []
    assert excesses(tenant, Amounts(cpu=5000), Amounts(memory=2**30)) == []


def test_a_tenant_bursts_with_what_is_above_its_guarantee() -> None:
    tenant = a_tenant(**BURSTS)
    assert bursting(tenant, Amounts(cpu=10_000, gpu=3, pods=100)) == ["gpu"]
    assert bursting(a_tenant({}), Amounts(cpu=10_000)) == []


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [
        ("cpu", 9000, "9"),
        ("cpu", 4500, "4500m"),
        ("cpu", 0, "0"),
        ("memory", 20 * 2**30, "20Gi"),
        ("memory", 1500, "1500"),
        ("memory", 0, "0"),
        ("storage", 3 * 2**10, "3Ki"),
        ("gpu", 2048, "2048"),
        ("pods", 37, "37"),
    ],
)
def test_amounts_are_told_as_quantities(resource: str, amount: int, text: str) -> None:
    assert told(resource, amount) == text


AMOUNTS = st.builds(Amounts, *(st.integers(0, 40) for _ in NAMES))


@given(used=AMOUNTS, asked=AMOUNTS, quota=AMOUNTS, percent=st.integers(100, 300))
def test_exactly_what_would_pass_the_limit_is_in_excess(
    used: Amounts, asked: Amounts, quota: Amounts, percent: int
) -> None:
    tenant = a_tenant({**dict(quota.items()), "cpu": f"{quota.cpu}m"}, allowBurstable=True, maxBurstRatio=percent / 100)
    found = {excess.resource: excess for excess in excesses(tenant, used, asked)}
    for name, mine, more, most in zip(NAMES, used.values(), asked.values(), quota.values(), strict=True):
        ceiling = math.floor(most * Fraction(percent, 100))
        assert (name in found) == (more > 0 and mine + more > ceiling)
        if name in found:
            assert (found[name].limit, found[name].quota, found[name].used) == (ceiling, most, mine)
    assert used.plus(asked).plus(asked, -1) == used
