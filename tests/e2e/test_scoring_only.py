"""A scheduler that asks Trimtab for scores and for nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import SCHEDULER, ControlPlane, Scheduler
from tests.e2e.policies import by_size
from tests.e2e.programs import Extender, PolicyConfigMap
from tests.e2e.registration import render

NAME = "scored-scheduler"
PER_NODE = 5


@pytest.fixture
def scored(plane: ControlPlane, extender: Extender) -> Iterator[Scheduler]:
    identity = plane.kubeconfig("scheduler", plane.client(SCHEDULER))
    scheduler = Scheduler(
        plane, NAME, render("scoring.yaml", url=extender.url, kubeconfig=identity, scheduler_name=NAME)
    )
    scheduler.run()
    yield scheduler
    scheduler.terminate(1)


@pytest.mark.parametrize("sparse", [0, 3])
def test_pods_go_where_the_scores_say_and_each_is_asked_about_once(
    sparse: int, extender: Extender, scored: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    rooms = [
        {"cpu": str(16 + i), "memory": "64Gi", "pods": str(PER_NODE), "ephemeral-storage": "1Gi"} for i in range(8)
    ]
    nodes = pool.add_nodes(rooms)
    policy.apply(by_size("Least") | {"scoring": {"sparse": sparse}})
    asked = {verb: extender.metric("trimtab_requests_total", verb=verb) for verb in ("filter", "prioritize")}

    pool.create(pool.pod(f"pod-{i:02d}", schedulerName=NAME) for i in range(4 * PER_NODE))
    pool.wait_bound(4 * PER_NODE)

    assert Counter(pool.bound().values()) == dict.fromkeys(nodes[:4], PER_NODE)
    assert extender.metric("trimtab_requests_total", verb="filter") == asked["filter"]
    assert extender.metric("trimtab_requests_total", verb="prioritize") >= asked["prioritize"] + 4 * PER_NODE
    assert scored.alive
