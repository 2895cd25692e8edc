"""A pod that needs one NUMA zone goes only where one has room, whatever the node has in sum."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extender.record import frames
from extender.record.reader import Found, JournalReader
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.kube import KubeRefused
from tests.e2e.policies import policy as a_policy
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap

PLUGIN = "NodeResourceTopologyMatch"
PATH = "/apis/topology.node.k8s.io/v1alpha2/noderesourcetopologies"
RESOURCE = "noderesourcetopologies.topology.node.k8s.io"
ROOM = {"cpu": "8", "memory": "64Gi", "pods": "110"}
REASON = "cannot align container"
ALIGNED = a_policy({"schedulerName": "*", "plugins": {"multiPoint": {"enabled": [{"name": PLUGIN}]}}})


class Exporter:
    """Writes what a node exporter would."""

    def __init__(self, pool: Pool, extender: Extender) -> None:
        self._kube, self._extender = pool.kube, extender
        self._written: set[str] = set()
        eventually("NUMA zones are served", self._is_served, 30)

    def tell(self, node: str, *cores: str) -> None:
        """One zone for each of `cores`, and wait until the extender has seen it."""
        seen = self._seen()
        if node in self._written:
            self._kube.patch(f"{PATH}/{node}", {"zones": zones(*cores)})
        else:
            self._kube.post(PATH, topology(node, *cores))
        self._written.add(node)
        eventually(f"zones of {node} are known", lambda: self._seen() > seen, 60, self._extender.log_tail)

    def clean(self) -> None:
        for node in self._written:
            self._kube.delete(f"{PATH}/{node}")

    def _seen(self) -> float:
        return self._extender.metric("trimtab_watch_events_total", resource=RESOURCE)

    def _is_served(self) -> bool:
        try:
            self._kube.get(PATH)
        except KubeRefused:
            return False
        return True


@pytest.fixture
def exporter(pool: Pool, extender: Extender) -> Iterator[Exporter]:
    exporter = Exporter(pool, extender)
    yield exporter
    exporter.clean()


def zones(*cores: str) -> list[dict[str, Any]]:
    amounts = [{"cpu": each, "memory": "16Gi"} for each in cores]
    return [
        {
            "name": f"node-{i}",
            "type": "Node",
            "costs": [{"name": f"node-{k}", "value": 10 if i == k else 20} for k in range(len(cores))],
            "resources": [
                {"name": name, "capacity": amount, "allocatable": amount, "available": amount}
                for name, amount in of_zone.items()
            ],
        }
        for i, of_zone in enumerate(amounts)
    ]


def topology(node: str, *cores: str) -> dict[str, Any]:
    return {
        "apiVersion": "topology.node.k8s.io/v1alpha2",
        "kind": "NodeResourceTopology",
        "metadata": {"name": node},
        "attributes": [
            {"name": "topologyManagerPolicy", "value": "single-numa-node"},
            {"name": "topologyManagerScope", "value": "container"},
        ],
        "zones": zones(*cores),
    }


def guaranteed(pool: Pool, name: str, cpu: str) -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": "1Gi"}
    container = {"name": "main", "image": "example.test/app:1", "resources": {"requests": amounts, "limits": amounts}}
    return pool.pod(name, containers=[container])


def rejections(journal: Path, pod: str) -> list[frames.PluginVerdict]:
    """What the plugin said against nodes in the filter calls of a pod, as the record has it."""
    reader = JournalReader([journal])
    found = []
    while batch := reader.read(max_frames=1000, max_bytes=1 << 24):
        for item in batch:
            frame = frames.decode(item.frame.payload) if isinstance(item, Found) else None
            if isinstance(frame, frames.Decision) and frame.verb == "filter" and frame.pod.name == pod:
                found += [verdict for verdict in frame.plugins if verdict.plugin == PLUGIN and verdict.rejected]
    reader.close()
    return found


def test_r063_a_node_that_fits_in_sum_but_not_in_one_zone_is_avoided_with_the_reason_in_the_record(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap, exporter: Exporter
) -> None:
    halves, lopsided = pool.add_nodes([ROOM] * 2)
    exporter.tell(halves, "4", "4")
    exporter.tell(lopsided, "2", "6")
    policy.apply(ALIGNED)

    pool.create([guaranteed(pool, "needs-six", "6")])
    assert pool.wait_bound(1) == {"needs-six": lopsided}

    eventually("the record has it", lambda: rejections(extender.journal, "needs-six"), 30)
    assert [verdict.reasons for verdict in rejections(extender.journal, "needs-six")] == [{REASON: 1}]


def test_a_pod_that_no_zone_has_room_for_waits_and_says_why_until_one_has(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap, exporter: Exporter
) -> None:
    (node,) = pool.add_nodes([ROOM])
    exporter.tell(node, "4", "4")
    policy.apply(ALIGNED)

    pool.create([guaranteed(pool, "needs-five", "5"), pool.pod("burstable", cpu="5")])
    pool.wait_bound(1)
    assert pool.bound() == {"burstable": node}, "only Guaranteed pods are pinned"
    pool.delete("burstable")
    eventually("it says why", lambda: REASON in pool.waiting().get("needs-five", ""), 60, pool.waiting)

    exporter.tell(node, "3", "5")
    pool.wait_bound(1)
    assert pool.bound() == {"needs-five": node}
