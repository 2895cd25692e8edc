"""The CPU that a pod asks for, as upstream's Peaks counts it."""

from __future__ import annotations

from msgspec.structs import replace

from extender.framework import MAX_INT64, Pod, milli, once_per_template, request_k8s


@once_per_template
def cpu_milli(pod: Pod) -> int:
    """Millicores as the scheduler counts them; overhead counts only beside a request. Raises QuantityError."""
    requested = request_k8s(replace(pod, overhead={})).cpu_milli
    if requested and "cpu" in pod.overhead:
        requested += milli(pod.overhead["cpu"])
    return min(requested, MAX_INT64)
