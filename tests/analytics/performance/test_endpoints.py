"""R-157 over HTTP: exact path, keys and refusals; and the series of the charts."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest

from analytics.store import Store
from analytics.views.sources import Sources, ToolSettings
from tests.analytics.control.a_desk import refusal
from tests.analytics.performance.a_scheduler import HOUR, NOW_S, a_store, minute, minutes
from tests.analytics.web.a_console import a_client, a_console

AGO = int((NOW_S - time.time()) / 60)
"""Minutes from NOW_S back to now: records are made around it, and the console asks about now."""


@pytest.fixture(scope="module")
def kept() -> Store:
    """Three hours until now, of which half an hour long pods waited."""
    return a_store(
        minutes(
            3 * HOUR,
            lambda ago: minute(ago + AGO, latency_ms=[300.0] if 60 < ago <= 62 else [18.0, 19.0, 20.0], failed=ago % 3),
        )
    )


def ask(store: Store, path: str, **settings: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        sources = Sources(store, settings=lambda: ToolSettings(**settings))
        async with a_client(a_console(sources)) as client:
            return await client.get(path)

    return asyncio.run(asked())


def data(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "success"
    told: dict[str, Any] = answer.json()["data"]
    return told


def test_r157_the_answer_has_the_keys_of_the_paper_in_its_order(kept: Store) -> None:
    told = data(ask(kept, "/api/analysis?start=3h"))
    assert list(told)[:8] == [
        "time_range", "latency_ms", "throughput_pods_per_second", "success_rate", "trends", "forecast", "anomalies",
        "recommendations",
    ]  # fmt: skip
    assert set(told["time_range"]) == {"start", "end"}
    assert set(told["latency_ms"]) == {"average", "p50", "p95", "p99"}
    assert {"metric", "direction", "change_per_hour"} <= set(told["trends"][0])
    assert all(each["direction"] in ("rising", "falling", "flat") for each in told["trends"])
    assert set(told["forecast"][0]) == {"metric", "time", "value", "low", "high"}
    assert set(told["anomalies"][0]) == {"metric", "time", "value", "expected", "severity", "change"}
    assert {each["metric"] for each in told["anomalies"]} >= {"latency", "latency_p99"}
    for each in told["recommendations"]:
        assert {"id", "severity", "title", "detail", "setting", "evidence"} <= set(each)


def test_r157_start_and_end_are_optional_and_choose_what_counts(kept: Store) -> None:
    whole = data(ask(kept, "/api/analysis"))
    assert whole["pods_scheduled"] == 3 * (3 * HOUR) - 2 * 2
    some = data(ask(kept, "/api/analysis?start=3h&end=1h"))
    assert 3 * 2 * HOUR - 10 < some["pods_scheduled"] < 3 * 2 * HOUR
    none = data(ask(kept, "/api/analysis?start=9d&end=8d"))
    assert (none["pods_scheduled"], none["success_rate"], none["trends"]) == (0, None, [])


@pytest.mark.parametrize(
    ("query", "path"),
    [("start=1h&end=2h", "start"), ("start=999d", "start"), ("end=tomorrow", "end"), ("colour=red", "colour"),
     ("start=1960-01-01T00:00:00Z&end=1960-02-01T00:00:00Z", "start"), (f"scheduler={'x' * 300}", "scheduler")],
)  # fmt: skip
@pytest.mark.parametrize("endpoint", ["/api/analysis", "/api/v1/performance/series"])
def test_r157_bad_parameters_are_refused_by_name(kept: Store, endpoint: str, query: str, path: str) -> None:
    told = refusal(ask(kept, f"{endpoint}?{query}"), 422)
    assert [detail["path"] for detail in told["details"]] == [path]


def test_the_series_are_about_the_same_steps_as_the_analysis(kept: Store) -> None:
    told, series = data(ask(kept, "/api/analysis?start=3h")), data(ask(kept, "/api/v1/performance/series?start=3h"))
    assert series["step_s"] == told["step_s"] == 60
    assert len(series["times"]) == len(series["series"]["latency_p99"]) >= 3 * HOUR - 2
    assert max(each for each in series["series"]["latency_p99"] if each) == pytest.approx(300, rel=0.021)


def test_schedulers_are_those_that_are_named_and_those_that_were_seen(kept: Store) -> None:
    told = data(ask(kept, "/api/v1/performance/schedulers?start=3h", schedulers=("mine",)))
    assert [each["name"] for each in told["schedulers"]] == ["mine", "default-scheduler"]
    assert told["schedulers"][0]["attempts"] == 0 < told["schedulers"][1]["attempts"]


def test_what_is_not_collected_is_said_with_what_to_do(kept: Store) -> None:
    found = {each["name"]: each for each in data(ask(kept, "/api/analysis"))["sources"]}
    assert found["decisions"]["ok"]
    assert found["kube-scheduler"] == {
        "name": "kube-scheduler", "ok": False, "detail": "not configured: --scheduler-metrics URL",
        "phrase": "source.kube-scheduler.off", "values": {},
    }  # fmt: skip
    told = data(ask(kept, "/api/analysis", scheduler_metrics="http://127.0.0.1:1/metrics"))["sources"]
    assert told[1]["detail"] == "no sample of this time"
