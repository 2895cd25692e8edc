"""One decision out of its frames: what the lists, the page of one decision and the live updates show."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from analytics.store.detail import unpack
from analytics.store.tables import DecisionRow, DetailRow, OutcomeRow, RejectionRow, VerdictRow
from extender.record.trace import trace_of

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 all of these are UTC
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
# So many reasons are told in the one line that says why no node passed.
_REASONS_TOLD = 3

UNENDED = "unknown"
SCHEDULED = 3
OUTCOME_OF_RANK = {SCHEDULED: "scheduled", 1: "unschedulable", 2: "error", 0: UNENDED}
"""Rank of an `outcome` row -> what pages and APIs call it."""
PERMIT = "permit"
PHASE_OF_VERB = {"filter": "filter", "prioritize": "score", "preempt": "preempt", "permit": "permit", "bind": "bind"}


@dataclass(slots=True)
class Frames:
    """All rows of one decision. Without detail, `verdicts` holds only those of permit, and `details` stays empty."""

    calls: list[DecisionRow] = field(default_factory=list)
    outcomes: list[OutcomeRow] = field(default_factory=list)
    rejections: list[RejectionRow] = field(default_factory=list)
    verdicts: list[VerdictRow] = field(default_factory=list)
    details: list[DetailRow] = field(default_factory=list)


def summary(frames: Frames) -> dict[str, Any]:
    """What a row of the table shows. `frames` holds at least one call."""
    calls = sorted(frames.calls, key=_order)
    head = min(calls, key=lambda call: (call.at_us, call.producer, call.id))
    end = _end(frames.outcomes)
    waits = _waits(calls, end, _held_us(frames.verdicts))
    rejections = _rejections(frames)
    rank = end.rank if end else 0
    return {
        "id": head.decision,
        "trace_id": trace_of(head.decision),
        "time": rfc3339(head.at_us),
        "scheduler": head.scheduler,
        "pod": {
            "namespace": head.namespace,
            "name": head.pod,
            "uid": head.uid,
            "owner": head.owner,
            "priority": head.priority,
        },
        "attempt": head.attempt,
        "outcome": OUTCOME_OF_RANK[rank],
        "node": end.node if end and rank == SCHEDULED else "",
        "message": _message(calls, end, rejections),
        "profile": head.profile,
        "revision": calls[-1].revision,
        "generation": head.generation,
        "duration_ms": round(sum(_own_us(call, waits) for call in calls) / 1000, 4),
        "waited_ms": round(sum(waits.values()) / 1000, 4),
        "ended": rfc3339(end.at_us) if end else None,
        "seen_by": end.seen_by if end else "",
        "phases": [_phase(call, waits) for call in calls] + _watched(calls, end),
        "rejections": rejections,
    }


def joined(frames: Frames, *, whole: bool = False) -> dict[str, Any]:
    """The summary, the nodes that were filtered out and the best scores; `whole`: all that is kept."""
    answer = summary(frames)
    details, trouble = _details(frames.details)
    answer["filtered"] = [rejected for _, detail in details for rejected in detail.get("rejected", ())]
    answer["scores"] = [_score(best) for _, detail in details for best in detail.get("best", ())]
    if not whole:
        return answer
    plugins = _plugins(frames)
    proposed = _proposed(frames.details)
    for phase, call in zip(answer["phases"], sorted(frames.calls, key=_order), strict=False):
        phase["plugins"] = plugins.get((call.producer, call.id), [])
        phase["proposed"] = proposed.get((call.producer, call.id), {})
    answer["leases"] = [{"detail": ""} | lease for _, detail in details for lease in detail.get("leases", ())]
    answer["features"] = next((detail["features"] for _, detail in details if "features" in detail), {})
    answer["candidates"] = next((detail["candidates"] for _, detail in details if "candidates" in detail), [])
    answer["outcomes"] = [_outcome(row) for row in sorted(frames.outcomes, key=lambda row: row.at_us)]
    answer["detail"] = trouble or ("kept" if frames.details else "none or expired")
    return answer


def rfc3339(at_us: int) -> str:
    """Microseconds since 1970 -> RFC 3339 in UTC; times that no calendar holds become the nearest that one does."""
    seconds, micros = divmod(at_us, 1_000_000)
    moment = _EPOCH + timedelta(seconds=min(max(seconds, _FIRST_S), _LAST_S), microseconds=micros)
    return moment.isoformat(timespec="microseconds") + "Z"


def _order(call: DecisionRow) -> tuple[int, str, int]:
    """A bind stands where it ended: the wait of its pod for others began after it did, and was over before."""
    return (_ended_us(call), call.producer, call.id)


def _waits(calls: list[DecisionRow], end: OutcomeRow | None, held: dict[tuple[str, int], float]) -> dict[int, int]:
    """How long each permit call waited, by frame id, in microseconds: as long as its bind was held, or until the
    decision ended. One that waits still has no entry. `held`: by (producer, id) of binds."""
    waits: dict[int, int] = {}
    for at, call in enumerate(calls):
        if call.verb != PERMIT:
            continue
        after = next((later for later in calls[at + 1 :] if later.verb in ("bind", PERMIT)), None)
        if after is not None and (after.producer, after.id) in held:
            waits[call.id] = max(0, int(held[after.producer, after.id]) - sum(waits.values()))
        elif after is not None:
            waits[call.id] = max(0, _ended_us(after) - call.at_us)
        elif end is not None:
            waits[call.id] = max(0, end.at_us - call.at_us)
    return waits


def _ended_us(call: DecisionRow) -> int:
    return call.at_us + int(call.duration_us) if call.verb == "bind" else call.at_us


def _held_us(verdicts: Iterable[VerdictRow]) -> dict[tuple[str, int], float]:
    """(producer, frame id) of a bind -> for how long permit held it: what its plugins say that they spent."""
    held: dict[tuple[str, int], float] = {}
    for verdict in verdicts:
        if verdict.phase == PERMIT and verdict.code != "Wait":
            key = (verdict.producer, verdict.id)
            held[key] = held.get(key, 0.0) + verdict.duration_us
    return held


def _own_us(call: DecisionRow, waits: dict[int, int]) -> float:
    """Time spent on the call itself: a bind without the wait that it held its pod for."""
    held = sum(waits.values()) if call.verb == "bind" else 0
    return max(0.0, call.duration_us - held)


def _end(outcomes: Iterable[OutcomeRow]) -> OutcomeRow | None:
    return max(outcomes, key=lambda row: (row.rank, row.at_us, row.id), default=None)


def _message(calls: list[DecisionRow], end: OutcomeRow | None, rejections: Iterable[dict[str, Any]]) -> str:
    """One line on how it ended."""
    if end and end.message:
        return end.message
    if end and end.result in ("deleted", "preempted"):
        return f"pod {end.result} before an end was seen" if end.rank == 0 else f"pod {end.result}"
    said = next((call.message for call in reversed(calls) if call.message and call.verb != "preempt"), "")
    if end and end.result == "unschedulable" and not said:
        return _why_nowhere(rejections)
    return said


def _why_nowhere(rejections: Iterable[dict[str, Any]]) -> str:
    reasons = [r for r in rejections if r["mode"] == "enforce" and r["call"] == "filter"]
    told = [f"{r['plugin']}: {r['reason']} ({r['nodes']})" for r in reasons[:_REASONS_TOLD]]
    more = [f"and {len(reasons) - _REASONS_TOLD} more reasons"] if len(reasons) > _REASONS_TOLD else []
    return "; ".join(told + more)


def _phase(call: DecisionRow, waits: dict[int, int]) -> dict[str, Any]:
    is_permit = call.verb == "permit"
    spent_us = waits.get(call.id, 0) if is_permit else _own_us(call, waits)
    return {
        "phase": PHASE_OF_VERB.get(call.verb, call.verb),
        "verb": call.verb,
        "time": rfc3339(call.at_us),
        "duration_ms": round(spent_us / 1000, 4),
        "waits": is_permit and call.id not in waits,
        "decode_ms": round(call.decode_us / 1000, 4),
        "encode_ms": round(call.encode_us / 1000, 4),
        "nodes_in": call.nodes_in,
        "nodes_out": call.nodes_in if is_permit else call.nodes_out,
        "nodes_unknown": call.nodes_unknown,
        "nominated": call.nominated,
        "code": call.code,
        "node": call.node,
        "message": call.message,
    }


def _watched(calls: list[DecisionRow], end: OutcomeRow | None) -> list[dict[str, Any]]:
    """Somebody else bound the pod: the time from our last call to the pod being seen bound stands for the bind."""
    if end is None or end.result != "bound" or any(call.verb == "bind" for call in calls):
        return []
    waited_us = max(0, end.at_us - calls[-1].at_us)
    return [
        {
            "phase": "bind",
            "verb": "",
            "time": rfc3339(end.at_us),
            "duration_ms": round(waited_us / 1000, 4),
            "waits": False,
            "decode_ms": 0.0,
            "encode_ms": 0.0,
            "nodes_in": 1,
            "nodes_out": 1,
            "nodes_unknown": 0,
            "nominated": False,
            "code": "Success",
            "node": end.node,
            "message": "bound by another than Trimtab, as seen by the watch",
        }
    ]


def _rejections(frames: Frames) -> list[dict[str, Any]]:
    """Sums over calls of one kind; those of filter first, since they are why no node passed. What preemption found
    stands by itself: its nodes are others, or the same once more."""
    call_of = {(call.producer, call.id): PHASE_OF_VERB.get(call.verb, call.verb) for call in frames.calls}
    sums: dict[tuple[str, str, str, str, str], int] = {}
    for row in frames.rejections:
        call = call_of.get((row.producer, row.id), "filter")
        key = (row.plugin, row.phase, row.mode, row.reason, call)
        sums[key] = sums.get(key, 0) + row.nodes
    ordered = sorted(sums.items(), key=lambda item: (item[0][4] != "filter", -item[1], item[0]))
    return [
        {"plugin": plugin, "phase": phase, "mode": mode, "reason": reason, "call": call, "nodes": nodes}
        for (plugin, phase, mode, reason, call), nodes in ordered
    ]


def _details(rows: Iterable[DetailRow]) -> tuple[list[tuple[int, dict[str, Any]]], str]:
    """The bodies in the order of their calls, and what is wrong with those that cannot be read."""
    details: list[tuple[int, dict[str, Any]]] = []
    trouble = ""
    for row in sorted(rows, key=lambda row: (row.at_us, row.producer, row.id)):
        try:
            details.append((row.at_us, unpack(row.codec, row.body)))
        except ValueError as error:
            trouble = str(error)
    return details, trouble


def _proposed(rows: Iterable[DetailRow]) -> dict[tuple[str, int], dict[str, Any]]:
    """Who would leave which node, by preempt call."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        with suppress(ValueError):  # told where the details are
            if victims := unpack(row.codec, row.body).get("victims"):
                found[row.producer, row.id] = victims
    return found


