"""The facts of a pod that a rule may name: `pod_<fact>`."""

from __future__ import annotations

from functools import cached_property

from extender.model.pod import Pod
from extender.model.resources import Resources, request_k8s


class PodFacts:
    """Facts of one pod, each computed when it is first asked for. Raises QuantityError on a malformed request."""

    # One line per fact: name, kind, unit and meaning. The framework binds `pod_<name>` to the property.
    FACTS: tuple[tuple[str, type, str], ...] = (
        ("priority", int, "spec.priority, absent 0"),
        ("created_at_s", int, "metadata.creationTimestamp, unix seconds, absent 0"),
        ("requested_cpu_milli", int, "requests as the scheduler counts them (REQ-K8S), millicores"),
        ("requested_memory_bytes", int, "requests as the scheduler counts them, bytes"),
        ("requested_ephemeral_bytes", int, "requested ephemeral storage, bytes"),
    )

    def __init__(self, pod: Pod) -> None:
        self._pod = pod

    @property
    def priority(self) -> int:
        return self._pod.priority

    @property
    def created_at_s(self) -> int:
        return self._pod.created_at_s

    @property
    def requested_cpu_milli(self) -> int:
        return self._requested.cpu_milli

    @property
    def requested_memory_bytes(self) -> int:
        return self._requested.memory_bytes

    @property
    def requested_ephemeral_bytes(self) -> int:
        return self._requested.ephemeral_bytes

    @cached_property
    def _requested(self) -> Resources:
        return request_k8s(self._pod)
