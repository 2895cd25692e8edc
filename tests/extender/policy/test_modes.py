"""For whom and when a plugin counts, as a policy says it: read, resolved, and refused with the path of the fault."""

from __future__ import annotations

import pytest

from extender.policy import ParsedPolicy, PolicyRefused, Problem, ResolvedPlugin, dump, parse
from tests.extender.policy.a_catalogue import CATALOGUE, HEAD

ENTRY = "profiles[0].plugins.score.enabled[0]"


def parsed(text: str) -> ParsedPolicy:
    return parse(HEAD + text, CATALOGUE)


def refused(text: str) -> tuple[Problem, ...]:
    with pytest.raises(PolicyRefused) as caught:
        parsed(text)
    return caught.value.problems


def scoring(entry: str, more: str = "") -> str:
    return f"{more}\nprofiles: [{{plugins: {{score: {{enabled: [{{name: PodState, {entry}}}]}}}}}}]"


def only(text: str) -> ResolvedPlugin:
    (plugin,) = parsed(text).profiles[0].plugins
    return plugin


def test_an_entry_says_when_for_whom_and_how_long() -> None:
    plugin = only(
        scoring(
            "canary: {percent: 10, namespaces: [team-a], podSelector: {matchLabels: {tier: web}}},"
            "from: 2026-11-21T10:00:00Z, until: 2026-11-21T19:00:00+01:00, deadline: 1.5ms, onFailure: closed"
        )
    )
    assert plugin.canary is not None
    assert (plugin.canary.percent, plugin.canary.namespaces) == (10, ("team-a",))
    assert plugin.canary.pod_selector.match_labels == {"tier": "web"}
    assert plugin.until_s is not None
    assert plugin.from_s is not None
    assert plugin.until_s - plugin.from_s == 8 * 3600
    assert (plugin.deadline_ms, plugin.on_failure) == (1.5, "closed")


def test_defaults_are_for_entries_that_say_nothing() -> None:
    defaults = "defaults: {deadline: 20ms, onFailure: closed}"
    silent = only(scoring("weight: 2", defaults))
    assert (silent.deadline_ms, silent.on_failure) == (20, "closed")
    own = only(scoring("deadline: 5ms, onFailure: open", defaults))
    assert (own.deadline_ms, own.on_failure) == (5, "open")


def test_an_entry_of_a_phase_wins_over_multi_point_as_a_whole() -> None:
    text = """
profiles:
- plugins:
    multiPoint: {enabled: [{name: NetworkOverhead, deadline: 5ms, canary: {percent: 50}}]}
    score: {enabled: [{name: NetworkOverhead, weight: 3}]}
"""
    checks, score = parsed(text).profiles[0].plugins
    assert [set(checks.phases), set(score.phases)] == [{"preFilter", "filter"}, {"score"}]
    assert (checks.deadline_ms, score.deadline_ms, score.canary) == (5, None, None)
    assert checks.weight == score.weight == 3


def test_entries_that_agree_stay_one_plugin() -> None:
    text = """
profiles:
- plugins:
    multiPoint: {enabled: [{name: NetworkOverhead}]}
    score: {enabled: [{name: NetworkOverhead, weight: 3}]}
"""
    assert only(text).phases == {"preFilter", "filter", "score"}


def test_what_it_says_survives_writing_and_reading() -> None:
    text = scoring(
        "canary: {percent: 10, guards: {rejectedShare: 0.3, over: 10s}}, from: 2026-11-21T10:00:00Z",
        "rules: [{name: full, when: {allocation: {above: 0.8, below: 0.6}}, use: {enable: [PodState]}}]\n"
        "guards: [{name: slow, when: {requestLatencyP99: 20ms}, then: rollback}]",
    )
    once = parsed(text)
    again = parse(dump(once.document), CATALOGUE)
    assert (again.document, again.hash, again.profiles) == (once.document, once.hash, once.profiles)


def test_a_family_in_a_rule_stands_for_its_members_that_are_on() -> None:
    text = """
profiles: [{plugins: {score: {enabled: [{name: Trimaran}]}}}]
rules: [{name: blind, when: {metricsStale: true}, use: {disable: [Trimaran]}}]
"""
    policy = parsed(text)
    (rule,) = policy.document.rules
    assert set(rule.use.disable) == {plugin.name for plugin in policy.profiles[0].plugins}


