"""A node was found, and the pod is not bound to it."""

from __future__ import annotations

from typing import Final

from analytics.why.answer import Found
from analytics.why.facts import Facts

_GANG: Final = "Coscheduling"
_OF_GANGS: Final = ("coscheduling", "gang", "pod group", "podgroup")
_TIMEOUT: Final = ("timed out", "timeout", "in time", "deadline")


def held(facts: Facts) -> Found | None:
    record = facts.newest
    if record is None or not record.held_on or not _may_wait(facts):
        return None
    values: dict[str, str | int] = {
        "pod": facts.key,
        "node": record.held_on,
        "plugin": record.held_by,
        "reason": record.held_for,
    }
    return Found("gang.waits" if record.held_by == _GANG else "bind.held", values)


def failed(facts: Facts) -> Found | None:
    record = facts.newest
    if record is None or record.outcome == "scheduled" or not _may_wait(facts):
        return None
    if record.bind_code in ("", "Success", "Wait"):
        return None
    said = record.bind_message or record.message or "-"
    values: dict[str, str | int] = {"pod": facts.key, "node": record.node or "-", "reason": said}
    if any(part in said.lower() for part in _OF_GANGS):
        return Found("gang.timeout" if any(part in said.lower() for part in _TIMEOUT) else "gang.ended", values)
    return Found("bind.failed", values)


def on_its_way(facts: Facts) -> Found | None:
    """Nodes have passed, and no end has been seen: only where nothing else was said since."""
    record = facts.newest
    if record is None or not _may_wait(facts) or facts.message.reasons:
        return None
    if record.outcome == "unknown" and record.nodes_out:
        return Found("bind.moving", {"pod": facts.key, "passed": record.nodes_out, "nodes": record.nodes_in})
    if record.outcome == "scheduled" and not facts.known:
        return Found("pod.placed", {"pod": facts.key, "node": record.node})
    return None


def _may_wait(facts: Facts) -> bool:
    """It waits, or nobody knows the cluster and the record is all there is."""
    return facts.waits or not facts.view.known
