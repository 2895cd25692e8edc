"""Answers are read as strictly as kube-scheduler reads them."""

from __future__ import annotations

import pytest

from extender.lab.answers import (
    ExtenderFailed,
    Victims,
    bind_answer,
    filter_answer,
    preempt_answer,
    scores_answer,
)

URL = "http://extender"
PODS_ON = {"n1": {"u1", "u2"}}


def test_a_filter_answer_keeps_its_order_and_reasons() -> None:
    found = filter_answer(URL, b'{"NodeNames":["b","a"],"FailedNodes":{"c":"full"}}', ["a", "b", "c"])
    assert (found.names, found.failed, found.unresolvable) == (["b", "a"], {"c": "full"}, {})


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "EOF"),
        (b"<html>", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"null", "cannot be read"),
        (b'{"NodeNames":[null]}', "cannot be read"),
        (b'{"NodeNames":["x"]}', 'claims a filtered node "x" which is not found in the input node list'),
        (b'{"FailedNodes":{"a":1}}', "cannot be read"),
        (b'{"NodeNames":["a"],"Error":"not synced"}', "not synced"),
    ],
)
def test_a_bad_filter_answer_fails_the_call(body: bytes, part: str) -> None:
    with pytest.raises(ExtenderFailed, match=part.replace("?", r"\?")):
        filter_answer(URL, body, ["a"])


def test_scores_of_a_host_named_twice_are_added_and_may_be_huge_or_negative() -> None:
    body = b'[{"Host":"a","Score":7},{"Host":"a","Score":-2},{"Host":"b","Score":9000000000}]'
    assert scores_answer(body) == {"a": 5, "b": 9_000_000_000}


@pytest.mark.parametrize(
    "body",
    [
        b'[{"Host":"a","Score":7.0}]',
        b'[{"Host":"a","Score":1e1}]',
        b'[{"Host":"a","Score":"7"}]',
        b'[{"Host":"a","Score":true}]',
        b'[{"Host":"a","Score":9223372036854775808}]',
        b"{}",
        b"null",
    ],
)
def test_a_bad_score_loses_the_whole_answer(body: bytes) -> None:
    with pytest.raises(ExtenderFailed):
        scores_answer(body)


def test_a_host_may_have_any_letters_in_its_name() -> None:
    assert scores_answer(b'[{"Host":"node.e1.example","Score":3}]') == {"node.e1.example": 3}


def test_a_bind_answer_with_an_error_fails() -> None:
    bind_answer(b'{"Error":""}')
    with pytest.raises(ExtenderFailed, match="slot was taken"):
        bind_answer(b'{"Error":"slot was taken"}')


def test_a_preempt_answer_names_victims_that_exist() -> None:
    body = b'{"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"u1"}],"NumPDBViolations":1}}}'
    assert preempt_answer(URL, body, PODS_ON) == {"n1": Victims(("u1",), 1)}


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'{"NodeNameToMetaVictims":{"n1":null}}', "would have ended the kube-scheduler process"),
        (b'{"NodeNameToMetaVictims":{"n1":{"Pods":[null]}}}', "would have ended the kube-scheduler process"),
        (b'{"NodeNameToMetaVictims":{"n9":{"Pods":[{"UID":"u1"}]}}}', "nodeinfo not found"),
        (b'{"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"x"}]}}}', "claims to preempt pod"),
        (b'{"NodeNameToMetaVictims":{"n1":{"Pods":[]}}}', "expected at least one victim"),
    ],
)
def test_a_bad_preempt_answer_fails_the_call(body: bytes, part: str) -> None:
    with pytest.raises(ExtenderFailed, match=part):
        preempt_answer(URL, body, PODS_ON)
