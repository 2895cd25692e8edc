"""Machines that fail and return, are cordoned, or are replaced by new ones."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from extender.lab.agenda import Agenda
from extender.lab.identity import Clock, Identities
from extender.lab.kinds import NODES, PODS
from extender.lab.machines import MACHINES, add_machine, ready_condition
from extender.lab.store import Store, Stored
from extender.lab.trees import Tree, with_condition
from extender.lab.writing import Writer

_EVERY_S = (8.0, 25.0)
_LASTS_S = (15.0, 40.0)
_EVICT_AFTER_S = 4.0
"""From a node's failure to the removal of its pods (a real cluster waits five minutes)."""
_DOWN_SHARE = 0.1
"""At most this share of all nodes, and at least one, is out of order at a time."""
_NOT_READY = "node.kubernetes.io/not-ready"
_CORDONED = "node.kubernetes.io/unschedulable"


class Outages:
    """Takes nodes out and brings them back."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        identities: Identities,
        clock: Clock,
        chance: random.Random,
        agenda: Agenda,
        counts: Counter[str],
    ) -> None:
        self._store = store
        self._writer = writer
        self._new = identities
        self._clock = clock
        self._random = chance
        self._agenda = agenda
        self._counts = counts
        self._out: set[str] = set()

    @property
    def out(self) -> int:
        """Nodes out of order now."""
        return len(self._out)

    def begin(self) -> None:
        self._later(self._random.uniform(*_EVERY_S), self._strike)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._agenda.at(self._clock() + seconds, action)

    def _strike(self) -> None:
        self._later(self._random.uniform(*_EVERY_S), self._strike)
        nodes = [n.name for n in self._store.listed(NODES) if n.name not in self._out]
        if len(self._out) >= max(1, int(_DOWN_SHARE * len(nodes))) or len(nodes) <= 1:
            return
        name = self._random.choice(nodes)
        self._out.add(name)
        self._random.choices([self._fail, self._cordon, self._replace], [5, 3, 2])[0](name)

    def _fail(self, name: str) -> None:
        self._counts["failures"] += 1
        self._edit(name, lambda tree: _tainted(self._with_ready(tree, is_ready=False), _NOT_READY))
        self._later(_EVICT_AFTER_S, lambda: self._empty(name))
        self._later(self._random.uniform(*_LASTS_S), lambda: self._recover(name))

    def _recover(self, name: str) -> None:
        self._out.discard(name)
        self._counts["returns"] += 1
        self._edit(name, lambda tree: _untainted(self._with_ready(tree, is_ready=True), _NOT_READY))

    def _cordon(self, name: str) -> None:
        self._counts["cordons"] += 1
        self._edit(name, lambda tree: _tainted({**tree, "spec": {**tree["spec"], "unschedulable": True}}, _CORDONED))
        self._later(self._random.uniform(*_LASTS_S), lambda: self._uncordon(name))

    def _uncordon(self, name: str) -> None:
        self._out.discard(name)
        self._edit(name, lambda tree: _untainted(_without_cordon(tree), _CORDONED))

    def _replace(self, name: str) -> None:
        """Drained, taken away, and a new machine of the same type comes under a new name."""
        self._cordon(name)
        self._later(_EVICT_AFTER_S, lambda: self._empty(name))
        self._later(2 * _EVICT_AFTER_S, lambda: self._swap(name))

    def _swap(self, name: str) -> None:
        old = self._store.find(NODES, "", name)
        if old is None:
            return
        self._empty(name)
        self._store.delete(NODES, "", name)
        self._out.discard(name)
        self._counts["replaced"] += 1
        labels = old.tree["metadata"]["labels"]
        kind, zone = labels["node.kubernetes.io/instance-type"], labels["topology.kubernetes.io/zone"]
        machine = next(m for m in MACHINES if m.name == kind)
        add_machine(self._store, self._writer, self._new, machine, zone)

    def _empty(self, name: str) -> None:
        """What node lifecycle and drain do: the pods go, and their controllers make new ones."""
        pods = [p for p in self._store.listed(PODS) if p.tree["spec"].get("nodeName") == name]
        for pod in pods:
            current = self._store.find(PODS, pod.namespace, pod.name)
            if current is pod and (name in self._out or self._store.find(NODES, "", name) is None):
                self._writer.end_pod(pod, 0)

    def _edit(self, name: str, change: Callable[[Tree], Tree]) -> None:
        found: Stored | None = self._store.find(NODES, "", name)
        if found is not None:
            self._store.replace(found, change(found.tree))

    def _with_ready(self, tree: Tree, *, is_ready: bool) -> Tree:
        return with_condition(tree, ready_condition(self._new.now(), is_ready=is_ready))


def _tainted(tree: Tree, key: str) -> Tree:
    kept = [t for t in tree["spec"].get("taints") or () if t["key"] != key]
    return {**tree, "spec": {**tree["spec"], "taints": [*kept, {"key": key, "effect": "NoSchedule"}]}}


def _untainted(tree: Tree, key: str) -> Tree:
    kept = [t for t in tree["spec"].get("taints") or () if t["key"] != key]
    spec = {k: v for k, v in tree["spec"].items() if k != "taints"}
    return {**tree, "spec": {**spec, **({"taints": kept} if kept else {})}}


def _without_cordon(tree: Tree) -> Tree:
    return {**tree, "spec": {k: v for k, v in tree["spec"].items() if k != "unschedulable"}}
