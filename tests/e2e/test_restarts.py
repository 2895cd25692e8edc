"""Programs die in the middle of the flow; nothing is lost and nothing counted twice."""

from __future__ import annotations

import time

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import SCHEDULER, ControlPlane, Scheduler
from tests.e2e.policies import QUOTAS
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap
from tests.e2e.registration import render
from tests.e2e.test_quota import ROOM, set_quota

PODS = 60
ADVISED = "advised-scheduler"


def test_the_extender_is_killed_and_restarted_mid_flow_no_pod_is_lost_and_none_charged_twice(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM] * 4)
    policy.apply(QUOTAS)
    # Exactly as many units as pods: one charged twice would leave another one without a place.
    set_quota(pool, extender, cpu=PODS)

    pool.create(pool.pod(f"early-{i:03d}", cpu="1") for i in range(PODS // 2))
    pool.wait_bound(PODS // 6)
    extender.kill()
    pool.create(pool.pod(f"late-{i:03d}", cpu="1") for i in range(PODS // 2))
    extender.run()

    assert len(pool.wait_bound(PODS, limit_s=120)) == PODS
    # And none was forgotten: the quota is full.
    pool.create([pool.pod("one-too-many", cpu="1")])
    eventually("refused", lambda: "ElasticQuota" in pool.waiting().get("one-too-many", ""), 60, pool.waiting)
    assert scheduler.alive


def test_while_the_extender_is_away_the_advised_scheduler_places_pods_without_it(
    plane: ControlPlane, extender: Extender, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM] * 2)
    identity = plane.kubeconfig("scheduler", plane.client(SCHEDULER))
    config = render("advisory.yaml", url=extender.url, kubeconfig=identity, scheduler_name=ADVISED)
    advised = Scheduler(plane, ADVISED, config)
    advised.run()
    try:
        filtered = extender.metric("trimtab_requests_total", verb="filter")
        pool.create(pool.pod(f"with-{i}", schedulerName=ADVISED) for i in range(5))
        pool.wait_bound(5)
        assert extender.metric("trimtab_requests_total", verb="filter") >= filtered + 5

        extender.kill()
        pool.create(pool.pod(f"without-{i}", schedulerName=ADVISED) for i in range(5))
        pool.wait_bound(10)
        extender.run()
    finally:
        advised.terminate(1)


def test_sigterm_drains_the_extender_and_no_bind_is_half_done(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM] * 4)
    pool.create(pool.pod(f"pod-{i:03d}") for i in range(PODS))
    pool.wait_bound(5)
    begin = time.monotonic()
    extender.terminate(limit_s=60)
    assert time.monotonic() - begin < 60, "it did not end by itself"
    extender.run()

    assert len(pool.wait_bound(PODS, limit_s=120)) == PODS
