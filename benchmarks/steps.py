"""Where the time of one call goes, step by step, inside the running extender; and what no server can save."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

from benchmarks import comparison
from benchmarks.baseline import floor, go_server
from benchmarks.bench import Bench, feed, usual_policy
from benchmarks.client import Job, Target
from benchmarks.scene import extender
from benchmarks.stepping import AFTER, TOTAL
from benchmarks.steptable import STEPS


def measure(bench: Bench) -> dict[str, Any]:
    """by_verb[verb]: median microseconds of each step, in order; slowest[verb]: see slowest.py. Raises NotMeasured
    without Go.

    `ours` and `timed` are the same extender without and with timers, as the client sees them.
    """
    plan, on = bench.plan, bench.shared()
    files, policy = feed(on), f"--policy={usual_policy(on)}"
    written = on.folder / "steps.json"
    bench.say(f"the steps of a call at {plan.usual} names")
    with ExitStack() as stack:
        started = {
            "ours": stack.enter_context(extender(on, "extender-untimed", policy)),
            "timed": stack.enter_context(
                extender(on, "extender-timed", policy, program=("benchmarks.stepping", str(written)))
            ),
        }
        for each in started.values():
            each.program.until(each.ready, "ready")
        targets = [Target(name, each.url) for name, each in started.items()]
        pids = [on.program.pid, *(each.program.pid for each in started.values())]
        if bench.tools.floor is not None:
            go = stack.enter_context(go_server(bench.client, files, on.folder))
            least = stack.enter_context(floor(bench.tools.floor, go, files, on.folder, plan.usual))
            targets.append(Target("floor", least.url))
            pids += [go.pid, least.pid]
        runs = bench.runs(
            Job(
                targets=targets,
                pids=pids,
                names=files.names,
                pods=files.pods,
                size=plan.usual,
                mode="bytes",
                rounds=plan.rounds,
                block=plan.cycles(plan.usual, tail=True),
                limit_s=plan.limit_s,
            )
        )
    found = json.loads(written.read_text())
    return {
        "names": plan.usual,
        "rounds": comparison.rounds(runs),
        "rows": comparison.rows(runs, mode="steps", names=plan.usual),
        "by_verb": {verb: _lines(found["steps"][verb]) for verb in ("filter", "prioritize")},
        "slowest": found["slowest"],
    }


def _lines(medians: dict[str, float]) -> list[dict[str, Any]]:
    """In the order of the table; the step itself first, then what it adds for each plugin."""
    lines: list[dict[str, Any]] = []
    seen: set[str] = set()
    for when, prefix in (("answer", ""), ("after", AFTER)):
        for own in dict.fromkeys(prefix + step.label for step in STEPS):
            for label, spent_ns in medians.items():
                if label not in seen and (label == own or label.startswith(f"{own}: ")):
                    seen.add(label)
                    told = label.removeprefix(prefix)
                    lines.append({"step": told, "when": when, "us": round(spent_ns / 1000, 1)})
    inside = sum(line["us"] for line in lines if line["when"] == "answer")
    total = round(medians[TOTAL] / 1000, 1)
    between = {"step": "between the steps: event loop, tasks", "when": "answer", "us": round(total - inside, 1)}
    return [*lines, between, {"step": TOTAL, "when": "answer", "us": total}]
