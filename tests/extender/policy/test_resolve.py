from __future__ import annotations

import pytest

from extender.policy import ResolvedPlugin, parse
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
