"""The grouped node table, and the lines that an answer stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analytics.why.answer import Evidence, Found, Group, Values
from analytics.why.facts import SAMPLE_NODES_MAX, Facts, names
from analytics.why.fit import Place, amount
from extender.model.resources import Resources

GROUPS_MAX: Final = 20
_PLUGIN_OF: Final = {
    "labels": "NodeAffinity",
    "taint": "TaintToleration",
    "cordoned": "NodeUnschedulable",
    "pressure": "TaintToleration",
    "small": "NodeResourcesFit",
    "short": "NodeResourcesFit",
    "port": "NodePorts",
}


def groups(facts: Facts) -> tuple[Group, ...]:
    """One row for each trouble, the most nodes first; a node is counted once, with what kube-scheduler finds first.

    Rows of Trimtab's plugins are what was recorded; nodes that the sidecar takes for fitting although they were
    rejected stand in these rows alone.
    """
    if not (facts.waits or not facts.view.known):
        return ()
    found = [
        Group("told", {"reason": one.reason}, one.plugin, one.sample[:SAMPLE_NODES_MAX], one.nodes, "observed")
        for one in facts.refusing
    ]
    refused = {node for one in facts.refusing for node in one.sample}
    by_trouble: dict[tuple[str, str], list[Place]] = {}
    for place in facts.places:
        if place.node.name not in refused and (trouble := _trouble(place)) is not None:
            by_trouble.setdefault(trouble, []).append(place)
    if facts.fitting and not facts.refusing:
        told = _told_by_scheduler(facts)
        roomy = Group("fits", {}, "", names(facts.fitting), len(facts.fitting), "inferred")
        found += told or [roomy]
    for (key, what), places in by_trouble.items():
        found.append(_group(facts, key, what, places))
    return tuple(sorted(found, key=lambda one: -one.count)[:GROUPS_MAX])


def _trouble(place: Place) -> tuple[str, str] | None:
    """In the order of kube-scheduler's filters."""
    if place.cordoned:
        return "cordoned", ""
    if place.taint:
        return "taint", place.taint
    if place.pressure:
        return "pressure", place.pressure
    if place.labels:
        return "labels", place.labels
    if place.small:
        return "small", next(iter(place.small))
    if place.ports:
        return "port", place.ports[0]
    if place.short:
        return "short", ", ".join(place.short)
    return None


def _group(facts: Facts, key: str, what: str, places: Sequence[Place]) -> Group:
    more: dict[str, str | int] = {"what": what}
    if key == "small":
        more["most"] = amount(what, max(place.small[what][1] for place in places))
    if key == "short":
        least = min(places, key=facts.survey.lack)
        told = ", ".join(f"{name} {amount(name, units)}" for name, units in least.short.items())
        more |= {"missing": told, "node": least.node.name}
    return Group(key, {"what": what}, _PLUGIN_OF[key], names(places), len(places), "inferred", key, more)


def _told_by_scheduler(facts: Facts) -> list[Group]:
    """What the sidecar cannot judge by itself: counts without names."""
    judged = set(_PLUGIN_OF.values())
    return [
        Group("told", {"reason": reason.text}, reason.plugin, (), reason.nodes, "observed")
        for reason in facts.message.reasons
        if reason.nodes and reason.plugin not in judged
    ]


def lines(facts: Facts, found: Found) -> tuple[Evidence, ...]:
    """First what belongs to the cause, then what was said, then what the sidecar counts."""
    told = list(found.lines)
    if facts.waits and facts.detail.message:
        told.append(Evidence("message", {"text": facts.detail.message}, source="condition PodScheduled"))
    record = facts.newest
    if record is not None and record.filtered:
        values: Values = {"time": record.at, "outcome": record.outcome, "out": record.nodes_out, "in": record.nodes_in}
        told.append(Evidence("decision", values, source=f"decision {record.id}"))
    for one in facts.refusing:
        refused: Values = {"plugin": one.plugin, "count": one.nodes, "reason": one.said.rstrip(".")}
        told.append(Evidence("refused", refused, source=f"decision {record.id}" if record else ""))
    if facts.victims and record is not None:
        told.append(Evidence("victims", {"count": facts.victims}, source=f"decision {record.id}"))
    if not facts.view.known:
        told.append(Evidence("no_cluster", {"why": facts.view.why_not}, source="watch"))
    return (*told, *_counted(facts)) if facts.waits else tuple(told)


def _counted(facts: Facts) -> list[Evidence]:
    told = [Evidence("asks", {"asked": asked(facts.asked)}, source="pod")]
    nearest = facts.nearest
    if nearest is not None and not facts.fitting:
        missing = ", ".join(f"{name} {amount(name, units)}" for name, units in nearest.short.items())
        told.append(Evidence("nearest", {"node": nearest.node.name, "missing": missing}, "inferred", "nodes and pods"))
    refused = facts.happened("NotTriggerScaleUp")
    if refused is not None:
        told.append(Evidence("autoscaler", {"text": refused.message}, source=f"event {refused.reason}"))
    if facts.pod is not None and facts.pod.preemption_policy == "Never":
        told.append(Evidence("never_preempts", source="pod"))
    return told


def asked(request: Resources) -> str:
    """`cpu 500m, memory 1Gi`; `nothing` of nothing."""
    rows = [
        ("cpu", request.cpu_milli),
        ("memory", request.memory_bytes),
        ("ephemeral-storage", request.ephemeral_bytes),
    ]
    rows += sorted(request.scalars.items())
    return ", ".join(f"{name} {amount(name, units)}" for name, units in rows if units) or "0"
