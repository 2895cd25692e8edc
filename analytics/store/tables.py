"""One value per row of schema.sql and its steps, field for field and in its order."""

from __future__ import annotations

from hashlib import md5

from msgspec import Struct


class _Row(Struct, frozen=True, gc=False, array_like=True):
    """Cheap to make and to throw away: millions are. In MessagePack an array, as in files that were exported before."""


class DecisionRow(_Row, frozen=True):
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
    created_us: int = 0
    """When the pod was created; 0: not known."""


class VerdictRow(_Row, frozen=True):
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


class RejectionRow(_Row, frozen=True):
    producer: str
    id: int
    at_us: int
    decision: str
    plugin: str
    phase: str
    mode: str
    reason: str
    nodes: int


class DetailRow(_Row, frozen=True):
    producer: str
    id: int
    at_us: int
    decision: str
    codec: str
    body: bytes


class ChoiceRow(_Row, frozen=True):
    producer: str
    id: int
    at_us: int
    decision: str
    scheduler: str
    revision: str
    plugins: str
    scored: int
    tied: int
    ahead: int
    cut: int
    best: str
    second: str


class KeyRow(_Row, frozen=True):
    at_us: int
    uid_key: int
    id_key: int


def key_of(text: str) -> int:
    """32 bits of a UID or an id, signed; the schema step that fills `decision_key` computes the same in SQL."""
    return int.from_bytes(md5(text.encode(errors="surrogatepass"), usedforsecurity=False).digest()[:4]) - (1 << 31)


class OutcomeRow(_Row, frozen=True):
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


class EvictionRow(_Row, frozen=True):
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


class ShadowRow(_Row, frozen=True):
    producer: str
    id: int
    seen_us: int
    at_us: int
    decision: str
    namespace: str
    pod: str
    uid: str
    profile: str
    plugin: str
    revision: str
    nodes: int
    rejected: int
    reasons: str
    sample: str
    rejected_all: bool
    moved: bool
    moved_from: str
    moved_to: str
    cost_us: float


class ShadowTallyRow(_Row, frozen=True):
    producer: str
    id: int
    seen_us: int
    at_us: int
    from_us: int
    profile: str
    plugin: str
    namespace: str
    revision: str
    seen: int
    placed: int
    rejecting: int
    rejecting_all: int
    moved: int
    settled: int
    failed: int
    reasons: str
    skipped: str
    costs: str


class PolicyRow(_Row, frozen=True):
    producer: str
    id: int
    at_us: int
    revision: str
    hash: str
    source: str
    document: str
    error: str


class GapRow(_Row, frozen=True):
    producer: str
    id: int
    at_us: int
    from_us: int
    to_us: int
    count: int
    cause: str


class QuarantineRow(_Row, frozen=True):
    producer: str
    id: int
    at_us: int
    error: str
    body: bytes


class SkippedRow(_Row, frozen=True):
    producer: str
    at_us: int
    kind: str
    count: int


class PositionRow(_Row, frozen=True):
    producer: str
    segment: int
    position: int
    at_us: int


class NodeSampleRow(_Row, frozen=True):
    at_us: int
    node: str
    ready: bool
    schedulable: bool
    cpu_allocatable: int
    cpu_requested: int
    cpu_used: int
    memory_allocatable: int
    memory_requested: int
    memory_used: int
    pods_allocatable: int
    pods: int


class TenantSampleRow(_Row, frozen=True):
    at_us: int
    tenant: str
    resource: str
    used: int
    quota: int
    most: int


class TenantViolationRow(_Row, frozen=True):
    at_us: int
    tenant: str
    resource: str
    change: str
    """opened or closed."""
    used: int
    quota: int
    most: int
    newest_pod: str
    """namespace/name of the pod that was placed last when it opened."""


class AuditEventRow(_Row, frozen=True):
    id: str
    stage: str
    seen_us: int
    at_us: int
    received_us: int
    source: str
    kind: str
    level: str
    verb: str
    actor: str
    actor_groups: str
    impersonated: str
    address: str
    agent: str
    api_group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    uid: str
    node: str
    code: int
    uri: str
    wait_us: int
    notes: str
    body: bytes


class FindingRow(_Row, frozen=True):
    id: str
    seen_us: int
    at_us: int
    rule: str
    title: str
    severity: str
    actor: str
    object: str
    description: str
    event_ids: str
    attack: str
    fix: str
    same: str


class FindingStateRow(_Row, frozen=True):
    finding: str
    at_us: int
    state: str
    who: str
    why: str
    until_us: int
    similar_too: bool
    rule: str
    actor: str


class AuditPositionRow(_Row, frozen=True):
    source: str
    file: str
    position: int
    at_us: int


class MinuteLatencyRow(_Row, frozen=True):
    at_us: int
    seen_us: int
    kind: str
    name: str
    scheduler: str
    bucket: int
    n: int
    total_us: float


class MinuteCountRow(_Row, frozen=True):
    at_us: int
    seen_us: int
    kind: str
    name: str
    scheduler: str
    n: int


class SampleRow(_Row, frozen=True):
    at_us: int
    source: str
    name: str
    labels: str
    upper: float
    value: float


Row = (
    DecisionRow
    | VerdictRow
    | RejectionRow
    | DetailRow
    | ChoiceRow
    | KeyRow
    | OutcomeRow
    | EvictionRow
    | ShadowRow
    | ShadowTallyRow
    | PolicyRow
    | GapRow
    | QuarantineRow
    | SkippedRow
    | PositionRow
    | NodeSampleRow
    | TenantSampleRow
    | TenantViolationRow
    | AuditEventRow
    | FindingRow
    | FindingStateRow
    | AuditPositionRow
    | MinuteLatencyRow
    | MinuteCountRow
    | SampleRow
)

TABLES: dict[type[Row], str] = {
    DecisionRow: "decision",
    VerdictRow: "verdict",
    RejectionRow: "rejection",
    DetailRow: "detail",
    ChoiceRow: "choice",
    KeyRow: "decision_key",
    OutcomeRow: "outcome",
    EvictionRow: "eviction",
    ShadowRow: "shadow",
    ShadowTallyRow: "shadow_tally",
    PolicyRow: "policy",
    GapRow: "gap",
    QuarantineRow: "quarantine",
    SkippedRow: "skipped",
    PositionRow: "journal_pos",
    NodeSampleRow: "node_sample",
    TenantSampleRow: "tenant_sample",
    TenantViolationRow: "tenant_violation",
    AuditEventRow: "audit_event",
    FindingRow: "finding",
    FindingStateRow: "finding_state",
    AuditPositionRow: "audit_pos",
    MinuteLatencyRow: "minute_latency",
    MinuteCountRow: "minute_count",
    SampleRow: "sample",
}
