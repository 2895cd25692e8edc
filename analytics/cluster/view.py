"""The cluster at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from analytics.cluster.kinds import Happening
from extender.model.node import Node
from extender.model.pod import Pod
from extender.model.resources import Resources, request_k8s

NOBODY: Sequence[Pod] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a node really uses, as its source measured it."""

    at_us: int
    cpu_milli: int
    memory_bytes: int


@dataclass(frozen=True)
class ClusterView:
    """Values of one moment: nothing in it changes, however long it is kept."""

    at_us: int
    """Unix microseconds."""
    known: bool
    """False: there is no cluster to ask, or not everything has been listed yet; `why_not` says which."""
    nodes: Mapping[str, Node] = field(default_factory=dict)
    """By name."""
    pods: Mapping[str, Pod] = field(default_factory=dict)
    """By UID; Succeeded and Failed ones are none, as for the scheduler."""
    usage: Mapping[str, Usage] = field(default_factory=dict)
    """By node; empty where no source of metrics answers."""
    objects: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Plural.group (`tenants.tenancy.trimtab.dev`, `resourcequotas`) -> namespace/name, or name -> the object as JSON.
    A kind that the cluster does not serve, or does not show us, is absent."""
    why_not: str = ""
    events: Sequence[Happening] = ()
    """Of pods; empty where the cluster does not show them to us."""
    namespace_usage: Mapping[str, Usage] = field(default_factory=dict)
    """What the pods of a namespace really use together; empty where nobody measures pods."""

    @cached_property
    def by_node(self) -> Mapping[str, Sequence[Pod]]:
        """Node -> pods bound to it, terminating ones included."""
        found: dict[str, list[Pod]] = {}
        for pod in self.pods.values():
            if pod.node_name:
                found.setdefault(pod.node_name, []).append(pod)
        return found

    @cached_property
    def by_name(self) -> Mapping[str, Pod]:
        """namespace/name -> pod."""
        return {pod.key: pod for pod in self.pods.values()}

    @cached_property
    def events_of(self) -> Mapping[str, Sequence[Happening]]:
        """Pod UID -> its events, the newest first."""
        found: dict[str, list[Happening]] = {}
        for event in sorted(self.events, key=lambda event: -event.at_s):
            found.setdefault(event.uid, []).append(event)
        return found

    @cached_property
    def pending(self) -> Sequence[Pod]:
        """Pods without a node, oldest first."""
        waiting = (pod for pod in self.pods.values() if not pod.node_name and not pod.terminating)
        return sorted(waiting, key=lambda pod: (pod.created_at_s, pod.key))

    @cached_property
    def requested(self) -> Mapping[str, Resources]:
        """Node -> what its pods request, as the scheduler counts it (REQ-K8S); `pods` is their number."""
        return {node: sum_of(pods) for node, pods in self.by_node.items()}

    def on(self, node: str) -> Sequence[Pod]:
        return self.by_node.get(node, NOBODY)

    def requested_on(self, node: str) -> Resources:
        return self.requested.get(node, NOTHING)


NOTHING = Resources()


def sum_of(pods: Iterable[Pod]) -> Resources:
    """What the pods request together (REQ-K8S), and their number."""
    cpu = memory = ephemeral = count = 0
    scalars: dict[str, int] = {}
    for pod in pods:
        one = request_k8s(pod)
        cpu += one.cpu_milli
        memory += one.memory_bytes
        ephemeral += one.ephemeral_bytes
        count += 1
        for name, amount in one.scalars.items():
            scalars[name] = scalars.get(name, 0) + amount
    return Resources(cpu, memory, ephemeral, count, scalars)
