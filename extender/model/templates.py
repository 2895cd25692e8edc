"""What follows from the template of a pod, worked out once for all pods of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from extender.model.kept import Kept
from extender.model.pod import Pod

TEMPLATES_MOST = 4096
"""Templates whose answers are kept, for each function."""

_T = TypeVar("_T")


def once_per_template(compute: Callable[[Pod], _T]) -> Callable[[Pod], _T]:
    """`compute`, asked once for all pods that share their parts, as most pods are copies of few templates.

    Of a pod it may read containers, resources, overhead and QoS class, and nothing else. Its answer is shared: nobody
    may change it. What it raises is not kept.
    """
    kept: Kept[tuple[_T, object]] = Kept(TEMPLATES_MOST)

    @wraps(compute)
    def known(pod: Pod) -> _T:
        containers, inits, overhead = pod.containers, pod.init_containers, pod.overhead
        requests, limits = pod.requests, pod.limits
        key = (id(containers), id(inits), id(overhead), id(requests), id(limits), pod.qos_class)
        found = kept.get(key)
        if found is None:
            # The parts are kept with the answer: while they are there, no others can have the same identity.
            found = kept.put(key, (compute(pod), (containers, inits, overhead, requests, limits)))
        return found[0]

    return known
