"""An ElasticQuota holds, however many pods want the last units at once."""

from __future__ import annotations

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.policies import QUOTAS
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap

RESOURCE = "elasticquotas.scheduling.x-k8s.io"
ROOM = {"cpu": "64", "memory": "256Gi", "pods": "110"}


def set_quota(pool: Pool, extender: Extender, cpu: int) -> None:
    """Guarantee the pool's namespace `cpu` units, allow no more, and wait until the extender has seen it."""
    limits = {"cpu": str(cpu), "memory": "64Gi"}
    applied = extender.metric("trimtab_watch_events_total", resource=RESOURCE)
    pool.kube.post(
        f"/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{pool.namespace}/elasticquotas",
        {
            "apiVersion": "scheduling.x-k8s.io/v1alpha1",
            "kind": "ElasticQuota",
            "metadata": {"name": "quota"},
            "spec": {"min": limits, "max": limits},
        },
    )
    eventually(
        "the quota is known",
        lambda: extender.metric("trimtab_watch_events_total", resource=RESOURCE) > applied,
        15,
        extender.log_tail,
    )


def test_r062_100_pods_racing_for_the_last_10_units_get_exactly_10(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM] * 4)
    policy.apply(QUOTAS)
    set_quota(pool, extender, cpu=10)
    free = pool.add_namespace(f"{pool.name}-free")

    pool.create(pool.pod(f"pod-{i:03d}", cpu="1") for i in range(100))
    eventually("everybody has an answer", lambda: _answered(pool) == 100, 90, pool.waiting)

    assert len(pool.bound()) == 10
    assert all("is rejected in PreFilter because ElasticQuota" in why for why in pool.waiting().values())
    # A namespace without a quota is not limited by its neighbour's.
    pool.create(pool.pod(f"pod-{i}", cpu="1", namespace=free) for i in range(20))
    pool.wait_bound(20, namespace=free)
    assert len(pool.bound()) == 10


def test_units_given_back_are_given_out_again_and_never_twice(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM] * 2)
    policy.apply(QUOTAS)
    set_quota(pool, extender, cpu=6)
    pool.create(pool.pod(f"pod-{i:03d}", cpu="1") for i in range(12))
    first = set(pool.wait_bound(6))

    for name in sorted(first)[:3]:
        pool.delete(name)
    eventually("three others follow", lambda: len(set(pool.bound()) - first) == 3, 60, pool.waiting)
    eventually("everybody has an answer", lambda: _answered(pool) == 9, 60, pool.waiting)

    assert len(pool.bound()) == 6


def _answered(pool: Pool) -> int:
    return len(pool.bound()) + sum(why.startswith("Unschedulable") for why in pool.waiting().values())
