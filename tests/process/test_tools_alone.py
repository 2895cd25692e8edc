"""R-087 to R-102, R-172, R-246, R-247, R-303, R-306, R-311: each tool as its own program, really started."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from analytics.programs import COMMANDS
from analytics.store import Store
from analytics.views import VIEWS
from tests.analytics.analyzer.a_scheduler import NOW_S, attempt
from tests.ports import free_port
from tests.process.a_tool import REPOSITORY, ran, running

PORTS = {
    "tenant-resource-manager": 8080,
    "scheduler-audit-analyzer": 8080,
    "scheduler-visualizer": 8080,
    "heatmap-generator": 8082,
    "performance-analyzer": 8081,
    "scheduler-analyzer": 8080,
}


def views_of(tool: str) -> list[str]:
    return [view.slug for view in VIEWS if view.tool == tool]


def test_r087_there_are_six_programs_with_the_names_and_ports_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "HOST", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert set(COMMANDS) == set(PORTS)
    for name, command in COMMANDS.items():
        params: dict[str | None, Any] = {param.name: param for param in command.params}
        assert (params["listen"].default().host, params["listen"].default().port) == ("127.0.0.1", PORTS[name])
        assert ("metrics" in params) == (name != "performance-analyzer"), "its metrics are on its web port alone"
        if "metrics" in params:
            assert params["metrics"].default().port == 8081
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    for name, command in COMMANDS.items():
        module, _, attribute = scripts[name].partition(":")
        assert getattr(import_module(module), attribute) is command


@pytest.mark.parametrize("name", sorted(PORTS))
def test_r089_r092_r096_r097_r158_each_serves_its_own_page_health_and_metrics_and_nothing_else(
    name: str, tmp_path: Path
) -> None:
    own = views_of(name)
    with running(name, tmp_path, metrics=name != "performance-analyzer") as tool:
        page = tool.get("/")
        assert page.status_code == 200
        assert f'data-pages="{" ".join(own)}"' in page.text
        for port in {tool.port, tool.metrics_port}:
            assert tool.get("/health", port=port).json()["status"] == "healthy"
            assert "trimtab_ingest_frames_total" in tool.get("/metrics", port=port).text
        for view in VIEWS:
            for endpoint in view.endpoints:
                if "{" not in endpoint.path:
                    absent = "No such API" in tool.get(endpoint.path).text
                    assert absent == (view.tool != name), endpoint.path
            assert (tool.get(f"/{view.slug}").status_code == 200) == (view.tool == name)
        assert tool.get("/api/v1/policy").status_code == 404
        assert tool.get("/api/v1/session").status_code == 200
        assert tool.metric("scheduler_analyzer_analysis_duration_seconds") == (name == "scheduler-analyzer")
        described = tool.get("/api/v1/openapi.json").json()["paths"]
        assert ("/api/analysis/run" in described) == (name == "scheduler-analyzer")
        assert [each["name"] for each in tool.get("/api/v1/tools").json()["data"]["tools"]] == ([name] if own else [])
    lines = [json.loads(line) for line in tool.log.read_text().splitlines()]
    assert lines
    assert {line["tool"] for line in lines} == {name}, "R-100: lines name the tool"


def test_r102_the_lines_of_the_paper_make_a_wrapper_and_start_it(tmp_path: Path) -> None:
    built = subprocess.run(
        ["./build-local.sh", "scheduler-analyzer"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    told = subprocess.run(
        [REPOSITORY / "bin" / "scheduler-analyzer", "--version"], cwd=tmp_path, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert re.fullmatch(r"scheduler-analyzer \d\S*\n", told.stdout)
    wrong = subprocess.run(["./build-local.sh", "sched"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "heatmap-generator" in wrong.stderr


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with twenty attempts of the last minutes; every fifth failed."""
    path = tmp_path_factory.mktemp("stored") / "trimtab.duckdb"
    store = Store.open(path)
    shift = time.time() - NOW_S
    store.write(row for n in range(20) for row in attempt(n, 60 + n - shift, rank=3 if n % 5 else 1, pod=f"p{n}"))
    store.close()
    return path


