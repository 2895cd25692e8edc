"""One value per row of schema.sql, field for field and in its order."""

from __future__ import annotations

from typing import NamedTuple


class DecisionRow(NamedTuple):
    producer: str
    id: int
    seen_us: int
    at_us: int
    decision: str
    opens: bool
    attempt: int
    verb: str
    code: str
    namespace: str
    pod: str
    uid: str
    owner: str
    scheduler: str
    profile: str
    priority: int
    revision: str
    generation: int
    nodes_in: int
    nodes_out: int
    nodes_unknown: int
    nominated: bool
    node: str
    duration_us: float
    decode_us: float
    encode_us: float
    message: str


class VerdictRow(NamedTuple):
    producer: str
    id: int
    at_us: int
    decision: str
    plugin: str
    phase: str
    code: str
    mode: str
    nodes_in: int
    rejected: int
    duration_us: float
    message: str


class RejectionRow(NamedTuple):
    producer: str
    id: int
    at_us: int
    decision: str
    plugin: str
    phase: str
    mode: str
    reason: str
    nodes: int


class DetailRow(NamedTuple):
    producer: str
    id: int
    at_us: int
    decision: str
    codec: str
    body: bytes


class OutcomeRow(NamedTuple):
    producer: str
    id: int
    seen_us: int
    at_us: int
    decision: str
    uid: str
    rank: int
    result: str
    node: str
    seen_by: str
    message: str


class EvictionRow(NamedTuple):
    producer: str
    id: int
    seen_us: int
    at_us: int
    plugin: str
    why: str
    reason: str
    namespace: str
    pod: str
    uid: str
    owner: str
    priority: int
    node: str
    result: str
    message: str
    decision: str
    by_namespace: str
    by_pod: str
    by_uid: str


class PolicyRow(NamedTuple):
    producer: str
    id: int
    at_us: int
    revision: str
    hash: str
    source: str
    document: str
    error: str


class GapRow(NamedTuple):
    producer: str
    id: int
    at_us: int
    from_us: int
    to_us: int
    count: int  # type: ignore[assignment]  # the column's name; nobody counts the fields of a row
    cause: str


class QuarantineRow(NamedTuple):
    producer: str
    id: int
    at_us: int
    error: str
    body: bytes


class SkippedRow(NamedTuple):
    producer: str
    at_us: int
    kind: str
    count: int  # type: ignore[assignment]


class PositionRow(NamedTuple):
    producer: str
    segment: int
    position: int
    at_us: int


Row = (
    DecisionRow
    | VerdictRow
    | RejectionRow
    | DetailRow
    | OutcomeRow
    | EvictionRow
    | PolicyRow
    | GapRow
    | QuarantineRow
    | SkippedRow
    | PositionRow
)

TABLES: dict[type[Row], str] = {
    DecisionRow: "decision",
    VerdictRow: "verdict",
    RejectionRow: "rejection",
    DetailRow: "detail",
    OutcomeRow: "outcome",
    EvictionRow: "eviction",
    PolicyRow: "policy",
    GapRow: "gap",
    QuarantineRow: "quarantine",
    SkippedRow: "skipped",
    PositionRow: "journal_pos",
}
