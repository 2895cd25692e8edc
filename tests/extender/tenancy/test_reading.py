"""A tenant's configuration is read whole, or refused with the place and the reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.tenancy import PreemptionPolicy, SchedulingPolicy, TenantError, owners_of, read_object, read_tenant

WHOLE: dict[str, Any] = {
    "name": "team-a",
    "namespaces": ["team-a-dev", "team-a-prod"],
    "quota": {"cpu": "10", "memory": "20Gi", "storage": "100Gi", "gpu": "2", "pods": 100},
    "priority": 100,
    "policies": {
        "allowBurstable": True,
        "maxBurstRatio": 1.5,
        "preemptionPolicy": "LowerPriority",
        "schedulingPolicy": "BestEffort",
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    tree: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(WHOLE))
    *above, last = path.split(".")
    inner = tree
    for key in above:
        inner = inner[key]
    inner[last] = value
    return tree


def test_the_example_of_the_requirements_reads_back_as_it_stands() -> None:
    tenant = read_tenant(WHOLE)
    assert msgspec.json.decode(msgspec.json.encode(tenant)) == WHOLE
    assert tenant.policies.preemption_policy is PreemptionPolicy.LOWER_PRIORITY


def test_what_is_left_out_has_a_meaning() -> None:
    tenant = read_tenant({"name": "t", "namespaces": ["n"]})
    assert tenant.quota.cpu is None
    assert not tenant.policies.allow_burstable
    assert tenant.policies.max_burst_ratio == 1
    assert tenant.policies.scheduling_policy is SchedulingPolicy.BEST_EFFORT


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("name", "", "name: "),
        ("namespaces", [], "namespaces: "),
        ("namespaces", [""], "namespaces[0]: "),
        ("namespaces", ["a", "b", "a"], "namespaces: a is listed twice"),
        ("quota.cpu", "ten", "quota.cpu: not a quantity"),
        ("quota.memory", "-1Gi", "quota.memory: -1Gi is negative"),
        ("quota.pods", -1, "quota.pods: "),
        ("quota.pods", "100", "quota.pods: "),
        ("quota.disk", "1Gi", "unknown field `disk`"),
        ("policies.maxBurstRatio", 0.9, "policies.maxBurstRatio: "),
        ("policies.maxBurstRatio", float("inf"), "policies.maxBurstRatio: "),
        ("policies.maxBurstRatio", float("nan"), "policies.maxBurstRatio: "),
        ("policies.preemptionPolicy", "Always", "known: LowerPriority, Never"),
        ("policies.schedulingPolicy", "Hope", "known: BestEffort, Guaranteed"),
        ("policies.allowBurstable", "yes", "policies.allowBurstable: "),
        ("owner", "me", "unknown field `owner`"),
        ("priority", 1.5, "priority: "),
    ],
)
def test_a_faulty_configuration_is_refused_where_it_is_wrong(path: str, value: Any, told: str) -> None:
    with pytest.raises(TenantError) as wrong:
        read_tenant(changed(path, value))
    assert told in str(wrong.value)


def test_an_object_is_its_spec_under_its_own_name() -> None:
    spec = {key: told for key, told in WHOLE.items() if key != "name"}
    found = {"kind": "Tenant", "metadata": {"name": "team-a"}, "spec": spec}
    assert read_object(found) == read_tenant(WHOLE)
    assert read_object({**found, "spec": WHOLE}) == read_tenant(WHOLE)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({}, "metadata.name"),
        ({"metadata": {"name": ""}}, "metadata.name"),
        ({"metadata": {"name": "t"}}, "spec: "),
        ({"metadata": {"name": "t"}, "spec": []}, "spec: "),
        ({"metadata": {"name": "t"}, "spec": {"name": "u", "namespaces": ["n"]}}, "spec.name: want t"),
        ({"metadata": {"name": "t"}, "spec": {}}, "spec: Object missing required field `namespaces`"),
        ({"metadata": {"name": "t"}, "spec": {"namespaces": ["n"], "quota": {"gpu": "x"}}}, "spec.quota.gpu: "),
    ],
)
def test_a_faulty_object_is_refused_where_it_is_wrong(found: dict[str, Any], told: str) -> None:
    with pytest.raises(TenantError) as wrong:
        read_object(found)
    assert told in str(wrong.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    path=st.sampled_from(["name", "namespaces", "quota", "quota.cpu", "policies", "policies.maxBurstRatio"]), value=JSON
)
def test_whatever_stands_in_a_configuration_it_is_read_or_refused(path: str, value: Any) -> None:
    try:
        tenant = read_tenant(changed(path, value))
    except TenantError:
        return
    assert tenant.name
    assert tenant.namespaces


def test_the_first_tenant_that_names_a_namespace_has_it() -> None:
    first = read_tenant({"name": "a", "namespaces": ["x", "y"]})
    second = read_tenant({"name": "b", "namespaces": ["y", "z"]})
    owners = owners_of([first, second])
    assert {namespace: owner.name for namespace, owner in owners.by_namespace.items()} == {"x": "a", "y": "a", "z": "b"}
    assert owners.problems == {"b": "namespace y belongs to tenant a"}
    assert owners_of([]).by_namespace == {}
