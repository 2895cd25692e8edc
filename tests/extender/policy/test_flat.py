from __future__ import annotations

import pytest

from extender.policy import ParsedPolicy, PolicyRefused, Problem, dump, parse
from extender.policy.text import text_of
from tests.extender.policy.a_catalogue import A_POLICY, CATALOGUE

FLAT = """
enabled_plugins:
  filter: [Rescheduler, Coscheduling]
  score: [Rescheduler]
disabled_plugins:
  reserve: [Rescheduler]
plugin_configs:
  Rescheduler: {cpuThreshold: 85.0, memoryThreshold: 90.0}
"""


def parsed(text: str | bytes) -> ParsedPolicy:
    return parse(text, CATALOGUE)


def refused(text: str | bytes) -> list[tuple[str, str]]:
    with pytest.raises(PolicyRefused) as caught:
        parse(text, CATALOGUE)
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_the_flat_form_becomes_one_profile_for_every_scheduler() -> None:
    policy = parsed(FLAT)
    assert policy.form == "flat"
    (profile,) = policy.profiles
    assert profile.scheduler_name == "*"
    rescheduler, coscheduling = profile.plugins
    assert rescheduler.phases == {"filter", "score"}
    assert rescheduler.args == {"cpuThreshold": 85.0, "memoryThreshold": 90.0}
    assert coscheduling.phases == {"preFilter", "filter"}


def test_what_the_flat_form_becomes_is_the_same_policy() -> None:
    policy = parsed(FLAT)
    became = parsed(dump(policy.document))
    assert became.form == "document"
    assert (became.document, became.hash, became.profiles) == (policy.document, policy.hash, policy.profiles)


def test_the_flat_form_as_three_keys_of_a_configmap_is_the_same_policy() -> None:
    data = {
        "enabled_plugins": "filter: [Rescheduler, Coscheduling]\nscore: [Rescheduler]\n",
        "disabled_plugins": '{"reserve": ["Rescheduler"]}',
        "plugin_configs": "Rescheduler:\n  cpuThreshold: 85.0\n  memoryThreshold: 90.0\n",
    }
    assert parsed(text_of({"data": data})).document == parsed(FLAT).document


def test_any_of_the_three_keys_may_be_absent_or_empty() -> None:
    assert parsed(text_of({"data": {"enabled_plugins": "", "plugin_configs": "{}"}})).profiles[0].plugins == ()
    assert parsed("disabled_plugins: {filter: }").profiles[0].plugins == ()


def test_a_name_in_both_lists_of_a_phase_is_refused_also_under_an_alias() -> None:
    text = "enabled_plugins: {filter: [PodState, QoS]}\ndisabled_plugins: {filter: [QOSSort], score: [PodState]}\n"
    assert refused(text) == [("disabled_plugins.filter[0]", "QoS is enabled in filter too")]


def test_wrong_names_and_args_are_told_with_the_paths_of_the_flat_form() -> None:
    text = "enabled_plugins: {filtr: [PodState], score: [PodStat]}\nplugin_configs: {Nope: {}, PodState: {a: 1}}\n"
    assert {path for path, _ in refused(text)} == {
        "enabled_plugins.filtr",
        "enabled_plugins.score[0]",
        "plugin_configs.Nope",
        "plugin_configs.PodState.a",
    }


def test_the_flat_form_never_stands_beside_the_other() -> None:
    assert refused("enabled_plugins: {}\nprofiles: []\n") == [("profiles", "stands beside enabled_plugins")]
    both = text_of({"data": {"policy.yaml": A_POLICY, "enabled_plugins": "{}"}})
    assert refused(both) == [("", "policy.yaml stands beside the flat keys")]


def test_trouble_inside_a_key_of_the_data_names_the_key() -> None:
    data = {"enabled_plugins": "filter: [", "plugin_configs": "PodState: {}\nPodState: {}\n"}
    problems: list[Problem] = []
    try:
        parsed(text_of({"data": data}))
    except PolicyRefused as refused_:
        problems = list(refused_.problems)
    assert [problem.path for problem in problems[:2]] == ["enabled_plugins", "plugin_configs.PodState"]


@pytest.mark.parametrize("text", ["enabled_plugins: 5", "enabled_plugins: [a]", "plugin_configs: {PodState: 5}"])
def test_a_wrong_shape_is_refused(text: str) -> None:
    assert refused(text)


def test_a_configmap_without_the_keys_is_the_empty_text_and_refused() -> None:
    for held in ({}, {"data": {"other": "x"}}, {"data": None}):
        assert text_of(held) == b""
    assert refused(b"") == [("", "the policy is empty")]


def test_a_file_that_is_not_utf_8_is_read_from_binary_data_and_refused() -> None:
    assert "not UTF-8" in refused(text_of({"binaryData": {"policy.yaml": "//79"}}))[0][1]
