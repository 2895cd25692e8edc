"""A real extender on a cluster file and a real sidecar that steers it, over the policy file that they share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port
from tests.process.an_extender import Extender, start

READY_WITHIN_S = 60.0
NOTHING_ON = """\
apiVersion: policy.trimtab.dev/v1alpha1
kind: SchedulingPolicy
metadata: {name: first}
profiles:
- schedulerName: default-scheduler
"""


class Pair:
    """What a person does at the console, and what kube-scheduler then hears from the extender."""

    def __init__(self, extender: Extender, console: str, metrics: str, policy: Path) -> None:
        self.extender = extender
        self.console = console
        self.metrics = metrics
        self.policy = policy
        self.client = httpx.Client(base_url=console, trust_env=False, timeout=30)

    # The console.

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """A call that succeeds, and is in effect when it is answered."""
        answer = self.client.request(method, f"/api/v1/{path}", **({} if body is None else {"json": body}))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        data = told.get("data")
        warnings = data.get("warnings", ()) if isinstance(data, dict) else ()
        assert not any("in effect" in warning for warning in warnings), told
        return told

    def enable(self, plugin: str, *phases: str) -> dict[str, Any]:
        return self.call("POST", f"plugins/{plugin}/enable", {"phases": list(phases)} if phases else None)

    def disable(self, plugin: str, *phases: str) -> dict[str, Any]:
        return self.call("POST", f"plugins/{plugin}/disable", {"phases": list(phases)} if phases else None)

    def configure(self, plugin: str, **args: Any) -> dict[str, Any]:
        """Its whole config afterwards."""
        config: dict[str, Any] = self.call("PUT", f"plugins/{plugin}/config", args)["data"]["config"]
        return config

    def everything_off(self) -> None:
        answer = self.client.put(
            "/api/v1/policy", content=NOTHING_ON, headers={"if-match": "*", "content-type": "application/yaml"}
        )
        assert answer.status_code == 200, answer.text
        assert self.extender.configz()["plugins"] == []

    # kube-scheduler.

    def passing(self, pod: dict[str, Any], nodes: Sequence[str]) -> list[str]:
        found: list[str] = self._filter(pod, nodes)["NodeNames"] or []
        return found

    def refusals(self, pod: dict[str, Any], nodes: Sequence[str]) -> dict[str, str]:
        """Node -> why it was refused."""
        told = self._filter(pod, nodes)
        return (told.get("FailedNodes") or {}) | (told.get("FailedAndUnresolvableNodes") or {})

    def _filter(self, pod: dict[str, Any], nodes: Sequence[str]) -> dict[str, Any]:
        told: dict[str, Any] = self.extender.ask("filter", {"Pod": pod, "Nodes": None, "NodeNames": list(nodes)})
        assert not told.get("Error"), told
        return told

    def scores(self, pod: dict[str, Any], nodes: Sequence[str]) -> dict[str, int]:
        rows = self.extender.ask("prioritize", {"Pod": pod, "Nodes": None, "NodeNames": list(nodes)})
        return {row["Host"]: row["Score"] for row in rows}

    def ranked(self, pod: dict[str, Any], nodes: Sequence[str]) -> list[str]:
        """The most wanted node first."""
        scores = self.scores(pod, nodes)
        assert len(set(scores.values())) == len(scores), scores
        return sorted(scores, key=lambda node: -scores[node])

    def victims(self, pod: dict[str, Any], proposed: dict[str, list[str]]) -> dict[str, list[str]]:
        """Node -> UIDs of those who would have to go, of what the scheduler proposes."""
        asked = {node: {"Pods": [{"UID": uid} for uid in uids]} for node, uids in proposed.items()}
        told = self.extender.ask("preempt", {"Pod": pod, "NodeNameToMetaVictims": asked})["NodeNameToMetaVictims"]
        return {node: [victim["UID"] for victim in found["Pods"]] for node, found in (told or {}).items()}

    def leases(self, plugin: str) -> list[str]:
        """UIDs of the pods for which the plugin holds something."""
        rows = self.extender.client.get(f"{self.extender.admin}/leases").json()
        return sorted(row["uid"] for row in rows if plugin in row["plugins"])


@contextmanager
def running(
    folder: Path,
    items: Sequence[dict[str, Any]],
    *args: str,
    policy: str = NOTHING_ON,
    env: dict[str, str] | None = None,
) -> Iterator[Pair]:
    """`items`: what stands in the cluster; `args`: more options of the extender; `env`: of both programs."""
    cluster, file, console_log = folder / "cluster.json", folder / "policy.yaml", folder / "console-log"
    cluster.write_text(json.dumps({"kind": "List", "items": list(items)}))
    file.write_text(policy)
    processes = [start(folder, "--cluster-file", str(cluster), "--policy", str(file), *args, env=env)]
    try:
        extender = Extender(processes[0], folder / "log")
        console, metrics = (f"127.0.0.1:{free_port()}" for _ in range(2))
        with console_log.open("w") as log:
            processes.append(
                subprocess.Popen(
                    [
                        sys.executable, "-m", "analytics", "--listen", console, "--metrics", metrics,
                        "--store", ":memory:", "--policy-file", str(file), "--extender", extender.admin,
                    ],
                    stdout=log, stderr=log, text=True, env=_without_ours() | (env or {}),
                )
            )  # fmt: skip
        pair = Pair(extender, f"http://{console}", f"http://{metrics}", file)
        try:
            _until_served(pair, processes[1], console_log)
            yield pair
        finally:
            pair.client.close()
            extender.client.close()
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def _without_ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("TRIMTAB_", "KUBERNETES_"))}


def _until_served(pair: Pair, process: subprocess.Popen[str], log: Path) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            pair.client.get("/api/v1/health")
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        else:
            return
