"""Nodes and pods of a real API server, seeded. Without kubelets: nodes are created Ready, bound pods stay Pending."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.e2e.cluster import in_parallel
from tests.e2e.controlplane import ControlPlane
from tests.e2e.process import eventually

NAMESPACE, SCHEDULER = "bench", "bench-scheduler"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
_ZONES = ("zone-a", "zone-b", "zone-c")
_SHAPES = (("c8", "8", "32Gi"), ("c16", "16", "64Gi"), ("m16", "16", "128Gi"), ("c32", "32", "128Gi"))
_REQUESTS = (("100m", "128Mi"), ("250m", "256Mi"), ("500m", "512Mi"), ("750m", "1Gi"))
_APPS = 20
_DOMAIN = ".pool-a.cluster.example.test"
"""Real node names are about forty characters long, and names are most of what a call carries."""
_LIST_LIMIT_S = 60


def create_nodes(plane: ControlPlane, count: int) -> list[str]:
    """Their names."""
    plane.create_namespace(NAMESPACE)
    found = list(_nodes(count))
    in_parallel(lambda node: plane.admin.post("/api/v1/nodes", node), found)
    return [node["metadata"]["name"] for node in found]


def create_pods(plane: ControlPlane, count: int, run: str) -> None:
    """The same pods in every run, under names of that run."""
    in_parallel(lambda pod: plane.admin.post(PODS, pod), _pods(count, run))


def delete_pods(plane: ControlPlane) -> None:
    plane.admin.delete(PODS, gracePeriodSeconds="0")
    eventually("no pod is left", lambda: not plane.admin.get(PODS, limit="1")["items"], _LIST_LIMIT_S)


def load_document(names: list[str], now_s: float) -> dict[str, Any]:
    """A load-watcher document that knows every node."""
    chance = random.Random("load")
    nodes = {name: {"metrics": list(_metrics(chance))} for name in names}
    window = {"duration": "15m", "start": int(now_s) - 900, "end": int(now_s)}
    return {"timestamp": int(now_s), "window": window, "source": "bench", "data": {"NodeMetricsMap": nodes}}


def _metrics(chance: random.Random) -> Iterator[dict[str, Any]]:
    for kind in ("CPU", "Memory"):
        for operator, percent in (("AVG", chance.uniform(5, 80)), ("STD", chance.uniform(1, 10))):
            yield {"name": "", "type": kind, "operator": operator, "rollup": "15m", "value": round(percent, 2)}


def _nodes(count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random("nodes")
    for number in range(count):
        name = f"node-{number:05d}{_DOMAIN}"
        shape, cpu, memory = chance.choice(_SHAPES)
        room = {"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "100Gi"}
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "node.kubernetes.io/instance-type": shape,
            "topology.kubernetes.io/zone": chance.choice(_ZONES),
        }
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        yield {
            "metadata": {"name": name, "labels": labels},
            "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
        }


def _pods(count: int, run: str) -> Iterator[dict[str, Any]]:
    """About 2 kB each once the API server has filled in its defaults."""
    chance = random.Random("pods")
    for number in range(count):
        app = f"app-{chance.randrange(_APPS)}"
        cpu, memory = chance.choice(_REQUESTS)
        container = {
            "name": "main",
            "image": f"registry.example.test/team/{app}:v1.4.2",
            "args": ["--listen=:8080", f"--config=/etc/{app}/config.yaml"],
            "env": [{"name": f"SETTING_{k}", "value": f"value-{k}"} for k in range(4)],
            "ports": [{"name": "http", "containerPort": 8080}],
            "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        }
        yield {
            "metadata": {
                "name": f"{run}-{number:05d}",
                "namespace": NAMESPACE,
                "labels": {"app": app, "app.kubernetes.io/part-of": "shop", "tier": "backend"},
            },
            "spec": {
                "containers": [container],
                "schedulerName": SCHEDULER,
                "terminationGracePeriodSeconds": 0,  # nobody would confirm a longer one
            },
        }
