"""From measurements to the JSON file and the table."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import rich.box
from rich.console import Console
from rich.table import Table


def spread(values_ms: Sequence[float]) -> dict[str, Any]:
    """Count, p50, p99 and worst of milliseconds (nearest rank)."""
    ordered = sorted(values_ms)
    return {
        "count": len(ordered),
        "p50_ms": round(_rank(ordered, 50), 2),
        "p99_ms": round(_rank(ordered, 99), 2),
        "max_ms": round(ordered[-1], 2),
    }


def _rank(ordered: Sequence[float], percent: float) -> float:
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def machine() -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def ratios(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours divided by the others, per mode, size and verb."""
    found = []
    for row in rows:
        if row["Target"] != "ours":
            continue
        same = {r["Target"]: r for r in rows if all(r[k] == row[k] for k in ("Mode", "Names", "Verb"))}
        line: dict[str, Any] = {"mode": row["Mode"], "names": row["Names"], "verb": row["Verb"]}
        for other in ("go", "floor"):
            if other in same:
                line[f"p50_to_{other}"] = round(row["P50"] / same[other]["P50"], 2)
                line[f"p99_to_{other}"] = round(row["P99"] / same[other]["P99"], 2)
        found.append(line)
    return found


def show(results: dict[str, Any], console: Console) -> None:
    """One table; the file holds more."""
    if rows := results["hot_path"]:
        console.print(_hot_path(rows, results["ratios"]))
    table = Table("measurement", "figure", box=rich.box.SIMPLE)
    start = results["start"]
    if "cold_kernels_s" in start:
        table.add_row("start to kernels warm, empty cache", f"{start['cold_kernels_s']:.2f} s")
    table.add_row("start to kernels warm, filled cache", f"{start['kernels_warm_s']:.2f} s")
    table.add_row("start to ready", f"{start['ready_s']:.2f} s")
    table.add_row(f"sync of {start['objects']} nodes and pods", f"{start['objects_per_s']} objects/s")
    table.add_row(f"resident memory at {results['nodes']} nodes", f"{start['resident_mb']:.0f} MB")
    if together := results.get("all_plugins"):
        count, one, every = len(together["plugins"]), together["one"]["p50_ms"], together["all"]["p50_ms"]
        table.add_row(
            f"filter + prioritize, {together['names']} names, {count} score plugins",
            f"p50 {every:.2f} ms; with one {one:.2f} ms; ratio {together['p50_ratio']:.2f}",
        )
    for key, what in (
        ("policy_file", "policy file: edit to effect"),
        ("policy_config_map", "policy ConfigMap: edit to effect"),
        ("journal_to_page", "answer to decision on the page"),
    ):
        if found := results.get(key):
            table.add_row(what, f"p50 {found['p50_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms ({found['count']} times)")
    console.print(table)
    for note in results["notes"]:
        console.print(f"note: {note}")


def _hot_path(rows: Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=rich.box.SIMPLE)
    for heading in ("mode", "names", "verb", "server", "p50 us", "p99 us", "ours/it p50", "ours/it p99", "calls"):
        table.add_column(heading, justify="left" if heading in ("mode", "verb", "server") else "right")
    by_place = {(r["mode"], r["names"], r["verb"]): r for r in lines}
    for row in sorted(rows, key=lambda r: (r["Mode"], r["Names"], r["Verb"], r["P50"])):
        ratio = by_place.get((row["Mode"], row["Names"], row["Verb"]), {})
        name = row["Target"]
        table.add_row(
            row["Mode"],
            str(row["Names"]),
            row["Verb"],
            name,
            f"{row['P50']:.0f}",
            f"{row['P99']:.0f}",
            str(ratio.get(f"p50_to_{name}", "")),
            str(ratio.get(f"p99_to_{name}", "")),
            str(row["Calls"]),
        )
    return table
