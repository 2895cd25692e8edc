"""The pod could stand on some nodes, and waits: for them to be open, for room, for or away from other pods."""

from __future__ import annotations

from collections import Counter

from analytics.why.affinity import apart_places, near_places, spread_places, text_of
from analytics.why.answer import Found
from analytics.why.facts import Facts
from analytics.why.fit import CPU, EPHEMERAL, MEMORY, PODS, Place, amount

_ROOM = {CPU: "room.cpu", MEMORY: "room.memory", EPHEMERAL: "room.ephemeral", PODS: "room.pods"}
_DOWN = ("not-ready", "unreachable")


def closed(facts: Facts) -> Found | None:
    """All nodes that could hold it are cordoned, or their kubelets say that they are not well."""
    if not facts.waits or not facts.reachable or facts.open:
        return None
    values: dict[str, str | int] = {"pod": facts.key, "count": len(facts.reachable), "nodes": len(facts.places)}
    pressures = Counter(
        place.pressure.partition("=")[0].partition(":")[0] for place in facts.reachable if place.pressure
    )
    cordoned = sum(place.cordoned for place in facts.reachable)
    if cordoned >= sum(pressures.values()):
        return Found("nodes.cordoned", {**values, "cordoned": cordoned})
    condition = pressures.most_common(1)[0][0]
    return Found("nodes.down" if condition in _DOWN else "nodes.pressure", {**values, "condition": condition})


def resources(facts: Facts) -> Found | None:
    nearest = facts.nearest
    if not facts.waits or nearest is None or any(not place.short for place in facts.open):
        return None
    missing = ", ".join(f"{name} {amount(name, units)}" for name, units in nearest.short.items())
    values: dict[str, str | int] = {
        "pod": facts.key,
        "count": len(facts.open),
        "nodes": len(facts.places),
        "node": nearest.node.name,
    }
    if len(nearest.short) > 1:
        return Found("room.several", {**values, "missing": missing})
    name, units = next(iter(nearest.short.items()))
    values |= {"resource": name, "asked": amount(name, facts.of(name)), "missing": amount(name, units)}
    return Found(_ROOM.get(name, "room.other"), values)


def ports(facts: Facts) -> Found | None:
    roomy = [place for place in facts.open if not place.short]
    if not facts.waits or not roomy or not all(place.ports for place in roomy):
        return None
    values: dict[str, str | int] = {
        "pod": facts.key,
        "port": roomy[0].ports[0],
        "count": len(roomy),
        "nodes": len(facts.places),
    }
    return Found("port.taken", values)


def neighbours(facts: Facts) -> Found | None:
    """Rules about other pods, among the nodes that fit otherwise."""
    pod = facts.pod
    if pod is None or not facts.waits or not facts.fitting:
        return None
    left: list[Place] = list(facts.fitting)
    values: dict[str, str | int] = {"pod": facts.key, "count": len(left), "nodes": len(facts.places)}
    for term in facts.detail.near:
        left = near_places(term, pod, facts.view, left)
        if not left:
            values |= {"selector": text_of(term.selector), "key": term.topology_key}
            everywhere = near_places(term, pod, facts.view, facts.places)
            return Found("near.full" if everywhere else "near.none", values)
    for term in facts.detail.apart:
        left = apart_places(term, pod, facts.view, left)
        if not left:
            return Found("apart.all", {**values, "selector": text_of(term.selector), "key": term.topology_key})
    for one in facts.detail.spread:
        left = spread_places(one, pod, facts.view, facts.places, left)
        if not left:
            values |= {"selector": text_of(one.selector), "key": one.topology_key, "skew": one.max_skew}
            return Found("spread.skew", values)
    return None


def told(facts: Facts) -> Found | None:
    """Nothing that the sidecar judges itself: what kube-scheduler said last, unless nodes have come free since."""
    if not facts.waits or not facts.message.reasons:
        return None
    for part, cause in (
        ("existing pods anti-affinity", "apart.existing"),
        ("pod anti-affinity rules", "apart.told"),
        ("pod affinity rules", "near.told"),
        ("topology spread constraints", "spread.told"),
    ):
        reason = facts.message.says(part)
        if reason is not None:
            return Found(cause, {"pod": facts.key, "count": reason.nodes, "nodes": facts.message.nodes})
    reasons = facts.message.foreign
    if not reasons:
        return None
    main = max(reasons, key=lambda reason: reason.nodes)
    values: dict[str, str | int] = {"pod": facts.key, "reason": main.text, "count": main.nodes or facts.message.nodes}
    return Found("told.other", {**values, "nodes": facts.message.nodes})


def fits(facts: Facts) -> Found | None:
    if not facts.waits or not facts.fitting:
        return None
    return Found("fits.now", {"pod": facts.key, "count": len(facts.fitting), "node": facts.fitting[0].node.name})
