"""TenantQuota: one sum over all of a tenant's namespaces, leases included, whatever happens to its objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import PASSED, Code, Container, Cycle, NodeTable, Pod, Reserve, Status
from extender.framework.arguments import args_of
from extender.plugins.tenant_quota import PLUGIN
from extender.plugins.tenant_quota.book import TenantBook


def a_tenant(
    name: str = "team-a", namespaces: tuple[str, ...] = ("a", "b"), at: str = "", **spec: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": at},
        "spec": {"namespaces": list(namespaces), "quota": {"cpu": "10"}, **spec},
    }


def a_book(*tenants: dict[str, Any]) -> TenantBook:
    book = TenantBook()
    for found in tenants:
        book.object_changed("Tenant", found["metadata"]["name"], None, found)
    return book


def a_pod(name: str, namespace: str = "a", cpu: str = "1", **fields: Any) -> Pod:
    requests = {"cpu": cpu, **fields.pop("requests", {})}
    containers = (Container(requests=requests),)
    return Pod(**{"namespace": namespace, "name": name, "uid": name, "containers": containers, **fields})


def bound(book: TenantBook, name: str, namespace: str = "a", cpu: str = "1", **fields: Any) -> Pod:
    pod = a_pod(name, namespace, cpu, node_name="n0", phase="Running", **fields)
    book.pod_changed(None, pod)
    return pod


def asked(book: TenantBook, pod: Pod, **args: Any) -> Status:
    decoded, problems = args_of(PLUGIN, args)
    assert problems == []
    assert PLUGIN.pre_filter
    return PLUGIN.pre_filter.check(Cycle(pod, NodeTable(), np.zeros(0, np.int32), decoded, book, {}, {}, {}, {}, ()))


def test_the_namespaces_of_a_tenant_are_one_sum() -> None:
    book = a_book(a_tenant())
    bound(book, "x", "a", "5")
    bound(book, "y", "b", "4")
    assert asked(book, a_pod("p", cpu="1")) == PASSED
    refused = asked(book, a_pod("p", cpu="7"))
    assert refused.code is Code.UNSCHEDULABLE
    assert refused.reason == "tenant team-a: cpu: 9 used + 7 requested is over the limit of 10"
    assert refused.label == "tenant over its limit of cpu"


def test_above_its_guarantee_a_tenant_is_told_to_burst() -> None:
    book = a_book(a_tenant(policies={"allowBurstable": True, "maxBurstRatio": 1.5}))
    bound(book, "x", cpu="9")
    bursts = asked(book, a_pod("p", cpu="6"))
    assert (bursts.code, bursts.reason) == (Code.SUCCESS, "tenant team-a bursts: cpu")
    assert asked(book, a_pod("p", cpu="7")).reason == "tenant team-a: cpu: 9 used + 7 requested is over the limit of 15"


def test_a_pod_without_a_tenant_passes_and_is_nobodys() -> None:
    book = a_book(a_tenant())
    bound(book, "x", "free", "99")
    assert asked(book, a_pod("p", "free", "99")) == PASSED
    assert asked(book, a_pod("p", "a", "10")) == PASSED


def test_the_last_unit_goes_to_one_pod_however_late_the_binds_are() -> None:
    book, passed = a_book(a_tenant(quota={"pods": 5})), []
    assert isinstance(PLUGIN.reserve, Reserve)
    for i in range(20):
        pod = a_pod(f"p{i}", "ab"[i % 2])
        if asked(book, pod) == PASSED:
            PLUGIN.reserve.take(book, pod)
            passed.append(pod)
    assert len(passed) == 5
    assert asked(book, passed[0]) == PASSED, "its own lease is no obstacle"
    PLUGIN.reserve.release(book, "p0")
    assert asked(book, a_pod("late")) == PASSED


def test_a_lease_becomes_a_bound_pod_and_is_counted_once() -> None:
    book = a_book(a_tenant(quota={"pods": 2}))
    pod = a_pod("p")
    book.take(pod)
    bound(book, "p")
    book.take(pod)
    assert book.ledger()["team-a"]["used"]["pods"] == 1
    book.release("p")
    assert book.ledger()["team-a"]["used"]["pods"] == 1
    book.pod_changed(pod, None)
    assert book.ledger()["team-a"]["used"]["pods"] == 0


def test_a_tenant_that_comes_after_its_pods_is_right_at_once() -> None:
    book = a_book()
    bound(book, "x", cpu="9")
    book.object_changed("Tenant", "team-a", None, a_tenant())
    assert asked(book, a_pod("p", cpu="2")).code is Code.UNSCHEDULABLE


def test_what_counts_as_gpu_and_storage_is_the_policys_choice() -> None:
    book = a_book(a_tenant(quota={"gpu": "2", "storage": "1Gi"}))
    pod = a_pod("p", requests={"nvidia.com/gpu": 1, "amd.com/gpu": 2, "ephemeral-storage": "2Gi"})
    assert asked(book, pod).reason == (
        "tenant team-a: storage: 0 used + 2Gi requested is over the limit of 1Gi; "
        "gpu: 0 used + 3 requested is over the limit of 2"
    )
    assert asked(book, pod, gpuResources=["nvidia.com/gpu"], storageResources=["x.org/ssd"]) == PASSED
    ssd = a_pod("p", requests={"x.org/ssd": "3Gi"})
    assert "storage" in asked(book, ssd, storageResources=["x.org/ssd"]).reason


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"gpuResources": ["gpu"]}, "gpuResources[0]"),
        ({"gpuResources": ["x.org/g", "x.org/g"]}, "gpuResources[1]"),
        ({"storageResources": ["storage"]}, "storageResources[0]"),
        ({"storageResources": ["cpu"]}, "storageResources[0]"),
    ],
)
def test_resources_that_cannot_be_meant_are_refused(args: dict[str, Any], path: str) -> None:
    decoded, problems = args_of(PLUGIN, args)
    assert decoded is None
    assert [p for p, _message in problems] == [path]


def test_a_namespace_that_two_name_belongs_to_the_older_and_comes_back_with_it() -> None:
    book = a_book(
        a_tenant("young", ("a", "b"), "2026-02-01T00:00:00Z", quota={"pods": 0}),
        a_tenant("old", ("b", "c"), "2026-01-01T00:00:00Z", quota={"pods": 9}),
    )
    assert book.problems == {"young": "namespace b belongs to tenant old"}
    assert asked(book, a_pod("p", "b")) == PASSED
    assert asked(book, a_pod("p", "a")).code is Code.UNSCHEDULABLE
    bound(book, "x", "b")
    assert book.ledger()["young"]["used"]["pods"] == 0
    book.object_changed("Tenant", "old", {}, None)
    assert book.problems == {}
    assert asked(book, a_pod("p", "b")).reason.startswith("tenant young: ")
    assert book.ledger()["young"]["used"]["pods"] == 1


def test_a_malformed_object_changes_nothing_and_says_so() -> None:
    book = a_book(a_tenant(quota={"pods": 0}), {"metadata": {"name": "new"}, "spec": {"namespaces": ["c"], "quota": 3}})
    assert book.problems["new"].startswith("ignored, its namespaces have no tenant: spec.quota: ")
    assert asked(book, a_pod("p", "c")) == PASSED
    book.object_changed("Tenant", "team-a", {}, a_tenant(quota={"cpu": "-1"}))
    assert book.problems["team-a"] == "ignored, what it said before stays: spec.quota.cpu: -1 is negative"
    assert asked(book, a_pod("p")).code is Code.UNSCHEDULABLE
    book.object_changed("Tenant", "team-a", {}, None)
    assert asked(book, a_pod("p")) == PASSED
    assert set(book.problems) == {"new"}


def test_the_ledger_shows_quota_limit_and_use() -> None:
    book = a_book(a_tenant(policies={"allowBurstable": True, "maxBurstRatio": 1.5}))
    bound(book, "x", cpu="4500m", requests={"nvidia.com/gpu": 1, "memory": "1Gi"})
    assert book.ledger() == {
        "team-a": {
            "quota": {"cpu": "10"},
            "limit": {"cpu": "15"},
            "used": {"cpu": "4500m", "memory": "1Gi", "ephemeral-storage": "0", "pods": 1, "nvidia.com/gpu": 1},
        }
    }


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["take", "release", "see", "unknown", "gone"]), st.sampled_from("pqrs"), st.sampled_from("ab")
    ),
    max_size=40,
)


@given(events=EVENTS)
def test_after_all_pods_have_left_nothing_is_used(events: list[tuple[str, str, str]]) -> None:
    book = a_book(a_tenant())
    homes: dict[str, str] = {}
    for event, name, namespace in events:
        home = homes.setdefault(name, namespace)
        match event:
            case "take":
                book.take(a_pod(name, home))
            case "release":
                book.release(name)
            case "see":
                bound(book, name, home)
            case "unknown":
                book.pod_changed(None, a_pod(name, home, node_name="n0", phase="Unknown"))
            case "gone":
                book.pod_changed(a_pod(name, home), None)
    for name, home in homes.items():
        book.pod_changed(a_pod(name, home), None)
    assert book.ledger()["team-a"]["used"] == {"cpu": "0", "memory": "0", "ephemeral-storage": "0", "pods": 0}
    assert (book._used, book._charges, book._bound, book._leased) == ({}, {}, {}, {})
