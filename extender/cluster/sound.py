"""Quantities that may be relied on: what is no quantity, or negative, counts as absent."""

from __future__ import annotations

import msgspec

from extender.model.kept import Kept
from extender.model.node import Node
from extender.model.pod import Container, Pod, Quantities
from extender.quantity import QuantityError, nano
from extender.telemetry.metrics import QUANTITIES_REFUSED

# The parts of pods that were found sound: pods of one template share them, and while they are kept here no others can
# have the same identity.
_SOUND: Kept[object] = Kept(4096)


def sound_node(node: Node) -> Node:
    """The node itself if all its quantities are sound, else a copy without the others; those are counted."""
    if _all_sound(node.allocatable) and _all_sound(node.capacity):
        return node
    return msgspec.structs.replace(
        node,
        allocatable=_sound(node.allocatable, "nodes"),
        capacity=_sound(node.capacity, "nodes"),
    )


def sound_pod(pod: Pod) -> Pod:
    """The pod itself if all its quantities are sound, else a copy without the others; those are counted."""
    key = (id(pod.containers), id(pod.init_containers), id(pod.overhead), id(pod.requests), id(pod.limits))
    if _SOUND.get(key):
        return pod
    if (
        all(map(_is_sound_container, pod.containers))
        and all(map(_is_sound_container, pod.init_containers))
        and _all_sound(pod.overhead)
        and _all_sound(pod.requests)
        and _all_sound(pod.limits)
    ):
        _SOUND.put(key, (pod.containers, pod.init_containers, pod.overhead, pod.requests, pod.limits))
        return pod
    return msgspec.structs.replace(
        pod,
        containers=tuple(map(_sound_container, pod.containers)),
        init_containers=tuple(map(_sound_container, pod.init_containers)),
        overhead=_sound(pod.overhead, "pods"),
        requests=_sound(pod.requests, "pods"),
        limits=_sound(pod.limits, "pods"),
    )


def _is_sound_container(container: Container) -> bool:
    return _all_sound(container.requests) and _all_sound(container.limits) and _all_sound(container.resizing)


def _sound_container(container: Container) -> Container:
    requests, limits = _sound(container.requests, "pods"), _sound(container.limits, "pods")
    return msgspec.structs.replace(
        container, requests=requests, limits=limits, resizing=_sound(container.resizing, "pods")
    )


def _all_sound(listed: Quantities) -> bool:
    return all(_is_sound(amount) for amount in listed.values())


def _sound(listed: Quantities, resource: str) -> Quantities:
    kept = {name: amount for name, amount in listed.items() if _is_sound(amount)}
    if len(kept) < len(listed):
        QUANTITIES_REFUSED.labels(resource).inc(len(listed) - len(kept))
    return kept


def _is_sound(amount: str | float) -> bool:
    try:
        return nano(amount) >= 0
    except QuantityError:
        return False
