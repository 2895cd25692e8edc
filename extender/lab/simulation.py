"""The simulated cluster: nodes, tenants and pods that come, run and go, and machines that fail and return.

Seeded: the same seed, the same clock and the same bindings give the same cluster. `tick` does what is due;
who calls it, and how often, decides how fast time passes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from extender.lab.agenda import Agenda
from extender.lab.budgets import BudgetKeeper
from extender.lab.gangs import Gangs
from extender.lab.identity import Clock, Identities
from extender.lab.kinds import (
    DISRUPTION_BUDGETS,
    ELASTIC_QUOTAS,
    NAMESPACES,
    NODES,
    PODS,
    PRIORITY_CLASSES,
    TENANT_OBJECTS,
)
from extender.lab.machines import GPU, POOL, ZONES, Machine, add_machine, fleet
from extender.lab.outages import Outages
from extender.lab.store import Change, Store, Stored
from extender.lab.tenants import (
    BUDGETS,
    CLASS_NOTES,
    CLASSES,
    INCIDENT,
    INCIDENT_NAMESPACE,
    SALE,
    TENANTS,
    App,
    Tenant,
    budget_tree,
    mean_cpu_milli,
    pod_tree,
    quota_tree,
    tenant_tree,
)
from extender.lab.trees import with_condition
from extender.lab.writing import Writer
from extender.quantity import milli, value

WAITING_MAX = 20
"""Pending pods of one tenant; its controllers make no more until some are placed."""
_FILL = 0.72
"""Share of all CPU that pods hold once arrivals and departures balance."""
_FILL_AT_START = 0.62
_PROMISE_AT_START = 0.95
"""Share of its quota that a tenant may hold at the start."""
_FILL_ATTEMPTS = 10
"""Tries per pod, so that a cluster that is too small ends in fewer pods and not in an endless search."""
_START_S = (0.4, 1.5)
"""From binding to Running."""
_KEPT_S = 4.0
"""Finished pods stay so long."""
_RETRY_S = 2.0
"""A controller that is held back looks again after this time."""
_INCIDENT_S = (12.0, 25.0)
_LIFETIME_S = (8.0, 900.0)
_STOOD_S = 600.0
"""Pods that were there before we came have been there so long."""
_SALE_EVERY_S = (20.0, 35.0)
_SALE_LASTS_S = 6.0
_SALE_PODS = 5.0
"""Pods of one sale, as seconds of all arrivals."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What cluster to simulate."""

    nodes: int = 50
    pods_per_second: float = 5.0
    seed: int = 1
    standing_pods: int = 0
    """Pods that stand there from the start and stay; 0: as many as arrivals call for."""


