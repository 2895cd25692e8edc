"""The stand-in scheduler's own cache: what stands on each node, assumed pods included."""

from __future__ import annotations

from dataclasses import dataclass, field

from extender.lab.store import Stored
from extender.lab.trees import Tree
from extender.model.pod import Pod, pod_of
from extender.model.resources import Resources, request_k8s, resources_of


@dataclass(frozen=True, slots=True)
class Demand:
    """A pod, reduced to what placing it needs."""

    stored: Stored
    pod: Pod
    request: Resources

    @property
    def uid(self) -> str:
        return self.pod.uid


def demand_of(stored: Stored) -> Demand:
    pod = pod_of(stored.tree)
    return Demand(stored, pod, request_k8s(pod))


@dataclass(slots=True)
class Account:
    """One node and the pods on it."""

    name: str
    tree: Tree
    allocatable: Resources
    pods: dict[str, Demand] = field(default_factory=dict)
    requested: Resources = field(default_factory=Resources)

    def add(self, demand: Demand) -> None:
        if demand.uid not in self.pods:
            self.pods[demand.uid] = demand
            self.requested = self.requested.plus(demand.request)

    def remove(self, uid: str) -> None:
        demand = self.pods.pop(uid, None)
        if demand is not None:
            self.requested = self.requested.plus(demand.request, -1)


class Accounts:
    """All nodes. A pod on a node that is not known yet waits for it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Account] = {}
        self._place: dict[str, tuple[str, Demand]] = {}
        """Node and demand of every placed pod, by UID."""

    def see_node(self, stored: Stored) -> None:
        allocatable = resources_of(stored.tree["status"].get("allocatable") or {})
        old = self.nodes.get(stored.name)
        if old is not None:
            old.tree, old.allocatable = stored.tree, allocatable
            return
        account = self.nodes[stored.name] = Account(stored.name, stored.tree, allocatable)
        for node, demand in self._place.values():
            if node == stored.name:
                account.add(demand)

    def lose_node(self, name: str) -> None:
        self.nodes.pop(name, None)

    def place(self, demand: Demand, node: str) -> None:
        """A pod is on a node, or assumed to be."""
        self.forget(demand.uid)
        self._place[demand.uid] = (node, demand)
        if node in self.nodes:
            self.nodes[node].add(demand)

    def forget(self, uid: str) -> None:
        node, _demand = self._place.pop(uid, ("", None))
        if node in self.nodes:
            self.nodes[node].remove(uid)

    def node_of(self, uid: str) -> str:
        """Where a pod is, or an empty string."""
        return self._place.get(uid, ("", None))[0]
