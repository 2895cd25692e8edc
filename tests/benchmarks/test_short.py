"""The benchmarks run: everything once and small. No figure is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import report, tools
from benchmarks.run import RESULTS
from benchmarks.workload import pods

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_a_short_run_measures_every_part() -> None:
    command = [sys.executable, "-m", "benchmarks", "--short"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(RESULTS.with_name("short.json").read_text())
    assert found["plan"] == {"short": True}
    assert found["start"]["objects"] > 200
    for part in ("policy_file", "policy_config_map", "journal_to_page"):
        assert found[part]["count"] == 2
    together = found["all_plugins"]
    assert together["one"]["count"] == together["all"]["count"] == 5
    assert together["p50_ratio"] > 0
    assert together["left_out"] == []
    built = tools.build()
    if built.go is None:
        assert found["hot_path"] == []
        assert any("go" in note for note in found["notes"])
        return
    targets = {"go", "ours"} | ({"floor"} if built.floor else set())
    seen = {(row["Mode"], row["Verb"], row["Target"]) for row in found["hot_path"]}
    assert seen == {(m, v, t) for m in ("bytes", "full") for v in ("filter", "prioritize") for t in targets}
    assert all(row["AnswerBytes"] > 0 for row in found["hot_path"] if row["Mode"] == "bytes")
    assert len(found["ratios"]) == 4


def test_pods_of_the_workload_are_as_large_as_real_ones_and_always_the_same() -> None:
    sizes = [len(json.dumps(pod, separators=(",", ":"))) for pod in pods()]
    assert 7000 < sum(sizes) / len(sizes) < 9500
    assert pods() == pods()


def test_ratios_are_ours_over_theirs() -> None:
    rows = [
        {"Mode": "bytes", "Target": target, "Verb": "filter", "Names": 500, "P50": p50, "P99": 2 * p50}
        for target, p50 in (("go", 400.0), ("ours", 200.0), ("floor", 50.0))
    ]
    line = {"mode": "bytes", "names": 500, "verb": "filter"}
    quotients = {"p50_to_go": 0.5, "p99_to_go": 0.5, "p50_to_floor": 4.0, "p99_to_floor": 4.0}
    assert report.ratios(rows) == [line | quotients]


def test_a_spread_takes_the_nearest_rank() -> None:
    found = report.spread([float(n) for n in range(100, 0, -1)])
    assert found == {"count": 100, "p50_ms": 50.0, "p99_ms": 99.0, "max_ms": 100.0}
