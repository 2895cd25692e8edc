"""Whether a pod may stand on a node at all, as far as node and pod alone say it: taints, selectors, affinity, ports.

The scheduler judges these itself. They are here for paths that begin without it, such as reclaim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extender.framework.preemption.ports import Port, clash
from extender.model.node import Node, Taint
from extender.model.pod import NodeTerm, Pod, Requirement, Toleration

_REPELLING = ("NoSchedule", "NoExecute")
_CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


def misplaced(pod: Pod, node: Node, taken: Sequence[Port] = ()) -> str:
    """Why the pod may not stand there, or "". `taken`: host ports of the pods that stay on the node."""
    placement = pod.placement
    if placement.unjudged:
        return f"only the scheduler can judge {', '.join(placement.unjudged)}"
    cordons = [_CORDON] if node.unschedulable else []
    for taint in (*node.taints, *cordons):
        if taint.effect in _REPELLING and not any(tolerates(t, taint) for t in placement.tolerations):
            return f"untolerated taint {taint.key}"
    if any(node.labels.get(key) != value for key, value in placement.node_selector.items()):
        return "the node does not match the pod's node selector"
    if placement.node_terms is not None and not any(_term_holds(term, node) for term in placement.node_terms):
        return "the node does not match the pod's node affinity"
    if clash(placement.host_ports, taken):
        return "a host port is taken"
    return ""


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """As core/v1 has it: empty effect or key matches all, an empty key only with Exists."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.operator == "Equal" and toleration.value == taint.value


def _term_holds(term: NodeTerm, node: Node) -> bool:
    if not term.labels and not term.fields:
        return False
    name = {"metadata.name": node.name}
    return all(_holds(r, node.labels) for r in term.labels) and all(_holds(r, name) for r in term.fields)


def _holds(requirement: Requirement, facts: Mapping[str, str]) -> bool:
    found, values = facts.get(requirement.key), requirement.values
    match requirement.operator:
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt":
            return _compares(requirement.operator, found, values)
    return False


def _compares(operator: str, found: str | None, values: tuple[str, ...]) -> bool:
    try:
        label, limit = int(found or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return label > limit if operator == "Gt" else label < limit
