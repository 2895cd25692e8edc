"""What every part is given: where to work, with which tools, how much, and the cluster that most of them share."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from benchmarks import workload
from benchmarks.client import Job, Outcome, run
from benchmarks.plan import Plan
from benchmarks.scene import POLICY, Cluster, Extender, cluster, extender
from benchmarks.tools import Tools


class NotMeasured(Exception):
    """A part cannot be measured here; the text says why, for the table."""


@dataclass(slots=True)
class Bench:
    folder: Path
    tools: Tools
    plan: Plan
    console: Console
    stack: ExitStack
    """Ends with the run: what is started on it serves several parts."""
    _shared: Cluster | None = field(default=None, init=False)
    _usual: Extender | None = field(default=None, init=False)

    @property
    def client(self) -> Path:
        """The Go program. Raises NotMeasured."""
        if self.tools.go is None:
            raise NotMeasured(self.tools.why["go"])
        return self.tools.go

    def require_client(self) -> None:
        """Raises NotMeasured."""
        _ = self.client

    def shared(self) -> Cluster:
        """The cluster of most parts, started by the first that asks."""
        if self._shared is None:
            self.say(f"a cluster of {self.plan.nodes} nodes and {self.plan.pods} pods")
            self._shared = self.stack.enter_context(cluster(self.folder / "shared", self.plan.nodes, self.plan.pods))
        return self._shared

    def usual(self) -> Extender:
        """An extender on it with the usual policy, ready, for parts that need only one."""
        if self._usual is None:
            on = self.shared()
            self._usual = self.stack.enter_context(extender(on, "extender-usual", f"--policy={usual_policy(on)}"))
            self._usual.program.until(self._usual.ready, "ready")
        return self._usual

    def say(self, what: str) -> None:
        self.console.print(what, markup=False, highlight=False)

    def runs(self, job: Job) -> list[Outcome]:
        """Run the client as often as planned, each time with another seed."""
        return [run(self.client, replace(job, seed=number)) for number in range(1, self.plan.repeats + 1)]


@dataclass(frozen=True, slots=True)
class Feed:
    """Files that the client reads, for one cluster."""

    names: Path
    pods: Path


def feed(on: Cluster) -> Feed:
    """Names of the cluster's nodes, and pods of it that wait to be scheduled; written once per cluster."""
    found = Feed(on.folder / "names.json", on.folder / "pods.json")
    if not found.names.exists():
        found.names.write_text(json.dumps(on.node_names()))
        found.pods.write_text(json.dumps(on.create_pods(workload.pods())))
    return found


def usual_policy(on: Cluster) -> Path:
    """Three score plugins, one of them with books: what the hot path is judged with."""
    path = on.folder / "policy.yaml"
    path.write_text(POLICY.format(weight=1))
    return path
