from __future__ import annotations

import pytest

from extender.policy import PolicyRefused, ResolvedPlugin, parse
from tests.extender.policy.a_catalogue import CATALOGUE, HEAD


def resolved(plugins: str) -> dict[str, ResolvedPlugin]:
    policy = parse(f"{HEAD}profiles:\n- plugins: {plugins}\n", CATALOGUE)
    return {plugin.name: plugin for plugin in policy.profiles[0].plugins}


def phases(plugins: str, name: str) -> set[str]:
    on = resolved(plugins)
    return set(on[name].phases) if name in on else set()


def test_multi_point_brings_a_plugin_to_every_phase_in_which_it_works() -> None:
    assert phases("{multiPoint: {enabled: [{name: Rescheduler}]}}", "Rescheduler") == {
        "filter",
        "score",
        "reserve",
        "preBind",
    }


@pytest.mark.parametrize("disabled", ["Rescheduler", "*"])
def test_a_phase_that_disables_a_plugin_or_all_keeps_multi_point_out(disabled: str) -> None:
    text = f"{{multiPoint: {{enabled: [{{name: Rescheduler}}]}}, score: {{disabled: [{{name: '{disabled}'}}]}}}}"
    assert phases(text, "Rescheduler") == {"filter", "reserve", "preBind"}


def test_a_star_leaves_what_the_phase_itself_enables() -> None:
    text = (
        "{multiPoint: {enabled: [{name: Rescheduler}]}, score: {enabled: [{name: PodState}], disabled: [{name: '*'}]}}"
    )
    assert phases(text, "PodState") == {"score"}
    assert "score" not in phases(text, "Rescheduler")


def test_enabled_in_a_phase_wins_over_disabled_there_and_says_so() -> None:
    text = "{score: {enabled: [{name: PodState}], disabled: [{name: PodState}]}}"
    assert phases(text, "PodState") == {"score"}
    policy = parse(f"{HEAD}profiles:\n- plugins: {text}\n", CATALOGUE)
    assert "wins" in policy.warnings[0]


def test_the_weight_of_score_wins_over_that_of_multi_point() -> None:
    text = (
        "{multiPoint: {enabled: [{name: PodState, weight: 5}, {name: SySched, weight: 7}]}, "
        "score: {enabled: [{name: PodState, weight: 2}]}}"
    )
    on = resolved(text)
    assert (on["PodState"].weight, on["SySched"].weight) == (2, 7)


def test_an_entry_in_score_without_weight_counts_one_whatever_multi_point_says() -> None:
    text = "{multiPoint: {enabled: [{name: PodState, weight: 5}]}, score: {enabled: [{name: PodState}]}}"
    assert resolved(text)["PodState"].weight == 1


def test_plugins_run_in_the_order_written_multi_point_first() -> None:
    text = (
        "{score: {enabled: [{name: Peaks}, {name: PodState}]}, multiPoint: {enabled: [{name: SySched}, {name: Peaks}]}}"
    )
    assert list(resolved(text)) == ["SySched", "Peaks", "PodState"]


def test_a_plugin_that_is_on_only_where_it_does_no_work_is_off() -> None:
    assert resolved("{bind: {enabled: [{name: PodState}]}}") == {}


ONE_CHECK = ["Coscheduling", "CapacityScheduling", "QoS"]
CHECK = {"preFilter", "filter"}


@pytest.mark.parametrize("name", ONE_CHECK)
@pytest.mark.parametrize("switch", ["preFilter", "filter"])
def test_either_switch_turns_the_one_check_on(name: str, switch: str) -> None:
    assert phases(f"{{{switch}: {{enabled: [{{name: {name}}}]}}}}", name) - {"queueSort"} == CHECK
    policy = parse(f"{HEAD}profiles:\n- plugins: {{{switch}: {{enabled: [{{name: {name}}}]}}}}\n", CATALOGUE)
    assert policy.warnings == ()


@pytest.mark.parametrize("switch", ["preFilter", "filter"])
def test_the_check_of_qos_orders_the_queue_too_unless_that_is_disabled(switch: str) -> None:
    on = f"{switch}: {{enabled: [{{name: QoS}}]}}"
    assert phases(f"{{{on}}}", "QoS") == {*CHECK, "queueSort"}
    assert phases(f"{{{on}, queueSort: {{disabled: [{{name: QoS}}]}}}}", "QoS") == CHECK
    assert phases("{queueSort: {enabled: [{name: QoS}]}}", "QoS") == {"queueSort"}


@pytest.mark.parametrize("name", ONE_CHECK)
@pytest.mark.parametrize(("on", "off"), [("preFilter", "filter"), ("filter", "preFilter")])
def test_either_switch_disabled_turns_the_one_check_off(name: str, on: str, off: str) -> None:
    text = f"{{{on}: {{enabled: [{{name: {name}}}]}}, {off}: {{disabled: [{{name: {name}}}]}}}}"
    assert phases(text, name) == set()


