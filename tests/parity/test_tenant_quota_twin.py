"""TenantQuota against a twin in plain Python, written from its page alone: there is no upstream to record.

The twin keeps lists and counts everything anew for every decision, with fractions and a reading of quantities of its
own. Histories are drawn from a seed: tenants come, change, break and go; pods pass, are bound, finish and vanish.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from extender.framework import Cycle, NodeTable, Pod, Reserve, pod_of
from extender.framework.arguments import args_of
from extender.plugins.tenant_quota import PLUGIN
from extender.plugins.tenant_quota.book import TenantBook

SEED, HISTORIES, STEPS = 20261122, 250, 100
NAMESPACES = ("a-dev", "a-prod", "b", "c", "free")
GPUS = ("nvidia.com/gpu", "amd.com/gpu", "x.org/gpu")
SUFFIXES: dict[str, int | Fraction] = {
    "": 1,
    "m": Fraction(1, 1000),
    "k": 1000,
    "Ki": 2**10,
    "M": 10**6,
    "Mi": 2**20,
    "G": 10**9,
    "Gi": 2**30,
}
RESOURCES = ("cpu", "memory", "storage", "gpu", "pods")


# The twin.


def exact(text: str | float) -> Fraction:
    told = str(text)
    digits = told.rstrip("mkKMGi")
    return Fraction(digits) * SUFFIXES[told[len(digits) :]]


def units(resource: str, text: str | float) -> int:
    """Millicores, bytes or units, rounded up."""
    return math.ceil(exact(text) * (1000 if resource == "cpu" else 1))


@dataclass
class Twin:
    gpu: tuple[str, ...]
    storage: tuple[str, ...]
    tenants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By name, the last well-formed object."""
    bound: dict[str, dict[str, Any]] = field(default_factory=dict)
    leased: dict[str, dict[str, Any]] = field(default_factory=dict)

    def decides(self, pod: dict[str, Any]) -> tuple[str, str]:
        """(code, reason) of one pod."""
        owner = self.owner_of(pod["metadata"]["namespace"])
        if owner is None:
            return "Success", ""
        uid = pod["metadata"]["uid"]
        others = [*self.bound.values(), *(p for u, p in self.leased.items() if u != uid)]
        mine = [p for p in others if self.owner_of(p["metadata"]["namespace"]) == owner]
        asked = {r: self.request(pod, r) for r in RESOURCES}
        used = {r: sum(self.request(p, r) for p in mine) for r in RESOURCES}
        quota, limit = self.amounts(owner)
        over = [r for r in RESOURCES if r in limit and asked[r] and used[r] + asked[r] > limit[r]]
        if over:
            words = [
                f"{r}: {told(r, used[r])} used + {told(r, asked[r])} requested is over the limit of {told(r, limit[r])}"
                for r in over
            ]
            return "Unschedulable", f"tenant {owner}: {'; '.join(words)}"
        above = [r for r in RESOURCES if r in quota and used[r] + asked[r] > quota[r]]
        return "Success", f"tenant {owner} bursts: {', '.join(above)}" if above else ""

    def owner_of(self, namespace: str) -> str | None:
        claims = [
            (found["metadata"].get("creationTimestamp", ""), name)
            for name, found in self.tenants.items()
            if namespace in found["spec"]["namespaces"]
        ]
        return min(claims)[1] if claims else None

    def amounts(self, owner: str) -> tuple[dict[str, int], dict[str, int]]:
        """(quota, limit) of what is limited."""
        spec = self.tenants[owner]["spec"]
        quota = {r: units(r, q) for r, q in spec.get("quota", {}).items()}
        policies = spec.get("policies", {})
        bursts = (
            policies.get("allowBurstable", False) and policies.get("schedulingPolicy", "BestEffort") == "BestEffort"
        )
        ratio = Fraction(str(policies.get("maxBurstRatio", 1))) if bursts else Fraction(1)
        return quota, {r: math.floor(q * ratio) for r, q in quota.items()}

    def request(self, pod: dict[str, Any], resource: str) -> int:
        if resource == "pods":
            return 1
        names = {"gpu": self.gpu, "storage": self.storage}.get(resource, (resource,))
        return sum(self.of_name(pod["spec"], name) for name in names)

    def of_name(self, spec: dict[str, Any], name: str) -> int:
        def wants(container: dict[str, Any]) -> int:
            return units(name, container.get("resources", {}).get("requests", {}).get(name, 0))

        beside, most = 0, 0
        for container in spec.get("initContainers", []):
            most = max(most, beside + wants(container))
            if container.get("restartPolicy") == "Always":
                beside += wants(container)
        running = sum(wants(container) for container in spec["containers"])
        whole = max(running + beside, most)
        level = spec.get("resources", {}).get("requests", {})
        if name in ("cpu", "memory") and name in level:
            whole = units(name, level[name])
        return whole + units(name, spec.get("overhead", {}).get(name, 0))


