from __future__ import annotations

import json

import pytest

from extender.policy import ParsedPolicy, PluginInfo, PolicyRefused, Problem, dump, empty_policy, parse
from extender.policy.document import PROFILES_MAX, WEIGHT_MAX
from extender.policy.problem import PROBLEMS_MAX
from tests.extender.policy.a_catalogue import A_POLICY, CATALOGUE, HEAD


def parsed(text: str | bytes) -> ParsedPolicy:
    return parse(text, CATALOGUE)


def refused(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(PolicyRefused) as caught:
        parse(text, CATALOGUE)
    assert caught.value.problems
    return caught.value.problems


def the_problem(text: str | bytes) -> Problem:
    problems = refused(text)
    assert len(problems) == 1, problems
    return problems[0]


def profile(plugins: str = "{}", config: str = "[]", more: str = "") -> str:
    return f"{HEAD}profiles:\n- plugins: {plugins}\n  pluginConfig: {config}\n{more}"


def test_the_documented_example_parses() -> None:
    policy = parsed(A_POLICY)
    assert policy.scale == "wide"
    assert policy.warnings == ()
    (only,) = policy.profiles
    assert only.scheduler_name == "default-scheduler"
    assert [plugin.name for plugin in only.plugins] == [
        "Coscheduling",
        "NodeResourceTopologyMatch",
        "TargetLoadPacking",
    ]
    packing = only.plugins[2]
    assert (packing.weight, packing.phases) == (2, frozenset({"score"}))
    assert packing.args["metricProvider"] == {"type": "Prometheus", "address": "http://prometheus:9090"}
    assert (packing.deadline_ms, packing.on_failure) == (None, "open")


def test_json_is_read_as_well_as_yaml() -> None:
    tree = {
        "apiVersion": "policy.trimtab.dev/v1alpha1",
        "kind": "SchedulingPolicy",
        "metadata": {"name": "\U0001f600"},
        "profiles": [{"plugins": {"score": {"enabled": [{"name": "PodState"}]}}}],
    }
    assert parsed(json.dumps(tree)).document.metadata.name == "\U0001f600"


def test_layout_and_order_of_keys_do_not_change_the_hash() -> None:
    tree = json.loads(json.dumps({"kind": "SchedulingPolicy", "apiVersion": "policy.trimtab.dev/v1alpha1"}))
    assert parsed(json.dumps(tree)).hash == parsed(HEAD + "# a comment\nprofiles: []\n").hash == empty_policy().hash


def test_another_weight_is_another_hash() -> None:
    one = profile("{score: {enabled: [{name: PodState, weight: 1}]}}")
    assert parsed(one).hash != parsed(one.replace("weight: 1", "weight: 3")).hash


def test_every_unknown_plugin_is_told_with_its_path_and_the_nearest_name() -> None:
    problems = refused(
        profile(
            "{score: {enabled: [{name: TargetLodPacking}, {name: PodState}, {name: podstat}], "
            "disabled: [{name: Qos1}]}}"
        )
    )
    assert [(p.path, p.hint) for p in problems] == [
        ("profiles[0].plugins.score.enabled[0].name", "did you mean TargetLoadPacking?"),
        ("profiles[0].plugins.score.enabled[2].name", "did you mean PodState?"),
        ("profiles[0].plugins.score.disabled[0].name", "did you mean QoS?"),
    ]


def test_problems_of_different_kinds_are_told_together() -> None:
    text = f"""{HEAD}scoring: {{scale: narrow}}
profiles:
- schedulerName: 5
  plugins:
    scor: {{enabled: []}}
    score: {{enabled: [{{name: Nope, weight: 0}}]}}
  pluginConfig:
  - {{name: TargetLoadPacking, args: {{targetUtilisation: 40}}}}
surprise: 1
"""
    assert {problem.path for problem in refused(text)} == {
        "scoring.scale",
        "profiles[0].schedulerName",
        "profiles[0].plugins.scor",
        "profiles[0].plugins.score.enabled[0].weight",
        "profiles[0].plugins.score.enabled[0].name",
        "profiles[0].pluginConfig[0].args.targetUtilisation",
        "surprise",
    }


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        (HEAD + "profile: []", "profile", "did you mean profiles?"),
        (profile("{preFiltr: {}}"), "profiles[0].plugins.preFiltr", "did you mean preFilter?"),
        (profile("{score: {enable: []}}"), "profiles[0].plugins.score.enable", "did you mean enabled?"),
        (profile("{score: {enabled: [{nam: PodState, name: PodState}]}}"),
         "profiles[0].plugins.score.enabled[0].nam", "did you mean name?"),
        (HEAD + "scoring: {scale: Wide}", "scoring.scale", "did you mean wide?"),
        (HEAD + "defaults: {timeout: 3}", "defaults.timeout", ""),
    ],
)  # fmt: skip
def test_an_unknown_word_names_its_path_and_the_nearest_known_word(text: str, path: str, hint: str) -> None:
    problem = the_problem(text)
    assert problem.path == path
    assert hint in problem.hint


