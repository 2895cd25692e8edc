"""A simulated cluster and our two programs on it, as every measurement needs them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.programs import Program, free_port, get, post, python

POLICY = """\
apiVersion: policy.trimtab.dev/v1alpha1
kind: SchedulingPolicy
metadata: {{name: bench}}
profiles:
- schedulerName: default-scheduler
  plugins:
    multiPoint:
      enabled:
      - name: CapacityScheduling
    score:
      enabled:
      - {{name: TargetLoadPacking, weight: {weight}}}
      - {{name: NodeResourcesAllocatable, weight: 1}}
      - {{name: PodState, weight: 1}}
"""
_OK = 200


@dataclass(frozen=True, slots=True)
class Cluster:
    """The lab's API server, running."""

    url: str
    kubeconfig: Path
    folder: Path
    program: Program

    def node_names(self) -> list[str]:
        tree = json.loads(get(f"{self.url}/api/v1/nodes")[1])
        return [node["metadata"]["name"] for node in tree["items"]]

    def create_pods(self, pods: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Pods that wait to be scheduled, as a scheduler then sees them: with a UID and a version."""
        for name in sorted({pod["metadata"]["namespace"] for pod in pods}):
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            post(f"{self.url}/api/v1/namespaces", json.dumps(space).encode())
        for pod in pods:
            body = json.dumps({"apiVersion": "v1", "kind": "Pod", **pod}).encode()
            post(f"{self.url}/api/v1/namespaces/{pod['metadata']['namespace']}/pods", body)
        paths = (f"/api/v1/namespaces/{p['metadata']['namespace']}/pods/{p['metadata']['name']}" for p in pods)
        seen = [json.loads(get(self.url + path)[1]) for path in paths]
        # Neither stands in a request: a scheduler's objects carry no kind of their own.
        return [{key: part for key, part in pod.items() if key not in ("apiVersion", "kind")} for pod in seen]

    def objects(self) -> int:
        """Nodes and pods together."""
        tree = json.loads(get(f"{self.url}/lab/status")[1])
        pods: dict[str, int] = tree["pods"]
        return int(tree["nodes"]["total"]) + sum(pods.values())


@dataclass(frozen=True, slots=True)
class Extender:
    """Our extender, running; perhaps not ready yet."""

    url: str
    admin: str
    journal: Path
    program: Program

    def ready(self) -> bool:
        return get(f"{self.admin}/readyz")[0] == _OK

    def check(self, name: str) -> bool:
        """Whether one of the checks behind /readyz is fine."""
        return f"[+]{name} ok".encode() in get(f"{self.admin}/readyz?verbose")[1]

    def pods(self) -> int:
        """How many it knows."""
        return int(json.loads(get(f"{self.admin}/configz")[1])["cluster"]["pods"])

    def revision(self) -> str:
        status, body = get(f"{self.admin}/configz")
        return str(json.loads(body).get("revision") or "") if status == _OK else ""


@contextmanager
def cluster(folder: Path, nodes: int, pods: int) -> Iterator[Cluster]:
    """A cluster in which nothing happens by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    port, config = free_port(), folder / "kubeconfig"
    options = [f"--nodes={nodes}", f"--standing-pods={pods}", "--pods-per-second=0", f"--kubeconfig={config}"]
    with Program("lab", python("extender.lab", f"--listen=127.0.0.1:{port}", *options), folder) as program:
        # It stands for another machine: what is measured here must not wait for its turn of a core to end, as it would
        # for that of a program with the lowest priority.
        os.sched_setscheduler(program.pid, os.SCHED_IDLE, os.sched_param(0))
        url = f"http://127.0.0.1:{port}"
        program.until(lambda: get(f"{url}/readyz")[0] == _OK, "an answer")
        yield Cluster(url, config, folder, program)


@contextmanager
def extender(
    on: Cluster,
    name: str,
    *options: str,
    recording: bool = True,
    program: Sequence[str] = ("extender",),
    env: Mapping[str, str] | None = None,
) -> Iterator[Extender]:
    """Started as users start it; `options` are further ones of its command line. TLS options make its URL https.

    `program`: a module that runs it in another way, with arguments of its own before the options.
    `env`: the whole environment; default: ours.
    """
    port, admin, journal = free_port(), free_port(), on.folder / f"{name}-journal"
    command = python(
        *program,
        f"--listen=127.0.0.1:{port}",
        f"--admin=127.0.0.1:{admin}",
        f"--kubeconfig={on.kubeconfig}",
        *([f"--journal={journal}"] if recording else []),
        f"--load-watcher={on.url}/watcher",
        "--log-level=warning",
        *options,
    )
    scheme = "https" if any(option.startswith("--tls-cert=") for option in options) else "http"
    with Program(name, command, on.folder, env=None if env is None else dict(env)) as running:
        yield Extender(f"{scheme}://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", journal, running)


@contextmanager
def sidecar(of: Extender, folder: Path) -> Iterator[str]:
    """Yields the console's URL."""
    port = free_port()
    command = python(
        "analytics",
        f"--listen=127.0.0.1:{port}",
        f"--metrics=127.0.0.1:{free_port()}",
        f"--journal={of.journal}",
        f"--store={folder / 'store.duckdb'}",
        f"--extender={of.admin}",
    )
    with ExitStack() as stack:
        program = stack.enter_context(Program("sidecar", command, folder))
        url = f"http://127.0.0.1:{port}"
        program.until(lambda: get(f"{url}/health")[0] == _OK, "/health")
        yield url
