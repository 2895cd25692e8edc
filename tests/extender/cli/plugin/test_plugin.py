"""`trimtab plugin`: what is installed, with inputs and profiles as a running extender tells them, or without."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from extender.cli.plugin import plugin
from extender.cli.plugin.show import listed
from extender.cli.plugin.sources import Told
from extender.plugins import PLUGINS

NAMES = sorted(p.name for p in PLUGINS)


def told(*args: str) -> Result:
    return CliRunner().invoke(plugin, args)


def entry(name: str, **more: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"properties": {}}
    plain = {"phases": ["score"], "maturity": "beta", "doc": "Does it.", "argsSchema": schema, "defaults": {}}
    return {"name": name, **plain, "aliases": [], "members": [], "inputs": [], **more}


CATALOGUE = [
    entry("Packing", inputs=[{"name": "node load metrics", "state": "stale", "detail": "400 s old", "present": False}]),
    entry(
        "Gangs",
        phases=["preFilter", "permit"],
        aliases=["GangSort"],
        inputs=[{"name": "PodGroup", "state": "present", "detail": "2 objects", "present": True}],
        argsSchema={
            "$ref": "#/$defs/GangArgs",
            "$defs": {
                "GangArgs": {
                    "properties": {
                        "waitSeconds": {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": 2**63 - 1,
                            "description": "How long.",
                        },
                        "kind": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                        "names": {"type": "array", "items": {"$ref": "#/$defs/Name"}},
                    }
                },
                "Name": {"enum": ["a", "b"]},
            },
        },
        defaults={"waitSeconds": 60},
    ),
    entry("Family", phases=[], members=["Packing", "Gangs"]),
    entry("Idle"),
]
SEATS = [
    {"profile": "default-scheduler", "name": "Packing", "phases": ["score"], "weight": 2},
    {"profile": "default-scheduler", "name": "Gangs", "phases": ["permit", "preFilter"], "weight": 1},
    {"profile": "batch", "name": "Packing", "phases": ["score"], "weight": 1},
]


@pytest.fixture
def url() -> Iterator[str]:
    """The admin address of a small extender that only tells."""

    class Extender(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages = {"/catalogue": CATALOGUE, "/configz": {"plugins": SEATS}}
            known = self.path in pages
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(pages.get(self.path)).encode())

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Extender)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def rows(result: Result) -> dict[str, list[str]]:
    assert result.exit_code == 0, result.stderr
    cells = [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in result.stdout.splitlines()]
    return {row[0]: row[1:] for row in cells if row}


def test_the_list_says_phases_maturity_inputs_and_where_each_is_on(url: str) -> None:
    found = rows(told("list", "--extender", url))
    assert list(found) == ["NAME", "Family", "Gangs", "Idle", "Packing"]
    assert found["Gangs"] == ["preFilter,permit", "beta", "PodGroup", "default-scheduler"]
    assert found["Packing"] == ["score", "beta", "node load metrics (stale)", "default-scheduler, batch"]
    assert found["Idle"] == ["score", "beta", "-", "off"]
    assert found["Family"] == ["score,preFilter,permit", "beta", "-", "default-scheduler"]


def test_wide_adds_phases_and_weight_of_each_profile_names_and_what_it_does(url: str) -> None:
    found = rows(told("list", "--extender", url, "-o", "wide"))
    assert found["Packing"][3:] == ["default-scheduler [score x2], batch [score x1]", "-", "-", "Does it."]
    assert found["Gangs"][4] == "GangSort"
    assert found["Family"][5] == "Packing,Gangs"


def test_data_formats_hold_everything_and_names_only_names(url: str) -> None:
    as_json = json.loads(told("list", "--extender", url, "-o", "json").stdout)
    assert as_json == yaml.safe_load(told("list", "--extender", url, "-o", "yaml").stdout)
    assert as_json[3]["profiles"] == [
        {"profile": "default-scheduler", "phases": ["score"], "weight": 2},
        {"profile": "batch", "phases": ["score"], "weight": 1},
    ]
    assert told("list", "--extender", url, "-o", "name").stdout.split() == ["Family", "Gangs", "Idle", "Packing"]


def test_the_extender_is_found_by_the_environment(url: str) -> None:
    result = CliRunner(env={"TRIMTAB_EXTENDER": url}).invoke(plugin, ["list", "-o", "name"])
    assert "Gangs" in result.stdout


@pytest.mark.parametrize("name", ["Gangs", "gangs", "GangSort"])
def test_a_plugin_is_described_by_any_of_its_names(url: str, name: str) -> None:
    result = told("describe", name, "--extender", url)
    assert result.exit_code == 0
    found = rows(result)
    assert found["On in:"] == ["default-scheduler [permit,preFilter]"]
    assert found["PodGroup"] == ["present", "2 objects"]
    assert found["waitSeconds"] == ["integer", "60", ">=0", "How long."]
    assert found["kind"] == ["string|null", "-", "-", "-"]
    assert found["names"][0] == "list of a|b"


def test_an_unknown_name_is_a_no_with_the_nearest_ones(url: str) -> None:
    result = told("describe", "Packng", "--extender", url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "did you mean Packing?" in result.stderr


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "nonsense", "http://127.0.0.1:1:2"])
def test_an_extender_that_cannot_be_asked_is_named_with_what_to_do(address: str) -> None:
    result = told("list", "--extender", address)
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"{address}/catalogue" in result.stderr
    assert "--offline" in result.stderr


def test_another_service_is_not_taken_for_an_extender() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'["hello"]')

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Other)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    result = told("list", "--extender", f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    thread.join()
    assert result.exit_code == 3
    assert "not as an extender's admin port does" in result.stderr


def test_offline_every_installed_plugin_is_listed_and_nobody_knows_what_is_there() -> None:
    found = rows(told("list", "--offline"))
    assert list(found)[1:] == NAMES
    assert all(row[-1] == "?" for name, row in found.items() if name != "NAME")


@pytest.mark.parametrize("name", NAMES)
def test_every_installed_plugin_can_be_described(name: str) -> None:
    result = told("describe", name, "--offline")
    assert result.exit_code == 0
    assert rows(result)["Name:"] == [name]
    assert json.loads(told("describe", name, "--offline", "-o", "json").stdout)["name"] == name
    assert told("describe", name, "--offline", "-o", "name").stdout == f"{name}\n"


def test_a_wrong_option_is_a_usage_error() -> None:
    assert told("list", "-o", "xml").exit_code == 2


def test_what_limits_a_plugin_stands_beside_the_profile() -> None:
    seat = {"profile": "default-scheduler", "phases": ["score"], "weight": 1}
    limits: list[dict[str, Any]] = [
        {"mode": "shadow"},
        {"mode": "enforce"},
        {"canary": {"percent": 12.5}, "until": "2026-11-21T18:00:00Z"},
        {"canary": {"namespaces": ["a"]}, "skippedNow": "breaker open"},
    ]
    plugins = [entry(f"P{i}", profiles=[seat | more]) for i, more in enumerate(limits)]

    rows = [line.rsplit("   ", 1)[1] for line in listed(Told(plugins), "table").splitlines()[1:]]

    assert rows == [
        "default-scheduler (shadow)",
        "default-scheduler",
        "default-scheduler (canary 12.5 %, until 2026-11-21T18:00:00Z)",
        "default-scheduler (canary, breaker open)",
    ]
