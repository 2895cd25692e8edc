"""Coscheduling keeps the pod back for its gang, or its room for another gang."""

from __future__ import annotations

from typing import Final

from analytics.why.answer import Found
from analytics.why.facts import Facts

_SAYS: Final = (
    ("cannot find enough sibling pods", "gang.few"),
    ("due to gated pods", "gang.gated"),
    ("resource gap", "gang.room"),
    ("unschedulable even after postfilter", "gang.hopeless"),
    ("failed recently", "gang.backoff"),
    ("podgroup not found", "gang.missing"),
    ("cannot be used", "gang.unusable"),
    ("another node is planned", "gang.planned"),
    ("reserved for a pod group", "gang.reserved"),
)
GROUP_LABEL: Final = "scheduling.x-k8s.io/pod-group"


def gang(facts: Facts) -> Found | None:
    for part, cause in _SAYS:
        found = facts.refused_by("Coscheduling", part)
        if found is not None:
            group = facts.pod.labels.get(GROUP_LABEL, "") if facts.pod else ""
            values: dict[str, str | int] = {
                "pod": facts.key,
                "group": group or "-",
                "reason": found.said,
                "count": found.nodes,
            }
            return Found(cause, values)
    return None
