"""Who goes first (plugins.md §4.4): priority, then the time of the group, then the name."""

from __future__ import annotations

from typing import Any

from extender.framework import Pod, QueuedPod, QueueSort, QueueView
from extender.plugins.coscheduling.pod_group import KIND, PodGroupError, key_of, pod_group_of

GATE = "trimtab.dev/gang"


def key(view: QueueView, queued: QueuedPod) -> tuple[int, int, str]:
    """Members of one group have one time, so they stay together; a group that failed is as old as its failure."""
    return -queued.pod.priority, _time_ns(view, queued), queued.pod.key


def group(_view: QueueView, pod: Pod) -> str:
    return key_of(pod)


def gates(_view: QueueView, pod: Pod) -> bool:
    return bool(key_of(pod))


def _time_ns(view: QueueView, queued: QueuedPod) -> int:
    name = key_of(queued.pod)
    if not name:
        return queued.first_ns
    failed_ns = view.book.failed_ns(name) if view.book is not None else None
    if failed_ns is not None:
        return int(failed_ns)
    found: Any = view.objects.get(KIND, {}).get(name)
    if found is None:
        return queued.first_ns
    try:
        return pod_group_of(found).created_ns
    except PodGroupError:
        return queued.first_ns


QUEUE_SORT = QueueSort(gate=GATE, key=key, group=group, gates=gates)
