"""Calls while the watch brings thousands of changes at once each second, beside the same calls in calm."""

from __future__ import annotations

import json
from typing import Any

from benchmarks import comparison, workload
from benchmarks.bench import Bench, feed
from benchmarks.client import Before, Job, Target
from benchmarks.programs import BenchmarkFailed, post
from benchmarks.samples import ratio, spread, typical
from benchmarks.scene import Extender

PAUSE_S = (0.001, 0.002)
"""Before each call: a scheduling cycle has other things to do as well."""
_CALM = b'{"events": 0}'


def measure(bench: Bench) -> dict[str, Any]:
    """Phases with and without bursts take turns on one extender. Raises NotMeasured without Go.

    p999_ratio is p99.9 of all calls during bursts divided by that in calm; worst_ms the longest call of a run.
    """
    plan, on = bench.plan, bench.shared()
    files = feed(on)
    bench.say(f"calls during bursts of {plan.burst_events} events each second, and in calm")
    order = f"{on.url}/lab/bursts"
    ours = bench.usual()
    before = _recruited(order, plan.burst_events, ours)
    targets = [
        Target("calm", ours.url, before=Before(order, _CALM)),
        Target("bursts", ours.url, before=Before(order, json.dumps({"events": plan.burst_events}).encode())),
    ]
    runs = bench.runs(
        Job(
            targets=targets,
            pids=[on.program.pid, ours.program.pid],
            names=files.names,
            pods=files.pods,
            size=plan.usual,
            mode="bytes",
            rounds=plan.burst_rounds,
            block=plan.burst_block,
            limit_s=3 * plan.limit_s,
            pause_s=PAUSE_S,
        )
    )
    struck = json.loads(post(order, _CALM))["struck"] - before
    if struck < plan.burst_rounds * plan.repeats:
        raise BenchmarkFailed(f"there were {struck} bursts in {plan.burst_rounds * plan.repeats} phases with bursts")
    calls = {name: [run.by_target[name].samples.calls for run in runs] for name in ("calm", "bursts")}
    return {
        "names": plan.usual,
        "events": plan.burst_events,
        "struck": struck,
        "rounds": comparison.rounds(runs),
        "rows": comparison.rows(runs, mode="paced", names=plan.usual),
        "calls": {name: spread(times) for name, times in calls.items()},
        "p999_ratio": ratio(calls["bursts"], calls["calm"], 99.9),
        "worst_ms": {name: typical([float(times.max()) / 1000 for times in calls[name]]) for name in calls},
    }


def _recruited(order: str, events: int, ours: Extender) -> int:
    """Let the pods of the bursts be made, and wait until our extender knows them; how many bursts there were so far."""
    post(order, json.dumps({"events": events, "pods": workload.pods()}).encode())
    told = json.loads(post(order, _CALM))
    ours.program.until(lambda: ours.pods() >= told["pods"], "the pods of the bursts known")
    return int(told["struck"])
