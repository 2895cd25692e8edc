"""Room is being made."""

from __future__ import annotations

from analytics.why.answer import Found
from analytics.why.facts import Facts


def making_room(facts: Facts) -> Found | None:
    pod = facts.pod
    if pod is None or not facts.waits or not pod.nominated_node_name:
        return None
    node = pod.nominated_node_name
    leaving = [other for other in facts.view.on(node) if other.terminating]
    values: dict[str, str | int] = {"pod": facts.key, "node": node, "leaving": len(leaving), "victims": facts.victims}
    if node not in facts.view.nodes:
        return None
    return Found("preempt.victims" if leaving else "preempt.nominated", values)
