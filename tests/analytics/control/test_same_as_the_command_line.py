"""R-016: whatever the command line can change can be changed over REST, with the same policy afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from extender.cli.manager import DEFAULTS, manager
from extender.cli.root import cli
from tests.analytics.control.a_desk import POLICY, Bench, as_json

NEW = POLICY.replace("cpuThreshold: 80.0", "cpuThreshold: 70.0")
WATCHING = POLICY.replace(
    "enabled: [{name: Rescheduler}]\n  pluginConfig",
    "enabled: [{name: Rescheduler}, {name: PodState, mode: shadow}]\n  pluginConfig",
)
YAML = {"content-type": "application/yaml", "if-match": "*"}

SAME: dict[str, tuple[tuple[str, ...], str, str, dict[str, Any]]] = {
    "plugin enable": (
        ("plugin", "enable", "PodState", "score"),
        "POST", "/api/v1/plugins/PodState/enable", as_json({"phases": ["score"]}),
    ),
    "plugin disable": (
        ("plugin", "disable", "Rescheduler", "filter"),
        "POST", "/api/v1/plugins/Rescheduler/disable", as_json({"phases": ["filter"]}),
    ),
    "plugin config": (
        ("plugin", "config", "Rescheduler", "cpuThreshold=85.0", "memoryThreshold=90.0"),
        "PUT", "/api/v1/plugins/Rescheduler/config", as_json({"cpuThreshold": 85.0, "memoryThreshold": 90.0}),
    ),
    "plugin shadow": (
        ("plugin", "shadow", "PodState", "score"),
        "PUT", "/api/v1/policy", {"content": WATCHING, "headers": YAML},
    ),
    "policy apply": (
        ("policy", "apply", "-f", "{new}"),
        "PUT", "/api/v1/policy", {"content": NEW, "headers": YAML},
    ),
    "policy rollback": (
        ("policy", "rollback", "1", "--yes"),
        "POST", "/api/v1/policy/revisions/1/rollback", {},
    ),
    "manager enable": (
        ("enable", "PodState", "score"),
        "POST", "/api/v1/plugins/PodState/enable", as_json({"phases": ["score"]}),
    ),
    "manager disable": (
        ("disable", "Rescheduler"),
        "POST", "/api/v1/plugins/Rescheduler/disable", {},
    ),
    "manager update": (
        ("update", "Rescheduler", "cpuThreshold", "85.0"),
        "PUT", "/api/v1/plugins/Rescheduler/config", as_json({"cpuThreshold": 85.0}),
    ),
    "manager rollback": (
        ("rollback", "1", "--yes"),
        "POST", "/api/v1/policy/revisions/1/rollback", {},
    ),
}  # fmt: skip
"""What changes the policy's text: command -> its line; method, path and body of the call that does the same."""

ALSO = {
    "policy backup": ("POST", "/api/v1/config/backup"),
    "manager backup": ("POST", "/api/v1/config/backup"),
    "policy restore": ("POST", "/api/v1/policy/restore"),
    "scheduler restart": ("POST", "/api/v1/scheduler/restart"),
    "manager restart": ("POST", "/api/v1/scheduler/restart"),
}
"""What changes something else."""


def changing(group: click.Group, name: str) -> Iterator[str]:
    """Every command that asks for a reason, for such are those that change something; of decisions it is a filter."""
    if name == "decisions":
        return
    with click.Context(group) as ctx:
        for verb in group.list_commands(ctx):
            command = group.get_command(ctx, verb)
            called = f"{name} {verb}".strip()
            if isinstance(command, click.Group):
                yield from changing(command, called)
            elif command is not None and any("--reason" in param.opts for param in command.params):
                yield called


def test_r016_each_command_that_changes_something_has_a_call(tmp_path: Path) -> None:
    assert {*changing(cli, ""), *changing(manager, "manager")} == {*SAME, *ALSO}
    paths = Bench(tmp_path).ask("GET", "/api/v1/openapi.json").json()["paths"]
    offered = {(method.upper(), path) for path, calls in paths.items() for method in calls}
    assert set(ALSO.values()) <= offered


def run(name: str, line: tuple[str, ...], folder: Path) -> Result:
    where = ["--policy-file", str(folder / "policy.yaml"), "--extender", "http://127.0.0.1:1"]
    (folder / "new.yaml").write_text(NEW)
    said = [part.format(new=folder / "new.yaml") for part in line]
    if name.startswith("manager "):
        return CliRunner().invoke(
            manager, [*said, *where], default_map={verb: dict(DEFAULTS) for verb in manager.commands}
        )
    return CliRunner().invoke(cli, [*said, *where])


@pytest.mark.parametrize("name", SAME)
def test_r016_the_call_leaves_the_same_policy_as_the_command(name: str, tmp_path: Path) -> None:
    line, method, path, body = SAME[name]
    by_line, by_call = tmp_path / "line", tmp_path / "call"
    for folder in (by_line, by_call):
        folder.mkdir()
        Bench(folder)
    if "rollback" in name:
        assert run("", ("plugin", "enable", "SySched"), by_line).exit_code == 0
        assert Kept(by_call).ask("POST", "/api/v1/plugins/SySched/enable").status_code == 200
    done = run(name, line, by_line)
    assert done.exit_code == 0, done.stderr
    answer = Kept(by_call).ask(method, path, **body)
    assert answer.status_code == 200, answer.text
    assert state(by_line) == state(by_call), name
    if "rollback" not in name:
        assert state(by_line) != POLICY


class Kept(Bench):
    """On the policy that stands in the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, policy=(folder / "policy.yaml").read_text())


def state(folder: Path) -> Any:
    return yaml.safe_load((folder / "policy.yaml").read_text())


def test_r016_a_backup_is_the_same_by_both_ways(tmp_path: Path) -> None:
    by_line, by_call = tmp_path / "line", tmp_path / "call"
    for folder in (by_line, by_call):
        folder.mkdir()
        Bench(folder)
    assert run("policy backup", ("policy", "backup"), by_line).exit_code == 0
    answer = Kept(by_call).ask("POST", "/api/v1/config/backup")
    assert answer.json()["data"]["reason"] == "manual"
    listed = run("", ("policy", "history", "-o", "json"), by_line)
    (one,) = [row for row in json.loads(listed.stdout) if row.get("kind", row.get("reason")) == "manual"]
    (other,) = Kept(by_call).ask("GET", "/api/v1/policy/revisions?view=full").json()["data"]["revisions"]
    assert one["hash"] == other["hash"]
