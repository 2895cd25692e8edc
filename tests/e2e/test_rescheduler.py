"""Rescheduler moves running pods, as far as disruption budgets let it, and the journal says what it did and why."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from extender.record.frames import Eviction, decode
from extender.record.reader import Found, JournalReader
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.policies import policy
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap

ROOM = {"cpu": "4", "memory": "16Gi", "pods": "110"}
OWNER = str(uuid.uuid4())
MAINTENANCE = "scheduler.alpha.kubernetes.io/maintenance"


def rescheduler(**args: Any) -> dict[str, Any]:
    """Rounds every second; pods may be as young as those of a test."""
    return policy(
        {
            "schedulerName": "*",
            "plugins": {"multiPoint": {"enabled": [{"name": "Rescheduler", "weight": 10_000}]}},
            "pluginConfig": [
                {
                    "name": "Rescheduler",
                    "args": {
                        "reschedulingInterval": "1s",
                        "minPodAge": "0s",
                        "enabledStrategies": ["ResourceOptimization", "NodeMaintenance"],
                        **args,
                    },
                }
            ],
        }
    )


def replica(pool: Pool, name: str, node: str = "", owner: str = OWNER) -> dict[str, Any]:
    """A pod that somebody would make again; with `node` it is there from the start."""
    pod = pool.pod(name, cpu="900m", **({"nodeName": node} if node else {}))
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": owner, "controller": True}
    return pod | {"metadata": pod["metadata"] | {"ownerReferences": [reference]}}


def run(pool: Pool, *pods: dict[str, Any]) -> None:
    """Create the pods and be their kubelet: they run and are ready."""
    pool.create(pods)
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    for pod in pods:
        pool.kube.patch(
            f"/api/v1/namespaces/{pool.namespace}/pods/{pod['metadata']['name']}/status", {"status": status}
        )


def make_budget(pool: Pool) -> None:
    spec = {"minAvailable": 4, "selector": {"matchLabels": {"app": "e2e"}}}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}
    pool.kube.post(f"/apis/policy/v1/namespaces/{pool.namespace}/poddisruptionbudgets", budget)


def set_budget(pool: Pool, allowed: int) -> None:
    """Be the disruption controller: nobody else computes the status here."""
    path = f"/apis/policy/v1/namespaces/{pool.namespace}/poddisruptionbudgets"
    status = {
        "observedGeneration": 1,
        "disruptionsAllowed": allowed,
        "currentHealthy": 4,
        "desiredHealthy": 4 - allowed,
        "expectedPods": 4,
    }
    pool.kube.patch(f"{path}/web/status", {"status": status})


def evictions(journal: Path, pool: Pool) -> list[Eviction]:
    """What the journal says about pods of this pool, in order."""
    reader, found = JournalReader([journal]), []
    while batch := reader.read(max_frames=1000, max_bytes=1 << 24):
        frames = [decode(item.frame.payload) for item in batch if isinstance(item, Found)]
        found += [f for f in frames if isinstance(f, Eviction) and f.pod.namespace == pool.namespace]
    reader.close()
    return found


def results(extender: Extender, pool: Pool) -> list[str]:
    return [eviction.result for eviction in evictions(extender.journal, pool)]


def test_r060_a_pod_leaves_an_overloaded_node_once_its_budget_allows_and_the_journal_has_both_answers(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    full, free = pool.add_nodes([ROOM] * 2)
    spec = {"minAvailable": 4, "selector": {"matchLabels": {"app": "e2e"}}}
    path = f"/apis/policy/v1/namespaces/{pool.namespace}/poddisruptionbudgets"
    pool.kube.post(
        path, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}
    )
    set_budget(pool, allowed=0)
    pods = [replica(pool, f"web-{i}", full) for i in range(4)]
    run(pool, *pods)  # 90 % of its cpu

    policy.apply(rescheduler())
    eventually("the budget refused", lambda: results(extender, pool) == ["refused"], 30, extender.log_tail)
    assert len(pool.bound()) == 4, "nobody has left"
    set_budget(pool, allowed=1)
    eventually("one pod has left", lambda: len(pool.bound()) == 3, 60, extender.log_tail)

    eventually("the journal has it", lambda: len(evictions(extender.journal, pool)) == 2, 30, extender.log_tail)
    refused, evicted = evictions(extender.journal, pool)
    assert (refused.result, evicted.result) == ("refused", "evicted")
    assert "disruption budget" in refused.message
    assert refused.pod.uid == evicted.pod.uid
    assert evicted.reason.startswith("ResourceOptimization: node")
    assert "cpu usage 90.0% over threshold 80.0%" in evicted.reason
    assert (evicted.plugin, evicted.why, evicted.node) == ("Rescheduler", "rescheduling", full)
    assert extender.metric("trimtab_evictions_total", why="rescheduling", result="evicted", plugin="Rescheduler") >= 1

    # Its owner makes another one, and that does not come back.
    pool.create([replica(pool, "web-4")])
    bound = pool.wait_bound(4)
    assert bound["web-4"] == free


def test_a_node_under_maintenance_is_emptied_and_nothing_comes_until_the_plugin_is_off(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    drained, other = pool.add_nodes([ROOM] * 2)
    run(pool, *(replica(pool, f"web-{i}", drained, owner=str(uuid.uuid4())) for i in range(2)))
    bare = pool.pod("bare", cpu="100m", nodeName=drained)
    run(pool, bare)
    pool.kube.patch(f"/api/v1/nodes/{drained}", {"metadata": {"labels": {MAINTENANCE: "true"}}})

    policy.apply(rescheduler())
    eventually("the node is emptied", lambda: set(pool.bound()) == {"bare"}, 60, extender.log_tail)
    assert {e.reason.partition(":")[0] for e in evictions(extender.journal, pool)} == {"NodeMaintenance"}

    pool.create([pool.pod(f"new-{i}") for i in range(4)])
    bound = pool.wait_bound(5)
    assert {node for name, node in bound.items() if name != "bare"} == {other}

    policy.apply(rescheduler(enableReschedulingController=False, enableSchedulingOptimization=False))
    eventually("no profile has rounds any more", lambda: extender.configz()["controllers"]["rescheduling"] == {}, 15)
