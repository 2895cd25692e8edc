"""TenantQuota against a twin in plain Python, written from the plugin's page alone: nobody has recorded its answers."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.vectors import answer_plugin_case
from extender.framework.compiled import CompiledPlugin
from tests.thorough import thorough

# resource of a tenant -> (resources of a pod that count, their smallest unit)
COUNTED = {
    "cpu": (("cpu",), Decimal("0.001")),
    "memory": (("memory",), Decimal(1)),
    "storage": (("ephemeral-storage",), Decimal(1)),
    "gpu": (("nvidia.com/gpu", "amd.com/gpu"), Decimal(1)),
}
SUFFIXES = {"m": Decimal("0.001"), "": Decimal(1), "k": Decimal(1000), "Ki": Decimal(1024), "Mi": Decimal(1024) ** 2}
Quantities = dict[str, str]


def number(written: str) -> Decimal:
    digits = written.rstrip("mkKiM")
    return Decimal(digits) * SUFFIXES[written[len(digits) :]]


def up(amount: Decimal, unit: Decimal) -> Decimal:
    return (amount / unit).to_integral_value(ROUND_CEILING) * unit


def asked(pod: dict[str, Any]) -> dict[str, Decimal]:
    """What a pod counts for: the sum of its containers, or a larger init container, name by name."""
    told = {"pods": Decimal(1)}
    spec = pod["spec"]
    for resource, (names, unit) in COUNTED.items():
        total = Decimal(0)
        for name in names:
            each = [up(number(c["resources"]["requests"].get(name, "0")), unit) for c in spec["containers"]]
            first = [up(number(c["resources"]["requests"].get(name, "0")), unit) for c in spec["initContainers"]]
            total += max([sum(each, Decimal(0)), *first])
        told[resource] = total
    return told


def limit(tenant: dict[str, Any], resource: str) -> Decimal | None:
    spec = tenant["spec"]
    if resource not in spec["quota"]:
        return None
    policies = spec["policies"]
    ratio = Decimal(1)
    if policies.get("allowBurstable") and policies.get("schedulingPolicy", "BestEffort") == "BestEffort":
        ratio = Decimal(str(policies.get("maxBurstRatio", 1)))
    unit = COUNTED[resource][1] if resource in COUNTED else Decimal(1)
    promised = up(number(str(spec["quota"][resource])), unit)
    return (promised * ratio / unit).to_integral_value(ROUND_FLOOR) * unit


def refused_for(tenant: dict[str, Any] | None, pod: dict[str, Any], others: list[dict[str, Any]]) -> set[str]:
    """The resources over which the pod is refused."""
    if tenant is None:
        return set()
    held = [
        asked(other)
        for other in others
        if other["metadata"]["namespace"] in tenant["spec"]["namespaces"]
        and other["spec"].get("nodeName")
        and other["status"]["phase"] in ("Pending", "Running")
    ]
    wanted, over = asked(pod), set()
    for resource in ("cpu", "memory", "storage", "gpu", "pods"):
        most = limit(tenant, resource)
        used = sum((one[resource] for one in held), Decimal(0))
        if most is not None and wanted[resource] > 0 and used + wanted[resource] > most:
            over.add(resource)
    return over


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.sampled_from(["0", "100m", "1500m", "1", "3", "0.0005"]),
        "memory": st.sampled_from(["0", "1", "100Mi", "300Mi", "1536Ki"]),
        "ephemeral-storage": st.sampled_from(["0", "5Mi", "40Mi"]),
        "nvidia.com/gpu": st.sampled_from(["0", "1", "2"]),
        "amd.com/gpu": st.sampled_from(["1", "3"]),
    },
)
CONTAINER = st.fixed_dictionaries({"resources": st.fixed_dictionaries({"requests": REQUESTS})})
NAMESPACES = ("dev", "prod", "other", "nobody")
QUOTA = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.sampled_from(["0", "1500m", "3", "10"]),
        "memory": st.sampled_from(["100Mi", "1000Mi", "7Mi"]),
        "storage": st.sampled_from(["0", "41Mi", "100Mi"]),
        "gpu": st.sampled_from(["0", "1", "3", "10"]),
        "pods": st.sampled_from([0, 1, 3, 10]),
    },
)
POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "allowBurstable": st.booleans(),
        "maxBurstRatio": st.sampled_from([1, 1.1, 1.5, 1.333, 2]),
        "schedulingPolicy": st.sampled_from(["BestEffort", "Guaranteed"]),
    },
)


@st.composite
def pods(draw: st.DrawFn, name: str, *, bound: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "containers": draw(st.lists(CONTAINER, min_size=1, max_size=2)),
        "initContainers": draw(st.lists(CONTAINER, max_size=2)),
    }
    if bound and draw(st.sampled_from([True, True, True, False])):
        spec["nodeName"] = "n0"
    phase = draw(st.sampled_from(["Running", "Pending", "Running", "Unknown", "Succeeded"])) if bound else "Pending"
    namespace = draw(st.sampled_from(NAMESPACES))
    return {
        "metadata": {"namespace": namespace, "name": name, "uid": name},
        "spec": spec,
        "status": {"phase": phase},
    }


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    tenants = [
        {
            "apiVersion": "tenancy.trimtab.dev/v1alpha1",
            "kind": "Tenant",
            "metadata": {"name": name},
            "spec": {"name": name, "namespaces": owned, "quota": draw(QUOTA), "policies": draw(POLICIES)},
        }
        for name, owned in (("team-a", ["dev", "prod"]), ("team-b", ["other"]))
    ]
    others = [draw(pods(f"p{i}", bound=True)) for i in range(draw(st.integers(0, 6)))]
    return {"tenants": tenants}, others


@pytest.mark.timeout(900)  # ten thousand small clusters in CI
@thorough
@given(made=cases(), incoming=st.lists(pods("new", bound=False), min_size=4, max_size=4))
def test_the_verdict_and_the_resources_named_are_the_twins(
    built_in: dict[str, CompiledPlugin],
    made: tuple[dict[str, Any], list[dict[str, Any]]],
    incoming: list[dict[str, Any]],
) -> None:
    tenants, others = made[0]["tenants"], made[1]
    for pod in incoming:
        case = {
            "case": "x",
            "plugin": "TenantQuota",
            "pod": pod,
            "pods": others,
            "objects": tenants,
            "nodes": [{"metadata": {"name": "n0"}}],
        }
        owner = next((t for t in tenants if pod["metadata"]["namespace"] in t["spec"]["namespaces"]), None)
        over = refused_for(owner, pod, others)
        verdict = answer_plugin_case(case, built_in)["prefilter"]
        assert (verdict["code"] != "Success") == bool(over), (verdict, over)
        if over:
            words = verdict["reasons"][0].removeprefix(f"tenant {owner['metadata']['name']}: " if owner else "")
            assert {part.split(":")[0] for part in words.split("; ")} == over
