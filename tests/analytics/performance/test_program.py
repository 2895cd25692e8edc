"""R-159, R-305: measures are analyzed in depth from a store, printed, and that is the end."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from analytics.programs import performance_analyzer
from analytics.store import Store
from analytics.store.tables import Row
from tests.analytics.performance.a_scheduler import HOUR, NOW_S, minute, minutes, took_effect

AGO = int((NOW_S - time.time()) / 60)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pods take twice as long since revision 42, an hour ago."""
    path = tmp_path_factory.mktemp("kept") / "store.duckdb"
    rows: list[Row] = [took_effect(AGO + 8 * HOUR, "41"), took_effect(AGO + HOUR + 1, "42")]
    rows += minutes(
        3 * HOUR, lambda ago: minute(ago + AGO, latency_ms=[(40.0 if ago > HOUR else 80.0) + ago % 3], failed=1)
    )
    store = Store.open(path)
    store.write(rows)
    store.close()
    return path


def ran(store: Path, *args: str) -> str:
    done = CliRunner().invoke(performance_analyzer, [*args, f"--store={store}", "--time-range=3h"])
    assert done.exit_code == 0, done.output
    return done.output


def test_r159_each_measure_is_told_in_depth(kept: Path) -> None:
    told = ran(kept, "--metrics=latency,throughput,success_rate")
    for said in (
        "Latency: average ", "Throughput: 0.1", "Success rate: 90.91 %", "forecast for ",
        "median error of the back-test", "since revision 42 average latency +", "since revision 42 p99 +",
        "Recommendations: ", "Since revision 42",
    ):  # fmt: skip
        assert said in told, told


def test_r159_only_what_was_chosen_is_told(kept: Path) -> None:
    told = json.loads(ran(kept, "--metrics=success_rate", "--output=json"))
    assert (told["success_rate"], told["change_points"]) == (0.9091, [])
    assert "latency_ms" not in told
    assert {each["metric"] for name in ("trends", "forecast") for each in told[name]} <= {"success_rate"}
