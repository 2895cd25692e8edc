"""Two extenders, one that records its decisions and one that does not."""

from __future__ import annotations

from typing import Any

from benchmarks import comparison
from benchmarks.bench import Bench, feed, usual_policy
from benchmarks.client import Job, Target
from benchmarks.samples import ratio
from benchmarks.scene import extender

PACES = {"paced": ((0.001, 0.002), 1), "tight": ((0.0, 0.0), 6)}
"""Seconds before each call, and how long a block is. A scheduler has other things to do between its calls; a tight loop
is the worst case, and longer than records wait for a pause."""


def measure(bench: Bench) -> dict[str, Any]:
    """By pace: p50 and p99 of `cycle` (both calls of a pod) and of single `calls`, recording divided by not."""
    plan, on = bench.plan, bench.shared()
    files, policy = feed(on), f"--policy={usual_policy(on)}"
    found: dict[str, Any] = {"names": plan.usual, "rows": []}
    with (
        extender(on, "extender-recording", policy) as recording,
        extender(on, "extender-silent", policy, recording=False) as silent,
    ):
        for each in (recording, silent):
            each.program.until(each.ready, "ready")
        for pace, (pause_s, length) in PACES.items():
            bench.say(f"recording on and off at {plan.usual} names, {pace}")
            runs = bench.runs(
                Job(
                    targets=[Target("on", recording.url), Target("off", silent.url)],
                    pids=[on.program.pid, recording.program.pid, silent.program.pid],
                    names=files.names,
                    pods=files.pods,
                    size=plan.usual,
                    mode="bytes",
                    rounds=plan.rounds,
                    block=length * plan.cycles(plan.usual, tail=True),
                    limit_s=plan.limit_s,
                    pause_s=pause_s,
                )
            )
            comparison.require_alike(runs, "on", "off")
            on_calls, off_calls = ([run.by_target[name].samples.calls for run in runs] for name in ("on", "off"))
            found["rows"] += comparison.rows(runs, mode=f"recording, {pace}", names=plan.usual)
            found[pace] = {
                **comparison.ratios(runs, "on", "off"),
                "calls": {comparison.name(percent): ratio(on_calls, off_calls, percent) for percent in (50, 99)},
                "rounds": comparison.rounds(runs),
            }
    return found
