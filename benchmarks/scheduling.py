"""Pods a second of a real kube-scheduler: alone, with the Go extender, with Trimtab; the same pods for all.

etcd, kube-apiserver and kube-scheduler are plain processes on this machine, started by what the e2e tests start them
with (tests/e2e), so that what is measured is what is tested. All of them share the cores with the extender: pods a
second are about cost, not about what an extender on a core of its own could do; read them as ratios to no extender,
and beside the CPU time per pod.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import rich.box
from rich.console import Console
from rich.table import Table

from benchmarks import tools
from benchmarks.bench import Bench, NotMeasured
from benchmarks.scheduling_load import NAMESPACE, create_nodes
from benchmarks.scheduling_run import Run, run
from benchmarks.scheduling_variants import VARIANTS, WHOLE, Scene, Variant
from tests.e2e.cluster import Bindings
from tests.e2e.controlplane import ControlPlane, find_binaries, new_folder
from tests.e2e.programs import install

HOW = "build it with tests/e2e/build.sh (Go and some minutes, once per machine)"
NONE = "none"
_COLUMNS = (
    "nodes",
    "who scores",
    "pods/s",
    "ratio",
    "attempt p50 ms",
    "p99",
    "calls ms",
    "CPU ms/pod: scheduler",
    "extender",
    "all",
    "ratio",
    "noisy runs",
)
NODES, PODS, PATIENCE_S = (1000, 5000), 500, 60.0
QUIET_SHARE = 0.06
"""A run in which other programs took more of the machine is measured again while there is time."""


def measure(
    folder: Path,
    console: Console,
    *,
    nodes: Sequence[int],
    pods: int,
    rounds: int = 2,
    whole_at: int = 0,
    patience_s: float = 0.0,
) -> dict[str, Any]:
    """{"nodes": {count: {variant: figures}}, "notes": [...]}; `nodes` is empty where there is no control plane.

    Every variant once per round, every other round backwards. At `whole_at` nodes also with all nodes scored. Noisy
    runs are repeated for `patience_s` per node count. Raises BenchmarkFailed when a pod was not bound or an extender
    did not do its part.
    """
    found: dict[str, Any] = {"pods": pods, "rounds": rounds, "nodes": {}, "notes": []}
    binaries = find_binaries()
    if binaries is None:
        found["notes"].append(f"no control plane on this machine, so a real scheduler is left out: {HOW}")
        return found
    built = tools.build()
    variants = [v for v in VARIANTS if v.program != "go" or built.go]
    if built.go is None:
        found["notes"] += built.why
    for count in nodes:
        console.print(f"a real kube-scheduler, {count} nodes, {pods} pods, {len(variants)} variants, {rounds} rounds")
        with _scene(binaries, folder, count, built.go) as scene:
            bindings = Bindings(scene.plane.admin, NAMESPACE)
            once = partial(run, scene=scene, bindings=bindings, pods=pods)
            figures = _figures(_alternately(variants, once, rounds, patience_s), NONE)
            if count == whole_at:
                figures |= _figures(_alternately(WHOLE, once, rounds, 0.0), WHOLE[0].name)
            found["nodes"][str(count)] = figures
    return found


def part(bench: Bench) -> dict[str, Any]:
    """`measure` as a part of the run; `ratio` is the figure that is judged: one plugin that only scores, registered for
    scores alone. Raises NotMeasured without a control plane, and in a short run."""
    if bench.plan.short:
        raise NotMeasured("a short run has no kube-scheduler (tests/e2e/test_scheduling_benchmark.py has)")
    found = measure(bench.folder / "scheduling", bench.console, nodes=NODES, pods=PODS, patience_s=PATIENCE_S)
    if not found["nodes"]:
        raise NotMeasured("; ".join(found["notes"]))
    judged = found["nodes"][str(NODES[-1])]["trimtab_scoring"]
    low, high = judged["ratio_range"]
    return found | {"ratio": {"value": judged["ratio"], "low": low, "high": high}}


def table(found: dict[str, Any]) -> Table:
    """What `measure` found, a line for each variant."""
    shown = Table(box=rich.box.SIMPLE)
    for heading in _COLUMNS:
        shown.add_column(heading, justify="left" if heading == "who scores" else "right")
    for nodes, rows in found["nodes"].items():
        for row in rows.values():
            cpu = row["cpu_ms_per_pod"]
            shown.add_row(
                nodes,
                row["says"],
                f"{row['pods_per_s']:.0f}",
                f"{row['ratio']:.2f}",
                f"{row['attempt_p50_ms']:.0f}",
                f"{row['attempt_p99_ms']:.0f}",
                f"{row['calls_ms']:.1f}",
                f"{cpu['kube-scheduler']:.1f}",
                f"{cpu.get('extender', 0.0):.1f}",
                f"{row['cpu_ms_per_pod_total']:.1f}",
                f"{row['cpu_ratio']:.2f}",
                f"{row['noisy_runs']}/{row['runs']}",
            )
    return shown


@contextmanager
def _scene(binaries: Path, folder: Path, nodes: int, go: Path | None) -> Iterator[Scene]:
    place = new_folder()
    plane = ControlPlane(binaries, place)
    try:
        plane.start()
        install(plane)
        folder.mkdir(parents=True, exist_ok=True)
        yield Scene(plane, create_nodes(plane, nodes), folder, go)
    finally:
        plane.stop()
        shutil.rmtree(place, ignore_errors=True)


def _alternately(
    variants: Sequence[Variant], once: Callable[..., Run], rounds: int, patience_s: float
) -> dict[Variant, list[Run]]:
    """The `rounds` quietest runs of each variant."""
    rows: dict[Variant, list[Run]] = {variant: [] for variant in variants}
    number, until_s = 0, math.inf
    while number < rounds or (time.monotonic() < until_s and any(_wanting(runs, rounds) for runs in rows.values())):
        for variant in variants[:: -1 if number % 2 else 1]:
            if number < rounds or _wanting(rows[variant], rounds):
                rows[variant].append(once(variant, name=f"{variant.name.replace('_', '-')}-{number}"))
        number += 1
        if number == rounds:
            until_s = time.monotonic() + patience_s
    return {variant: sorted(runs, key=lambda one: one.others_cpu_share)[:rounds] for variant, runs in rows.items()}


def _wanting(runs: Sequence[Run], rounds: int) -> bool:
    return len(runs) - _noisy(runs) < rounds


def _noisy(runs: Sequence[Run]) -> int:
    return sum(one.others_cpu_share > QUIET_SHARE for one in runs)


def _figures(rows: dict[Variant, list[Run]], base: str) -> dict[str, Any]:
    """By variant name. Ratios are to `base`: of the medians, then the least and the greatest of any two runs."""
    alone = next(runs for variant, runs in rows.items() if variant.name == base)
    return {variant.name: {"says": variant.says} | _row(runs, alone) for variant, runs in rows.items()}


def _row(runs: Sequence[Run], alone: Sequence[Run]) -> dict[str, Any]:
    def mid(value: Callable[[Run], float], digits: int = 2) -> float:
        return round(median(map(value, runs)), digits)

    speeds, alone_speeds = [one.pods_per_s for one in runs], [one.pods_per_s for one in alone]
    cpu = {name: round(median(one.cpu_ms_per_pod[name] for one in runs), 2) for name in runs[0].cpu_ms_per_pod}
    total = sum(cpu.values())
    total_alone = median(sum(one.cpu_ms_per_pod.values()) for one in alone)
    return {
        "pods_per_s": mid(lambda r: r.pods_per_s, 1),
        "pods_per_s_range": [round(min(speeds), 1), round(max(speeds), 1)],
        "ratio": round(median(speeds) / median(alone_speeds), 3),
        "ratio_range": [round(min(speeds) / max(alone_speeds), 3), round(max(speeds) / min(alone_speeds), 3)],
        "attempt_p50_ms": mid(lambda r: r.attempt_p50_ms),
        "attempt_p99_ms": mid(lambda r: r.attempt_p99_ms),
        "algorithm_ms": mid(lambda r: r.algorithm_ms),
        "calls_ms": mid(lambda r: r.calls_ms),
        "cpu_ms_per_pod": cpu,
        "cpu_ms_per_pod_total": round(total, 2),
        "cpu_ratio": round(total_alone / total, 3),
        "runs": len(runs),
        "noisy_runs": _noisy(runs),
        "others_cpu_share": mid(lambda r: r.others_cpu_share, 3),
        "trimtab": {key: round(median(one.trimtab[key] for one in runs), 1) for key in runs[0].trimtab},
    }
