"""One decision in one sentence, for command lines and APIs. The page says the same in the reader's language."""

from __future__ import annotations

from analytics.views.decisions.story import PhaseStory, Story


def say(story: Story) -> str:
    """Why the pod stands where it stands, or nowhere."""
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
            return "No end seen so far."


def _scheduled(story: Story, call: PhaseStory | None) -> str:
    if call is None:
        return f"Placed on {story.node}."
    passed = f"{call.nodes_out} of {call.nodes_in} nodes passed the filters"
    if not story.scores:
        return f"Placed on {story.node}: {passed}."
    best = story.scores[0]
    # Equal scores are equally best; kube-scheduler picks one of them by chance.
    if any(entry.node == story.node and entry.score == best.score for entry in story.scores):
        return f"Placed on {story.node}: {passed}, and it had the best score, {best.score}."
    return (
        f"Placed on {story.node}: {passed}; {best.node} had the best score here ({best.score}), "
        "and kube-scheduler added its own."
    )


def _unschedulable(story: Story, nodes: int) -> str:
    if nodes == 0:
        return "No node fits: there was none to choose from."
    for rejection in story.rejections:
        if rejection.mode == "enforce":
            if rejection.nodes == nodes:
                return f"No node fits: {rejection.plugin} rejected all {nodes} nodes: {rejection.reason}."
            return (
                f"No node fits: all {nodes} nodes were rejected, {rejection.nodes} of them for "
                f"{rejection.reason!r} ({rejection.plugin})."
            )
    return f"No node fits: none of {nodes} nodes passed."
