"""One pod over all its attempts, until it is bound: what each waited for, and where the time went. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct


class Obstacle(Struct, frozen=True):
    """The rejection that weighed most in an attempt that found no place."""

    plugin: str
    reason: str
    nodes: int


class Try(Struct, frozen=True):
    """One attempt. Times RFC 3339, durations milliseconds."""

    id: str
    attempt: int
    time: str
    ended: str | None
    outcome: str
    node: str
    message: str
    revision: str
    nodes_in: int
    nodes_out: int
    queue_ms: float | None
    """From the pod's creation, or from the beginning of the attempt before; None: not known."""
    own_ms: float
    """Our filter, score and preempt."""
    waited_ms: float
    """For how long permit held it."""
    bind_ms: float
    obstacle: Obstacle | None
    changes: list[str]
    """What is new against the attempt before: revision, obstacle, candidates."""


class Trace(Struct, frozen=True, kw_only=True):
    namespace: str
    name: str
    uid: str
    created: str | None
    """By the API server's clock, whole seconds; None: no record says it."""
    state: str
    """bound, or the outcome of the last attempt: unschedulable, error, unknown."""
    node: str
    tries: list[Try]
    earlier: int
    """Attempts before the first one of `tries`."""
    others: list[str]
    """UIDs of other pods that had this name, newest first."""
    elapsed_ms: float | None
    """From creation (else from the first attempt that is told) to the end of the last attempt."""
    queue_ms: float
    own_ms: float
    waited_ms: float
    bind_ms: float


def trace(
    attempts: Sequence[Mapping[str, Any]], created: str | None, *, earlier: int = 0, others: Sequence[str] = ()
) -> Trace:
    """`attempts`: summaries of all decisions about one UID that are to be told, in any order, at least one."""
    ordered = sorted(attempts, key=lambda one: (one["time"], one["id"]))
    tries: list[Try] = []
    for one in ordered:
        tries.append(_try(one, tries[-1] if tries else None, created if not earlier else None))
    last, pod = tries[-1], ordered[0]["pod"]
    begin = created or tries[0].time
    end = last.ended or last.time
    bound = next((one for one in reversed(tries) if one.outcome == "scheduled"), None)
    return Trace(
        namespace=pod["namespace"],
        name=pod["name"],
        uid=pod["uid"],
        created=created,
        state="bound" if bound else last.outcome,
        node=bound.node if bound else "",
        tries=tries,
        earlier=earlier,
        others=list(others),
        elapsed_ms=max(0.0, _between_ms(begin, end)),
        queue_ms=round(sum(one.queue_ms or 0.0 for one in tries), 4),
        own_ms=round(sum(one.own_ms for one in tries), 4),
        waited_ms=round(sum(one.waited_ms for one in tries), 4),
        bind_ms=round(sum(one.bind_ms for one in tries), 4),
    )


def _try(one: Mapping[str, Any], before: Try | None, created: str | None) -> Try:
    filters = [phase for phase in one["phases"] if phase["phase"] == "filter"]
    spent: dict[str, float] = {}
    for phase in one["phases"]:
        spent[phase["phase"]] = spent.get(phase["phase"], 0.0) + phase["duration_ms"]
    since = before.time if before else created
    obstacle = _obstacle(one)
    nodes_in = filters[-1]["nodes_in"] if filters else 0
    return Try(
        id=one["id"],
        attempt=one["attempt"],
        time=one["time"],
        ended=one["ended"],
        outcome=one["outcome"],
        node=one["node"],
        message=one["message"],
        revision=one["revision"],
        nodes_in=nodes_in,
        nodes_out=filters[-1]["nodes_out"] if filters else 0,
        queue_ms=max(0.0, _between_ms(since, one["time"])) if since else None,
        own_ms=round(sum(spent.get(phase, 0.0) for phase in ("filter", "score", "preempt")), 4),
        waited_ms=one["waited_ms"],
        bind_ms=round(spent.get("bind", 0.0), 4),
        obstacle=obstacle,
        changes=_changes(before, one["revision"], obstacle, nodes_in) if before else [],
    )


def _obstacle(one: Mapping[str, Any]) -> Obstacle | None:
    if one["outcome"] != "unschedulable":
        return None
    enforced = [entry for entry in one["rejections"] if entry["mode"] == "enforce" and entry["call"] == "filter"]
    most = max(enforced, key=lambda entry: int(entry["nodes"]), default=None)
    return Obstacle(most["plugin"], most["reason"], most["nodes"]) if most else None


def _changes(before: Try, revision: str, obstacle: Obstacle | None, nodes_in: int) -> list[str]:
    found = ["revision"] if revision != before.revision else []
    if (
        obstacle
        and before.obstacle
        and (obstacle.plugin, obstacle.reason)
        != (
            before.obstacle.plugin,
            before.obstacle.reason,
        )
    ):
        found.append("obstacle")
    return found + (["candidates"] if nodes_in != before.nodes_in else [])


def _between_ms(begin: str, end: str) -> float:
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() * 1000, 3)
