"""`trimtab decisions` against a console that really listens, and `trimtab analytics --import`."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import uvicorn
import yaml
from click.testing import CliRunner, Result

from analytics.__main__ import main as sidecar
from analytics.store import Store
from analytics.store.decisions import Decisions
from analytics.web.app import console_app
from extender.cli.decisions import decisions
from extender.record.frames import PodRef
from tests.analytics.web.a_console import T0_US, a_console, a_store
from tests.browser.frames import Cluster

POD = PodRef(namespace="team-a", name="web-0", uid="u1", scheduler="default-scheduler")
COUNT = 12


@pytest.fixture(scope="module")
def store() -> Store:
    cluster = Cluster(5)
    frames = [f for at in range(COUNT - 2) for f in cluster.decision(T0_US - 60_000_000 + at * 1_000_000)]
    frames += cluster.decision(T0_US, pod=POD, end="unschedulable")
    frames += cluster.decision(T0_US + 2_000_000, pod=POD, attempt=2, end="scheduled")
    return a_store(frames)


@pytest.fixture(scope="module")
def url(store: Store) -> Iterator[str]:
    app = console_app(a_console(store, hosts=("127.0.0.1",)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def told(url: str):
    def run(*args: str) -> Result:
        return CliRunner().invoke(decisions, args, env={"TRIMTAB_SERVER": url})

    return run


@pytest.fixture
def pair(told) -> list[str]:
    """Ids of the attempts at the pod, oldest first."""
    names: list[str] = told("list", "--pod", "team-a/web-0", "-o", "name").stdout.split()
    return names[::-1]


def test_the_list_is_a_table_newest_first_and_says_what_it_leaves_out(told) -> None:
    result = told("list", "--limit", "2")
    head, first, second = result.stdout.splitlines()
    assert head.split()[:6] == ["TIME", "NAMESPACE", "POD", "ATTEMPT", "OUTCOME", "NODE"]
    assert first.split()[1:5] == ["team-a", "web-0", "2", "scheduled"]
    assert second.split()[1:5] == ["team-a", "web-0", "1", "unschedulable"]
    assert (result.exit_code, result.stderr) == (0, f"2 of {COUNT}; --limit shows more\n")


def test_the_list_takes_the_filters_and_forms_of_the_api(told) -> None:
    found = json.loads(told("list", "--pod", "team-a/web-0", "--outcome", "scheduled", "-o", "json").stdout)
    assert [(one["pod"]["name"], one["outcome"]) for one in found] == [("web-0", "scheduled")]
    assert yaml.safe_load(told("list", "--pod", "team-a/web-0", "-o", "yaml").stdout)[0]["scores"]
    wide = told("list", "-o", "wide", "--no-headers", "--limit", "1").stdout
    assert "default-scheduler" in wide
    assert "POD" not in wide


def test_one_decision_is_a_sheet(told, pair) -> None:
    sheet = told("show", pair[1]).stdout
    assert f"Decision:    {pair[1]}" in sheet
    assert "TargetLoadPacking" in sheet
    assert json.loads(told("show", pair[1], "-o", "json").stdout)["id"] == pair[1]


def test_the_flowchart_is_the_text_of_the_api(told, pair) -> None:
    assert told("flowchart", pair[1]).stdout.startswith("flowchart")
    assert told("flowchart", "--pod", "team-a/web-0").stdout == told("flowchart", pair[1]).stdout
    assert told("flowchart").stdout.startswith("flowchart")
    assert told("flowchart", "x", "--pod", "a/b").exit_code == 2


def test_two_decisions_are_compared(told, pair) -> None:
    text = told("compare", *pair).stdout
    assert text.startswith("The first found no place, the second was placed on node-")
    assert ["outcome", "unschedulable", "scheduled"] in [line.split() for line in text.splitlines()]
    assert json.loads(told("compare", *pair, "-o", "json").stdout)["verdict"] == "placed"


def test_an_export_goes_to_a_file_or_to_standard_output(told, tmp_path: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(told("export").stdout)))
    assert len(lines) == COUNT
    path = tmp_path / "d.json"
    result = told("export", "-f", str(path), "--pod", "team-a/web-0")
    assert (result.exit_code, result.stdout) == (0, "")
    assert len(json.loads(path.read_text())) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["d.json"], "nothing is left beside it"


def test_what_cannot_be_done_has_a_code_and_words(told, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("before")
    many = told("export", "-f", str(path), "--limit", "3")
    assert (many.exit_code, path.read_text()) == (2, "before")
    assert f"{COUNT} decisions match, and 3 may be exported" in many.stderr
    absent = told("show", "nowhere")
    assert (absent.exit_code, absent.stdout) == (1, "")
    assert absent.stderr.startswith("trimtab: No decision nowhere")
    assert told("list", "--since", "soon").exit_code == 2
    assert told("export", "-f", str(tmp_path / "no" / "d.csv")).exit_code == 1
    away = CliRunner().invoke(decisions, ["list", "--server", "http://127.0.0.1:1"])
    assert (away.exit_code, "name another with --server" in away.stderr) == (3, True)


def test_an_export_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    class Broken(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\nid,\r\n")
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Broken)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = tmp_path / "d.csv"
    path.write_text("before")
    address = f"http://127.0.0.1:{server.server_port}"
    result = CliRunner().invoke(decisions, ["export", "-f", str(path), "--server", address])
    server.shutdown()
    server.server_close()
    assert (result.exit_code, path.read_text()) == (3, "before")
    assert [p.name for p in tmp_path.iterdir()] == ["d.csv"]


def test_an_exported_file_is_taken_into_another_store_once(told, tmp_path: Path) -> None:
    path, target = tmp_path / "d.parquet", tmp_path / "other.duckdb"
    assert told("export", "-f", str(path)).exit_code == 0
    args = ["--store", str(target), "--import", str(path)]
    first, again = CliRunner().invoke(sidecar, args), CliRunner().invoke(sidecar, args)
    assert (first.exit_code, again.exit_code) == (0, 0), first.stderr
    assert f"{COUNT} decisions taken in, 0 were here already" in first.stdout
    assert f"0 decisions taken in, {COUNT} were here already" in again.stdout
    other = Store.open(target)
    assert Decisions(other).count() == COUNT
    other.close()
    strange = CliRunner().invoke(sidecar, ["--store", str(target), "--import", str(tmp_path / "none")])
    assert (strange.exit_code, "there is no such file" in strange.stderr) == (1, True)
