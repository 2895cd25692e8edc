"""A pod's QoS class as a number: Guaranteed 3, Burstable 2, BestEffort 1."""

from __future__ import annotations

from extender.framework import Pod, Quantities, nano

GUARANTEED, BURSTABLE, BEST_EFFORT = 3, 2, 1
_RANKS = {"Guaranteed": GUARANTEED, "Burstable": BURSTABLE, "BestEffort": BEST_EFFORT}


def rank_of(pod: Pod) -> int:
    """status.qosClass, which every pod of an API server has; without it what its resources say.

    A class that Kubernetes does not have is below all. Raises QuantityError.
    """
    return _RANKS.get(pod.qos_class, 0) if pod.qos_class else _of_resources(pod)


def _of_resources(pod: Pod) -> int:
    """The pod's own block alone where it has one, else every container by itself and then together."""
    if pod.requests or pod.limits:
        return _of_block(pod.requests, pod.limits)
    classes = {_of_block(each.requests, each.limits) for each in (*pod.containers, *pod.init_containers)}
    if not classes:
        return BEST_EFFORT
    return classes.pop() if len(classes) == 1 else BURSTABLE


def _of_block(requests: Quantities, limits: Quantities) -> int:
    asked, allowed = ([nano(block.get(name, 0)) for name in ("cpu", "memory")] for block in (requests, limits))
    if asked != allowed:
        return BURSTABLE
    zeros = asked.count(0)
    if zeros == 1:
        return BURSTABLE
    return BEST_EFFORT if zeros else GUARANTEED
