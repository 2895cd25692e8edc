"""What policy and catalogue learn of a plugin."""

from __future__ import annotations

import jsonschema
import pytest

from extender.framework import Plugin
from extender.framework.info import plugin_info
from extender.plugins import PLUGINS
from extender.policy import PHASES, Problem

BY_NAME = {plugin.name: plugin for plugin in PLUGINS}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda p: p.name)
def test_every_plugins_schema_is_sound_and_takes_its_defaults(plugin: Plugin) -> None:
    info = plugin_info(plugin)
    jsonschema.Draft202012Validator.check_schema(info.args_schema)
    jsonschema.validate(info.defaults, info.args_schema)
    assert info.check
    assert bool(info.check(info.defaults)) == plugin.needs_args
    assert set(info.phases) <= set(PHASES)
    assert info.phases
    assert info.doc.endswith(".")


def test_phases_are_the_parts_of_the_plugin() -> None:
    assert plugin_info(BY_NAME["CapacityScheduling"]).phases == ("preFilter", "reserve")
    assert plugin_info(BY_NAME["PodState"]).phases == ("score",)


def test_the_check_tells_every_problem_with_its_path() -> None:
    check = plugin_info(BY_NAME["NodeResourcesAllocatable"]).check
    assert check
    assert check({"mode": "Best", "resources": [{"name": "cpu", "weight": -1}]}) == [
        Problem("resources[0].weight", "Invalid value: -1: resource weight of cpu should be a positive value, got :-1"),
        Problem("mode", 'Invalid value: "Best": invalid support ModeType'),
    ]


def test_defaults_are_written_as_upstream_writes_them() -> None:
    assert plugin_info(BY_NAME["NodeResourcesAllocatable"]).defaults == {
        "resources": [{"name": "cpu", "weight": 1048576}, {"name": "memory", "weight": 1}],
        "mode": "Least",
    }
