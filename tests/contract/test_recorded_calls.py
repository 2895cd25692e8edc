"""Every call that a real kube-scheduler made, put to our server: the answers keep to the protocol."""

from __future__ import annotations

import json

import pytest

from extender.server.verbs import Verbs
from extender.wire import kernels
from tests.contract.a_stand_in import REJECTIONS, Recorded, StandInEngine, a_call, a_table, recorded
from tests.contract.protocol import (
    check_bind,
    check_filter,
    check_preempt,
    check_prioritize,
    names_sent,
    no_null,
    victims_sent,
)


def recorded_names() -> list[str]:
    calls = recorded(lambda call: call.verb in ("filter", "prioritize"))
    return list(dict.fromkeys(name for call in calls for name in names_sent(json.loads(call.body))))


EVERY_NODE = recorded_names()
compiled_only = pytest.mark.skipif(not kernels.COMPILED, reason="NUMBA_DISABLE_JIT: there is no compiled path")


@pytest.mark.parametrize("known", [EVERY_NODE, []], ids=["known-nodes", "unknown-nodes"])
@pytest.mark.parametrize("call", recorded(), ids=str)
def test_every_recorded_call_is_answered_by_the_rules(call: Recorded, known: list[str]) -> None:
    engine = StandInEngine()
    body = call.body
    answer = a_call(Verbs(engine, a_table(known)), call.verb, body)
    assert answer.status == 200
    assert not answer.reason
    assert not answer.body.endswith(b"\n")
    request = json.loads(body)
    if call.verb == "filter":
        found = check_filter(answer.body, request)
        for name in names_sent(request):
            code = engine.code(name)
            reason = (found["FailedNodes"] | found["FailedAndUnresolvableNodes"]).get(name)
            assert reason == (REJECTIONS[code - 1].reason if code else None)
            assert (name in found["FailedNodes"]) == (code == 1)
    elif call.verb == "prioritize":
        assert [entry["Score"] for entry in check_prioritize(answer.body, request)] == [
            engine.score(name) for name in names_sent(request)
        ]
    elif call.verb == "preempt":
        found = check_preempt(answer.body, request)
        assert set(found["NodeNameToMetaVictims"]) == {n for n in victims_sent(request) if engine.code(n) == 0}
    else:
        assert check_bind(answer.body) == {"Error": ""}
        assert engine.bound == [
            (request["PodNamespace"], request["PodName"], request["PodUID"], request["Node"]),
        ]
    if call.verb != "bind":
        assert engine.pods[0].uid == request["Pod"]["metadata"]["uid"]
        assert engine.pods[0].resource_version == request["Pod"]["metadata"]["resourceVersion"]


@pytest.mark.parametrize("call", recorded(lambda c: c.mode == "nodes" and c.verb == "filter"), ids=str)
def test_node_objects_come_back_untouched(call: Recorded) -> None:
    request = json.loads(call.body)
    answer = json.loads(a_call(Verbs(StandInEngine(), a_table(EVERY_NODE)), "filter", call.body).body)
    sent = {item["metadata"]["name"]: item for item in request["Nodes"]["items"]}
    assert all(item == sent[item["metadata"]["name"]] for item in answer["Nodes"]["items"])


@pytest.mark.parametrize("call", recorded(lambda c: c.verb == "filter"), ids=str)
def test_all_nodes_passing_gives_the_lists_that_the_scheduler_accepted(call: Recorded) -> None:
    engine = StandInEngine()
    engine.code = lambda name: 0  # type: ignore[method-assign]
    answer = json.loads(a_call(Verbs(engine, a_table(EVERY_NODE)), "filter", call.body).body)
    accepted = json.loads(call.answer)
    for key in ("NodeNames", "Nodes"):
        assert answer.get(key) == accepted[key]


@pytest.mark.parametrize("call", recorded(lambda c: c.mode == "names" and c.verb == "filter"), ids=str)
def test_nothing_fitting_is_an_empty_list(call: Recorded) -> None:
    engine = StandInEngine()
    engine.code = lambda name: 2  # type: ignore[method-assign]
    answer = json.loads(a_call(Verbs(engine, a_table(EVERY_NODE)), "filter", call.body).body)
    assert answer["NodeNames"] == []
    assert no_null(answer)


@compiled_only
def test_recorded_names_take_the_compiled_path() -> None:
    verbs = Verbs(StandInEngine(), a_table(EVERY_NODE))
    for call in recorded(lambda c: c.mode == "names"):
        assert a_call(verbs, call.verb, call.body).status == 200
        if call.verb in ("filter", "prioritize"):
            assert verbs._codec.read(call.body).ticket


def test_the_recordings_cover_versions_modes_and_verbs() -> None:
    calls = recorded()
    assert {call.version for call in calls} == {"1.34.4", "1.35.4", "1.36.3"}
    assert {(call.mode, call.verb) for call in calls} == {
        (mode, verb) for mode in ("names", "nodes") for verb in ("filter", "prioritize", "preempt", "bind")
    }
    assert len(calls) == 120
