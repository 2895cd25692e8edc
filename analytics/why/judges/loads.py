"""The other plugins of ours, and those of third parties."""

from __future__ import annotations

from typing import Final

from analytics.why.answer import Found, Values
from analytics.why.facts import Facts

_SAYS: Final = (
    ("Rescheduler", "reservethreshold", "load.reserve"),
    ("Rescheduler", "node overloaded", "load.overloaded"),
    ("Rescheduler", "maintenance mode", "load.maintenance"),
    ("Rescheduler", "moved off this node", "load.moved"),
    ("NodeResourceTopologyMatch", "cannot align", "numa.align"),
    ("NodeResourceTopologyMatch", "invalid node topology", "numa.data"),
    ("NetworkOverhead", "network requirements", "network.dependencies"),
)


_CLOSED: Final = "onfailure: closed"


def failing(facts: Facts) -> Found | None:
    """Whatever the plugin would have said: it raised, or took too long, and the policy refuses pods then."""
    found = next((one for one in facts.refusing if one.code == "Error" or _CLOSED in one.said.lower()), None)
    if found is None:
        return None
    values: Values = {"pod": facts.key, "plugin": found.plugin, "reason": found.said}
    return Found("plugin.error", values)


def turn(facts: Facts) -> Found | None:
    found = facts.refused_by("QoS", "higher qos class")
    if found is None or (facts.known and not facts.waits):
        return None
    return Found("turn.qos", {"pod": facts.key, "priority": facts.pod.priority if facts.pod else 0})


def plugin(facts: Facts) -> Found | None:
    found = next(iter(facts.refusing), None)
    if found is None:
        return None
    record = facts.newest
    values: dict[str, str | int] = {
        "pod": facts.key, "plugin": found.plugin, "reason": found.said, "count": found.nodes,
        "nodes": record.nodes_in if record else found.nodes,
    }  # fmt: skip
    for name, part, cause in _SAYS:
        if facts.refused_by(name, part):
            return Found(cause, values)
    return Found("plugin.other", values)
