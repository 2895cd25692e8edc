"""Gangs: jobs whose pods are of use only together. Some come whole, some straggle, some ask for more than there is."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from extender.lab.agenda import Agenda
from extender.lab.identity import Clock, Identities
from extender.lab.kinds import POD_GROUPS, PODS
from extender.lab.store import Store, Stored
from extender.lab.tenants import GANG_LABEL, GANG_NAMESPACE, SOLVER, App
from extender.lab.trees import Tree
from extender.lab.writing import Writer

_EVERY_S = (9.0, 16.0)
_FIRST_S = 4.0
_SIZE = (4, 8)
_WAYS = ("whole", "straggling", "whole", "greedy")
"""How gangs come, in turn."""
_STRAGGLERS = 2
_LATE_S = (6.0, 12.0)
"""Stragglers come so long after the others."""
_PATIENCE_S = 40.0
"""A pod that has no node after this time is given up, and its gang with it if no other runs."""
_LOOK_S = 2.0
_GREEDY_CORES = "100000"
"""What a gang that fits nowhere says that it needs in all."""
GANGS_MAX = 6
"""Gangs at a time; no more come until some are done."""


class Kubelet(Protocol):
    """The part of the simulation that makes pods and lets them go."""

    def make(self, namespace: str, app: App) -> None: ...

    def give_up(self, pod: Stored) -> None: ...

    def forget(self, owner: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Gang:
    name: str
    since_s: float


class Gangs:
    """Makes PodGroups with their pods, and removes them when they are done or hopeless."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        identities: Identities,
        clock: Clock,
        chance: random.Random,
        agenda: Agenda,
        counts: Counter[str],
        kubelet: Kubelet,
    ) -> None:
        self._store = store
        self._writer = writer
        self._new = identities
        self._clock = clock
        self._random = chance
        self._agenda = agenda
        self._counts = counts
        self._kubelet = kubelet
        self._gangs: dict[str, _Gang] = {}
        self._turn = 0

    def begin(self) -> None:
        self._later(_FIRST_S, self._form)
        self._later(_LOOK_S, self._look)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._agenda.at(self._clock() + seconds, action)

    def _form(self) -> None:
        self._later(self._random.uniform(*_EVERY_S), self._form)
        if len(self._gangs) >= GANGS_MAX:
            self._counts["gangs_held_back"] += 1
            return
        size = self._random.randint(*_SIZE)
        name = f"{SOLVER.name}-{self._new.suffix()}"
        turn, self._turn = self._turn, self._turn + 1
        way = _WAYS[turn % len(_WAYS)]
        needs: Tree = {"minResources": {"cpu": _GREEDY_CORES}} if way == "greedy" else {}
        tree = {
            "metadata": {"name": name},
            "spec": {"minMember": size, "scheduleTimeoutSeconds": int(_PATIENCE_S), **needs},
        }
        self._writer.add(POD_GROUPS, GANG_NAMESPACE, tree)
        self._gangs[name] = _Gang(name, self._clock())
        self._counts["gangs"] += 1
        late = _STRAGGLERS if way == "straggling" else 0
        app = dataclasses.replace(SOLVER, gang=name)
        for at in range(size):
            if at < size - late:
                self._kubelet.make(GANG_NAMESPACE, app)
            else:
                self._later(self._random.uniform(*_LATE_S), lambda: self._straggle(app))

    def _straggle(self, app: App) -> None:
        if app.gang in self._gangs:
            self._kubelet.make(GANG_NAMESPACE, app)

    def _look(self) -> None:
        """What every gang has come to."""
        self._later(_LOOK_S, self._look)
        pods: dict[str, list[Stored]] = {name: [] for name in self._gangs}
        for pod in self._store.listed(PODS, GANG_NAMESPACE):
            name = (pod.tree["metadata"].get("labels") or {}).get(GANG_LABEL, "")
            if name in pods:
                pods[name].append(pod)
        for name, members in pods.items():
            self._judge(self._gangs[name], members)

    def _judge(self, gang: _Gang, members: list[Stored]) -> None:
        is_old = self._clock() - gang.since_s > _PATIENCE_S
        if not is_old:
            return
        placed = [pod for pod in members if pod.tree["spec"].get("nodeName")]
        for pod in members:
            if not pod.tree["spec"].get("nodeName"):
                self._kubelet.give_up(pod)
        if placed:
            return
        self._counts["gangs_given_up" if members else "gangs_done"] += 1
        del self._gangs[gang.name]
        self._kubelet.forget(gang.name)
        self._store.delete(POD_GROUPS, GANG_NAMESPACE, gang.name)
