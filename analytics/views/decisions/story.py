"""One decision, told: what each phase did, who rejected what, who scored best, how it ended, and what came before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from extender.record.meaning import meaning

SAMPLE_NODES_MAX: Final = 20
"""Names shown below one reason; the count beside them is complete."""
QUIET_CODES: Final = ("Success", "Skip")


class PodStory(Struct, frozen=True):
    namespace: str
    name: str
    uid: str
    owner: str = ""
    priority: int = 0


class PluginStory(Struct, frozen=True):
    """What one plugin did in one phase of one call."""

    plugin: str
    phase: str
    code: str = "Success"
    mode: str = "enforce"
    nodes_in: int = 0
    rejected: int = 0
    reasons: dict[str, int] = {}
    duration_ms: float = 0.0
    message: str = ""


class PodName(Struct, frozen=True):
    namespace: str
    name: str
    uid: str


class PhaseStory(Struct, frozen=True):
    """One verb call, or a bind by somebody else as the watch saw it (then `verb` is empty)."""

    phase: str
    time: str
    duration_ms: float
    """permit: how long the pod was held back; bind: without that."""
    nodes_in: int
    nodes_out: int
    verb: str = ""
    decode_ms: float = 0.0
    encode_ms: float = 0.0
    nodes_unknown: int = 0
    nominated: bool = False
    code: str = "Success"
    node: str = ""
    message: str = ""
    waits: bool = False
    """permit: held back still."""
    plugins: list[PluginStory] = []
    proposed: dict[str, list[PodName]] = {}
    """preempt: node -> pods that would leave it."""


class Rejection(Struct, frozen=True):
    plugin: str
    phase: str
    mode: str
    reason: str
    nodes: int
    call: str = "filter"
    """filter or preempt: which call it was."""
    sample: list[str] = []


class Cause(Struct, frozen=True):
    """Why no node passed: the rejection that weighs most."""

    plugin: str
    reason: str
    """As the plugin says it, about this very pod where it does."""
    nodes: int
    every: bool
    """It alone rejected all nodes."""
    meaning: str = ""
    """Key of its meaning in plain words, if anybody has put it in words."""
    waits_for: str = ""
    """gang, quota, tenant, reservation or order: what ends the wait by itself."""


class ScorePart(Struct, frozen=True):
    raw: int
    normalized: int
    weighted: int
    weight: int | None = None
    """None when every normalised score is 0: the record then shows no weight."""


class BestNode(Struct, frozen=True):
    node: str
    score: int
    parts: dict[str, ScorePart] = {}


class LeaseStory(Struct, frozen=True):
    plugin: str
    action: str
    detail: str = ""


class EvictionStory(Struct, frozen=True):
    """One pod that was made to leave, or was not and why."""

    time: str
    plugin: str
    why: str
    """preemption or rescheduling."""
    reason: str
    pod: PodStory
    node: str
    result: str
    """evicted, refused, gone, failed or dryRun."""
    message: str = ""
    decision: str = ""
    """The decision that needed the room, if any."""
    preemptor: PodName | None = None


class Attempt(Struct, frozen=True):
    """A decision about the same pod."""

    id: str
    attempt: int
    time: str
    outcome: str
    node: str
    message: str


class Story(Struct, frozen=True, kw_only=True):
    id: str
    time: str
    pod: PodStory
    scheduler: str
    profile: str
    attempt: int
    outcome: str
    node: str
    message: str
    revision: str
    generation: int
    duration_ms: float
    """Time spent inside the extender, all calls together, without waiting for others."""
    waited_ms: float = 0.0
    """Time for which its bind was held back."""
    ended: str | None
    seen_by: str
    phases: list[PhaseStory]
    rejections: list[Rejection]
    cause: Cause | None = None
    scores: list[BestNode]
    leases: list[LeaseStory] = []
    attempts: list[Attempt] = []
    victims: list[EvictionStory] = []
    """Pods that had to leave for this one, or should have."""
    evicted: list[EvictionStory] = []
    """What was done to this pod itself, newest first."""
    detail: str = "kept"
    """kept, or why the long tail of the record is not there."""
    features: dict[str, Any] = {}


def tell(
    whole: Mapping[str, Any],
    attempts: Sequence[Mapping[str, Any]] = (),
    victims: Sequence[Mapping[str, Any]] = (),
    evicted: Sequence[Mapping[str, Any]] = (),
) -> Story:
    """`Decisions.get(...)`, the summaries of the pod's decisions, and evictions for it and of it -> the story."""
    parts = {"attempts": list(attempts), "victims": list(victims), "evicted": list(evicted)}
    story = msgspec.convert({**whole, **parts}, Story)
    return msgspec.structs.replace(
        story,
        rejections=_sampled(story.rejections, whole.get("filtered", ())),
        cause=_cause(story) if story.outcome == "unschedulable" else None,
        scores=_weighed(story.scores),
    )


def waiting(story: Story) -> PhaseStory | None:
    """The permit call that holds the pod back now."""
    if story.outcome != "unknown":
        return None
    return next((phase for phase in reversed(story.phases) if phase.waits), None)


def last_filter(story: Story) -> PhaseStory | None:
    """The filter call that counts: a nominated node that was refused is followed by one for all nodes."""
    return next((phase for phase in reversed(story.phases) if phase.phase == "filter"), None)


def _cause(story: Story) -> Cause | None:
    call = last_filter(story)
    if call is None:
        return None
    rejecting = [plugin for plugin in call.plugins if plugin.mode == "enforce" and plugin.rejected]
    if not rejecting:
        return None
    most = max(rejecting, key=lambda plugin: plugin.rejected)
    label, nodes = max(most.reasons.items(), key=lambda item: item[1], default=(most.message, most.rejected))
    every = nodes >= call.nodes_in
    told = meaning(most.plugin, label) or meaning(most.plugin, most.message)
    return Cause(
        plugin=most.plugin,
        reason=most.message or label if every else label,
        nodes=nodes,
        every=every,
        meaning=told.key if told and every else "",
        waits_for=told.waits_for if told and every else "",
    )


def _sampled(rejections: Sequence[Rejection], filtered: Sequence[Mapping[str, Any]]) -> list[Rejection]:
    samples: dict[tuple[str, str], dict[str, None]] = {}
    for entry in filtered:
        samples.setdefault((entry["plugin"], entry["reason"]), {})[entry["node"]] = None
    return [
        msgspec.structs.replace(
            rejection, sample=list(samples.get((rejection.plugin, rejection.reason), ()))[:SAMPLE_NODES_MAX]
        )
        for rejection in rejections
    ]


def _weighed(scores: Sequence[BestNode]) -> list[BestNode]:
    """The record holds weighted scores; one node with a normalised score other than 0 shows the weight."""
    weights = {
        plugin: part.weighted // part.normalized
        for best in scores
        for plugin, part in best.parts.items()
        if part.normalized
    }
    return [
        msgspec.structs.replace(
            best,
            parts={
                plugin: msgspec.structs.replace(part, weight=weights.get(plugin)) for plugin, part in best.parts.items()
            },
        )
        for best in scores
    ]
