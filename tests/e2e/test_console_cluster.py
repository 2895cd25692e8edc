"""The console sees the real API server's nodes and pods, under the account and the rights of deploy/base."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import ControlPlane, Scheduler
from tests.e2e.policies import NOTHING
from tests.e2e.process import eventually
from tests.e2e.programs import ACCOUNT, DRAIN_S, NAMESPACE, Extender, PolicyConfigMap, Sidecar


@pytest.fixture(scope="module")
def console(plane: ControlPlane, extender: Extender) -> Iterator[Sidecar]:
    account = plane.kubeconfig("console", plane.account_client(NAMESPACE, ACCOUNT))
    store = plane.dir / "console-cluster.duckdb"
    sidecar = Sidecar(plane, extender, store, f"--kubeconfig={account}", "--auth=none", "--metrics-interval=1s")
    sidecar.run()
    eventually("the cluster is listed", lambda: _is_known(sidecar), 20)
    yield sidecar
    sidecar.terminate(DRAIN_S)


def _is_known(console: Sidecar) -> bool:
    try:
        return bool(console.get("/api/heatmap")["data"]["time"])
    except HTTPError:
        return False


def test_r144_r148_nodes_fill_up_cordon_and_go_as_the_api_server_says(
    console: Sidecar, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    policy.apply(NOTHING)
    first, second = pool.add_nodes([{"cpu": "4", "memory": "8Gi", "pods": "110"}] * 2)

    def nodes() -> dict[str, Any]:
        found = console.get("/api/heatmap?validate=true")["data"]
        return {one["name"]: one for one in found["nodes"]}

    eventually("both nodes are seen", lambda: {first, second} <= nodes().keys(), 20)
    pool.create(pool.pod(f"pod-{i}", cpu="1", memory="1Gi") for i in range(3))
    pool.wait_bound(3)
    placed = pool.bound()

    def running() -> int:
        return sum(nodes()[name]["pods"]["running"] for name in (first, second))

    eventually("all three are counted", lambda: running() == 3, 20, lambda: str(nodes()))
    for name in (first, second):
        here = list(placed.values()).count(name)
        assert nodes()[name]["cpu"] == {
            "allocatable": "4", "requested": str(here), "used": None, "utilization_ratio": None,
        }  # fmt: skip

    pool.kube.patch(f"/api/v1/nodes/{first}", {"spec": {"unschedulable": True}})
    eventually("it is seen cordoned", lambda: not nodes()[first]["schedulable"], 20)
    for name in placed:
        pool.delete(name)
    eventually("nobody is counted any more", lambda: running() == 0, 20)
    assert scheduler.alive


def test_kinds_that_the_cluster_lacks_or_hides_hinder_nothing(console: Sidecar) -> None:
    found = console.get("/api/v1/heatmap/fragmentation")["data"]
    assert set(found) == {"time", "shapes", "largest", "free", "pending"}
