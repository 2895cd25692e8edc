"""From an edit of the policy to its effect, seen from outside: the effective revision on /configz changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, usual_policy
from benchmarks.programs import BenchmarkFailed, post
from benchmarks.samples import milliseconds
from benchmarks.scene import POLICY, Cluster, Extender

NAMESPACE, NAME = "trimtab-system", "trimtab-policy"
_LIMIT_S = 15.0
_POLL_S = 0.002


def measure(bench: Bench) -> dict[str, Any]:
    """The policy file of the usual extender; milliseconds."""
    ours, policy = bench.usual(), usual_policy(bench.shared())
    bench.say("policy file: edit to effect")
    return by_file(ours, policy, bench.plan.edits)


def by_file(found: Extender, policy: Path, edits: int) -> dict[str, Any]:
    """The file is replaced as editors do it: a new one is moved over the old."""

    def edit(weight: int) -> None:
        new = policy.with_suffix(".new")
        new.write_text(POLICY.format(weight=weight))
        new.replace(policy)

    return _measured(found, edit, edits)


def create_config_map(on: Cluster) -> None:
    post(f"{on.url}/api/v1/namespaces", _json({"metadata": {"name": NAMESPACE}}))
    data = {"policy.yaml": POLICY.format(weight=1)}
    post(f"{on.url}/api/v1/namespaces/{NAMESPACE}/configmaps", _json({"metadata": {"name": NAME}, "data": data}))


def by_config_map(on: Cluster, found: Extender, edits: int) -> dict[str, Any]:
    path = f"{on.url}/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}"

    def edit(weight: int) -> None:
        patch = {"data": {"policy.yaml": POLICY.format(weight=weight)}}
        post(path, _json(patch), method="PATCH", kind="application/merge-patch+json")

    return _measured(found, edit, edits)


def _measured(found: Extender, edit: Callable[[int], None], edits: int) -> dict[str, Any]:
    took: list[float] = []
    for number in range(edits):
        before = found.revision()
        begin = time.perf_counter()
        edit(2 + number)
        while found.revision() == before:
            if time.perf_counter() - begin > _LIMIT_S:
                raise BenchmarkFailed(f"edit {number}: no effect within {_LIMIT_S:.0f} s\n{found.program.tail()}")
            time.sleep(_POLL_S)
        took.append(1000 * (time.perf_counter() - begin))
    return milliseconds(took)


def _json(tree: object) -> bytes:
    return json.dumps(tree).encode()
