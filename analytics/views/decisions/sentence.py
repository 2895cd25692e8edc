"""One decision in one sentence, for command lines and APIs. The page says the same in the reader's language."""

from __future__ import annotations

from typing import Final

from analytics.views.decisions.story import EvictionStory, PhaseStory, Story, last_filter, waiting
from extender.record.meaning import meaning


def say(story: Story) -> str:
    """Why the pod stands where it stands, or nowhere."""
    gone = next((entry for entry in story.evicted if entry.result == "evicted"), None)
    if gone is not None:
        return say_evicted(gone)
    return _said(story)


def say_evicted(gone: EvictionStory) -> str:
    """By whom, for whom and why a pod was evicted."""
    by = f" for {gone.preemptor.namespace}/{gone.preemptor.name}" if gone.preemptor else ""
    done = {
        "evicted": "Evicted from",
        "refused": "Not evicted from",
        "gone": "No longer to be evicted from",
        "failed": "Could not be evicted from",
        "dryRun": "Would be evicted from",
    }.get(gone.result, "Evicted from")
    told = f" ({gone.message})" if gone.message else ""
    return f"{done} {gone.node} by {gone.plugin}{by}: {gone.reason}{told}."


def _said(story: Story) -> str:
    held = waiting(story)
    if held is not None:
        return f"Has its place on {held.node} and waits: {wait_reason(held)}."
    filters = [phase for phase in story.phases if phase.phase == "filter"]
    match story.outcome:
        case "scheduled":
            return _scheduled(story, filters[-1] if filters else None)
        case "unschedulable":
            return _unschedulable(story) + _making_room(story)
        case "error":
            return f"Ended with an error: {story.message or 'no text was given'}"
        case _ if filters:
            return f"No end seen so far: {filters[-1].nodes_out} of {filters[-1].nodes_in} nodes passed the filters."
        case _:
            return _preempting(story)


def wait_reason(phase: PhaseStory) -> str:
    """Who holds the pod back, and for whom."""
    holders = [f"{p.plugin}: {p.message}" if p.message else p.plugin for p in phase.plugins if p.code == "Wait"]
    return "; ".join(holders) or phase.message or "for others"


_WAITS: Final = {
    "gang": "Waits for its gang",
    "quota": "Waits for quota",
    "tenant": "Waits for the quota of its tenant",
    "reservation": "Waits for room",
    "order": "Waits for its turn",
}


def _preempting(story: Story) -> str:
    """Full before Trimtab was asked: what preemption may do about it."""
    call = next((phase for phase in reversed(story.phases) if phase.phase == "preempt"), None)
    if call is None:
        return "No end seen so far."
    if not call.proposed:
        return f"Fits nowhere as it is, and preemption is of no help on any of {call.nodes_in} nodes."
    node, victims = next(iter(call.proposed.items()))
    return (
        f"Fits nowhere as it is; preemption may clear {call.nodes_out} of {call.nodes_in} nodes, "
        f"such as {node} of {_pods(len(victims))}."
    )


def _scheduled(story: Story, call: PhaseStory | None) -> str:
    if call is None:
        return f"Placed on {story.node}."
    passed = f"{call.nodes_out} of {call.nodes_in} nodes passed the filters"
    held = f" after waiting {story.waited_ms / 1000:.1f} s for others" if story.waited_ms else ""
    if not story.scores:
        return f"Placed on {story.node}{held}: {passed}."
    best = story.scores[0]
    # Equal scores are equally best; kube-scheduler picks one of them by chance.
    if any(entry.node == story.node and entry.score == best.score for entry in story.scores):
        return f"Placed on {story.node}{held}: {passed}, and it had the best score, {best.score}."
    return (
        f"Placed on {story.node}{held}: {passed}; {best.node} had the best score here ({best.score}), "
        "and kube-scheduler added its own."
    )


def _unschedulable(story: Story) -> str:
    call, cause = last_filter(story), story.cause
    if call is None or call.nodes_in == 0:
        return "No node fits: there was none to choose from."
    nodes = call.nodes_in
    if cause is None:
        return f"No node fits: none of {nodes} nodes passed."
    told = meaning(cause.plugin, cause.reason)
    if told is not None and cause.waits_for:
        return f"{_WAITS[cause.waits_for]}: {told.words} ({cause.plugin}: {cause.reason})."
    if cause.every:
        return f"No node fits: {cause.plugin} rejected all {nodes} nodes: {cause.reason}."
    return (
        f"No node fits: all {nodes} nodes were rejected, {cause.nodes} of them for {cause.reason!r} ({cause.plugin})."
    )


def _making_room(story: Story) -> str:
    """What preemption does about a pod that fits nowhere, as a second sentence; or nothing."""
    leaving = {victim.pod.uid: victim for victim in story.victims if victim.result == "evicted"}
    if leaving:
        nodes = sorted({victim.node for victim in leaving.values()})
        return f" Room is being made on {', '.join(nodes)}: {_pods(len(leaving))} evicted."
    call = next((phase for phase in reversed(story.phases) if phase.phase == "preempt"), None)
    if call is None or not call.proposed:
        return ""
    node, victims = next(iter(call.proposed.items()))
    return f" Preemption may clear {node} of {_pods(len(victims))}."


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
