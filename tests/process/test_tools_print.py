"""R-118, R-131, R-159, R-305, R-309, R-310: what the other tools print and end with, against a console that answers as
the paper says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from analytics.store import Store
from analytics.views import VIEWS
from tests.process.a_tool import ran, running

TOKEN = "the-token"  # noqa: S105 - of nobody
ANALYSIS: dict[str, Any] = {
    "time_range": {"start": "2026-01-01T03:00:00Z", "end": "2026-01-02T03:00:00Z"},
    "latency_ms": {"average": 18.4, "p50": 12.0, "p95": 60.0, "p99": 120.0},
    "throughput_pods_per_second": 41.5,
    "success_rate": 0.987,
    "trends": [
        {"metric": "latency", "direction": "rising", "change_per_hour": 0.8},
        {"metric": "throughput", "direction": "flat", "change_per_hour": 0.0},
    ],
    "forecast": [{"metric": "latency", "time": "2026-01-02T04:00:00Z", "value": 19.2, "low": 16.0, "high": 23.0}],
    "anomalies": [
        {"metric": "latency", "time": "2026-01-02T01:10:00Z", "value": 95.0, "expected": 20.0, "severity": "warning"}
    ],
    "recommendations": [{"id": "r1", "severity": "warning", "title": "Give it time", "detail": "It is slow."}],
}
QUOTA = {
    "tenant": "team-a",
    "quota": {"cpu": "10", "memory": "20Gi", "storage": "100Gi", "gpu": "2", "pods": 100},
    "limit": {"cpu": "15", "memory": "30Gi", "storage": "150Gi", "gpu": "3", "pods": 150},
    "priority": 100,
    "policies": {"allowBurstable": True, "maxBurstRatio": 1.5},
}
USAGE = {
    "tenant": "team-a",
    "time": "2026-01-02T03:04:05Z",
    "used": {"cpu": "4500m", "memory": "9Gi", "storage": "20Gi", "gpu": "0", "pods": 37},
    "usage_ratio": {"cpu": 0.45, "memory": 0.45, "storage": 0.2, "gpu": 0.0, "pods": 0.37},
    "namespaces": {"team-a-dev": {"cpu": "1500m", "memory": "3Gi", "storage": "5Gi", "gpu": "0", "pods": 12}},
    "burst": {"active": False, "resources": []},
    "violations": [],
}
OVER = USAGE | {"tenant": "over", "violations": [{"resource": "cpu", "used": "16", "limit": "15"}]}
ANSWERS = {
    "/api/analysis": ANALYSIS,
    "/api/tenants/team-a/quota": QUOTA,
    "/api/tenants/team-a/usage": USAGE,
    "/api/tenants/over/quota": QUOTA | {"tenant": "over"},
    "/api/tenants/over/usage": OVER,
}


def _error(message: str) -> dict[str, Any]:
    return {"status": "error", "message": message}


class _Console(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        path = urlsplit(self.path).path
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            code, body = 401, _error("Credentials are needed.")
        elif path in ANSWERS:
            code, body = 200, {"status": "success", "data": ANSWERS[path]}
        else:
            code, body = 404, _error("There is no tenant of that name.")
        told = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture(scope="module")
def asked() -> list[str]:
    return []


@pytest.fixture(scope="module")
def console(asked: list[str]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), type("Console", (_Console,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def has(tool: str) -> bool:
    return any(view.tool == tool for view in VIEWS)


def test_r159_r305_measures_are_printed_in_depth(console: str, asked: list[str], tmp_path: Path) -> None:
    told = ran(
        "performance-analyzer", "--metrics=latency,throughput,success_rate", "--time-range=1h", f"--server={console}",
        cwd=tmp_path, TRIMTAB_TOKEN=TOKEN,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    for said in (
        "Latency: average 18.40 ms, p50 12.00 ms, p95 60.00 ms, p99 120.00 ms", "Throughput: 41.50 pods/s",
        "Success rate: 98.70 %", "trend: rising, +0.8 per hour", "forecast for 2026-01-02T04:00:00Z: 19.2",
        "anomalies: 1", "95 where 20 was expected", "[warning] Give it time",
    ):  # fmt: skip
        assert said in told.stdout, told.stdout
    query = parse_qs(urlsplit(asked[-1]).query)
    assert set(query) == {"start", "end"}
    assert query["start"][0].endswith("Z")


def test_r159_only_the_chosen_measures_are_told(console: str, tmp_path: Path) -> None:
    told = ran(
        "performance-analyzer", "--metrics=throughput", "--output=json", f"--server={console}", cwd=tmp_path,
        TRIMTAB_TOKEN=TOKEN,
    )  # fmt: skip
    found = json.loads(told.stdout)
    assert "latency_ms" not in found
    assert [each["metric"] for each in found["trends"]] == ["throughput"]
    assert (found["throughput_pods_per_second"], found["anomalies"]) == (41.5, [])


def test_r118_r309_one_tenant_is_looked_at(console: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    args = ("--debug", f"--server={console}", f"--token-file={token}")
    told = ran("tenant-resource-manager", *args, "--tenant-id=team-a", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "Tenant team-a, priority 100" in told.stdout
    assert [line.split() for line in told.stdout.splitlines() if line.startswith("cpu")] == [
        ["cpu", "4500m", "10", "15", "45.0", "%"]
    ]
    over = ran("tenant-resource-manager", *args, "--tenant-id=over", cwd=tmp_path)
    assert over.returncode == 1
    assert "Violations: 1" in over.stdout
    nobody = ran("tenant-resource-manager", *args, "--tenant-id=nobody", cwd=tmp_path)
    assert (nobody.returncode, nobody.stderr) == (1, "error: There is no tenant of that name.\n")


def test_r118_debug_alone_starts_the_tool_with_a_detailed_log(tmp_path: Path) -> None:
    with running("tenant-resource-manager", tmp_path, "--debug") as tool:
        told = tool.get("/api/v1/tools").json()["data"]
        assert told["log"]["level"] == "debug"


@pytest.mark.parametrize(
    ("name", "args", "code", "said"),
    [
        ("performance-analyzer", ("--metrics=latency",), 3, "HTTP 401: Credentials are needed."),
        ("performance-analyzer", ("--metrics=speed",), 2, "does not name some of latency"),
        ("performance-analyzer", ("--metrics=",), 2, "does not name some of latency"),
        ("performance-analyzer", ("--time-range=1h",), 2, "belong to --metrics"),
        ("tenant-resource-manager", ("--tenant-id=team-a",), 2, "belongs to --debug"),
    ],
)
def test_r172_the_codes_are_the_same_for_all_tools(
    name: str, args: tuple[str, ...], code: int, said: str, console: str, tmp_path: Path
) -> None:
    told = ran(name, *args, f"--server={console}", cwd=tmp_path)
    assert (told.returncode, said in told.stderr) == (code, True), told.stderr


def test_r131_r310_the_logs_are_judged_and_the_code_says_whether_all_is_well(tmp_path: Path) -> None:
    """In a tree without the audit analyzer it says that."""
    log = tmp_path / "audit.log"
    event = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a",
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/a/pods", "verb": "create",
        "user": {"username": "u"},
        "objectRef": {"resource": "pods", "namespace": "a", "name": "p", "apiVersion": "v1"},
        "responseStatus": {"code": 201}, "requestReceivedTimestamp": "2026-01-02T03:04:05.000000Z",
        "stageTimestamp": "2026-01-02T03:04:05.100000Z",
    }  # fmt: skip
    log.write_text(json.dumps(event) + "\n")
    well = ran("scheduler-audit-analyzer", "--validate-config", f"--audit-log={log}", cwd=tmp_path)
    absent = ran("scheduler-audit-analyzer", "--validate-config", f"--audit-log={tmp_path / 'no.log'}", cwd=tmp_path)
    nothing = ran("scheduler-audit-analyzer", "--validate-config", cwd=tmp_path)
    if not has("scheduler-audit-analyzer"):
        assert {well.returncode, absent.returncode, nothing.returncode} == {3}
        assert "lacks the audit analyzer" in well.stderr
        return
    assert well.returncode == 0, well.stdout + well.stderr
    assert (absent.returncode, "no.log" in absent.stdout) == (1, True)
    assert (nothing.returncode, "--audit-log" in nothing.stdout) == (1, True)


class _Api(BaseHTTPRequestHandler):
    """The little of an API server that a look at the cluster asks for: one node, one pod of team-a."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        items = LISTS.get(url.path)
        if items is None:
            code, body = 404, json.dumps({"kind": "Status", "code": 404}).encode()
        elif "watch" in parse_qs(url.query):
            code, body = 200, b""
        else:
            code, body = 200, json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


