"""Journal frames: what the extender remembers. Times are microseconds since 1970, UTC; durations microseconds.

A *decision* is one attempt at one pod. It opens at the first filter for the pod's UID; its prioritize,
preempt, bind and outcome frames carry the same `decision` id. One frame per verb call.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

SCHEMA_VERSION = 1


class PodRef(Struct, frozen=True, gc=False):
    namespace: str
    name: str
    uid: str
    scheduler: str = ""
    priority: int = 0
    resource_version: str = ""
    owner: str = ""
    """Kind/name of the controlling owner, or empty."""


class PluginVerdict(Struct, gc=False, omit_defaults=True):
    """What one plugin did in one phase of one call."""

    plugin: str
    phase: str
    """preFilter, filter, score, reserve, postFilter, ... as in the policy."""
    code: str = "Success"
    """Success, Unschedulable, UnschedulableAndUnresolvable, Skip, Error."""
    mode: str = "enforce"
    nodes_in: int = 0
    rejected: int = 0
    reasons: dict[str, int] = {}
    """Reason -> number of nodes rejected with it. Free of pod names, so that it can be counted; `message` has them."""
    duration_us: float = 0.0
    message: str = ""
    """Pod-level reason in full, or error text."""


class NodeScore(Struct, gc=False, omit_defaults=True):
    """One of the best nodes, and who gave it what."""

    node: str
    total: int
    parts: dict[str, tuple[int, int, int]] = {}
    """plugin -> (raw, normalised, weighted = normalised x weight)."""


class NodeRejection(Struct, gc=False):
    node: str
    plugin: str
    reason: str
    unresolvable: bool = True


class LeaseTouch(Struct, gc=False, omit_defaults=True):
    plugin: str
    action: str
    """taken, refreshed, released, confirmed, missing."""
    detail: str = ""


class Skipped(Struct, gc=False):
    """A plugin that the policy has on, and that did not count for this pod at this moment."""

    plugin: str
    phases: list[str]
    why: str
    """breaker open, outside canary, not yet, expired, rule NAME, guard NAME."""


class Decision(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="decision", kw_only=True):
    """One verb call of one decision."""

    at_us: int
    decision: str
    attempt: int
    """Ordinal of this decision among those of the pod's UID, from 1."""
    verb: str
    """filter, prioritize, preempt, bind; and permit, when a bind begins to wait for others."""
    pod: PodRef
    code: str = "Success"
    """Success (some node passed, scored, bound), Unschedulable (none did), Error."""
    profile: str = ""
    """schedulerName of the policy profile that decided; empty: none matched, every plugin neutral."""
    revision: str = ""
    """Policy revision."""
    generation: int = 0
    """Cluster-state generation."""
    nodes_in: int = 0
    nodes_out: int = 0
    nodes_unknown: int = 0
    """Candidate nodes that our cache did not know."""
    nominated: bool = False
    """A call for the single nominated node."""
    node: str = ""
    """bind: the node asked for. preempt: the nodes kept, joined by commas."""
    plugins: list[PluginVerdict] = []
    best: list[NodeScore] = []
    rejected: list[NodeRejection] = []
    """A sample; the counts stand in `plugins`."""
    leases: list[LeaseTouch] = []
    skipped: list[Skipped] = []
    victims: dict[str, list[PodRef]] = {}
    """preempt: node kept -> who would leave it, most important first. A sample of the nodes; `node` names all."""
    duration_us: float = 0.0
    """The whole call, bytes in to bytes out."""
    ahead_us: float = 0.0
    """prioritize: time spent on the scores before the call came, right after the filter answer; 0: when it came."""
    decode_us: float = 0.0
    encode_us: float = 0.0
    message: str = ""
    features: dict[str, Any] = {}
    """The decoded pod, as needed to compute the decision again; in its first frame: filter, or prioritize alone."""
    candidates: list[str] = []
    """Names of the candidate nodes in the order sent; in the same frame (prioritize takes those that passed filter)."""


class Outcome(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="outcome", kw_only=True):
    """How a decision ended, as far as we saw it."""

    at_us: int
    decision: str
    pod: PodRef
    result: str
    """bound, failed, deleted, preempted, unknown."""
    node: str = ""
    seen_by: str = "bind"
    """bind (we created the binding) or watch."""
    message: str = ""


class Eviction(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="eviction", kw_only=True):
    """A pod was evicted by us, or was not and why: one frame per victim and result."""

    at_us: int
    plugin: str
    why: str
    """preemption or rescheduling."""
    reason: str
    """One sentence for people: who needs the room, or which threshold was passed by how much."""
    pod: PodRef
    """The victim."""
    node: str
    result: str
    """evicted, refused (a budget or a limit said no), gone (the pod, or the need for its room), failed, dryRun."""
    message: str = ""
    """What the API server or the limit said."""
    decision: str = ""
    """preemption: the preemptor's decision."""
    preemptor: PodRef | None = None