def test_an_unknown_mode_is_refused_as_unknown() -> None:
    problem = the_problem(profile("{score: {enabled: [{name: PodState, mode: enforced}]}}"))
    assert (problem.path, problem.hint) == ("profiles[0].plugins.score.enabled[0].mode", "did you mean enforce?")


@pytest.mark.parametrize("weight", ["0", "-1", str(WEIGHT_MAX + 1), "9223372036854775807"])
def test_a_weight_out_of_bounds_is_refused(weight: str) -> None:
    problem = the_problem(profile(f"{{score: {{enabled: [{{name: PodState, weight: {weight}}}]}}}}"))
    assert problem.path == "profiles[0].plugins.score.enabled[0].weight"
    assert problem.hint == f"at least 1, at most {WEIGHT_MAX}"


@pytest.mark.parametrize("weight", ["2.5", "'2'", "true", "[1]", "{}"])
def test_a_weight_that_is_no_whole_number_is_refused(weight: str) -> None:
    problem = the_problem(profile(f"{{score: {{enabled: [{{name: PodState, weight: {weight}}}]}}}}"))
    assert problem.path == "profiles[0].plugins.score.enabled[0].weight"
    assert "want a whole number" in problem.message


def test_the_largest_totals_stay_inside_an_int64() -> None:
    raw_score_max, scheduler_factor = 10_000, 10
    assert len(CATALOGUE) * WEIGHT_MAX * raw_score_max * scheduler_factor < 2**63


def test_a_plugin_enabled_twice_in_one_phase_is_refused_also_under_its_alias() -> None:
    problem = the_problem(profile("{queueSort: {enabled: [{name: QoS}, {name: QOSSort}]}}"))
    assert problem.path == "profiles[0].plugins.queueSort.enabled[1].name"
    assert "enabled twice in queueSort" in problem.message


def test_a_scheduler_with_two_profiles_is_refused() -> None:
    problem = the_problem(HEAD + "profiles: [{schedulerName: a}, {schedulerName: b}, {schedulerName: a}]")
    assert problem.path == "profiles[2].schedulerName"
    assert "profiles[0]" in problem.message


def test_a_star_enables_nothing() -> None:
    problem = the_problem(profile("{score: {enabled: [{name: '*'}]}}"))
    assert problem.path == "profiles[0].plugins.score.enabled[0].name"
    assert "disabled only" in problem.hint


def test_too_many_profiles_are_refused() -> None:
    entries = ", ".join(f"{{schedulerName: s{i}}}" for i in range(PROFILES_MAX + 1))
    assert the_problem(f"{HEAD}profiles: [{entries}]").hint == f"at most {PROFILES_MAX}"


@pytest.mark.parametrize("kind", ["ConfigMap", "KubeSchedulerConfiguration"])
def test_a_neighbouring_kind_gets_one_answer_that_says_what_to_do(kind: str) -> None:
    problem = the_problem(f"apiVersion: v1\nkind: {kind}\ndata: {{}}\n")
    assert problem.path == "kind"
    assert problem.hint


def test_api_version_and_kind_are_required() -> None:
    assert [problem.path for problem in refused("profiles: []")] == ["apiVersion", "kind"]
    assert the_problem("apiVersion: policy.trimtab.dev/v1\nkind: SchedulingPolicy\n").path == "apiVersion"


def test_null_means_absent_as_in_kubernetes() -> None:
    policy = parsed(f"{HEAD}scoring:\nprofiles:\n- plugins:\n    score:\n      enabled:\n      disabled:\n")
    assert policy.document == parsed(f"{HEAD}profiles: [{{}}]").document


def test_problems_beyond_the_limit_are_counted_not_told() -> None:
    problems = refused(profile("{" + ", ".join(f"phase{i}: {{}}" for i in range(PROBLEMS_MAX + 7)) + "}"))
    assert len(problems) == PROBLEMS_MAX + 1
    assert problems[-1].message == "and 7 more problems"


# --- args ---


def args_of(name: str, args: str) -> str:
    return profile(f"{{score: {{enabled: [{{name: {name}}}]}}}}", f"[{{name: {name}, args: {args}}}]")


