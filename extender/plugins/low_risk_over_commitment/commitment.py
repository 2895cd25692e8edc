"""What a pod requests and may use at most, as upstream's load-aware plugins count it (REQ-TRI, plugins.md §0.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from extender.framework import Container, Pod, Quantities, milli, once_per_template, value


class Commitment(NamedTuple):
    """CPU in millicores, memory in bytes. A limit is never below the request."""

    cpu: int = 0
    limit_cpu: int = 0
    memory: int = 0
    limit_memory: int = 0


NOTHING = Commitment()


@once_per_template
def commitment_of(pod: Pod) -> Commitment:
    """The sum of the containers, at least each init container (sidecars are no exception), plus overhead.

    Raises QuantityError.
    """
    cpu, memory = _effective(pod, lambda container: container.requests)
    limit_cpu, limit_memory = _effective(pod, lambda container: container.limits)
    return Commitment(cpu, max(cpu, limit_cpu), memory, max(memory, limit_memory))


def _effective(pod: Pod, listed: Callable[[Container], Quantities]) -> tuple[int, int]:
    cpu = sum(milli(listed(container).get("cpu", 0)) for container in pod.containers)
    memory = sum(value(listed(container).get("memory", 0)) for container in pod.containers)
    for container in pod.init_containers:
        cpu = max(cpu, milli(listed(container).get("cpu", 0)))
        memory = max(memory, value(listed(container).get("memory", 0)))
    return cpu + milli(pod.overhead.get("cpu", 0)), memory + value(pod.overhead.get("memory", 0))
