"""What policy and catalogue learn of a plugin."""

from __future__ import annotations

import jsonschema
import pytest

from extender.framework import Plugin
from extender.framework.info import catalogue_of, plugin_info
from extender.plugins import PLUGINS
from extender.policy import PHASES, Problem, parse

BY_NAME = {plugin.name: plugin for plugin in PLUGINS}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda p: p.name)
def test_every_plugins_schema_is_sound_and_takes_its_defaults(plugin: Plugin) -> None:
    info = catalogue_of(PLUGINS)[plugin.name]
    jsonschema.Draft202012Validator.check_schema(info.args_schema)
    jsonschema.validate(info.defaults, info.args_schema)
    assert info.check
    assert bool(info.check(info.defaults)) == plugin.needs_args
    assert set(info.phases) <= set(PHASES)
    assert info.phases
    assert info.doc.endswith(".")


def test_phases_are_the_parts_of_the_plugin() -> None:
    assert plugin_info(BY_NAME["CapacityScheduling"]).phases == ("preFilter", "postFilter", "reserve")
    assert plugin_info(BY_NAME["PodState"]).phases == ("score",)


PROMISED = {
    "Rescheduler": {"filter", "score", "reserve", "preBind"},
    "Coscheduling": {"preFilter", "filter", "postFilter", "permit", "reserve"},
    "CapacityScheduling": {"preFilter", "filter", "postFilter", "reserve"},
    "NodeResourceTopologyMatch": {"preFilter", "filter", "score", "reserve", "postBind"},
    "NodeResourcesAllocatable": {"score"},
    "TargetLoadPacking": {"score"},
    "LoadVariationRiskBalancing": {"score"},
    "PodState": {"score"},
    "SySched": {"score"},
    "Trimaran": {"score"},
    "PreemptionToleration": {"postFilter"},
    "QoS": {"preFilter", "filter"},
}
"""Phases with effect, after the published plugins (R-074)."""


@pytest.mark.parametrize("name", PROMISED)
def test_r074_every_promised_phase_of_a_plugin_has_effect_and_is_not_warned_of(name: str) -> None:
    catalogue = catalogue_of(PLUGINS)
    assert catalogue[name].effective_phases() >= PROMISED[name]
    told = "".join(f"    {phase}: {{enabled: [{{name: {name}}}]}}\n" for phase in sorted(PROMISED[name]))
    head = "apiVersion: policy.trimtab.dev/v1alpha1\nkind: SchedulingPolicy\n"
    policy = parse(f"{head}profiles:\n- plugins:\n{told}", catalogue)
    assert [warning for warning in policy.warnings if "does no work" in warning] == []


def test_r074_a_phase_without_work_is_warned_of_and_the_others_named() -> None:
    head = "apiVersion: policy.trimtab.dev/v1alpha1\nkind: SchedulingPolicy\n"
    text = f"{head}profiles:\n- plugins: {{score: {{enabled: [{{name: CapacityScheduling}}]}}}}\n"
    (warning, *_) = parse(text, catalogue_of(PLUGINS)).warnings
    assert "CapacityScheduling does no work in score; it works in filter, reserve, preFilter, postFilter" in warning


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
