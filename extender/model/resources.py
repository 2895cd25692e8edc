"""Sums of resource requests, the way the scheduler and its plugins take them (framework.Resource)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from extender.model.pod import Container, Pod, Quantities
from extender.model.templates import once_per_template
from extender.quantity import MAX_INT64, QuantityError, milli, value

_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_NAME_MAX, _PREFIX_MAX = 63, 253


class Resources(Struct, gc=False):
    """CPU in millicores, memory and ephemeral storage in bytes, scalars (extended resources, hugepages) in units.

    A sum may be shared: change only one that you made, as `plus` always does anew.
    """

    cpu_milli: int = 0
    memory_bytes: int = 0
    ephemeral_bytes: int = 0
    pods: int = 0
    scalars: dict[str, int] = {}

    def plus(self, other: Resources, sign: int = 1) -> Resources:
        """self + sign x other, a new value. A scalar that was ever named stays, with 0 if nothing is left."""
        scalars = dict(self.scalars)
        for name, amount in other.scalars.items():
            scalars[name] = scalars.get(name, 0) + sign * amount
        return Resources(
            self.cpu_milli + sign * other.cpu_milli,
            self.memory_bytes + sign * other.memory_bytes,
            self.ephemeral_bytes + sign * other.ephemeral_bytes,
            self.pods + sign * other.pods,
            scalars,
        )

    def at_least(self, other: Resources) -> Resources:
        """The larger of both per field; `pods` stays, as in framework.Resource.SetMaxResource."""
        scalars = dict(self.scalars)
        for name, amount in other.scalars.items():
            scalars[name] = max(scalars.get(name, 0), amount)
        return Resources(
            max(self.cpu_milli, other.cpu_milli),
            max(self.memory_bytes, other.memory_bytes),
            max(self.ephemeral_bytes, other.ephemeral_bytes),
            self.pods,
            scalars,
        )


def resources_of(listed: Quantities) -> Resources:
    """A ResourceList -> Resources; names that the scheduler does not know are ignored. Raises QuantityError."""
    total = Resources()
    scalars: dict[str, int] = {}
    for name, amount in listed.items():
        match name:
            case "cpu":
                total.cpu_milli = milli(amount)
            case "memory":
                total.memory_bytes = value(amount)
            case "ephemeral-storage":
                total.ephemeral_bytes = value(amount)
            case "pods":
                total.pods = value(amount)
            case _ if is_scalar(name):
                scalars[name] = value(amount)
    total.scalars = scalars
    return total


def is_scalar(name: str) -> bool:
    """Extended resources, hugepages-*, attachable-volumes-* and anything under kubernetes.io/."""
    return name.startswith(("hugepages-", "attachable-volumes-")) or "kubernetes.io/" in name or is_extended(name)


def is_extended(name: str) -> bool:
    """A domain-prefixed name outside kubernetes.io that is valid with `requests.` in front of it."""
    if "/" not in name or "kubernetes.io/" in name or name.startswith("requests."):
        return False
    prefix, _, bare = f"requests.{name}".partition("/")
    return (
        len(prefix) <= _PREFIX_MAX
        and 0 < len(bare) <= _NAME_MAX
        and "/" not in bare
        and all(_QUALIFIED.fullmatch(part) and part == part.lower() for part in prefix.split("."))
        and _QUALIFIED.fullmatch(bare) is not None
    )


@once_per_template
def request_eq(pod: Pod) -> Resources:
    """REQ-EQ: sum of the containers, at least each init container (sidecars are no exception), plus overhead."""
    total = _sum(pod.containers)
    for container in pod.init_containers:
        total = total.at_least(resources_of(container.requests))
    return total.plus(resources_of(pod.overhead)) if pod.overhead else total


@once_per_template
def request_k8s(pod: Pod) -> Resources:
    """REQ-K8S: the scheduler's own count: sidecar-aware, resizes in flight, pod-level values win, plus overhead."""
    total = _sum(pod.containers, resized=True)
    side, peak = Resources(), Resources()
    for container in pod.init_containers:
        step = side.plus(resources_of(container.resizing or container.requests))
        if container.sidecar:
            side = step
        peak = peak.at_least(step)
    total = total.plus(side).at_least(peak)
    if pod.requests:
        total = _with_pod_level(total, pod.requests)
    return total.plus(resources_of(pod.overhead)) if pod.overhead else total


def _sum(containers: Iterable[Container], *, resized: bool = False) -> Resources:
    total = Resources()
    for container in containers:
        counted = container.resizing if resized and container.resizing else container.requests
        if counted:
            total = total.plus(resources_of(counted))
    return total


def _with_pod_level(total: Resources, listed: Quantities) -> Resources:
    level = resources_of(listed)
    scalars = total.scalars | {n: v for n, v in level.scalars.items() if n.startswith("hugepages-")}
    return Resources(
        level.cpu_milli if "cpu" in listed else total.cpu_milli,
        level.memory_bytes if "memory" in listed else total.memory_bytes,
        total.ephemeral_bytes,
        total.pods,
        scalars,
    )


__all__ = [
    "MAX_INT64",
    "QuantityError",
    "Resources",
    "is_extended",
    "is_scalar",
    "request_eq",
    "request_k8s",
    "resources_of",
]
