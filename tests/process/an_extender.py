"""A real extender process on a cluster file, asked over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

READY_WITHIN_S = 60.0
POLICY = """\
apiVersion: policy.trimtab.dev/v1alpha1
kind: SchedulingPolicy
metadata: {{name: default}}
profiles:
- schedulerName: default-scheduler
  plugins:
    score:
      enabled:
      - {{name: NodeResourcesAllocatable, weight: {weight}}}
  pluginConfig:
  - name: NodeResourcesAllocatable
    args: {{mode: {mode}}}
"""
NODES = [f"node-{i}" for i in range(4)]


def policy(mode: str = "Least", weight: int = 1) -> str:
    return POLICY.format(mode=mode, weight=weight)


def a_cluster(path: Path) -> Path:
    """Nodes of 1, 2, 3 and 4 CPUs."""
    sizes = [{"cpu": str(i + 1), "memory": "8Gi", "pods": "110"} for i in range(len(NODES))]
    items = [
        {"kind": "Node", "metadata": {"name": name}, "status": {"allocatable": size, "capacity": size}}
        for name, size in zip(NODES, sizes, strict=True)
    ]
    path.write_text(json.dumps({"kind": "List", "items": items}))
    return path


def a_pod(name: str = "p") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}"}, "spec": {"containers": []}}


class Extender:
    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self.admin = self._address("admin port")
        self.verbs = self._address("scheduler port")
        self.client = httpx.Client(trust_env=False, timeout=10)
        self._until_ready()

    def _address(self, what: str) -> str:
        """Port 0 was asked for: the log says which it became."""
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            for line in self._log.read_text().splitlines():
                if f"{what}: listening on " in line:
                    return f"http://{json.loads(line)['message'].rpartition(' ')[2]}"
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no {what}:\n{self._log.read_text()}")

    def _until_ready(self) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while self.client.get(f"{self.admin}/readyz").status_code != 200:
            assert time.monotonic() < until, self.client.get(f"{self.admin}/readyz?verbose").text
            time.sleep(0.02)

    def ask(self, verb: str, body: dict[str, Any]) -> Any:
        answer = self.client.post(f"{self.verbs}/{verb}", json=body)
        assert answer.status_code == 200, answer.headers.get("x-trimtab-reason")
        return answer.json()

    def filter(self, pod: dict[str, Any]) -> Any:
        return self.ask("filter", {"Pod": pod, "Nodes": None, "NodeNames": NODES})

    def scores(self, pod: dict[str, Any] | None = None) -> dict[str, int]:
        answer = self.ask("prioritize", {"Pod": pod or a_pod(), "Nodes": None, "NodeNames": NODES})
        return {row["Host"]: row["Score"] for row in answer}

    def configz(self) -> dict[str, Any]:
        told: dict[str, Any] = self.client.get(f"{self.admin}/configz").json()
        return told

    def metric(self, name: str) -> float:
        for line in self.client.get(f"{self.admin}/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        raise AssertionError(f"no metric {name}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def start(folder: Path, *args: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [
                sys.executable, "-m", "extender", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *args,
            ],
            stdout=log, stderr=log, text=True, env=os.environ | (env or {}),
        )  # fmt: skip


@contextmanager
def running(folder: Path, *args: str, env: dict[str, str] | None = None) -> Iterator[Extender]:
    """On the cluster of `a_cluster`, until the block ends."""
    cluster = a_cluster(folder / "cluster.json")
    process = start(folder, "--cluster-file", str(cluster), *args, env=env)
    try:
        yield Extender(process, folder / "log")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
