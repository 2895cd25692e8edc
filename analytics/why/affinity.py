"""Rules about other pods: required affinity, anti-affinity and topology spread, as far as labels and nodes tell.

A domain is a value of the topology key among nodes. Existing pods' own anti-affinity is not known here: the scheduler's
message tells of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from analytics.cluster import ClusterView
from analytics.cluster.detail import Selector, Spread, Term
from analytics.why.fit import Place, met, requirement_text
from extender.model.pod import Pod


def selects(selector: Selector | None, pod: Pod) -> bool:
    if selector is None:
        return False
    return all(pod.labels.get(key) == value for key, value in selector.labels.items()) and all(
        met(one, pod.labels) for one in selector.expressions
    )


def text_of(selector: Selector | None) -> str:
    if selector is None:
        return "-"
    labels = [f"{key}={value}" for key, value in selector.labels.items()]
    return ", ".join([*labels, *map(requirement_text, selector.expressions)]) or "*"


def matching(term: Term, pod: Pod, view: ClusterView) -> list[Pod]:
    """Pods with a node that the term means."""
    spaces = term.namespaces or (pod.namespace,)
    return [
        other
        for other in view.pods.values()
        if other.node_name and (term.elsewhere or other.namespace in spaces) and selects(term.selector, other)
    ]


def domains(key: str, pods: Iterable[Pod], view: ClusterView) -> set[str]:
    """Values of the key on the nodes of these pods."""
    found = (view.nodes[pod.node_name].labels.get(key) for pod in pods if pod.node_name in view.nodes)
    return {value for value in found if value is not None}


def near_places(term: Term, pod: Pod, view: ClusterView, places: Sequence[Place]) -> list[Place]:
    """Where the term holds. A pod that the term means itself may be the first."""
    others = matching(term, pod, view)
    if not others and selects(term.selector, pod) and not term.namespaces:
        return [place for place in places if term.topology_key in place.node.labels]
    held = domains(term.topology_key, others, view)
    return [place for place in places if place.node.labels.get(term.topology_key) in held]


def apart_places(term: Term, pod: Pod, view: ClusterView, places: Sequence[Place]) -> list[Place]:
    held = domains(term.topology_key, matching(term, pod, view), view)
    return [place for place in places if place.node.labels.get(term.topology_key) not in held]


def spread_places(
    one: Spread, pod: Pod, view: ClusterView, all_places: Sequence[Place], places: Sequence[Place]
) -> list[Place]:
    """Where matching + self - least <= maxSkew; domains are those of nodes whose labels and taints suit the pod."""
    key = one.topology_key
    known = {place.node.labels[key] for place in all_places if not place.labels and key in place.node.labels}
    counts = Counter(dict.fromkeys(known, 0))
    for other in view.pods.values():
        if other.node_name in view.nodes and other.namespace == pod.namespace and selects(one.selector, other):
            value = view.nodes[other.node_name].labels.get(key)
            if value in known:
                counts[value] += 1
    least, own = min(counts.values(), default=0), int(selects(one.selector, pod))
    return [
        place
        for place in places
        if key in place.node.labels and counts[place.node.labels[key]] + own - least <= one.max_skew
    ]
