"""From an answered filter call to the decision in the sidecar's API, which is what the page shows."""

from __future__ import annotations

import json
import time
from typing import Any

from benchmarks.programs import BenchmarkFailed, get, post
from benchmarks.samples import milliseconds
from benchmarks.scene import Cluster, Extender
from benchmarks.workload import pods

_LIMIT_S = 20.0
_POLL_S = 0.01


def shown(on: Cluster, found: Extender, console: str, decisions: int) -> dict[str, Any]:
    names = on.node_names()[:50]
    took: list[float] = []
    for pod in pods(decisions, seed=11):
        body = json.dumps({"Pod": pod, "Nodes": None, "NodeNames": names}).encode()
        post(f"{found.url}/filter", body)
        begin = time.perf_counter()
        name = pod["metadata"]["name"].encode()
        while name not in get(f"{console}/api/decisions?limit=20")[1]:
            if time.perf_counter() - begin > _LIMIT_S:
                raise BenchmarkFailed(f"{name.decode()} is not on the page after {_LIMIT_S:.0f} s")
            time.sleep(_POLL_S)
        took.append(1000 * (time.perf_counter() - begin))
    return milliseconds(took)
