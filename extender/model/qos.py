"""The quality-of-service class of a pod."""

from __future__ import annotations

from extender.model.pod import Pod, Quantities
from extender.quantity import nano

BEST_EFFORT, BURSTABLE, GUARANTEED = "BestEffort", "Burstable", "Guaranteed"


def qos_of(pod: Pod) -> str:
    """Its status says so, else its requests and limits do, as Kubernetes 1.35 classifies (plugins.md §0.5).

    Raises QuantityError.
    """
    if pod.qos_class:
        return pod.qos_class
    if pod.requests or pod.limits:
        return _class_of(pod.requests, pod.limits)
    found = {_class_of(c.requests, c.limits) for c in (*pod.init_containers, *pod.containers)}
    if len(found) == 1:
        return found.pop()
    return BURSTABLE if found else BEST_EFFORT


def _class_of(requests: Quantities, limits: Quantities) -> str:
    """One block of resources; what is absent is zero."""
    asked = [nano(requests.get(name, 0)) for name in ("cpu", "memory")]
    allowed = [nano(limits.get(name, 0)) for name in ("cpu", "memory")]
    if asked != allowed:
        return BURSTABLE
    if all(asked):
        return GUARANTEED
    return BURSTABLE if any(asked) else BEST_EFFORT
