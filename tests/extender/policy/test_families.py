"""A family's name stands for its members: the same policy written out member by member comes to the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework.info import catalogue_of
from extender.plugins import PLUGINS
from extender.policy import ParsedPolicy, PolicyRefused, ResolvedPlugin, parse
from extender.policy.families import MEMBERS_ARG
from extender.policy.worker import _catalogue, _Known

CATALOGUE = catalogue_of(PLUGINS)
MEMBERS = CATALOGUE["Trimaran"].members
TLP, LVRB, LROC, PEAKS = MEMBERS


def policy(plugins: dict[str, Any], config: dict[str, dict[str, Any]] | None = None) -> ParsedPolicy:
    configs = [{"name": name, "args": args} for name, args in (config or {}).items()]
    profile = {"plugins": plugins, "pluginConfig": configs}
    tree = {"apiVersion": "policy.trimtab.dev/v1alpha1", "kind": "SchedulingPolicy", "profiles": [profile]}
    return parse(msgspec.json.encode(tree), CATALOGUE)


def on(*entries: Any) -> dict[str, Any]:
    return {"enabled": [entry if isinstance(entry, dict) else {"name": entry} for entry in entries]}


def resolved(of: ParsedPolicy) -> tuple[ResolvedPlugin, ...]:
    return of.profiles[0].plugins


def names(of: ParsedPolicy) -> list[str]:
    return [plugin.name for plugin in resolved(of)]


def test_a_family_works_where_its_members_do() -> None:
    assert CATALOGUE["Trimaran"].phases == ("score", "reserve")


def test_enabling_the_family_is_enabling_its_members_with_its_weight() -> None:
    family = policy({"multiPoint": on({"name": "Trimaran", "weight": 3})})
    written_out = policy({"multiPoint": on(*({"name": name, "weight": 3} for name in MEMBERS))})
    assert resolved(family) == resolved(written_out)
    assert family.warnings == ()


def test_the_family_stands_in_its_place_among_the_others() -> None:
    assert names(policy({"score": on("PodState", "Trimaran", "NodeResourcesAllocatable")})) == [
        "PodState",
        *MEMBERS,
        "NodeResourcesAllocatable",
    ]


def test_each_member_takes_the_arguments_that_it_knows() -> None:
    args: dict[str, Any] = {
        "watcherAddress": "http://w:2020",
        "targetUtilization": 60,
        "safeVarianceMargin": 2,
        "nodePowerModel": {"n": {"k1": 1}},
    }
    found = {plugin.name: plugin.args for plugin in resolved(policy({"score": on("Trimaran")}, {"Trimaran": args}))}
    assert found == {
        TLP: {"watcherAddress": "http://w:2020", "targetUtilization": 60},
        LVRB: {"watcherAddress": "http://w:2020", "safeVarianceMargin": 2},
        LROC: {"watcherAddress": "http://w:2020"},
        PEAKS: {"WatcherAddress": "http://w:2020", "NodePowerModel": {"n": {"k1": 1}}},
    }


def test_only_the_chosen_members_come() -> None:
    assert names(policy({"score": on("Trimaran")}, {"Trimaran": {MEMBERS_ARG: [LVRB, TLP]}})) == [TLP, LVRB]


def test_a_member_with_its_own_arguments_takes_only_those() -> None:
    config: dict[str, dict[str, Any]] = {
        "Trimaran": {"watcherAddress": "http://w:2020", "targetUtilization": 60},
        TLP: {"targetUtilization": 30},
    }
    found = {plugin.name: plugin.args for plugin in resolved(policy({"score": on("Trimaran")}, config))}
    assert found[TLP] == {"targetUtilization": 30}
    assert found[LVRB] == {"watcherAddress": "http://w:2020"}


def test_a_member_that_is_enabled_by_itself_keeps_its_weight_and_place() -> None:
    found = policy({"score": on({"name": "Trimaran", "weight": 5}, {"name": PEAKS, "weight": 2})})
    assert [(plugin.name, plugin.weight) for plugin in resolved(found)] == [(TLP, 5), (LVRB, 5), (LROC, 5), (PEAKS, 2)]


@pytest.mark.parametrize(
    "plugins",
    [
        {"multiPoint": on("Trimaran"), "score": {"disabled": [{"name": PEAKS}]}},
        {"score": {**on("Trimaran"), "disabled": [{"name": PEAKS}]}},
    ],
)
def test_a_member_that_is_disabled_by_itself_stays_off(plugins: dict[str, Any]) -> None:
    assert PEAKS not in names(policy(plugins))
    assert TLP in names(policy(plugins))


@pytest.mark.parametrize("name", ["Trimaran", "*"])
def test_disabling_the_family_disables_what_it_brought(name: str) -> None:
    found = policy({"multiPoint": on("Trimaran"), "score": {"disabled": [{"name": name}]}})
    assert [(plugin.name, plugin.phases) for plugin in resolved(found)] == [(LROC, frozenset({"reserve"}))]


def test_args_of_a_family_that_is_off_wait() -> None:
    (warning,) = policy({}, {"Trimaran": {}}).warnings
    assert "Trimaran is not on" in warning


@pytest.mark.parametrize(
    ("args", "path", "words"),
    [
        ({"targetUtilization": "40"}, "args.targetUtilization", "want a whole number"),
        ({"targetUtilisation": 40}, "args.targetUtilisation", "unknown field"),
        ({"members": ["PodState"]}, "args.members[0]", "unknown value"),
        ({"members": []}, "args.members", "minItems"),
        ({"watcherAddress": ""}, "args.metricProvider.type", "invalid MetricProvider.Type"),
        ({"defaultRequestsMultiplier": "x"}, "args.defaultRequestsMultiplier", "unable to parse"),
    ],
)
def test_a_fault_in_the_familys_arguments_is_told_once_and_where_it_stands(
    args: dict[str, Any], path: str, words: str
) -> None:
    with pytest.raises(PolicyRefused) as refused:
        policy({"score": on("Trimaran")}, {"Trimaran": args})
    (problem,) = refused.value.problems
    assert problem.path == f"profiles[0].pluginConfig[0].{path}"
    assert words in problem.message


def test_the_child_process_knows_families_too() -> None:
    known = {
        name: _Known(info.name, info.phases, info.args_schema, info.aliases, info.members)
        for name, info in CATALOGUE.items()
    }
    told = msgspec.msgpack.decode(msgspec.msgpack.encode(known), type=dict[str, _Known])
    assert _catalogue(told)["Trimaran"].members == MEMBERS


SETS = st.fixed_dictionaries(
    {},
    optional={
        phase: st.fixed_dictionaries(
            {},
            optional={
                "enabled": st.lists(st.sampled_from(["Trimaran", TLP, PEAKS, "PodState"]), unique=True).map(
                    lambda chosen: [{"name": name} for name in chosen]
                ),
                "disabled": st.lists(st.sampled_from(["Trimaran", TLP, LROC]), unique=True).map(
                    lambda chosen: [{"name": name} for name in chosen]
                ),
            },
        )
        for phase in ("multiPoint", "score", "reserve")
    },
)


@given(SETS)
def test_no_family_ever_has_a_place_of_its_own_and_no_plugin_has_two(plugins: dict[str, Any]) -> None:
    found = names(policy(plugins))
    assert "Trimaran" not in found
    assert len(found) == len(set(found))
