"""Who waits for a node, in which class; who was tried since room last changed; who gave way how often.

event                                        book
seen without a node, ungated, not nominated  waits in its class
seen in any other state, or gone             waits no more; how often it gave way is forgotten
marked unschedulable, or asked about by us   tried, until room changes
an assigned pod gone, a node changed         room has changed: nobody has been tried
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from extender.framework import Node, Object, Pod, Resources, request_k8s
from extender.plugins.qos.rank import rank_of

Class = tuple[int, int]
"""(-priority, -rank): the smaller goes first."""

_TRIED = ("Unschedulable", "SchedulerError")


def class_of(pod: Pod) -> Class:
    return -pod.priority, -rank_of(pod)


@dataclass(slots=True)
class Waiter:
    uid: str
    scheduler: str
    place: Class
    created_at_s: int
    request: Resources
    tried_at: int = -1
    """What `room` was when it was last tried."""
    gave_way: int = 0


class QueueBook:
    def __init__(self) -> None:
        self.room = 0
        """Rises whenever room may have come."""
        self._waiters: dict[str, Waiter] = {}
        self._classes: dict[str, dict[Class, dict[str, Waiter]]] = {}
        """scheduler -> class -> uid -> waiter."""

    # What events say.

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and old.node_name and new is None:
            self.room += 1
        if new is None:
            if old is not None:
                self._drop(old.uid)
        elif _waits(new):
            self._put(old, new)
        else:
            self._drop(new.uid)

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:
        """It follows none."""

    def node_changed(self, old: Node | None, new: Node | None) -> None:  # noqa: ARG002 - any change may be room
        self.room += 1

    def _put(self, old: Pod | None, pod: Pod) -> None:
        before = self._waiters.get(pod.uid)
        waiter = Waiter(pod.uid, pod.scheduler_name, class_of(pod), pod.created_at_s, request_k8s(pod))
        if before is not None:
            waiter.tried_at, waiter.gave_way = before.tried_at, before.gave_way
            self._leave_class(before)
        if pod.unscheduled_reason in _TRIED and (old is None or _condition(old) != _condition(pod)):
            waiter.tried_at = self.room
        self._waiters[pod.uid] = waiter
        self._classes.setdefault(waiter.scheduler, {}).setdefault(waiter.place, {})[pod.uid] = waiter

    def _drop(self, uid: str) -> None:
        waiter = self._waiters.pop(uid, None)
        if waiter is not None:
            self._leave_class(waiter)

    def _leave_class(self, waiter: Waiter) -> None:
        classes = self._classes[waiter.scheduler]
        del classes[waiter.place][waiter.uid]
        if not classes[waiter.place]:
            del classes[waiter.place]
        if not classes:
            del self._classes[waiter.scheduler]

    # What the filter says and asks.

    def tried(self, uid: str) -> None:
        """The scheduler tries it now: nobody has to wait for it until room changes."""
        if waiter := self._waiters.get(uid):
            waiter.tried_at = self.room

    def gave_way(self, uid: str) -> int:
        waiter = self._waiters.get(uid)
        return waiter.gave_way if waiter else 0

    def gives_way(self, uid: str) -> None:
        if waiter := self._waiters.get(uid):
            waiter.gave_way += 1

    def knows(self, uid: str) -> bool:
        return uid in self._waiters

    def ahead_of(self, pod: Pod, created_until_s: float, looked_at_max: int) -> Iterator[Waiter]:
        """Those of the same scheduler in a better class that are old enough and not tried yet, best class first."""
        classes = self._classes.get(pod.scheduler_name, {})
        place, looked_at = class_of(pod), 0
        for better in sorted(each for each in classes if each < place):
            for waiter in classes[better].values():
                if looked_at == looked_at_max:
                    return
                looked_at += 1
                if waiter.tried_at != self.room and waiter.created_at_s <= created_until_s:
                    yield waiter


def _condition(pod: Pod) -> tuple[str, int | None]:
    return pod.unscheduled_reason, pod.unschedulable_at_s


def _waits(pod: Pod) -> bool:
    return not (pod.node_name or pod.gates or pod.terminating or pod.nominated_node_name)