@pytest.mark.parametrize(
    ("entry", "path", "says"),
    [
        ("canary: 10", "canary", "want a mapping"),
        ("canary: {percent: 101}", "canary.percent", "out of bounds"),
        ("canary: {percent: -1}", "canary.percent", "out of bounds"),
        ("canary: {percent: ten}", "canary.percent", "want a number"),
        ("canary: {percentage: 10}", "canary.percentage", "unknown field"),
        ("canary: {namespaces: team-a}", "canary.namespaces", "want a list"),
        ("canary: {namespaces: ['']}", "canary.namespaces[0]", "out of bounds"),
        ("canary: {namespaces: [1]}", "canary.namespaces[0]", "want text"),
        ("canary: {podSelector: {matchLabel: {a: b}}}", "canary.podSelector.matchLabel", "unknown field"),
        ("canary: {podSelector: {matchLabels: {a: 1}}}", "canary.podSelector.matchLabels.a", "want text"),
        (
            "canary: {podSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}}",
            "canary.podSelector.matchExpressions[0].operator",
            "want In",
        ),
        (
            "canary: {podSelector: {matchExpressions: [{key: a, operator: In}]}}",
            "canary.podSelector.matchExpressions[0].values",
            "needs values",
        ),
        (
            "canary: {podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
            "canary.podSelector.matchExpressions[0].values",
            "takes no values",
        ),
        (
            "canary: {podSelector: {matchExpressions: [{operator: Exists}]}}",
            "canary.podSelector.matchExpressions[0].key",
            "missing",
        ),
        ("canary: {percent: 5, guards: {}}", "canary.guards", "watches nothing"),
        ("canary: {percent: 5, guards: {rejectedShare: 2}}", "canary.guards.rejectedShare", "out of bounds"),
        ("canary: {percent: 5, guards: {requestLatencyP99: 20}}", "canary.guards.requestLatencyP99", "want a duration"),
        ("canary: {percent: 5, guards: {pendingPods: 0}}", "canary.guards.pendingPods", "out of bounds"),
        ("canary: {percent: 5, guards: {breakerOpen: yes}}", "canary.guards.breakerOpen", "want true or false"),
        ("canary: {percent: 5, guards: {breakerOpen: true, over: 1ms}}", "canary.guards.over", "out of bounds"),
        ("from: 2026-11-21", "from", "want a moment"),
        ("from: 1763719200", "from", "want a moment"),
        ("until: tomorrow", "until", "want a moment"),
        ("until: 2026-11-21T10:00:00", "until", "want a moment"),
        ("until: 2026-02-30T10:00:00Z", "until", "in no calendar"),
        ("from: 2026-11-21T10:00:00Z, until: 2026-11-21T11:00:00+01:00", "until", "not after from"),
        ("deadline: 5", "deadline", "want a duration"),
        ("deadline: 5 ms", "deadline", "want a duration"),
        ("deadline: -5ms", "deadline", "want a duration"),
        ("deadline: 50us", "deadline", "out of bounds"),
        ("deadline: 11s", "deadline", "out of bounds"),
        ("onFailure: close", "onFailure", "want open or closed"),
    ],
)
def test_a_bad_entry_is_refused_where_it_stands(entry: str, path: str, says: str) -> None:
    (problem,) = refused(scoring(entry))
    assert problem.path == f"{ENTRY}.{path}"
    assert says in problem.message


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("defaults: {deadline: 1h}", "defaults.deadline", "out of bounds"),
        ("defaults: {deadline: fast}", "defaults.deadline", "want a duration"),
        ("defaults: {onFailure: maybe}", "defaults.onFailure", "want open or closed"),
        ("defaults: {canary: {percent: 1}}", "defaults.canary", "unknown field"),
        ("rules: {}", "rules", "want a list"),
        ("rules: [{when: {metricsStale: true}, use: {enable: [PodState]}}]", "rules[0].name", "missing"),
        ("rules: [{name: a b, when: {metricsStale: true}, use: {enable: [PodState]}}]", "rules[0].name", "want a name"),
        ("rules: [{name: a, use: {enable: [PodState]}}]", "rules[0].when", "missing"),
        ("rules: [{name: a, when: {}, use: {enable: [PodState]}}]", "rules[0].when", "one condition"),
        (
            "rules: [{name: a, when: {metricsStale: true, allocation: {above: 0.5}}, use: {enable: [PodState]}}]",
            "rules[0].when",
            "one condition",
        ),
        (
            "rules: [{name: a, when: {allocation: {above: 1.5}}, use: {enable: [PodState]}}]",
            "rules[0].when.allocation.above",
            "out of bounds",
        ),
        (
            "rules: [{name: a, when: {allocation: {below: 0.5}}, use: {enable: [PodState]}}]",
            "rules[0].when.allocation.above",
            "missing",
        ),
        (
            "rules: [{name: a, when: {allocation: {above: 0.5, below: 0.6}}, use: {enable: [PodState]}}]",
            "rules[0].when.allocation.below",
            "more than above",
        ),
        ("rules: [{name: a, when: {metricsStale: true}, use: {}}]", "rules[0].use", "switches nothing"),
        (
            "rules: [{name: a, when: {metricsStale: true}, use: {enable: [PodStat]}}]",
            "rules[0].use.enable[0]",
            "unknown plugin",
        ),
        (
            "rules: [{name: a, when: {metricsStale: true}, use: {disable: [Peaks]}}]",
            "rules[0].use.disable[0]",
            "no profile enables",
        ),
        (
            "rules: [{name: a, when: {metricsStale: true}, use: {enable: [PodState], disable: [PodState]}}]",
            "rules[0].use",
            "under enable and disable",
        ),
        (
            "rules: [&r {name: a, when: {metricsStale: true}, use: {enable: [PodState]}}, *r]",
            "rules[1].name",
            "already",
        ),
        ("guards: [{name: a, when: {pendingPods: 5}}]", "guards[0].then", "missing"),
        ("guards: [{name: a, when: {pendingPods: 5}, then: stop}]", "guards[0].then", "want rollback or disable"),
        ("guards: [{name: a, when: {}, then: rollback}]", "guards[0].when", "watches nothing"),
        ("guards: [{name: a, when: {pendingPods: 5}, then: disable}]", "guards[0].plugin", "missing"),
        (
            "guards: [{name: a, when: {pendingPods: 5}, then: disable, plugin: Nope}]",
            "guards[0].plugin",
            "unknown plugin",
        ),
        (
            "guards: [{name: a, when: {pendingPods: 5}, then: disable, plugin: Peaks}]",
            "guards[0].plugin",
            "no profile enables",
        ),
        ("guards: [{name: a, when: {pendingPods: 5}, over: 2h, then: rollback}]", "guards[0].over", "out of bounds"),
        (
            "guards: [{name: a, when: {requestLatencyP99: 1d}, then: rollback}]",
            "guards[0].when.requestLatencyP99",
            "want a duration",
        ),
        (
            "guards: [&g {name: a, when: {pendingPods: 5}, then: rollback}, *g]",
            "guards[1].name",
            "already",
        ),
    ],
)
def test_a_bad_default_rule_or_guard_is_refused_where_it_stands(text: str, path: str, says: str) -> None:
    (problem,) = refused(scoring("weight: 1", text))
    assert problem.path == path
    assert says in problem.message


def test_a_canary_in_the_queue_order_is_refused() -> None:
    (problem,) = refused("profiles: [{plugins: {queueSort: {enabled: [{name: QoS, canary: {percent: 5}}]}}}]")
    assert problem.path == "profiles[0].plugins.queueSort.enabled[0].canary"


def test_one_check_counts_for_one_set_of_pods() -> None:
    (problem,) = refused(
        """
profiles:
- plugins:
    preFilter: {enabled: [{name: CapacityScheduling, canary: {percent: 5}}]}
    filter: {enabled: [{name: CapacityScheduling}]}
"""
    )
    assert problem.path == "profiles[0].plugins.filter.enabled[0]"


def test_a_canary_for_everybody_is_warned_of() -> None:
    assert any("every pod" in warning for warning in parsed(scoring("canary: {percent: 100}")).warnings)
