"""Answers of an extender, read as strictly as kube-scheduler reads them: what it would choke on is an error here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

import msgspec

MAX_INT64 = 2**63 - 1
_T = TypeVar("_T")


class ExtenderFailed(Exception):
    """A call that kube-scheduler counts as failed; the text is what it would show."""


class _Filter(msgspec.Struct):
    NodeNames: list[str] | None = None
    FailedNodes: dict[str, str] | None = None
    FailedAndUnresolvableNodes: dict[str, str] | None = None
    Error: str = ""


class _Score(msgspec.Struct):
    Host: str
    Score: int


class _Bind(msgspec.Struct):
    Error: str = ""


class _MetaPod(msgspec.Struct):
    UID: str


class _Victims(msgspec.Struct):
    Pods: list[_MetaPod]
    NumPDBViolations: int = 0


class _Preempt(msgspec.Struct):
    NodeNameToMetaVictims: dict[str, _Victims] | None = None


class FilterAnswer(msgspec.Struct, frozen=True):
    """Names that may be used, in the answer's order, and why the others may not."""

    names: list[str]
    failed: dict[str, str]
    unresolvable: dict[str, str]


class Victims(msgspec.Struct, frozen=True):
    """Pods to evict from one node, most important first."""

    uids: tuple[str, ...]
    pdb_violations: int = 0


def filter_answer(url: str, body: bytes, sent: Collection[str]) -> FilterAnswer:
    """Raises ExtenderFailed."""
    answer = _decoded(body, _Filter, "filter")
    if answer.Error:
        raise ExtenderFailed(answer.Error)
    known = set(sent)
    for name in answer.NodeNames or ():
        if name not in known:
            raise ExtenderFailed(
                f'extender "{url}" claims a filtered node "{name}" which is not found in the input node list'
            )
    return FilterAnswer(answer.NodeNames or [], answer.FailedNodes or {}, answer.FailedAndUnresolvableNodes or {})


def scores_answer(body: bytes) -> dict[str, int]:
    """Scores by host; a host that is named twice has the sum. Raises ExtenderFailed."""
    if b"." in body or b"e" in body.lower():
        _refuse_float_scores(body)
    scores: dict[str, int] = {}
    for entry in _decoded(body, list[_Score], "prioritize"):
        if not -MAX_INT64 - 1 <= entry.Score <= MAX_INT64:
            raise ExtenderFailed(f"prioritize: score {entry.Score} of {entry.Host} does not fit an int64")
        scores[entry.Host] = scores.get(entry.Host, 0) + entry.Score
    return scores


def bind_answer(body: bytes) -> None:
    """Raises ExtenderFailed unless the answer says that the pod is bound."""
    answer = _decoded(body, _Bind, "bind")
    if answer.Error:
        raise ExtenderFailed(answer.Error)


def preempt_answer(url: str, body: bytes, pods_on: Mapping[str, Collection[str]]) -> dict[str, Victims]:
    """Raises ExtenderFailed. `pods_on`: the UIDs on each node that exists."""
    answer = _decoded(body, _Preempt, "preempt", " (this answer would have ended the kube-scheduler process)")
    victims: dict[str, Victims] = {}
    for node, found in (answer.NodeNameToMetaVictims or {}).items():
        if node not in pods_on:
            raise ExtenderFailed(f'nodeinfo not found for node name "{node}"')
        for pod in found.Pods:
            if pod.UID not in pods_on[node]:
                raise ExtenderFailed(
                    f"extender: {url} claims to preempt pod (UID: {pod.UID}) on node: {node}, "
                    "but the pod is not found on that node"
                )
        if not found.Pods:
            raise ExtenderFailed(f'expected at least one victim pod on node "{node}"')
        victims[node] = Victims(tuple(p.UID for p in found.Pods), found.NumPDBViolations)
    return victims


def _refuse_float_scores(body: bytes) -> None:
    """A number that is written with a point or an exponent is no int64 for Go, whatever its value."""
    for entry in _decoded(body, list[dict[str, msgspec.Raw]], "prioritize"):
        text = bytes(entry.get("Score", msgspec.Raw(b"0")))
        if text[:1] != b'"' and any(c in text for c in b".eE"):
            raise ExtenderFailed(
                f"json: cannot unmarshal number {text.decode()} into Go struct field HostPriority.Score of type int64"
            )


def _decoded(body: bytes, wanted: type[_T], verb: str, consequence: str = "") -> _T:
    if not body:
        raise ExtenderFailed("EOF")
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.DecodeError as error:
        raise ExtenderFailed(f"{verb}: the answer cannot be read: {error}{consequence}") from None
