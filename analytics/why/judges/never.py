"""No node, even an empty one, could hold the pod."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analytics.why.answer import Found
from analytics.why.facts import Facts
from analytics.why.fit import CPU, EPHEMERAL, MEMORY, PODS, Place, amount, term_text, unmet
from extender.model.pod import Placement, Pod

_SIZE = {CPU: "size.cpu", MEMORY: "size.memory", EPHEMERAL: "size.ephemeral", PODS: "size.pods"}


def no_nodes(facts: Facts) -> Found | None:
    return Found("nodes.none", {"pod": facts.key}) if facts.waits and not facts.places else None


def labels(facts: Facts) -> Found | None:
    pod = facts.pod
    if pod is None or not facts.waits or not all(place.labels for place in facts.places):
        return None
    placement, count = pod.placement, len(facts.places)
    values: dict[str, str | int] = {"pod": facts.key, "count": count}
    nodes = [place.node for place in facts.places]
    terms = placement.node_terms
    named = [one.values[0] for term in terms or () for one in term.fields if one.operator == "In" and one.values]
    if named and not any(name in facts.view.nodes for name in named):
        return Found("label.node_gone", {**values, "node": ", ".join(named)})
    by_selector = _only(pod, Placement(node_selector=placement.node_selector))
    by_terms = _only(pod, Placement(node_terms=terms))
    if placement.node_selector and all(unmet(by_selector, node) for node in nodes):
        missing = [
            f"{key}={value}"
            for key, value in placement.node_selector.items()
            if not any(node.labels.get(key) == value for node in nodes)
        ]
        selector = ", ".join(missing or [f"{key}={value}" for key, value in placement.node_selector.items()])
        return Found("label.selector", {**values, "selector": selector})
    text = " or ".join(filter(None, map(term_text, terms or ()))) or "-"
    if terms is not None and all(unmet(by_terms, node) for node in nodes):
        return Found("label.affinity", {**values, "selector": text})
    both = ", ".join(f"{key}={value}" for key, value in placement.node_selector.items())
    return Found("label.together", {**values, "selector": both, "affinity": text})


def _only(pod: Pod, placement: Placement) -> Pod:
    return Pod(namespace=pod.namespace, name=pod.name, uid=pod.uid, placement=placement)


def taints(facts: Facts) -> Found | None:
    """Of the nodes whose labels are right, none is free of a taint that the pod does not tolerate."""
    right = [place for place in facts.places if not place.labels]
    if not facts.waits or not right or not all(place.taint for place in right):
        return None
    counts = Counter(place.taint for place in right)
    taint, count = counts.most_common(1)[0]
    values: dict[str, str | int] = {
        "pod": facts.key,
        "taint": taint,
        "count": count,
        "right": len(right),
        "nodes": len(facts.places),
    }
    return Found("taint.all" if len(right) == len(facts.places) else "taint.right", values)


def size(facts: Facts) -> Found | None:
    """Of the nodes that would have it, none is large enough."""
    right = [place for place in facts.places if not (place.labels or place.taint)]
    if not facts.waits or not right or not all(place.small for place in right):
        return None
    values: dict[str, str | int] = {"pod": facts.key, "count": len(right), "nodes": len(facts.places)}
    always = [name for name in right[0].small if all(name in place.small for place in right)]
    if not always:
        told = ", ".join(f"{name} {amount(name, facts.of(name))}" for name in _every(right))
        return Found("size.together", {**values, "asked": told})
    name = always[0]
    most = max(right, key=lambda place: place.small[name][1])
    values |= {"resource": name, "asked": amount(name, facts.of(name)), "node": most.node.name}
    values["most"] = amount(name, most.small[name][1])
    if most.small[name][1] == 0 and name not in _SIZE:
        offered = [place for place in facts.places if name not in place.small]
        return Found("size.elsewhere" if offered else "size.absent", {**values, "offered": len(offered)})
    larger = [place for place in facts.places if name not in place.small]
    if larger:
        return Found("size.allowed", {**values, "larger": len(larger), "node": larger[0].node.name})
    return Found(_SIZE.get(name, "size.other"), values)


def _every(places: Sequence[Place]) -> list[str]:
    return list(dict.fromkeys(name for place in places for name in place.small))
