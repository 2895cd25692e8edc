"""A simulated cluster and our two programs on it, as every measurement needs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import Program, free_port, get, python

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
        url = f"http://127.0.0.1:{port}"
        program.until(lambda: get(f"{url}/readyz")[0] == _OK, "an answer")
        yield Cluster(url, config, folder, program)


@contextmanager
def extender(on: Cluster, name: str, *options: str) -> Iterator[Extender]:
    port, admin, journal = free_port(), free_port(), on.folder / f"{name}-journal"
    command = python(
        "extender",
        f"--listen=127.0.0.1:{port}",
        f"--admin=127.0.0.1:{admin}",
        f"--kubeconfig={on.kubeconfig}",
        f"--journal={journal}",
        f"--load-watcher={on.url}/watcher",
        "--log-level=warning",
        *options,
    )
    with Program(name, command, on.folder) as program:
        yield Extender(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", journal, program)


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
