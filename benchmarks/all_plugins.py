"""Filter and prioritize with every score plugin that is installed, with four and with one, in one run."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

from benchmarks import comparison, policies
from benchmarks.bench import Bench, feed
from benchmarks.client import Job, Target
from benchmarks.scene import Extender, extender


def measure(bench: Bench) -> dict[str, Any]:
    """ratios[four or all][verb][percentile], each to one plugin alone. Raises NotMeasured without Go."""
    plan, on = bench.plan, bench.shared()
    files = feed(on)
    every, left_out = policies.scoring(json.loads(files.names.read_text()))
    chosen = {
        "one": {policies.ALONE: every[policies.ALONE]},
        "four": {name: every[name] for name in policies.FOUR},
        "all": every,
    }
    bench.say(f"{len(every)} score plugins, four, and one, at {plan.usual} names")
    with ExitStack() as stack:
        started: dict[str, Extender] = {}
        for name, plugins in chosen.items():
            policy = policies.write(on.folder / f"policy-{name}.json", plugins)
            started[name] = stack.enter_context(extender(on, f"extender-{name}", f"--policy={policy}"))
        for name, each in started.items():
            each.program.until(each.ready, "ready")
            policies.require(each, chosen[name])
        runs = bench.runs(
            Job(
                targets=[Target(name, each.url) for name, each in started.items()],
                pids=[on.program.pid, *(each.program.pid for each in started.values())],
                names=files.names,
                pods=files.pods,
                size=plan.usual,
                mode="bytes",
                rounds=plan.rounds,
                block=plan.cycles(plan.usual),
                limit_s=plan.limit_s,
            )
        )
    return {
        "names": plan.usual,
        "plugins": {name: sorted(plugins) for name, plugins in chosen.items()},
        "left_out": left_out,
        "rounds": comparison.rounds(runs),
        "rows": comparison.rows(runs, mode="plugins", names=plan.usual),
        "ratios": {name: comparison.ratios(runs, name, "one") for name in ("four", "all")},
    }
