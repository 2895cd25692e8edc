"""A cluster with quotas and priority classes, and an engine over it that preempts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extender.cluster.state import ClusterState
from extender.engine.cycle import rows_of
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.engine.verdicts import PreemptVerdict, Victims
from extender.framework import Plugin
from extender.framework.compiled import compile_all
from extender.model.events import NodeUpserted, ObjectUpserted, PodUpserted
from extender.model.node import Node, Taint
from extender.model.pod import Container, Pod
from extender.model.verdict import Phase
from extender.plugins import capacity_scheduling, preemption_toleration
from extender.record.frames import Decision, Frame
from tests.extender.engine.a_world import FakeBinder, decided

QUOTAS, TOLERATION = capacity_scheduling.PLUGIN, preemption_toleration.PLUGIN
MINIMUM = "preemption-toleration.scheduling.x-k8s.io/minimum-preemptable-priority"
SECONDS = "preemption-toleration.scheduling.x-k8s.io/toleration-seconds"
NOW_S = 1_700_000_000.0


class QuotaWorld:
    def __init__(self, cache: Path, *plugins: Plugin) -> None:
        self.now_s = NOW_S
        self.state = ClusterState()
        self.frames: list[Frame] = []
        self.engine = Engine(self.state, plugins, FakeBinder(), offer=self.frames.append, clock=lambda: self.now_s)
        compiled = compile_all(plugins, cache)
        seats = [
            Seat(plugin, compiled[plugin.name], plugin.args(), 1, frozenset(phase.value for phase in Phase))
            for plugin in plugins
        ]
        self.off = PolicySet("r0", "h0", "wide", {})
        self.on = PolicySet("r1", "h1", "wide", {"default-scheduler": profile_of("default-scheduler", seats)})
        self.engine.activate(self.on)

    def node(self, name: str, cpu: int = 4, *taints: Taint) -> str:
        offered: dict[str, str | int | float] = {"cpu": str(cpu), "memory": "64Gi", "pods": "110"}
        node = Node(name=name, allocatable=offered, capacity=offered, taints=taints)
        self.state.apply(NodeUpserted(node), self.now_s)
        return name

    def quota(self, namespace: str, low: int, high: int) -> None:
        spec = {"min": {"cpu": str(low)}, "max": {"cpu": str(high), "memory": "1Ti", "ephemeral-storage": "1Ti"}}
        self.state.apply(ObjectUpserted("ElasticQuota", f"{namespace}/quota", {"spec": spec}), self.now_s)

    def priority_class(self, name: str, value: int, **annotations: str) -> None:
        found = {"metadata": {"name": name, "annotations": annotations}, "value": value}
        self.state.apply(ObjectUpserted("PriorityClass", name, found), self.now_s)

    def budget(self, namespace: str, labels: dict[str, str], allowed: int = 0) -> None:
        found = {"spec": {"selector": {"matchLabels": labels}}, "status": {"disruptionsAllowed": allowed}}
        self.state.apply(ObjectUpserted("PodDisruptionBudget", f"{namespace}/budget", found), self.now_s)

    def pod(self, key: str, node: str = "", cpu: int = 1, **fields: Any) -> Pod:
        """`key`: namespace/name. On a node it runs; else it is only made, not told to the cluster."""
        namespace, _, name = key.partition("/")
        found = Pod(
            namespace=namespace,
            name=name,
            uid=name,
            node_name=node,
            containers=(Container(requests={"cpu": str(cpu)}),),
            **{"phase": "Running" if node else "Pending", "started_at_s": 1000, "scheduled_at_s": NOW_S, **fields},
        )
        if node:
            self.tell(found)
        return found

    def tell(self, pod: Pod) -> Pod:
        self.state.apply(PodUpserted(pod), self.now_s)
        return pod

    def filter(self, pod: Pod) -> bool:
        """Whether any node passes."""
        names = [name for name, _row in self.state.nodes.items()]
        return not decided(self.engine, pod, names, rows_of(self.state, names), self.now_s).codes.all()

    def preempt(self, pod: Pod, **proposed: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        return {name: victims.uids for name, victims in self.verdict(pod, **proposed).nodes.items()}

    def verdict(self, pod: Pod, **proposed: tuple[str, ...]) -> PreemptVerdict:
        verdict = self.engine.preempt(pod, {name: Victims(uids) for name, uids in proposed.items()}, self.now_s)
        assert verdict.make_frame is not None
        self.frames.append(verdict.make_frame())
        return verdict

    @property
    def record(self) -> Decision:
        """The newest decision."""
        return [frame for frame in self.frames if isinstance(frame, Decision)][-1]
