"""Nodes and pods for one test: a namespace and a pool of nodes of its own, so that tests do not see each other's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any, Protocol

from tests.e2e.controlplane import ControlPlane, pod_condition
from tests.e2e.kube import Kube, KubeRefused
from tests.e2e.process import eventually

POOL = "e2e.trimtab.dev/pool"
ENFORCED = "enforced-scheduler"
"""Not the default one: pods that tests create for other purposes are nobody's, and take no room here."""
THREADS = 8
BIND_LIMIT_S = 90
_NODE_INFO = (
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
)


class KnowsNodes(Protocol):
    """A program that watches the nodes, and tells how many it has heard of."""

    def nodes_known(self) -> int: ...


class Pool:
    """One namespace whose pods may only use the nodes made here."""

    def __init__(self, plane: ControlPlane, name: str) -> None:
        self.name = name
        self.kube = plane.admin
        self._plane = plane
        self._nodes: list[str] = []
        self._namespaces: list[str] = []
        self.namespace = self.add_namespace(name)

    def add_namespace(self, name: str) -> str:
        self._plane.create_namespace(name)
        self._namespaces.append(name)
        return name

    def add_nodes(self, rooms: Sequence[dict[str, str]]) -> list[str]:
        """One Ready node for each `room` (allocatable = capacity); their names in the order of `rooms`."""
        names = [f"{self.name}-{i:03d}" for i in range(len(self._nodes), len(self._nodes) + len(rooms))]
        self._nodes += names
        in_parallel(
            lambda item: self.kube.post("/api/v1/nodes", _node(item[0], self.name, item[1])),
            zip(names, rooms, strict=True),
        )
        return names

    def wait_known(self, *programs: KnowsNodes) -> None:
        """Until each of them knows of every node there is: before, a pod goes to the best it has heard of."""
        count = len(self.kube.get("/api/v1/nodes")["items"])
        for program in programs:
            _wait_known(program, count)

    def pod(self, name: str, *, cpu: str = "100m", namespace: str = "", **spec: object) -> dict[str, Any]:
        return {
            "metadata": {"name": name, "namespace": namespace or self.namespace, "labels": {"app": "e2e"}},
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "example.test/app:1",
                        "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}},
                    }
                ],
                "nodeSelector": {POOL: self.name},
                "schedulerName": ENFORCED,
                "terminationGracePeriodSeconds": 0,  # nobody would confirm a longer one
            }
            | spec,
        }

    def create(self, pods: Iterable[dict[str, Any]]) -> None:
        """Create pods from several threads at once: they race."""
        in_parallel(lambda pod: self.kube.post(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods", pod), pods)

    def delete(self, name: str, namespace: str = "") -> None:
        self.kube.delete(f"/api/v1/namespaces/{namespace or self.namespace}/pods/{name}", gracePeriodSeconds="0")

    def pods(self, namespace: str = "") -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.kube.get(f"/api/v1/namespaces/{namespace or self.namespace}/pods")["items"]
        return items

    def bound(self, namespace: str = "") -> dict[str, str]:
        """Pod name -> node name."""
        return {pod["metadata"]["name"]: node for pod in self.pods(namespace) if (node := pod["spec"].get("nodeName"))}

    def wait_bound(self, count: int, limit_s: float = BIND_LIMIT_S, namespace: str = "") -> dict[str, str]:
        """Until at least `count` pods have a node."""
        seen: dict[str, str] = {}

        def enough() -> bool:
            seen.clear()
            seen.update(self.bound(namespace))
            return len(seen) >= count

        eventually(f"{count} pods bound", enough, limit_s, lambda: f"{len(seen)} bound; {self.waiting(namespace)}")
        return seen

    def waiting(self, namespace: str = "") -> dict[str, str]:
        """Pod without a node -> why, as its condition says."""
        return {
            pod["metadata"]["name"]: f"{condition.get('reason')}: {condition.get('message')}"
            for pod in self.pods(namespace)
            if not pod["spec"].get("nodeName")
            for condition in [pod_condition(pod, "PodScheduled")]
        }

    def close(self) -> None:
        """Take pods and nodes away; the namespaces stay, for nobody would finish their deletion."""
        for namespace in self._namespaces:
            self.kube.delete(f"/api/v1/namespaces/{namespace}/pods", gracePeriodSeconds="0")
        in_parallel(lambda name: self.kube.delete(f"/api/v1/nodes/{name}"), self._nodes)


def _wait_known(program: KnowsNodes, count: int) -> None:
    eventually(f"{count} nodes known", lambda: program.nodes_known() == count, 30, program.nodes_known)


class Bindings:
    """The pods of a namespace in the order in which they got their node, as a watch tells."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.seen: list[tuple[str, str]] = []
        """(pod, node), oldest first."""
        self.at_s: list[float] = []
        """When each of `seen` was seen, on the monotonic clock."""
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        version = kube.get(self._path, limit="1")["metadata"]["resourceVersion"]
        threading.Thread(target=self._follow, args=(version,), daemon=True).start()

    def _follow(self, version: str) -> None:
        # With this selector every pod is ADDED once, when it gets its node. The server ends a watch now and then.
        try:
            while True:
                for kind, pod in self._kube.watch(self._path, fieldSelector="spec.nodeName!=", resourceVersion=version):
                    version = pod["metadata"]["resourceVersion"]
                    if kind == "ADDED":
                        self.at_s.append(time.monotonic())
                        self.seen.append((pod["metadata"]["name"], pod["spec"]["nodeName"]))
        except (OSError, HTTPException, KubeRefused):
            return  # the control plane is gone


def in_parallel(act: Any, items: Iterable[Any]) -> None:
    """`act` on every item from several threads; the first failure is raised."""
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(act, items):
            pass


def _node(name: str, pool: str, room: dict[str, str]) -> dict[str, Any]:
    """As a kubelet would register it."""
    return {
        "metadata": {
            "name": name,
            "labels": {
                POOL: pool,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            },
        },
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "nodeInfo": dict.fromkeys(_NODE_INFO, "") | {"operatingSystem": "linux", "architecture": "amd64"},
        },
    }
