"""What an edit does to a policy, in both forms: laws over any policy and any row of edits."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.control import edits
from extender.control.problems import Invalid, NotFound
from extender.control.text import readable, text_like, tree_of
from extender.policy import parse
from extender.policy.catalogue import PHASES
from tests.extender.control.desks import FLAT
from tests.extender.policy.a_catalogue import A_POLICY, CATALOGUE, HEAD

NINE = ["filter", "score", "reserve", "preBind", "preFilter", "postFilter", "permit", "bind", "postBind"]
TWELVE = [
    "Rescheduler", "Coscheduling", "CapacityScheduling", "NodeResourceTopologyMatch", "NodeResourcesAllocatable",
    "TargetLoadPacking", "LoadVariationRiskBalancing", "PreemptionToleration", "PodState", "QoS", "SySched",
    "Trimaran",
]  # fmt: skip

plugins = st.sampled_from(sorted(CATALOGUE))
phase_lists = st.lists(st.sampled_from(PHASES), min_size=1, max_size=4, unique=True)


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    """Policies in the document form: multiPoint, stars, weights, two profiles, aliases, empty and null parts."""

    def entries(*, weighed: bool) -> list[dict[str, Any]]:
        names = draw(st.lists(plugins, max_size=4, unique=True))
        return [
            {"name": "QOSSort" if name == "QoS" and draw(st.booleans()) else name}
            | ({"weight": draw(st.integers(1, 9))} if weighed and draw(st.booleans()) else {})
            for name in names
        ]

    def profile(name: str) -> dict[str, Any]:
        sets: dict[str, Any] = {}
        for phase in draw(st.lists(st.sampled_from(("multiPoint", *PHASES)), max_size=5, unique=True)):
            disabled = entries(weighed=False) + ([{"name": "*"}] if draw(st.booleans()) else [])
            sets[phase] = draw(st.sampled_from([None, {}, {"enabled": entries(weighed=True), "disabled": disabled}]))
        return {"schedulerName": name, "plugins": sets}

    return {
        "apiVersion": "policy.trimtab.dev/v1alpha1",
        "kind": "SchedulingPolicy",
        "metadata": {"name": draw(st.sampled_from(["a", "b"]))},
        "profiles": [profile("default-scheduler"), profile("other")],
    }


@st.composite
def flats(draw: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {"enabled_plugins": {}, "disabled_plugins": {}}
    for phase in draw(st.lists(st.sampled_from(PHASES), max_size=4, unique=True)):
        names = draw(st.lists(plugins, min_size=1, max_size=4, unique=True))
        cut = draw(st.integers(0, len(names)))
        tree["enabled_plugins"][phase], tree["disabled_plugins"][phase] = names[:cut], names[cut:]
    return tree


trees = st.one_of(documents(), flats())


def state(tree: dict[str, Any], profile: str | None = None) -> dict[str, Any]:
    return edits.state(parse(msgspec.json.encode(tree), CATALOGUE), CATALOGUE, profile)


def switches(tree: dict[str, Any]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """({(phase, plugin) that are on}, {... disabled})."""
    found = state(tree)
    on, off = (
        {(phase, name) for phase, names in found[key].items() for name in names}
        for key in ("enabled_plugins", "disabled_plugins")
    )
    return on, off


@given(trees, plugins, phase_lists)
def test_r027_enable_turns_on_what_it_names_and_nothing_else(
    tree: dict[str, Any], plugin: str, phases: list[str]
) -> None:
    on, off = switches(tree)
    named = {(phase, plugin) for phase in phases}
    now_on, now_off = switches(edits.enable(tree, plugin, phases, None, CATALOGUE))
    assert now_on == on | named
    assert now_off == off - named


@given(trees, plugins, phase_lists)
def test_r028_disable_turns_off_and_lists_what_it_names_and_nothing_else(
    tree: dict[str, Any], plugin: str, phases: list[str]
) -> None:
    on, off = switches(tree)
    named = {(phase, plugin) for phase in phases}
    now_on, now_off = switches(edits.disable(tree, plugin, phases, None, CATALOGUE))
    assert now_on == on - named
    assert now_off == off | named


@given(trees, plugins, phase_lists)
def test_r027_r028_repeating_an_edit_changes_nothing(tree: dict[str, Any], plugin: str, phases: list[str]) -> None:
    for edit in (edits.enable, edits.disable):
        once = edit(tree, plugin, phases, None, CATALOGUE)
        assert edit(once, plugin, phases, None, CATALOGUE) == once


def _listed(tree: dict[str, Any], key: str, phase: str, plugin: str) -> bool:
    """The text itself names the plugin in this list of this phase."""
    if "profiles" not in tree:
        return plugin in tree.get(f"{key}_plugins", {}).get(phase, [])
    entries = ((tree["profiles"][0].get("plugins") or {}).get(phase) or {}).get(key) or []
    return any(entry["name"] in (plugin, *CATALOGUE[plugin].aliases) for entry in entries)


@given(trees, st.lists(st.tuples(st.booleans(), plugins, phase_lists), max_size=6))
def test_r022_a_plugin_is_never_in_both_lists_and_the_last_word_counts(
    tree: dict[str, Any], row: list[tuple[bool, str, list[str]]]
) -> None:
    last: dict[tuple[str, str], bool] = {}
    for on, plugin, phases in row:
        tree = (edits.enable if on else edits.disable)(tree, plugin, phases, None, CATALOGUE)
        last |= dict.fromkeys(((phase, plugin) for phase in phases), on)
    enabled, disabled = switches(tree)
    assert not enabled & disabled
    for phase, plugin in last:
        assert not (_listed(tree, "enabled", phase, plugin) and _listed(tree, "disabled", phase, plugin))
    assert {switch for switch, on in last.items() if on} <= enabled
    assert {switch for switch, on in last.items() if not on} <= disabled


@given(documents(), plugins, phase_lists)
def test_an_edit_keeps_other_profiles_and_parts_and_what_it_was_given(
    tree: dict[str, Any], plugin: str, phases: list[str]
) -> None:
    before = copy.deepcopy(tree)
    for new in (
        edits.enable(tree, plugin, phases, None, CATALOGUE),
        edits.disable(tree, plugin, phases, None, CATALOGUE),
        edits.configure(tree, plugin, {"a": 1}, None, CATALOGUE),
    ):
        assert new["profiles"][1] == before["profiles"][1]
        assert new["metadata"] == before["metadata"]
        assert tree == before


@given(tree=trees, plugin=plugins, phases=phase_lists, as_json=st.booleans())
def test_an_edited_policy_reads_back_from_its_text_in_its_form(
    tree: dict[str, Any], plugin: str, phases: list[str], *, as_json: bool
) -> None:
    before = msgspec.json.encode(tree) if as_json else readable(msgspec.json.encode(tree)).encode()
    new = edits.enable(tree, plugin, phases, None, CATALOGUE)
    text = text_like(before, new)
    assert tree_of(text) == new
    assert (text[:1] == b"{") is as_json
    assert ("profiles" in new) is ("profiles" in tree)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
args = st.dictionaries(st.text(max_size=2), json_values, max_size=4)


def _without_nulls(value: Any) -> Any:
    return {key: _without_nulls(v) for key, v in value.items() if v is not None} if isinstance(value, dict) else value


@given(args, args)
def test_r030_merging_keeps_what_is_left_out_and_takes_what_is_said(old: dict[str, Any], patch: dict[str, Any]) -> None:
    old = _without_nulls(old)
    new = edits.merged(old, patch)
    assert {key: new[key] for key in old if key not in patch} == {key: old[key] for key in old if key not in patch}
    assert all(key not in new for key, value in patch.items() if value is None)
    plain = {key: value for key, value in patch.items() if value is not None and not isinstance(value, dict)}
    assert {key: new[key] for key in plain} == plain
    assert new.keys() == (old.keys() | patch.keys()) - {key for key, value in patch.items() if value is None}


@given(args, args)
def test_r030_merging_twice_is_merging_once_and_nothing_changes_nothing(
    old: dict[str, Any], patch: dict[str, Any]
) -> None:
    old = _without_nulls(old)
    once = edits.merged(old, patch)
    assert edits.merged(once, patch) == once
    assert edits.merged(old, {}) == old


@given(trees, st.dictionaries(st.sampled_from(["cpuThreshold", "memoryThreshold"]), st.floats(1, 99)))
def test_r030_configure_touches_the_args_of_one_plugin(tree: dict[str, Any], values: dict[str, float]) -> None:
    new = edits.configure(tree, "Rescheduler", values, None, CATALOGUE)
    assert edits.args_in(new, "Rescheduler", None, CATALOGUE) == values
    assert switches(new) == switches(tree)


def test_r026_the_state_of_the_example_is_as_the_requirement_shows_it() -> None:
    policy = parse(FLAT, CATALOGUE)
    assert edits.state(policy, CATALOGUE, None) == {
        "enabled_plugins": {"filter": ["Rescheduler"], "score": ["Rescheduler"]},
        "disabled_plugins": {"filter": ["Coscheduling"]},
        "plugin_configs": {"Rescheduler": {"cpuThreshold": 80.0, "memoryThreshold": 80.0}},
    }


def test_r059_r072_all_twelve_names_and_nine_phases_in_their_order() -> None:
    assert edits.supported_plugins(CATALOGUE)[:12] == TWELVE
    assert set(edits.supported_plugins(CATALOGUE)) >= set(CATALOGUE)
    assert list(PHASES[:9]) == NINE


@pytest.mark.parametrize("plugin", TWELVE)
@pytest.mark.parametrize("phase", NINE)
@pytest.mark.parametrize("text", [A_POLICY, FLAT])
def test_r074_every_name_can_be_switched_in_every_phase(plugin: str, phase: str, text: str) -> None:
    tree = tree_of(text.encode())
    on, _ = switches(edits.enable(tree, plugin, [phase], None, CATALOGUE))
    assert (phase, plugin) in on
    on, off = switches(edits.disable(tree, plugin, [phase], None, CATALOGUE))
    assert (phase, plugin) not in on
    assert (phase, plugin) in off


def test_r029_phases_left_out_are_all_in_which_the_plugin_works_and_none_is_an_error() -> None:
    assert edits.phases_named(None, "Rescheduler", CATALOGUE) == ["filter", "score", "reserve", "preBind"]
    assert edits.phases_named(None, "Coscheduling", CATALOGUE) == [
        "filter",
        "reserve",
        "preFilter",
        "postFilter",
        "permit",
    ]
    with pytest.raises(Invalid) as caught:
        edits.phases_named([], "Rescheduler", CATALOGUE)
    assert caught.value.code == 422


def test_r035_an_unknown_phase_is_told_with_its_place_and_the_nearest_name() -> None:
    with pytest.raises(Invalid) as caught:
        edits.phases_named(["filtr", "score"], "QoS", CATALOGUE)
    assert caught.value.message == "unknown phase: filtr"
    assert [(d.path, d.message) for d in caught.value.details] == [("phases[0]", "did you mean filter?")]


def test_r035_an_unknown_plugin_is_404_with_the_nearest_name() -> None:
    with pytest.raises(NotFound) as caught:
        edits.plugin_named("Reschedular", CATALOGUE)
    assert caught.value.code == 404
    assert "Rescheduler" in caught.value.details[0].message


def test_an_enabled_plugin_keeps_the_weight_that_multipoint_gave_it_where_a_star_had_turned_it_off() -> None:
    tree = tree_of(
        (HEAD + "profiles: [{plugins: {multiPoint: {enabled: [{name: PodState, weight: 7}]}, "
         "score: {disabled: [{name: '*'}]}}}]").encode()
    )  # fmt: skip
    policy = parse(msgspec.json.encode(edits.enable(tree, "PodState", ["score"], None, CATALOGUE)), CATALOGUE)
    assert [(p.name, p.weight) for p in policy.profiles[0].plugins] == [("PodState", 7)]


def test_the_profile_is_the_named_one_else_default_scheduler_else_the_first() -> None:
    def edited(names: list[str], profile: str | None) -> list[str]:
        tree = {"apiVersion": "x", "kind": "y", "profiles": [{"schedulerName": name} for name in names]}
        new = edits.enable(tree, "QoS", ["filter"], profile, CATALOGUE)
        return [part["schedulerName"] for part in new["profiles"] if "plugins" in part]

    assert edited(["a", "default-scheduler"], None) == ["default-scheduler"]
    assert edited(["a", "b"], None) == ["a"]
    assert edited(["a", "b"], "b") == ["b"]
    assert edited([], None) == ["default-scheduler"]
    with pytest.raises(Invalid) as caught:
        edited(["gpu-a", "gpu-b"], "gpu-c")
    assert caught.value.details[0].path == "profile"


def test_what_has_another_shape_is_refused_and_not_thrown_away() -> None:
    broken: dict[str, Any]
    for broken in (
        {"profiles": "all"}, {"profiles": [{"plugins": []}]},
        {"profiles": [{"plugins": {"score": {"enabled": "PodState"}}}]},
        {"profiles": [{"pluginConfig": {}}]}, {"enabled_plugins": []}, {"enabled_plugins": {"score": "PodState"}},
    ):  # fmt: skip
        with pytest.raises(Invalid, match="stored policy has"):
            edits.configure(
                edits.enable(broken, "PodState", ["score"], None, CATALOGUE), "PodState", {}, None, CATALOGUE
            )


def test_shadow_is_an_entry_of_the_document_form_and_enabling_ends_it() -> None:
    tree = tree_of(A_POLICY.encode())
    shadowed = edits.enable(tree, "QoS", ["filter"], None, CATALOGUE, shadow=True)
    entry = shadowed["profiles"][0]["plugins"]["filter"]["enabled"][-1]
    assert entry == {"name": "QoS", "mode": "shadow"}
    again = edits.enable(shadowed, "QoS", ["filter"], None, CATALOGUE)
    assert again["profiles"][0]["plugins"]["filter"]["enabled"][-1] == {"name": "QoS"}
    with pytest.raises(Invalid, match="flat form"):
        edits.enable(tree_of(FLAT.encode()), "QoS", ["filter"], None, CATALOGUE, shadow=True)
