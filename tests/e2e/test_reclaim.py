"""What a namespace is guaranteed comes back to it: ElasticQuotas over two namespaces, borrowed from and reclaimed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.policies import QUOTAS
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap

RESOURCE = "elasticquotas.scheduling.x-k8s.io"


QUOTAS_PATH = "/apis/scheduling.x-k8s.io/v1alpha1/elasticquotas"


@pytest.fixture(autouse=True)
def _no_other_quotas(extender: Extender, pool: Pool) -> None:
    """What other tests were guaranteed would count here: only the sum over all namespaces is limited."""
    for found in pool.kube.get(QUOTAS_PATH)["items"]:
        meta = found["metadata"]
        pool.kube.delete(
            f"/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{meta['namespace']}/elasticquotas/{meta['name']}"
        )
    eventually("no quota is left", lambda: known_quotas(extender) == 0, 15, extender.log_tail)


def known_quotas(extender: Extender) -> int:
    found: int = next(
        row["objects"] for row in extender.configz()["cluster"]["resources"] if row["resource"] == RESOURCE
    )
    return found


def set_quotas(pool: Pool, extender: Extender, low: int, high: int, *namespaces: str) -> None:
    for namespace in namespaces:
        pool.kube.post(
            f"/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{namespace}/elasticquotas",
            {
                "apiVersion": "scheduling.x-k8s.io/v1alpha1",
                "kind": "ElasticQuota",
                "metadata": {"name": "quota"},
                "spec": {"min": {"cpu": str(low), "memory": "64Gi"}, "max": {"cpu": str(high), "memory": "128Gi"}},
            },
        )
    eventually("the quotas are known", lambda: known_quotas(extender) == len(namespaces), 15, extender.log_tail)


def test_r062_borrowed_room_is_taken_back_although_the_borrowers_are_as_important(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    """The nodes are full: neither our filter is asked, nor does in-tree preemption see a victim."""
    pool.add_nodes([{"cpu": "4", "memory": "16Gi", "pods": "110"}] * 2)
    policy.apply(QUOTAS)
    lender, borrower = pool.namespace, pool.add_namespace(f"{pool.name}-borrower")
    set_quotas(pool, extender, 4, 8, lender, borrower)
    pool.create(pool.pod(f"borrower-{i}", cpu="1", namespace=borrower) for i in range(8))
    pool.wait_bound(8, namespace=borrower)

    pool.create(pool.pod(f"lender-{i}", cpu="1") for i in range(6))

    pool.wait_bound(4)
    eventually("four borrowers are left", lambda: len(pool.bound(borrower)) == 4, 30, lambda: str(pool.bound(borrower)))
    # The two beyond the guarantee would be borrowing themselves: nobody leaves for them.
    evicted = extender.metric("trimtab_evictions_total", plugin="CapacityScheduling", result="evicted")
    assert evicted >= 4
    assert len(pool.bound()) == 4
    assert len(pool.bound(borrower)) == 4
    assert scheduler.alive


def test_a_pod_that_the_quota_refuses_on_nodes_with_room_gets_its_guarantee(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([{"cpu": "32", "memory": "128Gi", "pods": "110"}] * 2)
    policy.apply(QUOTAS)
    lender, borrower = pool.namespace, pool.add_namespace(f"{pool.name}-borrower")
    set_quotas(pool, extender, 2, 4, lender, borrower)
    pool.create(pool.pod(f"borrower-{i}", cpu="1", namespace=borrower) for i in range(4))
    pool.wait_bound(4, namespace=borrower)

    pool.create([pool.pod("lender", cpu="2")])

    pool.wait_bound(1)
    assert len(pool.bound(borrower)) == 2, "no more leave than are needed"


def test_the_status_of_a_quota_says_what_its_running_pods_use(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([{"cpu": "8", "memory": "32Gi", "pods": "110"}])
    policy.apply(QUOTAS)
    set_quotas(pool, extender, 4, 8, pool.namespace)
    pool.create(pool.pod(f"pod-{i}", cpu="1500m") for i in range(2))
    pool.wait_bound(2)
    for name in pool.bound():
        run(pool, name)

    def used() -> Any:
        path = f"/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{pool.namespace}/elasticquotas/quota"
        return pool.kube.get(path).get("status", {}).get("used")

    eventually("the status is written", lambda: used() == {"cpu": "3", "memory": "128Mi"}, 30, lambda: str(used()))


def run(pool: Pool, name: str) -> None:
    """As the kubelet would say it."""
    pool.kube.patch(
        f"/api/v1/namespaces/{pool.namespace}/pods/{name}/status",
        {"status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"}},
    )
