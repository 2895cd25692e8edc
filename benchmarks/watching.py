"""What following the cluster costs, event by event. The sync of a whole extender is measured with its start.

`python -m benchmarks.watching NODES PODS` prints it as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, cast

from benchmarks import workload
from benchmarks.bench import Bench
from benchmarks.programs import REPOSITORY, BenchmarkFailed, python
from extender.cluster.binder import FileBinder
from extender.cluster.informer import Informer
from extender.cluster.resource import NODES, PODS
from extender.cluster.state import ClusterState
from extender.engine.engine import Engine
from extender.kube import KubeApi
from extender.plugins import installed

COPIES = 100
"""Pods of one template."""
READ = 16
"""Events that come in one read: about 150 kB of pods, as much as the transport hands over at once."""
SOME = 5000
"""Pods that change, or are told again."""
_END = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
_WHOLE = json.dumps({"type": "BOOKMARK", "object": {"metadata": _END}}).encode()


def measure(bench: Bench) -> dict[str, Any]:
    """`in_process`, in a process of its own, with as many nodes and pods as the start is measured with."""
    bench.say("watch events one by one")
    counts = (str(bench.plan.nodes), str(bench.plan.standing_pods))
    done = subprocess.run(
        python("benchmarks.watching", *counts), cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        raise BenchmarkFailed(f"watching: {done.stderr.strip()[-1000:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def in_process(nodes: int, pods: int) -> dict[str, Any]:
    """Events from their bytes to the last book, without the transport.

    Microseconds of CPU for one of each kind (of all reads of a kind the lower quartile counts: on a busy machine the
    others tell of its other work), bytes that a node and a pod leave behind, and how long others on the loop had to
    wait once the first list was whole, in milliseconds.
    """
    return asyncio.run(_followed(_Objects(nodes, pods)))


async def _followed(objects: _Objects) -> dict[str, Any]:
    state = ClusterState()
    # It listens, and the books of all plugins hear of every change.
    Engine(state, list(installed()[0]), FileBinder(state), offer=lambda _frame: None, clock=time.time)
    queue = asyncio.Lock()
    nodes, pods = _Feed(), _Feed()
    informers = [
        asyncio.create_task(Informer(cast("KubeApi", feed), state, resource, time.time, queue).run())
        for feed, resource in ((nodes, NODES), (pods, PODS))
    ]
    gc.collect()
    gc.disable()
    told: dict[str, Any] = {"nodes": objects.nodes, "pods": objects.pods}
    told |= await nodes.tell("node", objects.each_node(), whole=True)
    told |= await pods.tell("pod", objects.each_pod("ADDED", 1), whole=True)
    waits: list[float] = []
    lookout = asyncio.create_task(_look_out(waits))
    told |= await pods.tell("pod_changed", islice(objects.each_pod("MODIFIED", 2), SOME))
    told |= await pods.tell("pod_known", islice(objects.each_pod("MODIFIED", 2), SOME))
    for task in (lookout, *informers):
        task.cancel()
    gc.enable()
    waits.sort()
    return told | {
        "wait_p99_ms": round(1e3 * waits[len(waits) * 99 // 100], 3),
        "wait_max_ms": round(1e3 * waits[-1], 3),
    }


async def _look_out(waits: list[float]) -> None:
    """Note how long each round of the loop took."""
    while True:
        before_s = time.perf_counter()
        await asyncio.sleep(0)
        waits.append(time.perf_counter() - before_s)


class _Feed:
    """In place of an API server: one watch that never ends."""

    def __init__(self) -> None:
        self._reads: asyncio.Queue[list[bytes]] = asyncio.Queue(1)
        self._took: list[float] = []

    async def lines(
        self, _path: str, *, query: Mapping[str, str], read_timeout_s: float
    ) -> AsyncGenerator[list[bytes]]:
        del query, read_timeout_s
        while True:
            read = await self._reads.get()
            before_s = time.thread_time()
            yield read
            self._took.append((time.thread_time() - before_s) / len(read))
            self._reads.task_done()

    async def tell(self, name: str, lines: Iterator[bytes], *, whole: bool = False) -> dict[str, Any]:
        """Hand over all lines; `whole`: they are the first list."""
        before, events = _resident_bytes(), 0
        self._took.clear()
        while read := list(islice(lines, READ)):
            events += len(read)
            await self._reads.put(read)
            await self._reads.join()
        took_us = 1e6 * statistics.quantiles(self._took, n=4)[0]
        told: dict[str, Any] = {f"{name}_us": round(took_us, 1)}
        if whole:
            await self._reads.put([_WHOLE])
            await self._reads.join()
            told[f"{name}_bytes"] = round((_resident_bytes() - before) / events)
        return told


class _Objects:
    """Nodes, and pods on them as a real API server tells them: 10 kB each, copies of templates."""

    def __init__(self, nodes: int, pods: int, seed: int = 7) -> None:
        self.nodes, self.pods = nodes, pods
        self._seed = seed
        self._templates = [_template(tree) for tree in workload.pods(max(1, pods // COPIES), seed)]

    def each_node(self) -> Iterator[bytes]:
        for number in range(self.nodes):
            yield b'{"type":"ADDED","object":%s}' % json.dumps(_node(number)).encode()

    def each_pod(self, kind: str, version: int) -> Iterator[bytes]:
        """In the order of a list: template by template."""
        chance = random.Random(self._seed)
        for number in range(self.pods):
            text = self._templates[number // COPIES % len(self._templates)]
            for mark, own in (
                (b"NUMBER", b"%05x" % number),
                (b"VERSION", b"%d" % (10**8 + 10 * number + version)),
                (b"NODE", b"node-%05d" % chance.randrange(self.nodes)),
            ):
                text = text.replace(mark, own)
            yield b'{"type":"%s","object":%s}' % (kind.encode(), text)


def _template(tree: dict[str, Any]) -> bytes:
    meta, spec, at = tree["metadata"], tree["spec"], "2026-11-20T10:11:12Z"
    meta |= {"name": f"{meta['name'][:-5]}NUMBER", "uid": f"{meta['uid'][:-5]}NUMBER", "resourceVersion": "VERSION"}
    fields: dict[str, Any] = {f"k:{number}": {f"f:{name}": {} for name in meta["labels"]} for number in range(8)}
    meta["managedFields"] = [
        {"manager": "kubelet", "operation": "Update", "time": at, "fieldsV1": {"f:status": fields}}
    ]
    spec["nodeName"] = "NODE"
    running = {"running": {"startedAt": at}}
    tree["status"] = {
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": at}
            for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "hostIP": "10.0.0.1",
        "podIP": "10.1.0.1",
        "startTime": at,
        "containerStatuses": [
            {"name": c["name"], "image": c["image"], "ready": True, "state": running, "resources": c["resources"]}
            for c in spec["containers"]
        ],
        "qosClass": "Burstable",
    }
    return json.dumps(tree, separators=(",", ":")).encode()


def _node(number: int) -> dict[str, Any]:
    name, has = f"node-{number:05d}", {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "500Gi", "pods": "250"}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": "zone-a"}
    return {
        "metadata": {"name": name, "uid": name, "resourceVersion": "1", "labels": labels},
        "spec": {},
        "status": {"capacity": has, "allocatable": has, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


if __name__ == "__main__":
    print(json.dumps(in_process(*map(int, sys.argv[1:3]))))