LISTS: dict[str, list[dict[str, Any]]] = {
    "/api/v1/nodes": [{"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "8", "memory": "16Gi"}}}],
    "/api/v1/pods": [
        {
            "metadata": {"name": "p", "namespace": "a", "uid": "u"},
            "spec": {
                "nodeName": "n",
                "containers": [{"name": "c", "resources": {"requests": {"cpu": "2500m", "memory": "4Gi"}}}],
            },
            "status": {"phase": "Running"},
        }
    ],
}
TENANT = """\
- name: team-a
  namespaces: [a]
  quota: {cpu: "10", memory: 20Gi, storage: 100Gi, gpu: "2", pods: 100}
  priority: 100
  policies: {allowBurstable: true, maxBurstRatio: 1.5, preemptionPolicy: LowerPriority, schedulingPolicy: BestEffort}
"""


def test_r309_without_a_console_the_cluster_itself_is_looked_at_once(tmp_path: Path) -> None:
    Store.open(tmp_path / "s.duckdb").close()
    (tmp_path / "t.yaml").write_text(TENANT)
    args = (
        "--debug",
        "--tenant-id=team-a",
        f"--tenants-file={tmp_path / 't.yaml'}",
        f"--store={tmp_path / 's.duckdb'}",
    )
    nowhere = ran("tenant-resource-manager", *args, cwd=tmp_path)
    assert (nowhere.returncode, "--kubeconfig" in nowhere.stderr) == (3, True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    try:
        told = ran("tenant-resource-manager", *args, f"--kubeconfig={tmp_path / 'kubeconfig'}", cwd=tmp_path)
        use = ran(
            "scheduler-analyzer", "--analysis-type=utilization", f"--store={tmp_path / 's.duckdb'}",
            f"--kubeconfig={tmp_path / 'kubeconfig'}", cwd=tmp_path,
        )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    assert told.returncode == 0, told.stderr
    assert [line.split()[:4] for line in told.stdout.splitlines() if line.startswith("cpu")] == [
        ["cpu", "2500m", "10", "15"]
    ]
    assert "cpu: 8 allocatable, 2500m requested, not measured" in use.stdout
