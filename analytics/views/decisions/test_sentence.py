"""The one sentence: what a pod waits for, in words for people who run applications."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from analytics.views.decisions.sentence import say
from analytics.views.decisions.story import EvictionStory, PluginStory, PodName, PodStory, Story, tell

_NOW = "2026-01-02T03:04:05Z"
_POD = {"namespace": "team-a", "name": "web-1", "uid": "u1"}


def refused(*plugins: PluginStory, nodes: int = 6, later: tuple[dict[str, object], ...] = ()) -> Story:
    """A pod that no node passed for."""
    phase = {"time": _NOW, "duration_ms": 0.5, "nodes_in": nodes, "nodes_out": 0}
    calls = [{**phase, "phase": "filter", "plugins": plugins}, *({**phase, **call} for call in later)]
    whole = {
        "id": "d1", "time": _NOW, "pod": _POD, "scheduler": "s", "profile": "s", "attempt": 1,
        "outcome": "unschedulable", "node": "", "message": "", "revision": "r", "generation": 1, "duration_ms": 0.5,
        "ended": _NOW, "seen_by": "filter", "phases": calls, "rejections": [], "scores": [],
    }  # fmt: skip
    return tell(whole)


def rejecting(plugin: str, label: str, message: str = "", nodes: int = 6) -> PluginStory:
    return PluginStory(plugin, "preFilter", "Unschedulable", rejected=nodes, reasons={label: nodes}, message=message)


@pytest.mark.parametrize(
    ("plugin", "label", "message", "said"),
    [
        (
            "Coscheduling", "cannot find enough sibling pods", "pod web-1 cannot find enough sibling pods, 4",
            ("Waits for its gang: fewer pods of it exist than it needs "
            "(Coscheduling: pod web-1 cannot find enough sibling pods, 4)."),
        ),
        (
            "CapacityScheduling", "total ElasticQuota used is more than min", "",
            ("Waits for quota: all that the quotas guarantee together is in use, so that nothing is left to borrow "
            "(CapacityScheduling: total ElasticQuota used is more than min)."),
        ),
        (
            "CapacityScheduling", "ElasticQuota used is more than max", "ElasticQuota team-a is more than Max",
            ("Waits for quota: its namespace has used its quota up to the maximum "
            "(CapacityScheduling: ElasticQuota team-a is more than Max)."),
        ),
        (
            "TenantQuota", "tenant over its limit of cpu", "tenant a: cpu: 4 used + 2 requested is over the limit of 5",
            ("Waits for the quota of its tenant: its tenant may use no more "
            "(TenantQuota: tenant a: cpu: 4 used + 2 requested is over the limit of 5)."),
        ),
        (
            "Coscheduling", "node capacity is reserved for a pod group", "",
            ("Waits for room: the room is kept for a group of pods that starts together "
            "(Coscheduling: node capacity is reserved for a pod group)."),
        ),
        (
            "QoS", "a pod of a higher QoS class is waiting", "",
            "Waits for its turn: a pod of a higher QoS class goes first (QoS: a pod of a higher QoS class is waiting).",
        ),
        ("Other", "too blue", "", "No node fits: Other rejected all 6 nodes: too blue."),
    ],
)  # fmt: skip
def test_who_rejects_every_node_is_told_in_plain_words(plugin: str, label: str, message: str, said: str) -> None:
    assert say(refused(rejecting(plugin, label, message))) == said


def test_several_reasons_tell_the_one_that_weighs_most() -> None:
    story = refused(rejecting("A", "tainted", nodes=4), rejecting("Coscheduling", "resource gap", nodes=2))
    assert say(story) == "No node fits: all 6 nodes were rejected, 4 of them for 'tainted' (A)."


def test_what_a_preemption_call_rejected_is_not_taken_for_the_filters() -> None:
    again = {"phase": "preempt", "nodes_in": 9, "plugins": [rejecting("Coscheduling", "resource gap", nodes=9)]}
    assert say(refused(rejecting("Other", "too blue"), later=(again,))).endswith("rejected all 6 nodes: too blue.")


def test_room_that_is_being_made_is_told() -> None:
    proposed = {"n1": [PodName("b", "old", "u2")]}
    story = refused(rejecting("Other", "too blue"), later=({"phase": "preempt", "proposed": proposed},))
    assert say(story).endswith("too blue. Preemption may clear n1 of 1 pod.")
    left = EvictionStory(_NOW, "CapacityScheduling", "preemption", "why", PodStory("b", "old", "u2"), "n1", "evicted")
    assert say(replace(story, victims=[left, left])).endswith("too blue. Room is being made on n1: 1 pod evicted.")
