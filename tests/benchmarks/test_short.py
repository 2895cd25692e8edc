"""The benchmarks run: everything once and small. No figure is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import budgets, tools
from benchmarks.run import PARTS, RESULTS
from benchmarks.workload import nodes, pods

REPOSITORY = Path(__file__).parents[2]
ABSENT = ("scheduling",)
"""Parts that a short run leaves out: tests/e2e/test_scheduling_benchmark.py has it small."""


@pytest.mark.timeout(900)
def test_a_short_run_measures_every_part_and_every_figure_has_its_number() -> None:
    command = [sys.executable, "-m", "benchmarks", "--short"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=880, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(RESULTS.joinpath("short.json").read_text())
    assert found["plan"]["short"]
    assert found["failed"] == []
    built = tools.build()
    expected = {part.name for part in PARTS if built.go or not part.calls}
    assert set(found["took_s"]) == {part.name for part in PARTS}
    assert expected - set(found) == set(ABSENT), found["left_out"]
    assert found["startup"]["objects"] > 500
    for delays in (found["policy_file"], found["between"]["policy_config_map"], found["between"]["journal_to_page"]):
        assert delays["count"] == 2
    _check_steering(found["steering"])
    if built.go is None:
        assert "go is not on this machine" in found["left_out"]["hot_path"]
        return
    _check_calls(found, {"go", "ours"} | ({"floor"} if built.floor else set()))
    assert RESULTS.joinpath("short.svg").read_text().startswith("<svg")
    for budget in budgets.load():
        _check_figure(budget, found, has_floor=built.floor is not None)


def _check_calls(found: dict[str, Any], servers: set[str]) -> None:
    hot = [row for row in found["hot_path"]["rows"] if row["names"] == 500]
    verbs = ("filter", "prioritize", "cycle")
    seen = {(row["mode"], row["verb"], row["server"]) for row in hot}
    modes = ("bytes", "spaced", "full", "apart")
    assert seen == {(mode, verb, server) for mode in modes for verb in verbs for server in servers}
    assert all(row["kept"] == [500, 500] for row in hot if row["verb"] == "filter")
    assert all(row["p50_us"] > 0 for part in PARTS for row in found.get(part.name, {}).get("rows", ()))
    assert found["all_plugins"]["left_out"] == []
    assert found["bursts"]["struck"] >= 1
    assert found["node_objects"]["request_bytes"] > 500 * 7500
    total = [line for line in found["steps"]["by_verb"]["filter"] if line["step"] == "total"]
    assert total[0]["us"] > 0


def _check_steering(found: dict[str, Any]) -> None:
    """What it promises it has checked itself, or failed; here: that there was something to check."""
    edits = found["edits"]
    assert edits["accepted"] == edits["edits"] / 2
    assert sum(edits["wrong"].values()) == edits["edits"] / 2 + 1
    assert edits["calls"] > edits["revisions"]
    assert edits["edit_to_effect"]["count"] >= 1
    assert 0 < found["canary"]["share"] < 100
    assert found["breaker"]["calls"] == {"raises": 3, "late": 3, "very_late": 1}


def _check_figure(budget: budgets.Budget, found: dict[str, Any], *, has_floor: bool) -> None:
    """Every path leads to a number. A short run has one size: the others stand where it stands."""
    if budget.at[0].split(".")[0] in ABSENT:
        return
    if not has_floor and ".floor." in budget.at[0]:
        assert budgets.judge(budget, found).why
        return
    for path in budget.at:
        here = path.replace(".100.", ".500.").replace(".1000.", ".500.").replace(".5000.", ".500.")
        of_one = budgets.Budget(**{**_fields(budget), "at": (here,)})
        verdict = budgets.judge(of_one, found)
        assert verdict.value is not None, (budget.id, path, verdict.why)
        assert verdict.value > 0 or budget.id == "steering-canary"


def _fields(budget: budgets.Budget) -> dict[str, Any]:
    return {name: getattr(budget, name) for name in budget.__slots__}


def test_pods_and_nodes_of_the_workload_are_as_large_as_real_ones_and_always_the_same() -> None:
    names = [f"node-{number:05d}" for number in range(40)]
    for made, again in ((pods(), pods()), (nodes(names), nodes(names))):
        sizes = [len(json.dumps(each, separators=(",", ":"))) for each in made]
        assert 7000 < sum(sizes) / len(sizes) < 9500
        assert made == again
    assert [node["metadata"]["name"] for node in nodes(names)] == names
