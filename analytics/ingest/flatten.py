"""Frames to rows. Pure: the same frame at the same place gives the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from analytics.ingest.call import Call, scores
from analytics.store.tables import (
    ChoiceRow,
    DecisionRow,
    EvictionRow,
    GapRow,
    OutcomeRow,
    PolicyRow,
    RejectionRow,
    Row,
    ShadowRow,
    ShadowTallyRow,
    VerdictRow,
)
from extender.record.frames import Eviction, Gap, Outcome, PluginVerdict, Policy, Shadow, ShadowTally

_BOUND, _ERROR, _UNSCHEDULABLE, _UNSEEN = 3, 2, 1, 0
_RANK_OF_RESULT = {"bound": _BOUND, "failed": _ERROR}
_WAIT = "Wait"
_REJECTING = ("Unschedulable", "UnschedulableAndUnresolvable")


class Origin(Struct, frozen=True, gc=False):
    """Where a frame stood, and when it was taken in."""

    producer: str
    id: int
    seen_us: int


def call_row(frame: Call, origin: Origin, *, opens: bool, created_us: int) -> DecisionRow:
    """The facts of one verb call. `opens`: it is the first frame that was seen of its decision."""
    pod = frame.pod
    return DecisionRow(  # by place: by name it takes four times as long, which shows
        origin.producer,
        origin.id,
        origin.seen_us,
        frame.at_us,
        frame.decision,
        opens,
        frame.attempt,
        frame.verb,
        frame.code,
        pod.namespace,
        pod.name,
        pod.uid,
        pod.owner,
        pod.scheduler or frame.profile,
        frame.profile,
        pod.priority,
        frame.revision,
        frame.generation,
        frame.nodes_in,
        frame.nodes_out,
        frame.nodes_unknown,
        frame.nominated,
        frame.node,
        float(frame.duration_us),
        float(frame.decode_us),
        float(frame.encode_us),
        frame.message,
        created_us,
    )


def end_of_call(frame: Call, origin: Origin) -> OutcomeRow | None:
    """The end of the decision, if this call was one. A refused nominated node is none: the full call follows."""
    if frame.code == "Error":
        rank, result, node = _ERROR, "error", ""
    elif frame.verb == "bind":
        rank, result, node = _BOUND, "bound", frame.node
    elif frame.verb == "filter" and frame.code != "Success" and not frame.nominated:
        rank, result, node = _UNSCHEDULABLE, "unschedulable", ""
    else:
        return None
    return OutcomeRow(
        origin.producer,
        origin.id,
        origin.seen_us,
        frame.at_us,
        frame.decision,
        frame.pod.uid,
        rank,
        result,
        node,
        frame.verb,
        frame.message,
    )


def parts_of(frame: Call, producer: str, id_: int) -> list[Row]:
    """Rows of one verb call that do not say when it was taken in: verdicts, rejections, the choice. All but the detail,
    which is packed with those of others."""
    rows: list[Row] = []
    at_us, decision = frame.at_us, frame.decision
    for verdict in frame.plugins:
        rows.append(
            VerdictRow(
                producer,
                id_,
                at_us,
                decision,
                verdict.plugin,
                verdict.phase,
                verdict.code,
                verdict.mode,
                verdict.nodes_in,
                0 if verdict.code == _WAIT else verdict.rejected,
                float(verdict.duration_us),
                verdict.message,
            )
        )
        for reason, nodes in _reasons(verdict).items():
            rows.append(
                RejectionRow(producer, id_, at_us, decision, verdict.plugin, verdict.phase, verdict.mode, reason, nodes)
            )
    if frame.verb == "prioritize":
        rows += choice_rows(frame, producer, id_)
    return rows


def choice_rows(frame: Call, producer: str, id_: int) -> list[ChoiceRow]:
    """The first and the second choice among our totals; none where nothing was scored."""
    best = scores(frame)
    if not best:
        return []
    nodes: dict[int, list[str]] = {}
    for score in best:
        nodes.setdefault(score.total, []).append(score.node)
    totals = sorted(nodes, reverse=True)
    told = totals[:2]
    first, second = nodes[told[0]], nodes[told[1]] if len(told) > 1 else []
    cut = len(told) if told == totals and frame.nodes_in > len(best) else 0
    return [
        ChoiceRow(  # by place, as above
            producer,
            id_,
            frame.at_us,
            frame.decision,
            frame.pod.scheduler or frame.profile,
            frame.revision,
            ",".join(sorted({v.plugin for v in frame.plugins if v.phase == "score" and _counts(v)})),
            max(frame.nodes_in, len(best)),
            len(first),
            totals[0] - totals[1] if second else 0,
            cut,
            f",{','.join(first)},",
            f",{','.join(second)}," if second else "",
        )
    ]


def _counts(verdict: PluginVerdict) -> bool:
    return verdict.mode == "enforce" and verdict.code == "Success"


def outcome_row(frame: Outcome, origin: Origin) -> OutcomeRow:
    return OutcomeRow(
        origin.producer,
        origin.id,
        origin.seen_us,
        frame.at_us,
        frame.decision,
        frame.pod.uid,
        _RANK_OF_RESULT.get(frame.result, _UNSEEN),
        frame.result,
        frame.node,
        frame.seen_by,
        frame.message,
    )


def eviction_row(frame: Eviction, origin: Origin) -> EvictionRow:
    by = frame.preemptor
    return EvictionRow(
        producer=origin.producer,
        id=origin.id,
        seen_us=origin.seen_us,
        at_us=frame.at_us,
        plugin=frame.plugin,
        why=frame.why,
        reason=frame.reason,
        namespace=frame.pod.namespace,
        pod=frame.pod.name,
        uid=frame.pod.uid,
        owner=frame.pod.owner,
        priority=frame.pod.priority,
        node=frame.node,
        result=frame.result,
        message=frame.message,
        decision=frame.decision,
        by_namespace=by.namespace if by else "",
        by_pod=by.name if by else "",
        by_uid=by.uid if by else "",
    )


def shadow_row(frame: Shadow, origin: Origin) -> ShadowRow:
    return ShadowRow(
        producer=origin.producer,
        id=origin.id,
        seen_us=origin.seen_us,
        at_us=frame.at_us,
        decision=frame.decision,
        namespace=frame.pod.namespace,
        pod=frame.pod.name,
        uid=frame.pod.uid,
        profile=frame.profile,
        plugin=frame.plugin,
        revision=frame.revision,
        nodes=frame.nodes,
        rejected=sum(frame.would_reject.values()),
        reasons=_json(frame.would_reject),
        sample=orjson.dumps(frame.rejected).decode(),
        rejected_all=frame.would_reject_all,
        moved=frame.moved is not None,
        moved_from=frame.moved.origin if frame.moved else "",
        moved_to=frame.moved.target if frame.moved else "",
        cost_us=float(frame.cost_us),
    )


def shadow_tally_row(frame: ShadowTally, origin: Origin) -> ShadowTallyRow:
    return ShadowTallyRow(
        producer=origin.producer,
        id=origin.id,
        seen_us=origin.seen_us,
        at_us=frame.at_us,
        from_us=frame.from_us,
        profile=frame.profile,
        plugin=frame.plugin,
        namespace=frame.namespace,
        revision=frame.revision,
        seen=frame.seen,
        placed=frame.placed,
        rejecting=frame.would_reject,
        rejecting_all=frame.would_reject_all,
        moved=frame.moved,
        settled=frame.settled,
        failed=frame.failed,
        reasons=_json(frame.reasons),
        skipped=_json(frame.skipped),
        costs=_json(frame.costs),
    )


def _json(counts: Mapping[Any, int]) -> str:
    """Equal counts have equal texts, so that a database can group by them."""
    return orjson.dumps(counts, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS).decode()


def policy_row(frame: Policy, origin: Origin) -> PolicyRow:
    document = orjson.dumps(frame.document, default=str).decode()
    return PolicyRow(
        origin.producer, origin.id, frame.at_us, frame.revision, frame.hash, frame.source, document, frame.error
    )


def gap_row(frame: Gap, origin: Origin) -> GapRow:
    return GapRow(origin.producer, origin.id, frame.at_us, frame.from_us, frame.to_us, frame.count, frame.cause)


def _reasons(verdict: PluginVerdict) -> Mapping[str, int]:
    if verdict.code == _WAIT:  # to wait is not to be rejected
        return {}
    if not verdict.reasons and verdict.code in _REJECTING:  # a reason that concerns the pod, whatever the node
        nodes = verdict.rejected or verdict.nodes_in
        return {verdict.message or verdict.code: nodes} if nodes else {}
    return verdict.reasons
