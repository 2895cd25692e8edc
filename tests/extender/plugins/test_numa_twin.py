"""NodeResourceTopologyMatch answers as a plain twin, written from the specification and sharing none of its code."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.vectors import answer_plugin_case
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins.node_resource_topology_match import PLUGIN
from tests.thorough import thorough

SUFFIXES = {"u": Fraction(1, 10**6), "m": Fraction(1, 1000), "Mi": Fraction(2**20), "Gi": Fraction(2**30)}
AFFINE = ("cpu", "memory", "hugepages-2Mi")
DEVICES = ("example.com/gpu", "example.com/nic")
CORES = ("0", "1", "2", "500m", "1500m", "2000m", "100u", "3", "4")
BYTES = ("0", "64Mi", "128Mi", "1Gi", "134217728", "1536Mi", "100500m")
UNITS = ("0", "1", "2", "3")

Tree = dict[str, Any]
Amounts = dict[str, Fraction]


# The twin: dictionaries and fractions.


def number(text: str) -> Fraction:
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if text.endswith(s)), "")
    return Fraction(text.removesuffix(suffix)) * SUFFIXES.get(suffix, Fraction(1))


def amounts(tree: Tree | None) -> Amounts:
    return {name: number(text) for name, text in (tree or {}).items()}


def requests(container: Tree) -> Amounts:
    return amounts(container.get("resources", {}).get("requests"))


class TwinPod:
    def __init__(self, tree: Tree) -> None:
        spec = tree["spec"]
        self.qos = tree["status"]["qosClass"]
        self.inits, self.apps = spec.get("initContainers", []), spec["containers"]
        self.whole: Amounts = {}
        for container in self.apps:
            for name, amount in requests(container).items():
                self.whole[name] = self.whole.get(name, Fraction(0)) + amount
        for container in self.inits:
            for name, amount in requests(container).items():
                self.whole[name] = max(self.whole.get(name, amount), amount)
        for name, amount in amounts(spec.get("overhead")).items():
            self.whole[name] = self.whole.get(name, Fraction(0)) + amount

    @property
    def has_devices(self) -> bool:
        return any("/" in name for c in (*self.inits, *self.apps) for name in requests(c))


class TwinNode:
    def __init__(self, node: Tree, topology: Tree, reserved: list[TwinPod]) -> None:
        self.allocatable = node["status"]["allocatable"]
        told = {a["name"]: a["value"] for a in topology["attributes"]}
        self.policy, self.scope = told["topologyManagerPolicy"], told["topologyManagerScope"]
        self.max_zones = int(told["topologyManagerMaxNUMANodes"])
        self.ids, self.zones, self.costs = [], [], []
        for zone in topology["zones"]:
            if zone["type"] == "Node":
                self.ids.append(int(zone["name"].removeprefix("node-")))
                self.zones.append({r["name"]: number(r["available"]) for r in zone["resources"]})
                self.costs.append({int(c["name"].removeprefix("node-")): c["value"] for c in zone["costs"]})
        for pod in reserved:
            for zone in self.zones:
                for name in zone.keys() & pod.whole.keys():
                    zone[name] = zone[name] - pod.whole[name] if zone[name] >= pod.whole[name] else Fraction(0)


def unbound(qos: str, name: str) -> bool:
    return qos != "Guaranteed" and name in AFFINE


def zone_for(node: TwinNode, zones: list[Amounts], asked: Amounts, qos: str) -> int | None:
    left = set(range(64))
    for name, want in asked.items():
        if want == 0:
            continue
        if name not in node.allocatable and name not in ("cpu", "memory", "ephemeral-storage"):
            return None
        listing = [(i, zone[name]) for i, zone in zip(node.ids, zones, strict=True) if name in zone]
        if not listing and ("/" in name or name == "ephemeral-storage"):
            continue
        left &= {i for i, has in listing if unbound(qos, name) or has >= want}
        if not left:
            return None
    return min(left)


def refusal(pod: TwinPod, node: TwinNode) -> str:
    if (pod.qos == "BestEffort" and not pod.has_devices) or node.policy != "single-numa-node":
        return ""
    zones = [dict(zone) for zone in node.zones]
    if node.scope == "pod":
        return "" if zone_for(node, zones, pod.whole, pod.qos) is not None else "cannot align pod"
    for container in pod.inits:
        kind = "sidecar container" if container.get("restartPolicy") == "Always" else "init container"
        if zone_for(node, zones, requests(container), pod.qos) is None:
            return f"cannot align {kind}"
    for container in pod.apps:
        chosen = zone_for(node, zones, requests(container), pod.qos)
        if chosen is None:
            return "cannot align container"
        if chosen in node.ids:
            occupy(zones[node.ids.index(chosen)], requests(container), pod.qos)
    return ""


def occupy(zone: Amounts, asked: Amounts, qos: str) -> None:
    for name, want in asked.items():
        if name in zone and not unbound(qos, name):
            zone[name] -= want


def whole(amount: Fraction) -> int:
    return -(-amount.numerator // amount.denominator)


def zone_score(zone: Amounts, asked: Amounts, strategy: str, weights: dict[str, int]) -> int:
    if strategy == "BalancedAllocation":
        fractions = []
        for name, want in asked.items():
            units = whole(zone.get(name, Fraction(0)))
            fractions.append(1.0 if units == 0 else float(whole(want)) / float(units))
        if max(fractions) > 1:
            return 0
        n = len(fractions)
        if n == 1:
            return 100
        mean = sum(fractions) / n
        off = [x - mean for x in fractions]
        return int((1 - (sum(d * d for d in off) - sum(off) ** 2 / n) / (n - 1)) * 100.0)
    total = 0
    for name, want in asked.items():
        has = zone.get(name, Fraction(0))
        if has != 0 and want <= has:
            part = whole(has) - whole(want) if strategy == "LeastAllocated" else whole(want)
            total += weights.get(name, 1) * (part * 100 // whole(has))
    return total // sum(weights.get(name, 1) for name in asked)


def request_score(node: TwinNode, asked: Amounts, strategy: str, weights: dict[str, int]) -> int:
    scores = [zone_score(zone, asked, strategy, weights) for zone in node.zones]
    return min((score for score in scores if score), default=0)


def distance(node: TwinNode, places: tuple[int, ...]) -> np.float32:
    total = sum(node.costs[i].get(node.ids[k], 255) for i in places for k in places)
    return np.float32(total) / np.float32(len(places) ** 2)


def required(node: TwinNode, zones: list[Amounts], asked: Amounts) -> tuple[tuple[int, ...], bool] | None:
    for size in range(1, len(zones) + 1):
        sets = list(itertools.combinations(range(len(zones)), size))
        best = min([np.float32(255), *(distance(node, places) for places in sets)])
        fitting = [
            places
            for places in sets
            if all(name in zones[i] for i in places for name in asked)
            and all(sum((zones[i][name] for i in places), Fraction(0)) >= want for name, want in asked.items())
        ]
        for places in fitting:
            if distance(node, places) == best:
                return places, True
        near = [places for places in fitting if distance(node, places) < 256]
        if near:
            return min(near, key=lambda places: distance(node, places)), False
    return None


def least_numa(pod: TwinPod, node: TwinNode) -> int:
    zones = [dict(zone) for zone in node.zones]
    sets = [pod.whole] if node.scope == "pod" else [requests(c) for c in (*pod.inits, *pod.apps)]
    most, optimal = 0, True
    for asked in sets:
        if not any(name in zone for zone in zones for name in asked):
            continue
        found = required(node, zones, asked)
        if found is None:
            return 0
        places, is_best = found
        most, optimal = max(most, len(places)), optimal and is_best
        chosen = sorted(node.ids[i] for i in places)
        for name, want in asked.items():
            rest = want
            for i in chosen:
                # Upstream's quirk, as long as it does not crash there.
                place = i if max(chosen) < len(zones) else node.ids.index(i)
                if name in zones[place]:
                    taken = min(rest, zones[place][name])
                    zones[place][name] -= taken
                    rest -= taken
    if most == 0:
        return 100
    step = 100 // node.max_zones
    return 100 - most * step + (step // 2 if optimal else 0)


def score(pod: TwinPod, node: TwinNode, strategy: str, weights: dict[str, int]) -> int:
    if pod.qos != "Guaranteed":
        return 100
    if strategy == "LeastNUMANodes":
        return least_numa(pod, node)
    if node.policy != "single-numa-node":
        return 0
    sets = [pod.whole] if node.scope == "pod" else [requests(c) for c in (*pod.inits, *pod.apps)]
    scores = [request_score(node, asked, strategy, weights) for asked in sets if asked]
    return int(sum(scores) / len(scores)) if scores else 0


# What it is asked about. A seed makes a case: drawn value by value, the cases would take longer than their answers.


RESOURCES = ("cpu", "memory", "hugepages-2Mi", *DEVICES)
TEXTS = {"cpu": CORES, "memory": BYTES, "hugepages-2Mi": BYTES, "ephemeral-storage": BYTES}
NODES = ("n0", "n1")
STRATEGIES = ("LeastAllocated", "MostAllocated", "BalancedAllocation", "LeastNUMANodes")


def listing(rng: Random, *names: str) -> dict[str, str]:
    picked = rng.sample(names, rng.randint(0, min(4, len(names))))
    return {name: rng.choice(TEXTS.get(name, UNITS)) for name in picked}


def container(rng: Random) -> Tree:
    found: Tree = {"name": "c", "resources": {"requests": listing(rng, *RESOURCES, "ephemeral-storage")}}
    return found | ({"restartPolicy": "Always"} if rng.random() < 0.5 else {})


def pod(rng: Random, name: str = "p") -> Tree:
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": name},
        "spec": {
            "containers": [container(rng) for _ in range(rng.randint(1, 3))],
            "initContainers": [container(rng) for _ in range(rng.choice((0, 0, 1, 2)))],
            "overhead": listing(rng, "cpu", "memory") if rng.random() < 0.3 else {},
        },
        "status": {"qosClass": rng.choice(("Guaranteed", "Guaranteed", "Guaranteed", "Burstable", "BestEffort"))},
    }


def zone(rng: Random, number: int, ids: list[int]) -> Tree:
    near = (10, 11, 12, 20, 21, 300)
    listed = listing(rng, *RESOURCES) if rng.random() < 0.4 else {n: rng.choice(TEXTS.get(n, UNITS)) for n in RESOURCES}
    return {
        "name": f"node-{number}",
        "type": "Core" if rng.random() < 0.05 else "Node",
        "costs": [{"name": f"node-{k}", "value": rng.choice(near)} for k in ids if rng.random() < 0.9],
        "resources": [{"name": name, "available": amount} for name, amount in listed.items()],
    }


def topology(rng: Random, name: str) -> Tree:
    ids = rng.sample(range(6), rng.randint(0, 4))
    if rng.random() < 0.5:
        ids = list(range(len(ids)))
    attributes = {
        "topologyManagerPolicy": rng.choice(("single-numa-node", "single-numa-node", "restricted", "none")),
        "topologyManagerScope": rng.choice(("pod", "container")),
        "topologyManagerMaxNUMANodes": str(rng.randint(2, 9)),
    }
    return {
        "kind": "NodeResourceTopology",
        "metadata": {"name": name},
        "attributes": [{"name": key, "value": value} for key, value in attributes.items()],
        "zones": [zone(rng, number, ids) for number in ids],
    }


def case(rng: Random) -> Tree:
    listed = [{"name": name, "weight": rng.randint(1, 9)} for name in rng.sample(RESOURCES, rng.randint(1, 3))]
    reserved = [(rng.choice(NODES), pod(rng, f"r{i}")) for i in range(rng.choice((0, 0, 1, 2)))]
    return {
        "plugin": "NodeResourceTopologyMatch",
        "args": {
            "cacheResyncPeriodSeconds": 5,
            "scoringStrategy": {"type": rng.choice(STRATEGIES), "resources": listed},
        },
        "pod": pod(rng),
        "nodes": [
            {"metadata": {"name": n}, "status": {"allocatable": {"cpu": "64", **listing(rng, *RESOURCES)}}}
            for n in NODES
        ],
        "objects": [topology(rng, n) for n in NODES],
        "history": [{"op": "reserve", "node": n, "pod": p} for n, p in reserved],
    }


@pytest.fixture(scope="module")
def installed(kernels: Path) -> dict[str, CompiledPlugin]:
    return compile_all([PLUGIN], kernels)


@pytest.mark.timeout(600)  # thousands of examples
def test_every_verdict_and_score_is_the_twins(installed: dict[str, CompiledPlugin]) -> None:
    reasons: set[str] = set()
    scores: set[int] = set()

    @thorough
    @given(st.integers(0, 2**63))
    def same(seed: int) -> None:
        given_case = case(Random(seed))
        answer = answer_plugin_case(given_case, installed)
        strategy = given_case["args"]["scoringStrategy"]
        weights = {one["name"]: one["weight"] for one in strategy["resources"]}
        asking = TwinPod(given_case["pod"])
        for node, told in zip(given_case["nodes"], given_case["objects"], strict=True):
            name = node["metadata"]["name"]
            reserved = [TwinPod(step["pod"]) for step in given_case["history"] if step["node"] == name]
            twin = TwinNode(node, told, reserved)
            reason = refusal(asking, twin)
            reasons.add(reason)
            scores.add(answer["score"][name])
            assert answer["filter"][name]["reasons"] == ([reason] if reason else [])
            assert answer["score"][name] == score(asking, twin, strategy["type"], weights)

    same()
    assert len(reasons) >= 4, "the generator reaches the refusals"
    assert len(scores) >= 10, "and scores of many kinds"
