"""Recorded bodies, damaged at random: a valid answer or a plain refusal, and the next call is served."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extender.server.verbs import VERBS, Verbs
from tests.contract.a_stand_in import StandInEngine, a_call, a_table, recorded
from tests.contract.protocol import (
    check_bind,
    check_filter,
    check_preempt,
    check_prioritize,
    names_sent,
    no_null,
    victims_sent,
)

BODY_BYTES_MAX = 20_000
BODIES = {
    verb: [call.body for call in recorded() if call.verb == verb and len(call.body) < BODY_BYTES_MAX] for verb in VERBS
}
KNOWN = names_sent(json.loads(BODIES["filter"][0]))
WORDS = st.sampled_from(
    [
        b"null",
        b"[]",
        b"{}",
        b'""',
        b"0",
        b"-1",
        b"1e400",
        b"9" * 30,
        b"true",
        b'"\\u0000"',
        b"\xff",
        b"[null]",
        b" ",
        b",",
    ]
)


@st.composite
def damaged(draw: st.DrawFn, verb: str) -> bytes:
    """A recorded body, cut short or with some bytes, values or keys exchanged."""
    body = bytearray(draw(st.sampled_from(BODIES[verb])))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(body) - 1, 0)))
        match draw(st.sampled_from(["cut", "flip", "drop", "insert", "replace", "repeat"])):
            case "cut":
                del body[at:]
            case "flip" if body:
                body[at] ^= 1 << draw(st.integers(0, 7))
            case "drop":
                del body[at : at + draw(st.integers(1, 40))]
            case "insert":
                body[at:at] = draw(WORDS)
            case "replace":
                colon = body.find(b":", at)
                end = min((p for p in (body.find(b",", colon), body.find(b"}", colon)) if p >= 0), default=len(body))
                body[colon + 1 : end] = draw(WORDS)
            case _:
                body[at:at] = body[at : at + draw(st.integers(1, 200))]
    return bytes(body)


@pytest.mark.parametrize("verb", VERBS)
@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_damaged_body_is_answered_by_the_rules_or_refused(verb: str, data: st.DataObject) -> None:
    engine = StandInEngine()
    verbs = Verbs(engine, a_table(KNOWN))
    body = data.draw(damaged(verb))
    answer = a_call(verbs, verb, body)
    if answer.status == 400:
        assert answer.body == b""
        assert answer.reason.isascii()
        assert not engine.pods
        assert not engine.bound
    else:
        assert answer.status == 200
        check(verb, answer.body, json.loads(body))
    good = BODIES[verb][0]
    check(verb, a_call(verbs, verb, good).body, json.loads(good))


def check(verb: str, body: bytes, request: dict[str, Any]) -> None:
    whole = {"Nodes": None, "NodeNames": None, "NodeNameToVictims": None, "NodeNameToMetaVictims": None} | request
    if verb == "filter":
        check_filter(body, whole)
    elif verb == "prioritize":
        check_prioritize(body, whole)
    elif verb == "preempt":
        check_preempt(body, whole)
    else:
        check_bind(body)


node_names = st.sampled_from(["a", "b", "c", "d", "\u00e9", '"', ""])
uids = st.sampled_from(["x", "y", "z"])
counts = st.none() | st.integers(-(2**63), 2**63 - 1)
meta = st.none() | st.fixed_dictionaries(
    {}, optional={"Pods": st.none() | st.lists(st.none() | uids.map(lambda u: {"UID": u})), "NumPDBViolations": counts}
)
whole_pods = uids.map(lambda uid: {"metadata": {"uid": uid, "name": "v", "namespace": "ns"}, "spec": {"priority": 1}})
victims = st.none() | st.fixed_dictionaries(
    {}, optional={"Pods": st.none() | st.lists(st.none() | whole_pods), "NumPDBViolations": counts}
)

VERBS_WITHOUT_NODES = Verbs(StandInEngine(), a_table([]))


@given(
    st.one_of(
        st.tuples(st.just("NodeNameToMetaVictims"), st.none() | st.dictionaries(node_names, meta)),
        st.tuples(st.just("NodeNameToVictims"), st.none() | st.dictionaries(node_names, victims)),
    )
)
@settings(max_examples=200, deadline=None)
def test_a_preempt_answer_never_holds_a_null(sent: tuple[str, Any]) -> None:
    pod = {"metadata": {"name": "p", "uid": "u"}}
    request = {"Pod": pod, "NodeNameToVictims": None, "NodeNameToMetaVictims": None} | dict([sent])
    answer = VERBS_WITHOUT_NODES.call("preempt", json.dumps(request).encode())
    assert answer.status == 200
    assert b"null" not in answer.body
    assert no_null(json.loads(answer.body))
    check_preempt(answer.body, request)
    assert set(json.loads(answer.body)["NodeNameToMetaVictims"]) <= set(victims_sent(request))
