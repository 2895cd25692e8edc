"""Short prioritize answers: the best 64 nodes alone, beside all of them and beside Go, as the scheduler pays it."""

from __future__ import annotations

import json
from typing import Any

from benchmarks import comparison, policies
from benchmarks.baseline import go_server
from benchmarks.bench import Bench, NotMeasured, feed
from benchmarks.client import Job, Target
from benchmarks.scene import extender
from extender.policy.document import Scoring

CUT = 64
_SCORING = {"scale": "wide", "sparse": CUT}


def measure(bench: Bench) -> dict[str, Any]:
    """ratios[names][to][verb][percentile]; `to` is `wide` or `go`. Raises NotMeasured without sparse answers."""
    if "sparse" not in Scoring.__struct_fields__:
        raise NotMeasured("policies have no scoring.sparse yet")
    plan, on = bench.plan, bench.shared()
    files = feed(on)
    every, _left_out = policies.scoring(json.loads(files.names.read_text()))
    plugins = {name: every[name] for name in policies.FOUR}
    wide = policies.write(on.folder / "policy-wide.json", plugins)
    short = policies.write(on.folder / "policy-sparse.json", plugins, scoring=_SCORING)
    found: dict[str, Any] = {"cut": CUT, "rows": [], "ratios": {}, "rounds": {}}
    with (
        go_server(bench.client, files, on.folder) as go,
        extender(on, "extender-sparse", f"--policy={short}") as sparse,
        extender(on, "extender-wide", f"--policy={wide}") as full,
    ):
        for each in (sparse, full):
            each.program.until(each.ready, "ready")
            policies.require(each, plugins)
        for size in sorted({plan.usual, plan.many}):
            bench.say(f"sparse answers at {size} names")
            runs = bench.runs(
                Job(
                    targets=[Target("go", go.url), Target("wide", full.url), Target("sparse", sparse.url)],
                    pids=[on.program.pid, go.pid, full.program.pid, sparse.program.pid],
                    names=files.names,
                    pods=files.pods,
                    size=size,
                    mode="full",
                    rounds=plan.rounds,
                    block=plan.cycles(size),
                    limit_s=plan.limit_s,
                )
            )
            found["rows"] += comparison.rows(runs, mode="sparse", names=size)
            found["rounds"][str(size)] = comparison.rounds(runs)
            found["ratios"][str(size)] = {to: comparison.ratios(runs, "sparse", to) for to in ("wide", "go")}
    return found
