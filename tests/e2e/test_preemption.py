"""Real preemption asks /preempt, and the scheduler survives every answer."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import ControlPlane, Scheduler
from tests.e2e.policies import NOTHING, QUOTAS
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap

URGENT = "e2e-urgent"


@pytest.fixture(scope="session")
def urgent(plane: ControlPlane) -> str:
    """Name of a priority class above everything else."""
    plane.admin.post(
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": URGENT},
            "value": 1000000,
        },
    )
    return URGENT


@pytest.mark.parametrize("document", [NOTHING, QUOTAS], ids=["every plugin off", "quotas on"])
def test_an_urgent_pod_takes_the_place_of_another_through_preempt(
    extender: Extender,
    scheduler: Scheduler,
    pool: Pool,
    policy: PolicyConfigMap,
    urgent: str,
    document: dict[str, object],
) -> None:
    pool.add_nodes([{"cpu": "2", "memory": "8Gi", "pods": "110"}] * 3)
    policy.apply(document)
    pool.create(pool.pod(f"calm-{i}", cpu="2") for i in range(3))
    pool.wait_bound(3)
    asked = extender.metric("trimtab_requests_total", verb="preempt", code="200")

    pool.create([pool.pod("urgent", cpu="2", priorityClassName=urgent)])

    eventually("the urgent pod has a node", lambda: "urgent" in pool.bound(), 60, pool.waiting)
    assert extender.metric("trimtab_requests_total", verb="preempt", code="200") > asked
    assert sorted(pool.bound()) != ["calm-0", "calm-1", "calm-2", "urgent"]
    assert len([name for name in pool.bound() if name.startswith("calm")]) == 2, "one victim, no more"
    assert scheduler.alive