@pytest.mark.parametrize(
    ("name", "args", "path", "says"),
    [
        ("TargetLoadPacking", "{targetUtilisation: 40}", "targetUtilisation", "did you mean targetUtilization?"),
        ("TargetLoadPacking", "{targetUtilization: '40'}", "targetUtilization", "want a whole number, got '40'"),
        ("TargetLoadPacking", "{targetUtilization: 400}", "targetUtilization", "at most 100"),
        ("TargetLoadPacking", "{metricProvider: {typ: x}}", "metricProvider.typ", "did you mean type?"),
        (
            "TargetLoadPacking",
            "{metricProvider: {type: prometheus}}",
            "metricProvider.type",
            "did you mean Prometheus?",
        ),
        ("NodeResourcesAllocatable", "{resources: [{weight: 1}]}", "resources[0].name", "missing"),
        ("NodeResourcesAllocatable", "{resources: {}}", "resources", "want a list"),
        ("PodState", "{a: 1}", "a", "unknown field 'a'"),
    ],
)
def test_args_are_held_against_the_plugins_schema(name: str, args: str, path: str, says: str) -> None:
    problem = the_problem(args_of(name, args))
    assert problem.path == f"profiles[0].pluginConfig[0].args.{path}"
    assert says in str(problem)


def test_the_plugins_own_check_speaks_with_the_full_path() -> None:
    problem = the_problem(args_of("NodeResourcesAllocatable", "{resources: [{name: cpu, weight: -1}]}"))
    assert problem.path == "profiles[0].pluginConfig[0].args.resources[0].weight"
    assert problem.message == "must be positive"


def test_a_check_that_fails_refuses_the_policy_and_nothing_worse() -> None:
    def broken(_args: object) -> list[Problem]:
        raise ZeroDivisionError("boom")

    info = PluginInfo("Odd", "", "alpha", ("score",), {"type": "object"}, {}, check=broken)
    with pytest.raises(PolicyRefused, match="the check of plugin Odd failed"):
        parse(args_of("Odd", "{}"), {"Odd": info})


def test_upstream_marks_in_pasted_args_are_dropped() -> None:
    marked = "{apiVersion: kubescheduler.config.k8s.io/v1, kind: TargetLoadPackingArgs, targetUtilization: 50}"
    policy = parsed(args_of("TargetLoadPacking", marked))
    assert policy.document.profiles[0].plugin_config[0].args == {"targetUtilization": 50}
    assert policy.profiles[0].plugins[0].args == {"targetUtilization": 50}


def test_args_for_an_unknown_plugin_are_refused() -> None:
    problem = the_problem(profile(config="[{name: PodStat, args: {}}]"))
    assert (problem.path, problem.hint) == ("profiles[0].pluginConfig[0].name", "did you mean PodState?")


def test_args_given_twice_are_refused_also_under_an_alias() -> None:
    problem = the_problem(profile("{queueSort: {enabled: [{name: QoS}]}}", "[{name: QoS}, {name: QOSSort}]"))
    assert problem.path == "profiles[0].pluginConfig[1].name"


def test_args_of_a_plugin_that_is_off_only_warn() -> None:
    policy = parsed(profile(config="[{name: PodState}]"))
    assert policy.warnings == ("profiles[0].pluginConfig[0].name: PodState is not on in this profile; its args wait",)


def test_a_phase_in_which_the_plugin_does_no_work_only_warns() -> None:
    policy = parsed(profile("{filter: {enabled: [{name: PodState}]}, score: {enabled: [{name: PodState}]}}"))
    (warning,) = policy.warnings
    assert warning == "profiles[0].plugins.filter.enabled[0].name: PodState does no work in filter; it works in score"
    assert policy.profiles[0].plugins[0].phases == {"score"}


def test_a_weight_outside_score_only_warns() -> None:
    policy = parsed(profile("{filter: {enabled: [{name: NetworkOverhead, weight: 3}]}}"))
    assert policy.warnings == ("profiles[0].plugins.filter.enabled[0].weight: weights have no effect in filter",)


def test_an_alias_becomes_the_plugins_own_name() -> None:
    policy = parsed(profile("{queueSort: {enabled: [{name: QOSSort}]}}"))
    assert policy.document.profiles[0].plugins.queue_sort.enabled[0].name == "QoS"
    assert "QOSSort" not in dump(policy.document)


def test_the_empty_policy_is_valid_and_has_every_plugin_off() -> None:
    policy = parsed(dump(empty_policy().document))
    assert policy.document == empty_policy().document
    assert policy.profiles == ()


def test_pods_find_the_profile_of_their_scheduler_and_else_the_star() -> None:
    policy = parsed(f"{HEAD}profiles: [{{schedulerName: a}}, {{schedulerName: '*'}}]")
    chosen = [policy.profile_of(name) for name in ("a", "b")]
    assert [profile.scheduler_name for profile in chosen if profile] == ["a", "*"]
    assert empty_policy().profile_of("a") is None
