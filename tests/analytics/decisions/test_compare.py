"""What differs between two decisions, and the one sentence about it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from analytics.views.decisions.compare import compare
from analytics.views.decisions.story import BestNode, PhaseStory, PodStory, Rejection, ScorePart, Story


def story(**more):
    given: dict[str, Any] = {
        "id": "a", "time": "2026-01-02T03:04:05.000000Z", "pod": PodStory("team-a", "web-0", "u1"),
        "scheduler": "default-scheduler", "profile": "default-scheduler", "attempt": 1, "outcome": "scheduled",
        "node": "n1", "message": "", "revision": "7", "generation": 3, "duration_ms": 1.0, "ended": None,
        "seen_by": "bind", "phases": [PhaseStory("filter", "t", 1.0, 10, 4)], "rejections": [], "scores": [],
        "features": {"uid": "u1", "labels": {"app": "web"}, "containers": [{"requests": {"cpu": 100}}]},
    }  # fmt: skip
    return Story(**(given | more))


A = story()


def best(node, **weighted):
    parts = {plugin: ScorePart(value, value, value) for plugin, value in weighted.items()}
    return BestNode(node, sum(weighted.values()), parts)


def test_a_decision_is_the_same_as_itself():
    told = compare(A, A, ["n1", "n2"], ["n2", "n1"])
    assert (told.verdict, told.because.kind, told.facts, told.pod, told.rejections) == ("same", "nothing", [], [], [])
    assert told.summary == "Both were placed on n1, and nothing that Trimtab records differs."
    assert (told.candidates.both, told.candidates.only_a, told.same_pod) == (2, [], True)


def test_the_verdict_says_what_became_of_the_pod():
    refused = replace(A, outcome="unschedulable", node="")
    assert compare(A, replace(A, node="n2")).verdict == "moved"
    assert compare(refused, A).verdict == "placed"
    assert compare(A, refused).verdict == "lost"
    assert compare(refused, refused).verdict == "refused"
    assert compare(replace(A, outcome="error"), refused).verdict == "other"


def test_differences_of_facts_are_named_with_both_values():
    told = compare(A, replace(A, revision="8", node="n2"))
    assert [(d.name, d.a, d.b) for d in told.facts] == [("node", "n1", "n2"), ("revision", "7", "8")]
    assert told.summary == (
        "The first was placed on n1, the second on n2, and they differ first of all in the policy revision (7, then 8)."
    )


def test_features_of_the_pod_differ_by_path_and_its_own_names_do_not_count():
    other = {"uid": "u2", "labels": {"app": "api"}, "containers": [{"requests": {"cpu": 200}}], "gates": ["g"]}
    told = compare(A, replace(A, features=other))
    assert [(d.name, d.a, d.b) for d in told.pod] == [
        ("containers[0].requests.cpu", 100, 200), ("gates", None, ["g"]), ("labels.app", "web", "api"),
    ]  # fmt: skip
    assert told.because.kind == "pod"
    gone = compare(A, replace(A, features={}))
    assert (gone.pod, gone.features_known) == ([], False)


@pytest.mark.parametrize(
    ("toleration", "written"),
    [
        ({"key": "pool", "value": "gpu", "effect": "NoSchedule"}, "pool=gpu:NoSchedule"),
        ({"key": "pool", "effect": "NoSchedule"}, "pool=:NoSchedule"),
        ({"key": "pool", "operator": "Exists", "effect": "NoExecute"}, "pool:NoExecute"),
        ({"key": "pool", "operator": "Exists"}, "pool"),
        ({"key": "size", "operator": "Gt", "value": "3", "effect": "NoSchedule"}, "size>3:NoSchedule"),
        ({"operator": "Exists"}, "every taint"),
        ({"operator": "Exists", "effect": "NoExecute"}, "every taint of NoExecute"),
    ],
)
def test_tolerations_are_written_as_people_write_taints(toleration, written):
    tolerant = replace(A, features={"placement": {"tolerations": [{"operator": "Exists"}, toleration]}})
    for before, read in (({}, None), ({"placement": {"tolerations": [{"key": "other"}]}}, ["other="])):
        told = compare(replace(A, features={"uid": "u"} | before), tolerant)
        assert [(d.name, d.a, d.b) for d in told.pod] == [("placement.tolerations", read, ["every taint", written])]
        assert f"({read[0] if read else 'nothing'}, then every taint, {written})" in told.summary


def test_rejections_are_compared_by_plugin_and_reason():
    quota = Rejection("Quota", "filter", "enforce", "over quota", 6)
    shadow = Rejection("Taints", "filter", "shadow", "tainted", 6)
    preempt = Rejection("Taints", "filter", "enforce", "tainted", 6, call="preempt")
    told = compare(replace(A, rejections=[quota, shadow, preempt]), replace(A, rejections=[replace(quota, nodes=2)]))
    assert [(r.plugin, r.a, r.b, r.difference) for r in told.rejections] == [("Quota", 6, 2, -4)]
    assert "what Quota (over quota) rejected (6 nodes, then 2)" in told.summary


def test_scores_are_compared_node_by_node_and_plugin_by_plugin():
    a = replace(A, scores=[best("n1", Load=50, Net=10), best("n3", Load=1)])
    b = replace(A, scores=[best("n1", Load=20, Net=10), best("n2", Load=9)])
    told = {s.node: s for s in compare(a, b).scores}
    assert list(told) == ["n1", "n2", "n3"]
    assert (told["n1"].difference, [(d.name, d.a, d.b) for d in told["n1"].plugins]) == (-30, [("Load", 50, 20)])
    assert (told["n2"].a, told["n2"].b, told["n2"].difference) == (None, 9, None)
    assert compare(a, b).because.detail == "n1"


def test_candidates_that_are_not_recorded_are_said_to_be_unknown():
    assert compare(A, A, [], ["n1"]).candidates.known is False
    told = compare(A, A, ["n1", "n2"], ["n2", "n3", "n4"])
    assert (told.candidates.only_a, told.candidates.only_b_count, told.because.kind) == (["n1"], 2, "candidates")


def test_time_is_compared_phase_by_phase():
    slow = [
        PhaseStory("filter", "t", 1.0, 10, 4),
        PhaseStory("filter", "t", 2.0, 10, 4),
        PhaseStory("bind", "t", 5.0, 1, 1),
    ]
    told = {d.phase: d for d in compare(A, replace(A, phases=slow)).durations}
    assert (told["filter"].a, told["filter"].b, told["filter"].difference) == (1.0, 3.0, 2.0)
    assert (told["bind"].a, told["bind"].b, told["bind"].difference) == (None, 5.0, None)
