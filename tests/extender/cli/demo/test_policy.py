"""The policy that the demo starts with."""

from __future__ import annotations

from pathlib import Path

import yaml

from extender.cli.demo.policy import TEXT, write_policy
from extender.framework.info import plugin_info
from extender.plugins import installed
from extender.policy import parse


def test_it_is_valid_and_uses_every_kind_of_plugin() -> None:
    plugins, refused = installed()
    assert not refused
    catalogue = {plugin.name: plugin_info(plugin) for plugin in plugins}
    parsed = parse(TEXT, catalogue)
    used = {plugin.name for profile in parsed.profiles for plugin in profile.plugins}
    shown = {
        "Coscheduling",
        "CapacityScheduling",
        "PreemptionToleration",
        "Rescheduler",
        "TargetLoadPacking",
        "PodState",
    }
    assert shown <= used
    assert not parsed.warnings


def test_edits_of_an_earlier_run_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "policy.yaml"
    assert write_policy(path)
    path.write_text("mine")
    assert not write_policy(path)
    assert path.read_text() == "mine"


def test_it_is_yaml_that_people_can_edit() -> None:
    assert yaml.safe_load(TEXT)["kind"] == "SchedulingPolicy"
    assert TEXT.count("#") > 5
