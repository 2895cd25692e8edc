"""CPU and memory that the simulated pods really use, as the load-watcher document that Trimaran plugins read."""

from __future__ import annotations

import math
import random
from typing import Any

from extender.lab.kinds import NODES, PODS
from extender.lab.store import Store, Stored
from extender.lab.tenants import INCIDENT, TENANTS
from extender.quantity import milli, value

WINDOW_S = 15 * 60
_IDLE_CPU_PCT = 3.0
_IDLE_MEMORY_PCT = 6.0
_WAVE = 0.3
_WAVE_S = 240.0
"""Load of every application swings by this share of itself, once in so many seconds."""
_NOISE_PCT = 2.0
_MEMORY_LOAD = 0.7
_UNKNOWN_LOAD = 0.5

_LOAD_OF = {app.name: app.load for tenant in TENANTS for app in tenant.apps} | {INCIDENT.name: INCIDENT.load}


class LoadModel:
    """Load follows the pods: what they ask for, times what their application is like, plus a wave and noise."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._random = random.Random(f"load/{seed}")

    def document(self, now_s: float) -> dict[str, Any]:
        """The answer of `GET /watcher`: percent of capacity per node, mean and spread over the window."""
        used: dict[str, list[float]] = {}
        for pod in self._store.all(PODS):
            node = pod.tree["spec"].get("nodeName")
            if node and pod.tree["status"].get("phase") not in ("Succeeded", "Failed"):
                sums = used.setdefault(node, [0.0, 0.0])
                cpu, memory = _use(pod, now_s)
                sums[0] += cpu
                sums[1] += memory
        nodes = {n.name: self._node(n, used.get(n.name, [0.0, 0.0])) for n in self._store.listed(NODES)}
        end = int(now_s)
        return {
            "timestamp": end,
            "window": {"duration": "15m", "start": end - WINDOW_S, "end": end},
            "source": "lab",
            "data": {"NodeMetricsMap": nodes},
        }

    def _node(self, node: Stored, used: list[float]) -> dict[str, Any]:
        capacity = node.tree["status"]["capacity"]
        cpu = _IDLE_CPU_PCT + 100 * used[0] / max(1, milli(capacity["cpu"])) + self._random.gauss(0, _NOISE_PCT)
        memory = _IDLE_MEMORY_PCT + 100 * used[1] / max(1, value(capacity["memory"])) + self._random.gauss(0, 1)
        return {
            "metrics": [
                _metric("CPU", "AVG", cpu),
                _metric("CPU", "STD", 4 + abs(self._random.gauss(0, _NOISE_PCT))),
                _metric("Memory", "AVG", memory),
                _metric("Memory", "STD", 2 + abs(self._random.gauss(0, 1))),
            ],
            "tags": {},
            "metadata": {"dataCenter": "lab"},
        }


def _metric(kind: str, operator: str, percent: float) -> dict[str, Any]:
    bounded = round(min(100.0, max(0.0, percent)), 3)
    return {"name": f"lab_{kind.lower()}", "type": kind, "operator": operator, "rollup": "15m", "value": bounded}


def _use(pod: Stored, now_s: float) -> tuple[float, float]:
    """Millicores and bytes that a pod uses now."""
    app = (pod.tree["metadata"].get("labels") or {}).get("app", "")
    phase = (hash_of(app) % 1000) / 1000
    wave = 1 + _WAVE * math.sin(2 * math.pi * (now_s / _WAVE_S + phase))
    requests = [c.get("resources", {}).get("requests") or {} for c in pod.tree["spec"]["containers"]]
    cpu = sum(milli(r.get("cpu", "0")) for r in requests)
    memory = sum(value(r.get("memory", "0")) for r in requests)
    return cpu * _LOAD_OF.get(app, _UNKNOWN_LOAD) * wave, memory * _MEMORY_LOAD


def hash_of(text: str) -> int:
    """A small hash that is the same in every process."""
    total = 0
    for letter in text.encode():
        total = (total * 131 + letter) % 1_000_003
    return total
