"""nodeCacheCapable: false: whole Node objects instead of names, ours beside the Go extender."""

from __future__ import annotations

import json
from typing import Any

from benchmarks import comparison, workload
from benchmarks.baseline import go_server
from benchmarks.bench import Bench, feed
from benchmarks.client import Job, Target

_BLOCK = 5
_PAIRS = 4
"""Requests of some megabytes each, so only few are kept ready."""


def measure(bench: Bench) -> dict[str, Any]:
    """Raises NotMeasured without Go."""
    plan, on = bench.plan, bench.shared()
    files = feed(on)
    nodes = on.folder / "nodes.json"
    nodes.write_text(json.dumps(workload.nodes(json.loads(files.names.read_text())[: plan.usual])))
    bench.say(f"filter and prioritize with {plan.usual} Node objects")
    ours = bench.usual()
    with go_server(bench.client, files, on.folder) as go:
        runs = bench.runs(
            Job(
                targets=[Target("go", go.url), Target("ours", ours.url)],
                pids=[on.program.pid, go.pid, ours.program.pid],
                names=files.names,
                pods=files.pods,
                nodes=nodes,
                pairs=_PAIRS,
                size=plan.usual,
                mode="bytes",
                rounds=plan.rounds,
                block=min(_BLOCK, plan.block),
                limit_s=plan.limit_s,
            )
        )
    comparison.require_alike(runs, "go", "ours")
    return {
        "nodes": plan.usual,
        "request_bytes": runs[0].by_target["ours"].request_bytes,
        "rounds": comparison.rounds(runs),
        "rows": comparison.rows(runs, mode="objects", names=plan.usual),
        "ratios": comparison.ratios(runs, "ours", "go"),
    }
