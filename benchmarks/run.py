"""The run: build, start, measure, judge, write, print. `--short`: all of it once and small, to see that it works."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import (
    all_plugins,
    audit,
    between,
    budgets,
    bursts,
    hot_path,
    node_objects,
    pages,
    plot,
    policy_edits,
    recording,
    report,
    scheduling,
    sparse,
    startup,
    steering,
    steps,
    tls,
    tools,
    trends,
)
from benchmarks.bench import Bench, NotMeasured
from benchmarks.plan import FULL, SHORT, Plan
from benchmarks.programs import BenchmarkFailed

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    """Of its tree in the results, and for --only."""
    measure: Callable[[Bench], dict[str, Any]]
    calls: bool = True
    """It needs the client, which is written in Go."""


PARTS = (
    Part("startup", startup.measure, calls=False),
    Part("hot_path", hot_path.measure),
    Part("recording", recording.measure),
    Part("tls", tls.measure),
    Part("node_objects", node_objects.measure),
    Part("all_plugins", all_plugins.measure),
    Part("sparse", sparse.measure),
    Part("steps", steps.measure),
    Part("policy_file", policy_edits.measure, calls=False),
    # Behind the others on that cluster: it leaves pods there.
    Part("bursts", bursts.measure),
    Part("between", between.measure, calls=False),
    Part("steering", steering.measure, calls=False),
    Part("pages", pages.measure, calls=False),
    Part("audit", audit.measure, calls=False),
    Part("scheduling", scheduling.part, calls=False),
    Part("trends", trends.measure, calls=False),
)


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 measured, 1 something did not work, 2 usage."""
    options = _parser().parse_args(arguments)
    console = Console(width=130)
    plan = SHORT if options.short else FULL
    if options.repeat:
        plan = replace(plan, repeats=options.repeat)
    chosen = ["steps"] if options.profile else options.only or [part.name for part in PARTS]
    results = measure(plan, chosen, console)
    report.show(results, console)
    for path in write(results, RESULTS, "latest" if _complete(plan, chosen) else "short" if plan.short else "parts"):
        console.print(f"written: {path}", markup=False)
    return 1 if results["failed"] else 0


def _parser() -> argparse.ArgumentParser:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small and quick; the figures mean nothing")
    parser.add_argument("--only", type=_parts, metavar="PART,...", help=f"some parts of: {', '.join(names)}")
    parser.add_argument("--profile", action="store_true", help="where the time of a filter call goes: --only steps")
    parser.add_argument("--repeat", type=int, metavar="N", help=f"runs of each comparison (default {FULL.repeats})")
    return parser


def _parts(text: str) -> list[str]:
    wanted, known = text.split(","), [part.name for part in PARTS]
    if unknown := [name for name in wanted if name not in known]:
        raise argparse.ArgumentTypeError(f"no part {', '.join(unknown)}; there are {', '.join(known)}")
    return wanted


def _complete(plan: Plan, chosen: Sequence[str]) -> bool:
    """Only the median of as many runs as planned is a measurement to keep."""
    return not plan.short and plan.repeats >= FULL.repeats and len(chosen) == len(PARTS)


def measure(plan: Plan, chosen: Sequence[str], console: Console) -> dict[str, Any]:
    """A tree per part that could be measured; `left_out` says why of the others, `failed` which should have worked."""
    built = tools.build()
    results: dict[str, Any] = {
        "machine": report.machine(),
        "plan": {"short": plan.short, "parts": list(chosen), "repeats": plan.repeats, "nodes": plan.nodes},
        "left_out": built.why | {part.name: "not asked for" for part in PARTS if part.name not in chosen},
        "failed": [],
        "took_s": {},
    }
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as folder, ExitStack() as stack:
        bench = Bench(Path(folder), built, plan, console, stack)
        for part in PARTS:
            if part.name in chosen:
                begin = time.monotonic()
                _measure(part, bench, results)
                results["took_s"][part.name] = round(time.monotonic() - begin, 1)
    results["figures"] = [budgets.judge(budget, results).tree() for budget in budgets.load()]
    return results


def _measure(part: Part, bench: Bench, results: dict[str, Any]) -> None:
    try:
        if part.calls:
            bench.require_client()
        results[part.name] = part.measure(bench)
    except NotMeasured as why:
        results["left_out"][part.name] = str(why)
    except BenchmarkFailed as failed:
        results["failed"].append(part.name)
        results["left_out"][part.name] = f"failed: {failed}"


def write(results: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """The JSON file, and of complete results the plot. What is not complete must not pass for a measurement."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    if "hot_path" not in results:
        return [path]
    drawn = folder / f"{name}.svg"
    drawn.write_text(plot.draw(results))
    return [path, drawn]
