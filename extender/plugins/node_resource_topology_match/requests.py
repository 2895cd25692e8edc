"""What a pod asks of zones (plugins.md §0.4 REQ-LIST, §6.9). Amounts are in billionths of a unit, exact."""

from __future__ import annotations

from collections.abc import Collection

from extender.framework import GUARANTEED, Container, Pod, nano

Asked = dict[str, int]
"""Resource -> amount; zero amounts are there if they are written."""

_UNIT = 10**9
_MILLI = 10**6


def asked_by(container: Container) -> Asked:
    return {name: nano(amount) for name, amount in container.requests.items()}


def asked_in_all(pod: Pod) -> Asked:
    """App containers added up; no less than any init container, sidecars among them; plus overhead."""
    total: Asked = {}
    for container in pod.containers:
        _add(total, asked_by(container))
    for container in pod.init_containers:
        for name, amount in asked_by(container).items():
            total[name] = max(amount, total.get(name, amount))
    _add(total, {name: nano(amount) for name, amount in pod.overhead.items()})
    return total


def _add(total: Asked, more: Asked) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def is_numa_affine(name: str) -> bool:
    """The kubelet pins it for Guaranteed pods only."""
    return name in ("cpu", "memory") or name.startswith("hugepages-")


def is_host_level(name: str) -> bool:
    """If no zone lists it, it has no zone."""
    return name in ("ephemeral-storage", "storage") or not is_native(name)


def asks_for_devices(pod: Pod) -> bool:
    """Any container names a non-native resource, even with amount zero."""
    return any(not is_native(name) for c in (*pod.init_containers, *pod.containers) for name in c.requests)


def is_exclusive(qos: str, name: str, amount: int, listed: Collection[str]) -> bool:
    """Nobody else on the node can use what it gets."""
    if not is_native(name):
        return name in listed
    if qos != GUARANTEED or amount <= 0:
        return False
    return amount % _UNIT == 0 if name == "cpu" else is_numa_affine(name)


def exclusive_part(container: Container, qos: str, listed: Collection[str]) -> Asked:
    return {name: amount for name, amount in asked_by(container).items() if is_exclusive(qos, name, amount, listed)}


def exclusive_containers(pod: Pod, qos: str, listed: Collection[str]) -> list[Container]:
    """App containers and sidecars with an exclusive request."""
    running = (*(c for c in pod.init_containers if c.sidecar), *pod.containers)
    return [container for container in running if exclusive_part(container, qos, listed)]