def told(resource: str, amount: int) -> str:
    if resource == "cpu":
        return f"{amount}m" if amount % 1000 else f"{amount // 1000}"
    if resource in ("memory", "storage") and amount > 0:
        for power, unit in ((6, "Ei"), (5, "Pi"), (4, "Ti"), (3, "Gi"), (2, "Mi"), (1, "Ki")):
            if amount % 1024**power == 0:
                return f"{amount // 1024**power}{unit}"
    return f"{amount}"


# What happens.

CPUS = ["100m", "250m", "1", "2", "1500m", "0.3333", 1, "0"]
BYTES = ["64Mi", "1Gi", "100M", "1000", "1500m", "3Ki", "2Gi"]


def some_requests(chance: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if chance.random() < 0.8:
        found["cpu"] = chance.choice(CPUS)
    if chance.random() < 0.7:
        found["memory"] = chance.choice(BYTES)
    if chance.random() < 0.4:
        found["ephemeral-storage"] = chance.choice(BYTES)
    if chance.random() < 0.3:
        found[chance.choice(GPUS)] = chance.randint(0, 2)
    if chance.random() < 0.1:
        found["x.org/ssd"] = "1Mi"
    return found


def a_pod(chance: random.Random, uid: str) -> dict[str, Any]:
    def container(**more: Any) -> dict[str, Any]:
        return {"name": "c", "resources": {"requests": some_requests(chance)}, **more}

    spec: dict[str, Any] = {"containers": [container() for _ in range(chance.randint(1, 2))]}
    if chance.random() < 0.3:
        spec["initContainers"] = [
            container(**({"restartPolicy": "Always"} if chance.random() < 0.4 else {}))
            for _ in range(chance.randint(1, 3))
        ]
    if chance.random() < 0.1:
        spec["overhead"] = {"cpu": "250m", "memory": "100M"}
    if chance.random() < 0.1:
        spec["resources"] = {"requests": {"cpu": chance.choice(CPUS), "memory": chance.choice(BYTES)}}
    metadata = {"name": uid, "namespace": chance.choice(NAMESPACES), "uid": uid}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}


def a_tenant(chance: random.Random, name: str) -> dict[str, Any]:
    quota = {
        "cpu": chance.choice(["1", "4", "2500m", "7", 10]),
        "memory": chance.choice(["1Gi", "4Gi", "3000M"]),
        "storage": chance.choice(["1Gi", "2500Mi"]),
        "gpu": chance.choice(["1", "2", 3]),
        "pods": chance.randint(1, 9),
    }
    policies = {
        "allowBurstable": chance.random() < 0.6,
        "maxBurstRatio": chance.choice([1, 1.1, 1.5, 1.005, 2, 1.15]),
        "preemptionPolicy": chance.choice(["LowerPriority", "Never"]),
        "schedulingPolicy": chance.choice(["BestEffort", "BestEffort", "Guaranteed"]),
    }
    spec: dict[str, Any] = {
        "namespaces": chance.sample(NAMESPACES[:4], chance.randint(1, 2)),
        "quota": {r: quota[r] for r in quota if chance.random() < 0.7},
        "policies": {key: told_ for key, told_ in policies.items() if chance.random() < 0.9},
    }
    metadata = {"name": name, "creationTimestamp": f"2026-0{chance.randint(1, 3)}-01T00:00:00Z"}
    return {"kind": "Tenant", "metadata": metadata, "spec": spec}


BROKEN: list[dict[str, Any]] = [
    {"spec": {}},
    {"spec": {"namespaces": []}},
    {"spec": {"namespaces": ["c"], "quota": {"cpu": "-1"}}},
    {"spec": {"namespaces": ["c"], "quota": {"cpu": "lots"}}},
    {"spec": {"namespaces": ["c"], "quota": {"disk": "1"}}},
    {"spec": {"namespaces": ["c"], "policies": {"maxBurstRatio": 0.5}}},
    {"spec": {"namespaces": ["c"], "policies": {"schedulingPolicy": "Hope"}}},
    {},
]


