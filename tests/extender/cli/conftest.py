"""A policy in a file, and command lines that act on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from extender.cli.manager import DEFAULTS, manager
from extender.cli.root import cli

EMPTY = """apiVersion: policy.trimtab.dev/v1alpha1
kind: SchedulingPolicy
profiles:
- schedulerName: default-scheduler
"""


class Lines:
    """Lines of `trimtab` and of plugin-manager.sh, on one policy file. Nobody is at a terminal."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def trimtab(self, *line: str, given: str = "") -> Result:
        return CliRunner().invoke(cli, line, input=given)

    def manager(self, *line: str, given: str = "") -> Result:
        defaults = {name: dict(DEFAULTS) for name in manager.commands}
        return CliRunner().invoke(manager, line, input=given, default_map=defaults)

    @property
    def profile(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.path.read_text())["profiles"][0]
        return found

    def on(self, phase: str) -> list[str]:
        return [entry["name"] for entry in self._phase(phase).get("enabled") or ()]

    def off(self, phase: str) -> list[str]:
        return [entry["name"] for entry in self._phase(phase).get("disabled") or ()]

    def args(self, plugin: str) -> dict[str, Any]:
        configs = {entry["name"]: entry.get("args") or {} for entry in self.profile.get("pluginConfig") or ()}
        return dict(configs.get(plugin, {}))

    def _phase(self, phase: str) -> dict[str, Any]:
        return dict((self.profile.get("plugins") or {}).get(phase) or {})


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lines:
    path = tmp_path / "policy.yaml"
    path.write_text(EMPTY)
    monkeypatch.setenv("TRIMTAB_POLICY_FILE", str(path))
    monkeypatch.setenv("TRIMTAB_EXTENDER", "http://127.0.0.1:1")  # nobody is there
    return Lines(path)
