"""R-166 to R-170 over HTTP: exact paths, keys and refusals."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from analytics.control.access import Everybody
from analytics.control.admin import Admin
from analytics.control.calls.analyzer import calls
from analytics.control.health import Health
from analytics.control.limits import Limits
from analytics.control.tools import Tools
from analytics.views.sources import Sources
from analytics.web.app import console_app
from analytics.web.calls import Control
from analytics.web.door import Door
from extender.control import Desk, FileAudit, FileHistory, FileStore, FixedCatalogue
from tests.analytics.analyzer.a_scheduler import NOW_S, a_cluster, a_store, attempt
from tests.analytics.control.a_desk import catalogue, refusal
from tests.analytics.web.a_console import a_console

SHIFT_S = time.time() - NOW_S
"""Records are made around NOW_S, and the console asks about now."""


def app(folder: Path, sources: Sources | None) -> ASGIApp:
    file = folder / "policy.yaml"
    file.write_text("kind: SchedulingPolicy\n")
    trail, store = FileAudit(folder / "audit.jsonl"), FileStore(file)
    desk = Desk(store, FileHistory(folder / "history"), FixedCatalogue(catalogue()), trail, None)
    tools = Tools(desk, trail, Admin("http://127.0.0.1:1"), Everybody(), None, Health(store, None, None).checks)
    control = Control(
        Door(Everybody(), trail, (), writes=Limits(per_s=1000, burst=1000)), calls(replace(tools, sources=sources))
    )
    return console_app(replace(a_console(sources or Sources(a_store())), control=control))


@pytest.fixture(scope="module")
def sources() -> Sources:
    rows = [row for n in range(20) for row in attempt(n, 60 + n - SHIFT_S, rank=1 if n == 0 else 3)]
    return Sources(a_store(rows), a_cluster(), "http://127.0.0.1:1")


def ask(folder: Path, sources: Sources | None, method: str, path: str, **more: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app(folder, sources), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://console.test") as client:
            return await client.request(method, path, **more)

    return asyncio.run(asked())


def data(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["status"] == "success"
    told: dict[str, Any] = body["data"]
    return told


def test_r166_performance_has_the_keys_of_the_paper(tmp_path: Path, sources: Sources) -> None:
    told = data(ask(tmp_path, sources, "GET", "/api/analysis/performance?start=1h"))
    assert list(told)[:5] == [
        "scheduler", "time_range", "average_latency_ms", "throughput_pods_per_second", "success_rate",
    ]  # fmt: skip
    assert (told["scheduler"], told["average_latency_ms"], told["success_rate"]) == ("default-scheduler", 20.0, 0.95)
    assert set(told["time_range"]) == {"start", "end"}
    some = data(ask(tmp_path, sources, "GET", "/api/analysis/performance?metrics=success_rate"))
    assert "average_latency_ms" not in some


def test_r167_decisions_have_the_keys_of_the_paper(tmp_path: Path, sources: Sources) -> None:
    told = data(ask(tmp_path, sources, "GET", "/api/analysis/decisions?start=1h"))
    assert set(told) == {"decision_paths", "total"}
    assert told["total"] == len(told["decision_paths"]) == 2
    first = told["decision_paths"][0]
    assert first["average_latency_ms"] == 3.5
    first["average_latency_ms"] = 0
    assert first == {
        "path": ["filter", "score", "bind"], "outcome": "scheduled", "count": 19, "share": 0.95,
        "average_latency_ms": 0,
    }  # fmt: skip


def test_r168_utilization_has_the_keys_of_the_paper(tmp_path: Path, sources: Sources) -> None:
    told = data(ask(tmp_path, sources, "GET", "/api/analysis/utilization"))
    for resource in ("cpu", "memory"):
        assert {"allocatable", "requested", "used", "utilization_ratio"} <= set(told[resource])
    assert told["efficiency_percent"] == 50.0


def test_r169_health_has_the_keys_of_the_paper(tmp_path: Path, sources: Sources) -> None:
    told = data(ask(tmp_path, sources, "GET", "/api/analysis/health"))
    assert set(told) == {"scheduler", "health", "checks"}
    assert told["health"] == "unhealthy", "nobody listens where its extender should be"
    assert all({"name", "ok", "detail"} <= set(check) for check in told["checks"])


def test_r170_run_answers_what_the_four_answer_and_findings(tmp_path: Path, sources: Sources) -> None:
    body = {
        "scheduler": "default-scheduler", "analysis_type": "failures", "metrics": ["latency"],
        "time_range": {"start": "2020-01-01T03:00:00Z", "end": "2020-02-02T03:00:00+00:00"},
    }  # fmt: skip
    told = data(ask(tmp_path, sources, "POST", "/api/analysis/run", json=body))
    assert next(iter(told)) == "analysis_type"
    assert {"performance", "decision_paths", "utilization", "health", "findings"} <= set(told)
    assert told["performance"]["time_range"]["start"] == "2020-01-01T03:00:00.000000Z"
    assert "success_rate" not in told["performance"]
    assert all({"severity", "title", "detail", "remedy", "evidence"} <= set(each) for each in told["findings"])
    bare = data(ask(tmp_path, sources, "POST", "/api/analysis/run"))
    assert (bare["analysis_type"], bare["decision_paths"][0]["count"]) == ("performance", 19)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"analysis_type": "magic"}, "analysis_type"),
        ({"metrics": ["speed"]}, "metrics"),
        ({"metrics": []}, "metrics"),
        ({"time_range": {"start": "yesterday"}}, "time_range.start"),
        ({"time_range": {"start": "2026-01-02T00:00:00"}}, "time_range.start"),
        ({"time_range": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}, "time_range.start"),
        ({"colour": "red"}, "body"),
        ([1], "body"),
        ({"scheduler": 5}, "scheduler"),
        ({"scheduler": "x" * 300}, "scheduler"),
    ],
)
def test_r170_bad_bodies_are_refused_by_path(tmp_path: Path, sources: Sources, body: Any, path: str) -> None:
    told = refusal(ask(tmp_path, sources, "POST", "/api/analysis/run", json=body), 422)
    assert [detail["path"] for detail in told["details"]] == [path], told


@pytest.mark.parametrize(
    ("query", "path"),
    [("metrics=speed", "metrics"), ("metrics=,", "metrics"), ("start=1h&end=2h", "start"), ("start=999d", "start"),
     ("end=tomorrow", "end"), ("colour=red", "colour")],
)  # fmt: skip
def test_r166_bad_parameters_are_refused_by_name(tmp_path: Path, sources: Sources, query: str, path: str) -> None:
    told = refusal(ask(tmp_path, sources, "GET", f"/api/analysis/performance?{query}"), 422)
    assert [detail["path"] for detail in told["details"]] == [path]


def test_without_a_store_a_run_says_so(tmp_path: Path) -> None:
    assert "keeps no decisions" in refusal(ask(tmp_path, None, "POST", "/api/analysis/run"), 503)["message"]


def test_r173_the_schedulers_of_the_range_are_listed(tmp_path: Path, sources: Sources) -> None:
    told = data(ask(tmp_path, sources, "GET", "/api/v1/analysis/schedulers?start=1h"))
    assert told == {"schedulers": [{"name": "default-scheduler", "decisions": 20}]}
    none = data(ask(tmp_path, sources, "GET", "/api/analysis/performance?scheduler=nobody"))
    assert (none["scheduler"], none["average_latency_ms"]) == ("nobody", None)
