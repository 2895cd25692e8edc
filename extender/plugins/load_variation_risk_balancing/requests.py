"""What a pod requests, as upstream's load-aware plugins count it (REQ-TRI, plugins.md §0.4)."""

from __future__ import annotations

from extender.framework import Pod, milli, value


def requested(pod: Pod) -> tuple[int, int]:
    """(CPU in millicores, memory in bytes): the sum of the containers, at least each init container, plus overhead.

    Sidecars count as any init container. Raises QuantityError.
    """
    cpu = sum(milli(container.requests.get("cpu", 0)) for container in pod.containers)
    memory = sum(value(container.requests.get("memory", 0)) for container in pod.containers)
    for container in pod.init_containers:
        cpu = max(cpu, milli(container.requests.get("cpu", 0)))
        memory = max(memory, value(container.requests.get("memory", 0)))
    return cpu + milli(pod.overhead.get("cpu", 0)), memory + value(pod.overhead.get("memory", 0))