def _score(best: dict[str, Any]) -> dict[str, Any]:
    parts = best.get("parts", {})
    return {
        "node": best["node"],
        "score": best["total"],
        "plugins": {plugin: weighted for plugin, (_, _, weighted) in parts.items()},
        "parts": {
            plugin: {"raw": raw, "normalized": normalized, "weighted": weighted}
            for plugin, (raw, normalized, weighted) in parts.items()
        },
    }


def _plugins(frames: Frames) -> dict[tuple[str, int], list[dict[str, Any]]]:
    reasons: dict[tuple[str, int, str, str], dict[str, int]] = {}
    for row in frames.rejections:
        reasons.setdefault((row.producer, row.id, row.plugin, row.phase), {})[row.reason] = row.nodes
    plugins: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for verdict in frames.verdicts:
        plugins.setdefault((verdict.producer, verdict.id), []).append(
            {
                "plugin": verdict.plugin,
                "phase": verdict.phase,
                "code": verdict.code,
                "mode": verdict.mode,
                "nodes_in": verdict.nodes_in,
                "rejected": verdict.rejected,
                "reasons": reasons.get((verdict.producer, verdict.id, verdict.plugin, verdict.phase), {}),
                "duration_ms": round(verdict.duration_us / 1000, 4),
                "message": verdict.message,
            }
        )
    return plugins


def _outcome(row: OutcomeRow) -> dict[str, Any]:
    return {
        "time": rfc3339(row.at_us),
        "result": row.result,
        "node": row.node,
        "seen_by": row.seen_by,
        "message": row.message,
    }
