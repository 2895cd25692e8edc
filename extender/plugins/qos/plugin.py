"""QoS: pods of higher priority, then of the better QoS class, go first."""

from __future__ import annotations

from typing import Any

import numpy as np

from extender.framework import (
    CPU,
    MEMORY,
    PASSED,
    PODS,
    Code,
    Cycle,
    Maturity,
    Plugin,
    PreFilter,
    QueuedPod,
    QueueSort,
    QueueView,
    Status,
    request_k8s,
)
from extender.plugins.qos.book import QueueBook, class_of

# A pod gives way at most so often; then it is tried like any other.
DEFERRALS_MAX = 3
# A pod so young is on its way to the scheduler by itself.
SETTLED_S = 1.0
# Waiting pods looked at for one answer.
LOOKED_AT_MAX = 256

_GIVES_WAY = Status(Code.UNRESOLVABLE, "a pod of a higher QoS class is waiting")


def turn(_view: QueueView, queued: QueuedPod) -> tuple[Any, ...]:
    """Priority, then QoS class, then who was added to the queue first (upstream's Less)."""
    return (*class_of(queued.pod), queued.added_ns)


def give_way(cycle: Cycle) -> Status:
    """Where no gate holds pods back: when what is left after this pod is less than better pods ask for, it waits."""
    book: QueueBook = cycle.book
    pod = cycle.pod
    if not cycle.quiet:
        book.tried(pod.uid)
    # A nominated pod takes the room that was made for it. Of a pod that we do not know nobody counts the deferrals.
    if pod.nominated_node_name or not book.knows(pod.uid) or book.gave_way(pod.uid) >= DEFERRALS_MAX:
        return PASSED
    if _enough_for_all(cycle, book):
        return PASSED
    if not cycle.quiet:
        book.gives_way(pod.uid)
    return _GIVES_WAY


def _enough_for_all(cycle: Cycle, book: QueueBook) -> bool:
    """Whether the candidates have room for this pod and, after it, for all that are ahead of it."""
    left: list[int] = []
    for waiter in book.ahead_of(cycle.pod, cycle.now_s - SETTLED_S, LOOKED_AT_MAX):
        left = left or _left(cycle)
        asked = waiter.request
        for i, amount in enumerate((asked.cpu_milli, asked.memory_bytes, 1)):
            left[i] -= amount
            if amount and left[i] < 0:
                return False
    return True


def _left(cycle: Cycle) -> list[int]:
    """[cpu milli, memory bytes, pods] free on the candidates once this pod stands on one of them."""
    rows = cycle.rows[cycle.rows >= 0]
    free = np.maximum(cycle.nodes.allocatable[rows] - cycle.nodes.requested[rows], 0).sum(axis=0)
    own = request_k8s(cycle.pod)
    return [int(free[CPU]) - own.cpu_milli, int(free[MEMORY]) - own.memory_bytes, int(free[PODS]) - 1]


PLUGIN = Plugin(
    name="QoS",
    aliases=("QOSSort",),
    doc="Lets waiting pods go first by priority, then by QoS class: Guaranteed, Burstable, BestEffort.",
    maturity=Maturity.BETA,
    queue_sort=QueueSort(gate="trimtab.dev/qos-order", key=turn),
    pre_filter=PreFilter(give_way),
    book=QueueBook,
)
