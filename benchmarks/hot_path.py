"""Filter and prioritize: ours beside the Go extender and the C floor, in one run, one client."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks import comparison
from benchmarks.baseline import Server, floor, go_server
from benchmarks.bench import Bench, Feed, feed, usual_policy
from benchmarks.client import Job, Mode, Outcome, Target
from benchmarks.scene import Cluster, Extender, cluster, extender

MODES: tuple[Mode, ...] = ("bytes", "spaced", "full")


def measure(bench: Bench) -> dict[str, Any]:
    """rows, ratios[mode][names][verb][other][percentile], and the same for `apart`. Raises NotMeasured without Go."""
    plan = bench.plan
    found = _Found()
    ours = bench.usual()
    _on(bench, bench.shared(), ours, plan.sizes, sorted({plan.usual, plan.many}), found)
    resident = ours.program.resident_mb()
    if plan.huge:
        bench.say(f"a cluster of {plan.huge} nodes")
        with (
            cluster(bench.folder / "huge", plan.huge, 0) as huge,
            extender(huge, "extender-huge", f"--policy={usual_policy(huge)}") as large,
        ):
            large.program.until(large.ready, "ready")
            _on(bench, huge, large, [plan.huge], [], found)
    return {
        "rows": found.rows,
        "ratios": found.ratios,
        "apart": found.apart,
        "rounds": found.rounds,
        "resident_after_load_mb": round(resident, 1),
    }


class _Found:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.ratios: dict[str, dict[str, Any]] = {mode: {} for mode in MODES}
        self.apart: dict[str, Any] = {}
        self.rounds: dict[str, dict[str, int]] = {}

    def take(self, runs: Sequence[Outcome], mode: str, size: int, *, apart: bool) -> None:
        kind = "apart" if apart else mode
        self.rows += comparison.rows(runs, mode=kind, names=size)
        self.rounds[f"{kind} {size}"] = comparison.rounds(runs)
        against = {other: comparison.ratios(runs, "ours", other) for other in runs[0].by_target if other != "ours"}
        into = self.apart if apart else self.ratios[mode]
        into[str(size)] = {
            verb: {other: by_verb[verb] for other, by_verb in against.items()} for verb in comparison.VERBS
        }


def _on(bench: Bench, on: Cluster, ours: Extender, sizes: Sequence[int], apart: Sequence[int], found: _Found) -> None:
    """Every size on one cluster."""
    files = feed(on)
    with go_server(bench.client, files, on.folder) as go:
        for size in sizes:
            bench.say(f"filter and prioritize at {size} names")
            for mode in MODES:
                found.take(_compared(bench, on, files, go, ours, size, mode), mode, size, apart=False)
        for size in apart:
            bench.say(f"prioritize for another list than filter, {size} names")
            found.take(_compared(bench, on, files, go, ours, size, "bytes", apart=True), "bytes", size, apart=True)


def _compared(
    bench: Bench, on: Cluster, files: Feed, go: Server, ours: Extender, size: int, mode: Mode, *, apart: bool = False
) -> list[Outcome]:
    plan = bench.plan
    with ExitStack() as stack:
        targets = [Target("go", go.url), Target("ours", ours.url)]
        pids = [on.program.pid, go.pid, ours.program.pid]
        if bench.tools.floor is not None:
            least = stack.enter_context(floor(bench.tools.floor, go, files, on.folder, size))
            targets.append(Target("floor", least.url))
            pids.append(least.pid)
        runs = bench.runs(
            Job(
                targets=targets,
                pids=pids,
                names=files.names,
                pods=files.pods,
                size=size,
                mode=mode,
                apart=apart,
                rounds=plan.rounds,
                block=plan.cycles(size, tail=mode == "bytes" and size == plan.usual),
                limit_s=plan.limit_s,
            )
        )
    comparison.require_alike(runs, *(target.name for target in targets))
    return runs
