"""One decision in one sentence, for command lines and APIs. The page says the same in the reader's language."""

from __future__ import annotations

from typing import Final

from analytics.views.decisions.story import EvictionStory, PhaseStory, Story, waiting


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
        "gone": "Gone before it was evicted from",
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
            return _unschedulable(story, filters[-1].nodes_in if filters else 0)
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


def waits_for(story: Story) -> str:
    """What a rejected pod waits for: gang, quota, reservation, or empty where it is none of these."""
    first = next((r for r in story.rejections if r.mode == "enforce" and r.phase != "postFilter"), None)
    if first is None:
        return ""
    if "reserved for" in first.reason:
        return "reservation"
    return _WAITS_BY_PLUGIN.get(first.plugin, "")


_WAITS_BY_PLUGIN: Final = {"Coscheduling": "gang", "CapacityScheduling": "quota", "TenantQuota": "quota"}
_WAITS: Final = {
    "gang": "Waits for its gang",
    "quota": "Waits for quota",
    "reservation": "Waits for room that is reserved for others",
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
        f"such as {node} of {len(victims)} pods."
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


def _unschedulable(story: Story, nodes: int) -> str:
    if nodes == 0:
        return "No node fits: there was none to choose from."
    for rejection in story.rejections:
        if rejection.mode == "enforce" and rejection.phase != "postFilter":
            if rejection.nodes == nodes and (what := waits_for(story)):
                return f"{_WAITS[what]}: {rejection.reason} ({rejection.plugin})."
            if rejection.nodes == nodes:
                return f"No node fits: {rejection.plugin} rejected all {nodes} nodes: {rejection.reason}."
            return (
                f"No node fits: all {nodes} nodes were rejected, {rejection.nodes} of them for "
                f"{rejection.reason!r} ({rejection.plugin})."
            )
    return f"No node fits: none of {nodes} nodes passed."
