"""The audit log of a real API server, written by the policy that we recommend: what real clients did is found in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from analytics.ingest.audit import validate_config
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import SCHEDULER, ControlPlane, Scheduler
from tests.e2e.kube import KubeRefused
from tests.e2e.policies import NOTHING
from tests.e2e.process import eventually
from tests.e2e.programs import ACCOUNT, NAMESPACE, Extender, PolicyConfigMap, Sidecar

PODS = 6
EXTENDER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
"""It binds in place of the scheduler."""
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def sidecar(plane: ControlPlane, extender: Extender, tmp_path: Path) -> Iterator[Sidecar]:
    who = [f"--scheduler-identity={name}" for name in (SCHEDULER, EXTENDER)]
    sidecar = Sidecar(plane, extender, tmp_path / "store.duckdb", f"--audit-log={plane.audit_log}", *who)
    sidecar.run()
    yield sidecar
    sidecar.terminate(15)


def events(sidecar: Sidecar, **asked: str) -> list[dict[str, Any]]:
    query = "&".join(f"{name}={quote(value)}" for name, value in asked.items())
    found: list[dict[str, Any]] = sidecar.get(f"/api/v1/audit/events?limit=1000&{query}")["data"]["events"]
    return found


def findings(sidecar: Sidecar, rule: str, about: str) -> list[dict[str, Any]]:
    found = sidecar.get(f"/api/v1/audit/findings?limit=1000&rule={rule}")["data"]["findings"]
    return [one for one in found if about in one["object"] or about in one["description"]]


def test_r119_what_real_clients_do_is_found_as_events_and_as_findings(
    plane: ControlPlane,
    extender: Extender,
    scheduler: Scheduler,
    pool: Pool,
    policy: PolicyConfigMap,
    sidecar: Sidecar,
) -> None:
    here = pool.namespace
    pool.add_nodes([{"cpu": "8", "memory": "16Gi", "pods": "20"} for _ in range(2)])
    pool.wait_known(extender, scheduler)
    policy.apply(NOTHING)
    pool.create(pool.pod(f"pod-{at}") for at in range(PODS))
    pool.wait_bound(PODS)

    # A person evicts one pod, tries to get into another, gets into a third, and gives a right away.
    evict = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "pod-0", "namespace": here}}
    plane.admin.post(f"/api/v1/namespaces/{here}/pods/pod-0/eviction", evict)
    with pytest.raises(KubeRefused):  # there is no kubelet that would answer
        plane.admin.post(f"/api/v1/namespaces/{here}/pods/pod-1/exec?command=sh&stdout=true", {})
    debug = {"ephemeralContainers": [{"name": "debug", "image": "example.test/debug:1"}]}
    plane.admin.patch(f"/api/v1/namespaces/{here}/pods/pod-2/ephemeralcontainers", {"spec": debug})
    role = f"all-for-{here}"
    plane.admin.post(
        f"{RBAC}/clusterrolebindings",
        {
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}],
        },
    )
    # And binds a pod past the scheduler.
    pool.create([pool.pod("pod-x", schedulerName="nobody")])
    bind: dict[str, Any] = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "pod-x"}}
    node = next(iter(pool.bound().values()))
    bind["target"] = {"apiVersion": "v1", "kind": "Node", "name": node}
    plane.admin.post(f"/api/v1/namespaces/{here}/pods/pod-x/binding", bind)

    def read() -> bool:
        return bool(events(sidecar, namespace=here, name="pod-x", kind="binding"))

    eventually("the audit log read", read, 30, lambda: json.dumps(sidecar.get("/api/v1/audit/status")))

    bindings = [one for one in events(sidecar, namespace=here, kind="binding") if one["name"] != "pod-x"]
    assert {one["name"] for one in bindings} == {f"pod-{at}" for at in range(PODS)}
    assert {one["code"] for one in bindings} == {201}
    assert {one["user"] for one in bindings} <= {SCHEDULER, EXTENDER}
    bound = pool.bound()
    assert all(one["node"] == bound.get(one["name"], one["node"]) for one in bindings)
    assert all(one["uid"] for one in bindings)
    assert all(one["latency_ms"] is not None and one["latency_ms"] >= 0 for one in bindings)
    assert [one["name"] for one in events(sidecar, namespace=here, kind="eviction")] == ["pod-0"]
    assert [one["name"] for one in events(sidecar, namespace=here, kind="access")] == ["pod-2", "pod-1"]
    assert events(sidecar, kind="rbac", name=role)

    (stranger,) = findings(sidecar, "SCH-02", "pod-x")
    assert stranger["user"] == "admin"
    assert findings(sidecar, "SCH-17", "pod-2")
    assert findings(sidecar, "SCH-15", role)
    assert not [one for one in findings(sidecar, "SCH-02", here) if "pod-x" not in one["object"]]
    evidence = sidecar.get(f"/api/v1/audit/findings/{stranger['id']}")["data"]["events"]
    assert evidence[0]["request"]["target"]["name"] == node

    split = sidecar.get("/api/v1/audit/latency?start=1h")["data"]
    assert split["pods"] >= PODS - 1
    assert validate_config([plane.audit_log]) == []
    assert not sidecar.get("/api/v1/audit/status")["data"]["logs"][0]["bad_lines"]
    plane.admin.delete(f"{RBAC}/clusterrolebindings/{role}")


def test_the_recommended_policy_writes_no_secret_and_no_noise(plane: ControlPlane, pool: Pool) -> None:
    secret = {"metadata": {"name": "s"}, "stringData": {"password": "correct-horse-battery"}}
    plane.admin.post(f"/api/v1/namespaces/{pool.namespace}/secrets", secret)
    plane.admin.post(f"/api/v1/namespaces/{pool.namespace}/configmaps", {"metadata": {"name": "c"}, "data": {"a": "b"}})

    def told() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in plane.audit_log.read_text().splitlines()]
        return [one for one in lines if one.get("objectRef", {}).get("namespace") == pool.namespace]

    eventually(
        "both in the log", lambda: {"secrets", "configmaps"} <= {one["objectRef"]["resource"] for one in told()}, 15
    )
    assert "correct-horse-battery" not in plane.audit_log.read_text()
    for one in told():
        if one["objectRef"]["resource"] in ("secrets", "configmaps"):
            assert "requestObject" not in one
            assert "responseObject" not in one
        assert one["stage"] != "RequestReceived"
        assert "managedFields" not in json.dumps(one)
