"""What kube-scheduler takes for an answer: the rules of extender/v1, written down once more, as checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

INT64 = range(-(2**63), 2**63)


def names_sent(request: dict[str, Any]) -> list[str]:
    """Each candidate once, in the order sent."""
    if request["NodeNames"] is not None:
        return list(dict.fromkeys(request["NodeNames"]))
    return list(dict.fromkeys(item["metadata"]["name"] for item in request["Nodes"]["items"] or []))


def check_filter(body: bytes, request: dict[str, Any]) -> dict[str, Any]:
    """Every node sent stands in exactly one place, nothing else does, and the form is that of the request."""
    answer: dict[str, Any] = json.loads(body)
    # Node objects are the caller's own and may hold what they like.
    assert no_null({key: value for key, value in answer.items() if key != "Nodes"}), "a null"
    assert answer.get("Error", "") == "" or isinstance(answer["Error"], str)
    if request["NodeNames"] is not None:
        assert "Nodes" not in answer
        feasible = answer["NodeNames"]
        assert isinstance(feasible, list)
    else:
        assert "NodeNames" not in answer
        feasible = [item["metadata"]["name"] for item in answer["Nodes"]["items"]]
    failed, lost = answer["FailedNodes"], answer["FailedAndUnresolvableNodes"]
    assert all(isinstance(reason, str) for reason in (*failed.values(), *lost.values()))
    if not answer["Error"]:
        assert sorted([*feasible, *failed, *lost]) == sorted(names_sent(request))
        assert [name for name in names_sent(request) if name in set(feasible)] == feasible
    return answer


def check_prioritize(body: bytes, request: dict[str, Any]) -> list[dict[str, Any]]:
    """A top-level array, one entry for each host sent, whole numbers that Go's int64 holds."""
    answer: list[dict[str, Any]] = json.loads(body, parse_float=_no_float)
    assert isinstance(answer, list)
    assert [entry["Host"] for entry in answer] == names_sent(request)
    for entry in answer:
        assert set(entry) == {"Host", "Score"}
        assert type(entry["Score"]) is int
        assert entry["Score"] in INT64
    return answer


def check_preempt(body: bytes, request: dict[str, Any]) -> dict[str, Any]:
    """The meta form, no null (it would kill the scheduler), a subset of what was sent, no node without victims."""
    answer: dict[str, Any] = json.loads(body)
    assert no_null(answer), "a null"
    assert set(answer) == {"NodeNameToMetaVictims"}
    sent = victims_sent(request)
    for node, victims in answer["NodeNameToMetaVictims"].items():
        assert set(victims) == {"Pods", "NumPDBViolations"}
        uids = [pod["UID"] for pod in victims["Pods"]]
        assert uids
        assert [uid for uid in sent[node] if uid in uids] == uids
        assert type(victims["NumPDBViolations"]) is int
    return answer


def check_bind(body: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(body)
    assert set(answer) == {"Error"}
    assert isinstance(answer["Error"], str)
    return answer


def victims_sent(request: dict[str, Any]) -> dict[str, Sequence[str]]:
    """Node -> UIDs of its proposed victims, each once, in the order sent."""
    meta = request["NodeNameToMetaVictims"]
    if meta is not None:
        return {
            node: _once(pod["UID"] for pod in (victims or {}).get("Pods") or [] if pod)
            for node, victims in meta.items()
        }
    whole = request["NodeNameToVictims"] or {}
    return {
        node: _once(pod["metadata"]["uid"] for pod in (victims or {}).get("Pods") or [] if pod)
        for node, victims in whole.items()
    }


def no_null(value: Any) -> bool:
    if isinstance(value, dict):
        return all(no_null(found) for found in value.values())
    if isinstance(value, list):
        return all(no_null(found) for found in value)
    return value is not None


def _once(uids: Any) -> list[str]:
    return list(dict.fromkeys(uids))


def _no_float(text: str) -> None:
    raise AssertionError(f"{text} is no whole number")