class History:
    """One run of events, told to the plugin and to the twin alike."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        gpu, storage = chance.choice(
            [
                (("nvidia.com/gpu", "amd.com/gpu"), ("ephemeral-storage",)),
                (("x.org/gpu",), ("ephemeral-storage", "x.org/ssd")),
                ((), ()),
            ]
        )
        args, problems = args_of(PLUGIN, {"gpuResources": list(gpu), "storageResources": list(storage)})
        assert problems == []
        self.args, self.twin, self.book, self.memo = args, Twin(gpu, storage), TenantBook(), dict[str, Any]()
        self.pods: dict[str, dict[str, Any]] = {}
        self.decided: Counter[str] = Counter()

    def run(self) -> None:
        for step in range(STEPS):
            match self.chance.choices(
                ["ask", "bind", "leave", "finish", "drop", "tenant", "break", "end"], [55, 12, 8, 3, 8, 8, 3, 3]
            )[0]:
                case "ask":
                    self.ask(self.again() or a_pod(self.chance, f"p{step}"))
                case "bind":
                    self.bind()
                case "leave" | "finish" as how:
                    self.leave(terminal=how == "finish")
                case "drop":
                    self.drop()
                case "tenant":
                    self.tenant(a_tenant(self.chance, self.chance.choice("xyz")))
                case "break":
                    self.tenant(
                        {"metadata": {"name": self.chance.choice("xyz")}, **self.chance.choice(BROKEN)}, sound=False
                    )
                case _:
                    self.tenant(None, self.chance.choice("xyz"))

    def ask(self, pod: dict[str, Any]) -> None:
        decoded = pod_of(pod)
        assert PLUGIN.pre_filter
        status = PLUGIN.pre_filter.check(self.cycle(decoded))
        assert (status.code.value, status.reason) == self.twin.decides(pod)
        self.decided["refused" if status.code != "Success" else "bursts" if status.reason else "passed"] += 1
        uid = pod["metadata"]["uid"]
        self.pods[uid] = pod
        assert isinstance(PLUGIN.reserve, Reserve)
        # A new asking gives back what the last one was promised.
        PLUGIN.reserve.release(self.book, uid)
        self.twin.leased.pop(uid, None)
        if status.code == "Success" and uid not in self.twin.bound:
            PLUGIN.reserve.take(self.book, decoded)
            self.twin.leased[uid] = pod

    def again(self) -> dict[str, Any] | None:
        waiting = [pod for uid, pod in self.pods.items() if uid not in self.twin.bound]
        return self.chance.choice(waiting) if waiting and self.chance.random() < 0.3 else None

    def bind(self) -> None:
        for uid in self.chance.sample(sorted(self.twin.leased), min(1, len(self.twin.leased))):
            pod = self.twin.leased.pop(uid)
            phase = self.chance.choice(["Pending", "Running"])
            bound = {**pod, "spec": {**pod["spec"], "nodeName": "n0"}, "status": {"phase": phase}}
            self.twin.bound[uid] = self.pods[uid] = bound
            self.book.pod_changed(pod_of(pod), pod_of(bound))

    def leave(self, *, terminal: bool) -> None:
        for uid in self.chance.sample(sorted(self.pods), min(1, len(self.pods))):
            pod = self.pods.pop(uid)
            self.twin.bound.pop(uid, None)
            self.twin.leased.pop(uid, None)
            if terminal and "nodeName" in pod["spec"]:
                # Of no known phase: neither pending nor running.
                self.book.pod_changed(pod_of(pod), pod_of({**pod, "status": {"phase": "Unknown"}}))
            else:
                self.book.pod_changed(pod_of(pod), None)

    def drop(self) -> None:
        for uid in self.chance.sample(sorted(self.twin.leased), min(1, len(self.twin.leased))):
            del self.twin.leased[uid]
            self.book.release(uid)

    def tenant(self, found: dict[str, Any] | None, name: str = "", *, sound: bool = True) -> None:
        name = found["metadata"]["name"] if found else name
        if found is None:
            self.twin.tenants.pop(name, None)
        elif sound:
            self.twin.tenants[name] = found
        self.book.object_changed("Tenant", name, None, found)
        assert (name in self.book.problems) >= (not sound)

    def cycle(self, pod: Pod) -> Cycle:
        rows = np.zeros(0, np.int32)
        return Cycle(pod, NodeTable(), rows, self.args, self.book, self.memo, {}, {}, {}, ())


def test_ten_thousand_decisions_are_the_twins() -> None:
    decided: Counter[str] = Counter()
    for number in range(HISTORIES):
        history = History(random.Random(f"{SEED}/{number}"))
        history.run()
        decided += history.decided
    assert sum(decided.values()) >= 10_000
    assert min(decided["passed"], decided["bursts"], decided["refused"]) > 200, decided


def test_a_twin_that_counts_otherwise_would_be_seen() -> None:
    twin = Twin((), ())
    pod = a_pod(random.Random(1), "p")
    pod["metadata"]["namespace"] = "b"
    twin.tenants["x"] = {"metadata": {"name": "x"}, "spec": {"namespaces": ["b"], "quota": {"pods": 0}}}
    assert twin.decides(pod) == ("Unschedulable", "tenant x: pods: 0 used + 1 requested is over the limit of 0")
