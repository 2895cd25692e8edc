"""The run: build, start, measure, write, print. `--short` does everything once and small, to see that it works."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import all_plugins, hot_path, journal_to_page, policy_edits, report, startup, tools, workload
from benchmarks.programs import BenchmarkFailed
from benchmarks.scene import POLICY, cluster, extender, sidecar

RESULTS = Path(__file__).resolve().parent / "results" / "latest.json"
"""Short runs are written beside it, so that they do not pass for measurements."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    nodes: int
    pods: int
    sizes: tuple[int, ...]
    rounds: int
    client_seconds: float
    """Per size and mode: so long noisy rounds are dropped."""
    edits: int
    decisions: int
    cold: bool
    together: int
    """Cycles with all score plugins, and as many with one."""


FULL = Plan(5000, 10_000, (500, 5000), rounds=20, client_seconds=20.0, edits=40, decisions=20, cold=True, together=200)
SHORT = Plan(200, 200, (50,), rounds=1, client_seconds=0.0, edits=2, decisions=2, cold=False, together=5)


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 measured, 1 something did not work."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small and quick; the figures mean nothing")
    options = parser.parse_args(arguments)
    console = Console(width=110)
    try:
        results = measure(SHORT if options.short else FULL, console)
    except BenchmarkFailed as failed:
        console.print(f"failed: {failed}", style="red", markup=False)
        return 1
    path = RESULTS.with_name("short.json") if options.short else RESULTS
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    report.show(results, console)
    console.print(f"written: {path}")
    return 0


def measure(plan: Plan, console: Console) -> dict[str, Any]:
    built = tools.build()
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as name:
        folder = Path(name)
        results: dict[str, Any] = {
            "machine": report.machine(),
            "plan": {"short": plan is SHORT},
            "nodes": plan.nodes,
            "notes": list(built.why),
        }
        results |= _large(plan, built, folder, console)
        results |= _small(plan, folder, console)
    results["ratios"] = report.ratios(results["hot_path"])
    return results


def _large(plan: Plan, built: tools.Tools, folder: Path, console: Console) -> dict[str, Any]:
    """Everything that wants a large cluster."""
    with cluster(folder / "large", plan.nodes, plan.pods) as on:
        policy = on.folder / "policy.yaml"
        policy.write_text(POLICY.format(weight=1))
        (folder / "names.json").write_text(json.dumps(on.node_names()))
        (folder / "pods.json").write_text(json.dumps(workload.pods()))
        start: dict[str, Any] = {}
        if plan.cold:
            console.print("start with an empty kernel cache")
            start["cold_kernels_s"] = round(startup.cold(on, policy, folder / "kernels"), 3)
        cache = [f"--kernel-cache={folder / 'kernels'}"] if plan.cold else []
        with extender(on, "extender", f"--policy={policy}", *cache) as ours:
            console.print(f"start and sync with {plan.nodes} nodes")
            start |= startup.warm(ours, on.objects())
            console.print(f"filter and prioritize at {', '.join(map(str, plan.sizes))} names")
            rows = hot_path.measure(ours, built, folder, plan.sizes, rounds=plan.rounds, seconds=plan.client_seconds)
            start["resident_after_load_mb"] = round(ours.program.resident_mb(), 1)
            console.print("policy file: edit to effect")
            edits = policy_edits.by_file(ours, policy, plan.edits)
        console.print("filter and prioritize with every score plugin, and with one")
        together = all_plugins.measure(on, on.node_names(), workload.pods(), plan.together, *cache)
    return {"start": start, "hot_path": rows, "policy_file": edits, "all_plugins": together}


def _small(plan: Plan, folder: Path, console: Console) -> dict[str, Any]:
    """What happens between programs, on a small cluster so that nothing else weighs in."""
    with cluster(folder / "small", 50, 50) as on:
        policy_edits.create_config_map(on)
        option = f"--policy-configmap={policy_edits.NAMESPACE}/{policy_edits.NAME}"
        with extender(on, "extender-small", option) as ours:
            ours.program.until(ours.ready, "ready")
            console.print("policy ConfigMap: edit to effect")
            edits = policy_edits.by_config_map(on, ours, plan.edits)
            with sidecar(ours, on.folder) as page:
                console.print("journal to page")
                shown = journal_to_page.measure(on, ours, page, plan.decisions)
    return {"policy_config_map": edits, "journal_to_page": shown}
