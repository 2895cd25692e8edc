"""A plugin in shadow would refuse a whole pool, another move every pod: all are placed as if neither were there, and
the report says what the two would have done."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import ControlPlane, Scheduler
from tests.e2e.policies import OUTWEIGHING, QUOTAS, by_size
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap, Sidecar
from tests.e2e.test_quota import set_quota

PODS = 30
RANK = "shadow.test/rank"
QUOTA, RANKS = "CapacityScheduling", "NodeMetadata"


def in_shadow() -> dict[str, Any]:
    """The smallest node wins; watched are a quota, and a wish for the largest that outweighs it."""
    document = by_size("Least")
    profile = document["profiles"][0]
    profile["plugins"]["multiPoint"] = {"enabled": [{"name": QUOTA, "mode": "shadow"}]}
    profile["plugins"]["score"]["enabled"].append({"name": RANKS, "weight": 10 * OUTWEIGHING, "mode": "shadow"})
    args = {
        "metadataKey": RANK,
        "metadataSource": "Label",
        "metadataType": "Number",
        "scoringStrategy": "Highest",
    }
    profile["pluginConfig"].append({"name": RANKS, "args": args})
    return document


@pytest.fixture
def sidecar(plane: ControlPlane, extender: Extender, tmp_path: Path) -> Iterator[Sidecar]:
    sidecar = Sidecar(plane, extender, tmp_path / "store.duckdb")
    sidecar.run()
    yield sidecar
    sidecar.terminate(15)


def told(sidecar: Sidecar, pool: Pool) -> dict[str, Any]:
    plugins = sidecar.get(f"/api/v1/policy/shadow?namespace={pool.namespace}")["data"]["plugins"]
    return {found["plugin"]: found for found in plugins}


def previewed(extender: Extender, policy: dict[str, Any], last: int) -> dict[str, Any]:
    body = json.dumps({"policy": json.dumps(policy), "last": last}).encode()
    request = urllib.request.Request(f"{extender.admin}/preview", body, {"content-type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def test_a_plugin_in_shadow_that_would_refuse_a_whole_pool_refuses_nobody_and_is_reported(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap, sidecar: Sidecar
) -> None:
    sizes = [{"cpu": str(32 + i), "memory": "256Gi", "pods": "110"} for i in range(5)]
    nodes = pool.add_nodes(sizes)
    for rank, node in enumerate(nodes):
        pool.kube.patch(f"/api/v1/nodes/{node}", {"metadata": {"labels": {RANK: str(rank)}}})
    policy.apply(in_shadow())
    set_quota(pool, extender, cpu=1)  # less than any pod wants

    pool.create(pool.pod(f"pod-{i:03d}", cpu="2") for i in range(PODS // 3))
    pool.wait_bound(PODS // 3)
    pool.create(pool.pod(f"more-{i:03d}") for i in range(2 * PODS // 3))
    bound = pool.wait_bound(PODS)
    assert set(bound.values()) == {nodes[0]}, "the enforced plugin alone decides"
    modes = {row["name"]: row["mode"] for row in extender.configz()["plugins"]}
    assert modes == {QUOTA: "shadow", "NodeResourcesAllocatable": "enforce", RANKS: "shadow"}

    eventually("every decision is counted", lambda: _counted(told(sidecar, pool)) >= PODS, 30)
    report = told(sidecar, pool)
    quota, ranks = report[QUOTA], report[RANKS]
    # In a burst the state moves on between an answer and what is asked behind it.
    assert quota["seen"] > PODS / 4, quota["skipped"]
    assert ranks["moved"]["of"] > 0, ranks["skipped"]
    assert quota["would_reject_all"]["percent"] == 100
    assert f"rejected 100 % of pods of {pool.namespace}" in quota["sentence"]
    assert quota["cost_us"]["p50"] > 0
    assert ranks["moved"]["percent"] == 100
    assert "moved 100 % of placements" in ranks["sentence"]
    assert ranks["examples"][0]["moved"] == {"from": nodes[0], "to": nodes[-1]}
    assert quota["examples"][0]["pod"]["namespace"] == pool.namespace

    found = previewed(extender, QUOTAS, PODS)
    assert found["evaluated"] == PODS
    assert found["newlyRejected"]["pods"] == PODS
    assert {row["plugin"] for row in found["newlyRejected"]["by"]} == {QUOTA}
    assert len(pool.bound()) == PODS


def _counted(report: dict[str, Any]) -> int:
    quota = report.get(QUOTA)
    return quota["seen"] + sum(quota["skipped"].values()) if quota else 0