@pytest.mark.parametrize("off", ["preFilter", "filter"])
@pytest.mark.parametrize("disabled", ["CapacityScheduling", "*"])
def test_multi_point_brings_the_one_check_unless_either_phase_disables_it(off: str, disabled: str) -> None:
    enabled = "multiPoint: {enabled: [{name: CapacityScheduling}]}"
    assert phases(f"{{{enabled}}}", "CapacityScheduling") == {*CHECK, "postFilter", "reserve"}
    text = f"{{{enabled}, {off}: {{disabled: [{{name: '{disabled}'}}]}}}}"
    assert phases(text, "CapacityScheduling") == {"postFilter", "reserve"}


def test_a_star_elsewhere_does_not_undo_a_check_that_is_enabled_by_name() -> None:
    text = "{preFilter: {enabled: [{name: Coscheduling}]}, filter: {disabled: [{name: '*'}]}}"
    assert phases(text, "Coscheduling") == CHECK


def test_plugins_with_two_checks_have_two_switches() -> None:
    text = "{preFilter: {enabled: [{name: NetworkOverhead}]}, filter: {disabled: [{name: NetworkOverhead}]}}"
    assert phases(text, "NetworkOverhead") == {"preFilter"}


def modes(plugins: str, name: str) -> tuple[set[str], set[str]]:
    """(phases that are enforced, phases that are shadowed)."""
    found = parse(f"{HEAD}profiles:\n- plugins: {plugins}\n", CATALOGUE).profiles[0].plugins
    own = [plugin for plugin in found if plugin.name == name]
    assert all(plugin.mode == ("shadow" if plugin.shadow else "enforce") for plugin in own)
    return {phase for plugin in own for phase in plugin.phases}, {phase for plugin in own for phase in plugin.shadow}


def test_a_plugin_may_be_enforced_in_one_phase_and_shadowed_in_another() -> None:
    text = "{multiPoint: {enabled: [{name: Rescheduler}]}, filter: {enabled: [{name: Rescheduler, mode: shadow}]}}"
    assert modes(text, "Rescheduler") == ({"score", "reserve", "preBind"}, {"filter"})
    text = "{multiPoint: {enabled: [{name: Rescheduler, mode: shadow}]}, score: {enabled: [{name: Rescheduler}]}}"
    assert modes(text, "Rescheduler") == ({"score"}, {"filter", "reserve", "preBind"})
    text = "{multiPoint: {enabled: [{name: Rescheduler, mode: shadow}]}}"
    assert modes(text, "Rescheduler") == (set(), {"score", "filter", "reserve", "preBind"})


@pytest.mark.parametrize("name", ONE_CHECK)
@pytest.mark.parametrize(
    ("text", "shadowed"),
    [
        ("{preFilter: {enabled: [{name: NAME, mode: shadow}]}}", True),
        ("{filter: {enabled: [{name: NAME, mode: shadow}]}}", True),
        ("{multiPoint: {enabled: [{name: NAME}]}, filter: {enabled: [{name: NAME, mode: shadow}]}}", True),
        ("{multiPoint: {enabled: [{name: NAME, mode: shadow}]}, preFilter: {enabled: [{name: NAME}]}}", False),
    ],
)
def test_the_one_check_has_one_mode_and_its_own_entries_say_which(name: str, text: str, *, shadowed: bool) -> None:
    enforced, watched = modes(text.replace("NAME", name), name)
    assert (watched if shadowed else enforced) >= CHECK
    assert not (enforced if shadowed else watched) & CHECK


def test_two_modes_for_one_check_are_refused() -> None:
    text = "{preFilter: {enabled: [{name: QoS, mode: shadow}]}, filter: {enabled: [{name: QoS}]}}"
    with pytest.raises(PolicyRefused, match="one check behind preFilter and filter"):
        parse(f"{HEAD}profiles:\n- plugins: {text}\n", CATALOGUE)


def test_the_order_that_comes_with_a_shadowed_check_is_shadowed_too() -> None:
    assert modes("{filter: {enabled: [{name: QoS, mode: shadow}]}}", "QoS") == (set(), {*CHECK, "queueSort"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{reserve: {enabled: [{name: Rescheduler, mode: shadow}]}}", "in reserve a shadowed plugin does nothing"),
        ("{multiPoint: {enabled: [{name: TopologicalSort, mode: shadow}]}}", "TopologicalSort is shadowed where it"),
        ("{multiPoint: {enabled: [{name: Rescheduler, mode: shadow}]}}", ""),
        ("{score: {enabled: [{name: PodState, mode: shadow}]}}", ""),
    ],
)
def test_a_shadow_that_is_never_evaluated_is_told(text: str, told: str) -> None:
    warnings = parse(f"{HEAD}profiles:\n- plugins: {text}\n", CATALOGUE).warnings
    assert [told in warning for warning in warnings] == ([True] if told else [])