class Moved(Struct, frozen=True, gc=False, rename={"origin": "from", "target": "to"}):
    """The winner without a plugin and with it; where several are equal, the first of them in the order sent."""

    origin: str
    target: str


class Shadow(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="shadow", kw_only=True):
    """What one plugin in shadow would have changed in one decision. Decisions without a difference have none; they are
    counted in ShadowTally."""

    at_us: int
    decision: str
    pod: PodRef
    profile: str
    plugin: str
    phases: list[str] = []
    """Those that are shadowed and were asked: preFilter, filter, score."""
    revision: str = ""
    nodes: int = 0
    """Nodes that had passed what is enforced, and were shown to it."""
    would_reject: dict[str, int] = {}
    """Reason -> number of nodes; free of pod names."""
    would_reject_all: bool = False
    """No node would have been left."""
    rejected: list[str] = []
    """The first of these nodes, by name; a sample."""
    moved: Moved | None = None
    """No node that had the highest total without it has it with it."""
    cost_us: float = 0.0
    """Time that the plugin itself took."""


class ShadowTally(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="shadowTally", kw_only=True):
    """How often a plugin in shadow was asked about pods of one namespace, and how often it would have changed anything,
    since the tally before."""

    at_us: int
    from_us: int
    profile: str
    plugin: str
    namespace: str
    """Empty: of namespaces that are too many to be counted one by one."""
    revision: str = ""
    seen: int = 0
    """Decisions about which it was asked."""
    placed: int = 0
    """Of these: it was asked about the scores too, or one node was left, so that a move could be seen."""
    would_reject: int = 0
    """Decisions in which it would have rejected some node."""
    would_reject_all: int = 0
    moved: int = 0
    settled: int = 0
    """Decisions in which several nodes were equal and it would have left fewer of them; none of `moved`."""
    failed: int = 0
    """Decisions in which it raised, or left its score range: then it is neutral."""
    reasons: dict[str, int] = {}
    """Reason -> nodes that it would have rejected."""
    skipped: dict[str, int] = {}
    """Decisions about which it was not asked, by why: moved (the state had moved on), budget."""
    costs: dict[int, int] = {}
    """Bucket of the plugin's own time (record/costs.py) -> decisions."""


class Policy(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="policy", kw_only=True):
    """A policy took effect (or was refused: then `error` says why and the one before stays)."""

    at_us: int
    revision: str
    hash: str
    source: str
    document: dict[str, Any] = {}
    error: str = ""


class GuardTrip(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="guardTrip", kw_only=True):
    """A guard of the policy saw what it watches for, and took a plugin or the whole revision back."""

    at_us: int
    guard: str
    then: str
    """rollback or disable."""
    why: str
    """What was measured, and the limit."""
    revision: str
    """The policy that the guard belongs to."""
    plugin: str = ""
    back_to: str = ""
    """rollback: the revision in effect again; empty: there was none to go back to."""


class Snapshot(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="snapshot", kw_only=True):
    """All columns at one generation."""

    at_us: int
    generation: int
    nodes: list[str]
    columns: dict[str, list[Any]]
    """Column name -> one value per entry of `nodes`."""
    resources: list[str] = []
    pods: int = 0


class Event(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="event", kw_only=True):
    """A change of the cluster state, as it was applied."""

    at_us: int
    generation: int
    change: str
    """Name of the event class: NodeUpserted, PodDeleted, ..."""
    value: dict[str, Any] = {}


class Gap(Struct, gc=False, omit_defaults=True, tag_field="kind", tag="gap", kw_only=True):
    """Frames that were dropped, and why: loss is never silent."""

    at_us: int
    from_us: int
    to_us: int
    count: int
    cause: str
    """full, disk, budget, oversize."""


def spelled(text: bytes) -> Any:
    """A value of a frame that is JSON already, to be written as it is. Only writers have such values; a reader finds
    what the text says."""
    return msgspec.Raw(text)


Frame = Decision | Outcome | Eviction | Shadow | ShadowTally | Policy | GuardTrip | Snapshot | Event | Gap

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)


def encode(frame: Frame) -> bytes:
    """Frame -> JSON payload."""
    return _ENCODER.encode(frame)


def decode(payload: bytes | memoryview) -> Frame:
    """JSON payload -> Frame. Raises msgspec.DecodeError; unknown fields of newer writers are skipped."""
    return _DECODER.decode(payload)