def test_r303_why_pods_failed_is_printed_from_a_store_and_from_the_usual_file(stored: Path) -> None:
    by_flag = ran(
        "scheduler-analyzer", "--analysis-type=failures", "--time-range=1h", f"--store={stored}", cwd=stored.parent,
        TRIMTAB_SERVER="",
    )  # fmt: skip
    assert (by_flag.returncode, by_flag.stderr) == (0, "")
    assert "4 attempts  Fit: too small (40 nodes)" in by_flag.stdout
    assert "a/p0" in by_flag.stdout
    focus = ran(
        "scheduler-analyzer", "--scheduler-name=default-scheduler", "--focus=failures", f"--store={stored}",
        cwd=stored.parent,
    )  # fmt: skip
    assert "Why attempts failed" in focus.stdout


def test_r306_bottlenecks_are_named_and_the_health_is_an_exit_code(stored: Path) -> None:
    found = ran(
        "scheduler-analyzer", "--analysis-type=performance", "--output=detailed", f"--store={stored}", cwd=stored.parent
    )
    assert found.returncode == 0, found.stderr
    assert "Bottlenecks" in found.stdout
    assert "Average latency: 20.00 ms" in found.stdout
    assert "Success rate: 80.00 %" in found.stdout
    well = ran(
        "scheduler-analyzer", "--health-check", "--scheduler-name=default-scheduler", f"--store={stored}",
        cwd=stored.parent,
    )  # fmt: skip
    assert (well.returncode, well.stdout.splitlines()[0]) == (0, "default-scheduler is healthy")
    other = ran(
        "scheduler-analyzer", "--health-check", "--scheduler-name=other", f"--store={stored}", cwd=stored.parent
    )
    assert other.returncode == 1
    assert "no decision is recorded" in other.stdout