class Simulation:
    """Plays every controller and kubelet of the cluster. Binds nothing: that is the scheduler's part."""

    def __init__(self, store: Store, writer: Writer, identities: Identities, clock: Clock, shape: Shape) -> None:
        self._store = store
        self._writer = writer
        self._new = identities
        self._clock = clock
        self._shape = shape
        self._random = random.Random(f"simulation/{shape.seed}")
        self._agenda = Agenda()
        self._apps = [(tenant, app) for tenant in TENANTS for app in tenant.apps]
        self._owner: dict[str, tuple[str, str]] = {}
        self._app_of: dict[str, tuple[str, App]] = {}
        """By pod UID: namespace and application."""
        self._waiting: Counter[str] = Counter()
        self._mean_lifetime_s = 60.0
        self.counts: Counter[str] = Counter()
        """created, finished, ended, restarted, held_back, failures, returns, cordons, replaced, sales, gangs, ..."""
        parts = (store, writer, identities, clock, self._random, self._agenda, self.counts)
        self.outages = Outages(*parts)
        self.gangs = Gangs(*parts, self)
        self._budgets = BudgetKeeper(store)
        store.listeners.append(self._seen)

    def furnish(self) -> None:
        """Namespaces, priority classes, nodes, quotas, and the pods that were there before we came."""
        for name, height in CLASSES.items():
            meta = {"name": name, "annotations": CLASS_NOTES[name]} if name in CLASS_NOTES else {"name": name}
            tree = {"metadata": meta, "value": height, "preemptionPolicy": "PreemptLowerPriority"}
            self._writer.add(PRIORITY_CLASSES, "", tree)
        for tenant in TENANTS:
            self._writer.add(NAMESPACES, "", {"metadata": {"name": tenant.namespace}})
        for namespace in BUDGETS:
            self._writer.add(DISRUPTION_BUDGETS, namespace, budget_tree(namespace))
        machines = fleet(self._shape.nodes)
        self._random.shuffle(machines)
        for i, machine in enumerate(machines):
            add_machine(self._store, self._writer, self._new, machine, ZONES[i % len(ZONES)])
        self._promise(machines)
        cores = sum(m.cores for m in machines if not m.gpus)
        if self._shape.pods_per_second > 0:
            per_second = self._shape.pods_per_second * mean_cpu_milli() / 1000
            self._mean_lifetime_s = max(_LIFETIME_S[0], _FILL * cores / per_second)
            self._fill(int(_FILL_AT_START * cores * 1000 / mean_cpu_milli()))
        elif self._shape.standing_pods:
            self._fill(self._shape.standing_pods)

    def begin(self) -> None:
        """Start arrivals and outages."""
        if self._shape.pods_per_second > 0:
            self._later(self._random.expovariate(self._shape.pods_per_second), self._arrive)
            self._later(self._random.uniform(*_INCIDENT_S), self._incident)
            self._later(self._random.uniform(*_SALE_EVERY_S), self._sale)
            self.outages.begin()
            self.gangs.begin()

    def tick(self) -> None:
        self._agenda.run(self._clock())
        self._budgets.keep()

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._agenda.at(self._clock() + seconds, action)

    def _promise(self, machines: list[Machine]) -> None:
        cores, memory = sum(m.cores for m in machines), sum(m.memory_gi for m in machines)
        gpus = sum(m.gpus for m in machines)
        for tenant in TENANTS:
            tree = quota_tree(tenant, cores, memory, gpus)
            if tree is not None:
                self._writer.add(ELASTIC_QUOTAS, tenant.namespace, tree)
            known = tenant_tree(tenant, cores, memory)
            if known is not None:
                self._writer.add(TENANT_OBJECTS, "", known)

    def _fill(self, pods: int) -> None:
        """Pods bound before we came: at random where they fit, within their tenants' promises."""
        pools: dict[str, list[tuple[str, dict[str, int]]]] = {}
        for node in self._store.listed(NODES):
            if GPU not in (room := _room(node)):
                pools.setdefault(node.tree["metadata"]["labels"].get(POOL, ""), []).append((node.name, room))
        total = sum(room["cpu"] for nodes in pools.values() for _name, room in nodes)
        apps = [(t, a) for t, a in self._apps if not a.gpus and a.pool in pools]
        weights = [a.weight * a.lifetime for _t, a in apps]
        spent: Counter[str] = Counter()
        placed = 0
        for _attempt in range(_FILL_ATTEMPTS * pods):
            tenant, app = self._random.choices(apps, weights)[0]
            name, room = self._random.choice(pools[app.pool])
            promised = (tenant.quota_share or (1.0, 1.0))[1] * total * _PROMISE_AT_START
            fits = room["cpu"] >= app.cpu_milli and room["memory"] >= app.memory_mi << 20
            if not fits or spent[tenant.namespace] + app.cpu_milli > promised:
                continue
            spent[tenant.namespace] += app.cpu_milli
            room["cpu"] -= app.cpu_milli
            room["memory"] -= app.memory_mi << 20
            self._make(tenant.namespace, app, name)
            placed += 1
            if placed == pods:
                return

    def _arrive(self) -> None:
        self._later(self._random.expovariate(self._shape.pods_per_second), self._arrive)
        tenant, app = self._random.choices(self._apps, [a.weight for _t, a in self._apps])[0]
        self._request(tenant, app)

    def _request(self, tenant: Tenant, app: App) -> None:
        if self._waiting[tenant.namespace] >= WAITING_MAX:
            self.counts["held_back"] += 1
            return
        self._make(tenant.namespace, app)

    def _incident(self) -> None:
        self._later(self._random.uniform(*_INCIDENT_S), self._incident)
        if self._waiting[INCIDENT_NAMESPACE] < WAITING_MAX:
            self._make(INCIDENT_NAMESPACE, INCIDENT)

    def _sale(self) -> None:
        """A burst of one tenant, far above its usual rate: it needs what others have borrowed of its promise."""
        self._later(self._random.uniform(*_SALE_EVERY_S), self._sale)
        self.counts["sales"] += 1
        tenant = next(t for t in TENANTS if t.namespace == SALE)
        for _ in range(max(1, int(self._shape.pods_per_second * _SALE_PODS))):
            app = self._random.choices(tenant.apps, [a.weight for a in tenant.apps])[0]
            self._later(self._random.uniform(0, _SALE_LASTS_S), partial(self._request, tenant, app))

    def make(self, namespace: str, app: App) -> None:
        """A new pod of the application, waiting for a node."""
        self._make(namespace, app)

    def give_up(self, pod: Stored) -> None:
        """Its owner wants it no more: it goes and is not made anew."""
        if pod.uid in self._app_of:
            self._app_of[pod.uid] = (pod.namespace, _RETIRED)
        self._writer.end_pod(pod)

    def forget(self, owner: str) -> None:
        """No more pods of this owner will come."""
        self._owner.pop(owner, None)

    def _make(self, namespace: str, app: App, node: str = "") -> None:
        key = app.gang or app.name
        owner = self._owner.get(key)
        if owner is None:
            owner = self._owner[key] = (self._new.uid(), self._new.suffix(9))
        tree = pod_tree(namespace, app, *owner)
        if node:
            tree["spec"]["nodeName"] = node
            placed = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
            tree["status"] = {"conditions": [{**placed, "lastTransitionTime": self._new.later(-_STOOD_S)}]}
        self.counts["created"] += 1
        self._waiting[namespace] += not node
        made = self._writer.add(PODS, namespace, tree)
        self._app_of[made.uid] = (namespace, app)
        if node and not self._shape.standing_pods:
            self._placed(made)

    def _seen(self, change: Change) -> None:
        """What kubelets and controllers notice. Only plans: the store is in the middle of a change."""
        if change.new.kind is not PODS or change.old is None or change.new.uid not in self._app_of:
            return
        old, new = change.old.tree, change.new.tree
        was, node = old["spec"].get("nodeName"), new["spec"].get("nodeName")
        if node and not was:
            self._waiting[change.new.namespace] -= 1
            self._placed(change.new)
        elif change.type == "DELETED":
            self._gone(change.new)
        elif "deletionTimestamp" in new["metadata"] and "deletionTimestamp" not in old["metadata"]:
            self._later(new["metadata"]["deletionGracePeriodSeconds"], lambda: self._remove(change.new))

    def _placed(self, pod: Stored) -> None:
        _namespace, app = self._app_of[pod.uid]
        start = self._random.uniform(*_START_S)
        life = self._random.expovariate(1 / (self._mean_lifetime_s * app.lifetime))
        end = start + min(_LIFETIME_S[1], max(_LIFETIME_S[0] / 4, life))
        self._later(start, lambda: self._run(pod))
        self._later(end, lambda: self._finish(pod))

    def _run(self, pod: Stored) -> None:
        current = self._same(pod)
        if current is None or current.tree["status"].get("phase") != "Pending":
            return
        now = self._new.now()
        status = {**current.tree["status"], "phase": "Running", "startTime": now}
        ready = {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
        self._store.replace(current, with_condition({**current.tree, "status": status}, ready))

    def _finish(self, pod: Stored) -> None:
        current = self._same(pod)
        if current is None or "deletionTimestamp" in current.tree["metadata"]:
            return
        if not self._app_of[pod.uid][1].finishes:
            self.counts["ended"] += 1
            self._app_of[pod.uid] = (pod.namespace, _RETIRED)
            self._writer.end_pod(current)
            return
        self.counts["finished"] += 1
        status = {**current.tree["status"], "phase": "Succeeded"}
        self._store.replace(current, {**current.tree, "status": status})
        self._later(_KEPT_S, lambda: self._remove(pod))

    def _remove(self, pod: Stored) -> None:
        current = self._same(pod)
        if current is not None:
            self._writer.end_pod(current, 0)

    def _gone(self, pod: Stored) -> None:
        """A pod that was taken away before its time is made anew by its controller."""
        namespace, app = self._app_of.pop(pod.uid)
        if not pod.tree["spec"].get("nodeName"):
            self._waiting[namespace] -= 1
        elif app is not _RETIRED and pod.tree["status"].get("phase") != "Succeeded":
            self.counts["restarted"] += 1
            self._later(self._random.uniform(0.5, 1.5), lambda: self._replace(namespace, app))

    def _replace(self, namespace: str, app: App) -> None:
        if self._waiting[namespace] >= WAITING_MAX:
            self._later(_RETRY_S, lambda: self._replace(namespace, app))
        else:
            self._make(namespace, app)

    def _same(self, pod: Stored) -> Stored | None:
        """The newest version of this very pod, if it is still there."""
        current = self._store.find(PODS, pod.namespace, pod.name)
        return current if current is not None and current.uid == pod.uid else None


_RETIRED = App("retired", 0, 0, 0, load=0)
"""Stands for the application of a pod whose end its controller wanted."""


def _room(node: Stored) -> dict[str, int]:
    allocatable = node.tree["status"]["allocatable"]
    room = {"cpu": milli(allocatable["cpu"]), "memory": value(allocatable["memory"])}
    return room | ({GPU: value(allocatable[GPU])} if GPU in allocatable else {})
