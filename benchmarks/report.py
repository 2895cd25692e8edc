"""From results to the tables on the terminal."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import rich.box
from rich.console import Console
from rich.table import Table

from benchmarks import scheduling

_COLOURS = {"below must": "red", "not measured": "dim", "must": "yellow", "goal": "green", "moonshot": "bold green"}


def machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def show(results: Mapping[str, Any], console: Console) -> None:
    """The calls, the rest, and last, where it is seen, what was reached; the file holds more."""
    if rows := [row for part in results.values() if isinstance(part, Mapping) for row in part.get("rows", ())]:
        console.print(_calls(rows))
    if "steps" in results:
        console.print(_steps(results["steps"]))
        console.print(_slowest(results["steps"]["slowest"]))
    console.print(_others(results))
    if "scheduling" in results:
        console.print(scheduling.table(results["scheduling"]))
    for place, rounds in _rounds(results):
        if rounds["kept_noisy"]:
            console.print(f"noisy: {place}: {rounds['kept_noisy']} of {rounds['kept']} rounds kept", markup=False)
    for name, why in results["left_out"].items():
        if why != "not asked for":
            console.print(f"left out: {name}: {why}", markup=False, style="red" if name in results["failed"] else "")
    console.print(_figures(results["figures"]))
    if results["plan"]["short"]:
        console.print("a short run: it shows that all works; its figures mean nothing")


def _figures(figures: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=rich.box.SIMPLE, title="what was reached")
    for heading in ("figure", "must", "goal", "moonshot", "measured", "95 %", "verdict"):
        table.add_column(heading, justify="left" if heading in ("figure", "verdict") else "right")
    for figure in figures:
        unit = "" if figure["unit"] == "x" else f" {figure['unit']}"
        bounds = f"{_short(figure['low'])}..{_short(figure['high'])}" if figure["low"] is not None else ""
        colour = _COLOURS[figure["verdict"]]
        why = f": {figure['why']}" if figure["why"] else ""
        table.add_row(
            figure["what"],
            *(_short(figure[column]) for column in ("must", "goal", "moonshot")),
            "" if figure["value"] is None else f"{_short(figure['value'])}{unit}",
            bounds,
            f"[{colour}]{figure['verdict']}[/]{rich.markup.escape(why)}",
        )
    return table


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _calls(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=rich.box.SIMPLE, title="calls, microseconds")
    for heading in ("what", "names", "verb", "server", "p50", "p99", "p99.9", "worst", "calls"):
        table.add_column(heading, justify="left" if heading in ("what", "verb", "server") else "right")
    for row in rows:
        table.add_row(
            row["mode"],
            f"{row['names']:,}",
            row["verb"],
            row["server"],
            f"{row['p50_us']:.0f}",
            f"{row['p99_us']:.0f}",
            "" if row["p999_us"] is None else f"{row['p999_us']:.0f}",
            f"{row['worst_us']:.0f}",
            f"{row['calls']:,}",
        )
    return table


def _steps(found: Mapping[str, Any]) -> Table:
    table = Table(box=rich.box.SIMPLE, title=f"steps of a call at {found['names']} names, median microseconds")
    for heading in ("when", "step", "filter", "prioritize"):
        table.add_column(heading, justify="left" if heading in ("when", "step") else "right")
    by_step: dict[tuple[str, str], dict[str, float]] = {}
    for verb, lines in found["by_verb"].items():
        for line in lines:
            by_step.setdefault((line["when"], line["step"]), {})[verb] = line["us"]
    for (when, step), spent in sorted(by_step.items(), key=lambda item: item[0][0] != "answer"):
        cells = (f"{spent[verb]:.1f}" if verb in spent else "" for verb in ("filter", "prioritize"))
        table.add_row("before the answer" if when == "answer" else "behind it", step, *cells)
    return table


def _slowest(found: Mapping[str, Any]) -> Table:
    table = Table(box=rich.box.SIMPLE, title="from head to answer, timed: means, and how often a call left the core")
    for heading in ("verb", "calls", "us", "of that on the core", "had to wait", "was ousted"):
        table.add_column(heading, justify="left" if heading in ("verb", "calls") else "right")
    for verb, kinds in found.items():
        for label, which in (("all", "all"), ("the slowest hundredth", "slowest")):
            one = kinds[which]
            times = f"{one['clock_us']:.0f}", f"{one['core_us']:.0f}"
            table.add_row(verb, label, *times, f"{one['waited']:.2f}", f"{one['ousted']:.2f}")
    return table


def _others(results: Mapping[str, Any]) -> Table:
    table = Table("measurement", "figure", box=rich.box.SIMPLE)
    for what, figure in (*_start(results), *_ratios(results), *_delays(results), *_trends(results)):
        table.add_row(what, figure)
    return table


def _start(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    start = results.get("startup")
    if start is None:
        return
    if "cold_kernels_s" in start:
        yield "start to kernels warm, empty cache", f"{start['cold_kernels_s']:.2f} s"
    yield "start to kernels warm", f"{start['kernels_warm_s']['value']:.2f} s"
    yield "start to ready", f"{start['ready_s']['value']:.2f} s"
    yield f"sync of {start['objects']:,} nodes and pods", f"{start['objects_per_s']['value']:,.0f} objects/s"
    yield "resident memory after it", f"{start['resident_mb']['value']:.0f} MB"


def _trends(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if found := results.get("trends"):
        for name, took in found["ms"].items():
            yield f"series maths on about 2,000 steps: {name}", f"{took:.2f} ms"
        for what in ("anomalies", "changes"):
            told = found[what]
            yield f"{what}: precision, recall", f"{told['precision']:.2f}, {told['recall']:.2f}"
        told = found["forecast"]
        yield "forecast a day ahead: median error, the error it said", f"{told['error_share']:.1%}, {told['said']:.1%}"
        yield "forecast a day ahead: within its bounds", f"{told['within']:.0%}"


def _ratios(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _call_ratios(results)
    if found := results.get("all_plugins"):
        for name, by_verb in found["ratios"].items():
            count = len(found["plugins"][name])
            yield f"{count} score plugins against one, p50 of both calls", _ratio(by_verb["cycle"]["p50"])
    if found := results.get("sparse"):
        for names, by_other in found["ratios"].items():
            for other, by_verb in by_other.items():
                yield f"sparse answers against {other}, full cycle, {names} names", _ratio(by_verb["cycle"]["p50"])
    if found := results.get("bursts"):
        for name, told in found["worst_ms"].items():
            yield f"worst call, {name}", f"{told['value']:.2f} ms"


def _call_ratios(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if found := results.get("hot_path"):
        for names, by_verb in found["apart"].items():
            told = by_verb["prioritize"]["go"]["p50"]
            yield f"prioritize for another list than filter, {names} names, against Go", _ratio(told)
    if found := results.get("recording"):
        for pace in ("paced", "tight"):
            for what, told in (
                ("p50 of both calls", found[pace]["cycle"]["p50"]),
                ("p99", found[pace]["calls"]["p99"]),
            ):
                yield f"recording on against off, {pace}, {what}", _ratio(told)
    if found := results.get("tls"):
        for name, by_verb in found["ratios"].items():
            yield f"{name} against plain, p50 of both calls", _ratio(by_verb["cycle"]["p50"])


def _ratio(told: Mapping[str, Any]) -> str:
    return f"{told['value']:.2f} ({told['low']:.2f}..{told['high']:.2f})"


def _delays(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    delays = {"policy file: edit to effect": results.get("policy_file")}
    if between := results.get("between"):
        delays["policy ConfigMap: edit to effect"] = between["policy_config_map"]
        delays["answer to decision on the page"] = between["journal_to_page"]
    if steering := results.get("steering"):
        delays["four writers at once: edit to effect"] = steering["edits"]["edit_to_effect"]
        delays["four writers at once: edit to answer, console and desk"] = steering["edits"]["answered"]
        yield "four writers at once: calls a second meanwhile", f"{steering['edits']['calls_per_s']:.0f}"
    if audit := results.get("audit"):
        yield "audit log: events a second of processor time", f"{audit['events_per_cpu_s']:,.0f}"
        yield "audit log: attacks missed", "; ".join(audit["quality"]["missed"]) or "none"
    for what, found in delays.items():
        if found:
            yield what, f"p50 {found['p50_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms ({found['count']} times)"


def _rounds(results: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Every tree named `rounds`, with its place."""

    def inside(place: str, tree: Any) -> Iterator[tuple[str, Mapping[str, int]]]:
        if isinstance(tree, Mapping) and "kept_noisy" in tree:
            yield place, tree
        elif isinstance(tree, Mapping):
            for key, value in tree.items():
                yield from inside(place if key == "rounds" else f"{place} {key}".strip(), value)

    yield from inside("", results)