def test_r172_answers_come_from_a_running_console_too_and_it_keeps_its_store(stored: Path, tmp_path: Path) -> None:
    with running("scheduler-analyzer", tmp_path, store=str(stored)) as tool:
        tool.get("/health")
        told = ran(
            "scheduler-analyzer", "--analysis-type=decisions", "--output=json", f"--server={tool.url}", cwd=tmp_path
        )
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout)["decision_paths"][0]["count"] == 16
        ill = ran("scheduler-analyzer", "--health-check", f"--server={tool.url}", cwd=tmp_path)
        assert ill.returncode == 1, "no extender runs"
        assert "[critical] extender" in ill.stdout
        held = ran("scheduler-analyzer", "--analysis-type=decisions", f"--store={stored}", cwd=tmp_path)
        assert held.returncode == 3
        assert "--server" in held.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--analysis-type=failures", "--store=nowhere.duckdb"), 3, "there is no store"),
        (("--analysis-type=failures", "--server=http://127.0.0.1:1"), 3, "does not answer"),
        (("--analysis-type=magic",), 2, "--analysis-type"),
        (("--time-range=soon",), 2, "30m, 1h or 7d"),
        (("--health-check", "--test-connection"), 2, "one answer at a time"),
        (("--api-server=http://x",), 2, "--test-connection"),
        (("--test-connection", "--api-server=http://127.0.0.1:1"), 3, "cannot be reached"),
        (("--test-connection", "--kubeconfig=nowhere"), 3, "--kubeconfig"),
        (("--port=70000",), 2, "--port"),
        (("--tool=heatmap-generator",), 2, "--tool"),
    ],
)
def test_r172_exit_codes_say_what_kind_of_trouble_it_is(
    args: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    told = ran("scheduler-analyzer", *args, cwd=tmp_path)
    assert (told.returncode, said in told.stderr) == (code, True), told.stderr


class _Api(BaseHTTPRequestHandler):
    """The little of an API server that a connection test asks for."""

    code = 200

    def do_GET(self) -> None:
        body = json.dumps({"gitVersion": "v1.36.3"}).encode()
        self.send_response(self.code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def api_server(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Api", (_Api,), {"code": request.param})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("api_server", "code", "said"),
    [(200, 0, "version v1.36.3"), (403, 0, "without credentials"), (500, 1, "a fault of its own")],
    indirect=["api_server"],
)
def test_r311_the_connection_test_tells_whether_it_answers_and_the_round_trip(
    api_server: str, code: int, said: str, tmp_path: Path
) -> None:
    told = ran("scheduler-analyzer", "--test-connection", f"--api-server={api_server}", cwd=tmp_path)
    assert told.returncode == code, told.stderr
    assert said in told.stdout
    assert re.search(r"round trip .*: \d+\.\d+ ms at best", told.stdout)


def test_r087_metrics_on_the_web_port_alone_when_both_are_the_same(tmp_path: Path) -> None:
    port = free_port()
    with running("scheduler-analyzer", tmp_path, f"--metrics=127.0.0.1:{port}", port=port, metrics=False) as tool:
        assert "trimtab_ingest_frames_total" in tool.get("/metrics").text


def test_a_taken_port_ends_with_three_and_names_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = ran("heatmap-generator", f"--port={taken.getsockname()[1]}", cwd=tmp_path)
    assert told.returncode == 3
    assert "choose another address" in told.stderr


def mounted(folder: Path, **keys: str) -> None:
    """Put keys as kubelet does: a new folder, and one link that is swapped."""
    folder.mkdir(exist_ok=True)
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir()
    for key, text in keys.items():
        (version / key).write_text(text)
    link = folder / "..tmp"
    link.symlink_to(version.name)
    link.replace(folder / "..data")
    for path in folder.iterdir():
        if path.is_symlink() and path.name != "..data" and path.name not in keys:
            path.unlink()
    for key in keys:
        if not (folder / key).is_symlink():
            (folder / key).symlink_to(f"..data/{key}")


def test_r246_r247_tools_intervals_and_levels_follow_the_mounted_configmaps_while_it_runs(tmp_path: Path) -> None:
    tools, logging = tmp_path / "tools", tmp_path / "logging"
    mounted(tools, environment="production", scheduler_analyzer_enabled="false", metrics_interval="60s")
    mounted(logging, **{"log-level": "info", "log-format": "json", "log-output": "stdout"})
    with running("scheduler-analyzer", tmp_path, f"--config={tools}", f"--config={logging}") as tool:
        assert tool.get("/health").json()["checks"] == {"store": "ok", "ingest": "ok"}, "no worker runs"
        assert tool.get("/").status_code == 404
        assert tool.get("/api/analysis/health").status_code == 404
        assert tool.post("/api/analysis/run").status_code == 404
        assert not tool.metric("scheduler_analyzer_")
        mounted(
            tools, environment="production", scheduler_analyzer_enabled="true", metrics_interval="soon", colour="red"
        )
        tool.until("/", 200)
        assert tool.get("/api/analysis/health").status_code == 200
        assert tool.post("/api/analysis/run").status_code == 200
        assert tool.metric("scheduler_analyzer_analysis_duration_seconds")
        assert "analyzer" in tool.get("/health").json()["checks"]
        told = tool.get("/api/v1/tools").json()["data"]
        assert (told["environment"], told["metrics_interval_seconds"]) == ("production", 60.0)
        assert {(each["key"], "60.0 seconds stays" in each["message"]) for each in told["problems"]} == {
            ("metrics_interval", True), ("colour", False),
        }  # fmt: skip
        assert "trimtab_settings_problems 2.0" in tool.get("/metrics").text
        mounted(logging, **{"log-level": "debug", "log-format": "text"})
        mounted(tools, scheduler_analyzer_enabled="false")
        tool.until("/", 404)
    lines = tool.log.read_text().splitlines()
    assert any("metrics_interval" in line and "soon" in line and "warning" in line for line in lines), lines
    assert not lines[-1].startswith("{"), "the format was changed to text while it ran"
