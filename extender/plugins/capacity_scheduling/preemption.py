"""Who makes room for whom (plugins.md §5.4).

    the preemptor's namespace            its victims on a node
    has a quota and would borrow         less important pods of the same namespace
    has a quota and stays within min     pods of other quota namespaces while those borrow, whatever their priority
    has none                             less important pods of namespaces without a quota

Upstream judges a pod that may come back twice, and takes it away twice if it neither fits nor is within the quotas,
which fails the whole node; it also counts no budget as broken by a pod that only a quota keeps away. Here the two are
one test. `as_upstream` gives the recorded answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from extender.framework import PASSED, Code, Cycle, Exempting, Pod, Search, Selection, Status
from extender.framework.preemption import (
    Budgets,
    Room,
    Rooms,
    WayBack,
    by_importance,
    no_victims,
    reprieved,
    unjudged,
)
from extender.plugins.capacity_scheduling.asked import Asked, asked_by
from extender.plugins.capacity_scheduling.book import QuotaBook
from extender.plugins.capacity_scheduling.imagined import Imagined

_NEVER = Status(Code.UNSCHEDULABLE, "not eligible due to preemptionPolicy=Never.")
_TERMINATING = Status(Code.UNSCHEDULABLE, "not eligible due to a terminating pod on the nominated node.")
_OVER_QUOTA = Status(Code.UNSCHEDULABLE, "global quota max exceeded")


def eligible(cycle: Cycle, hopeless: bool) -> Status:  # noqa: FBT001 - the flag is the declaration's
    """May the pod preempt (again)? Not while pods that it may have preempted are still going."""
    pod, book = cycle.pod, cycle.book
    if pod.preemption_policy == "Never":
        return _NEVER
    node = pod.nominated_node_name
    if not node or hopeless or cycle.nodes.row(node) < 0:
        return PASSED
    going = [other for uid in cycle.pods_on(node) if (other := cycle.pods[uid]).terminating]
    if not book.has_quota(pod.namespace):
        blocked = any(not book.has_quota(o.namespace) and o.priority < pod.priority for o in going)
        return _TERMINATING if blocked else PASSED
    borrows = Imagined(book, pod.uid).over_min_with(pod.namespace, asked_by(cycle).in_namespace)
    for other in going:
        if not book.has_quota(other.namespace):
            continue
        if other.namespace == pod.namespace:
            if other.priority < pod.priority:
                return _TERMINATING
        elif not borrows and book.over_min(other.namespace):
            return _TERMINATING
    return PASSED


def search(cycle: Cycle, exempt: Exempting, *, as_upstream: bool = False) -> Search:
    """Begins the search for victims of the cycle's pod; a node at a time."""
    return _Search(cycle, exempt, as_upstream=as_upstream)


class _Search:
    def __init__(self, cycle: Cycle, exempt: Exempting, *, as_upstream: bool) -> None:
        self._pod, self._book, self._exempt = cycle.pod, cycle.book, exempt
        self._names = cycle.nodes.names
        self._rooms, self._budgets, self._asked = Rooms(cycle), Budgets(cycle.objects), asked_by(cycle)
        self._as_upstream = as_upstream

    def __call__(self, row: int, proposed: Selection | None = None) -> Selection:
        quotas = Imagined(self._book, self._pod.uid)
        potential = _potential(self._pod, self._rooms.on(row), self._book, quotas, self._asked, self._exempt)
        if not potential:
            return no_victims(self._pod, self._names[row])
        if proposed is not None and (constraints := unjudged(self._pod, proposed)):
            return self._as_proposed(proposed, potential, constraints)
        return self._chosen(row, potential, quotas)

    def _chosen(self, row: int, potential: list[Pod], quotas: Imagined) -> Selection:
        pod, asked, room = self._pod, self._asked, self._rooms.room(row)
        room.empty_of(potential)
        misfit = room.misfit()
        if misfit is not None:
            return Selection(status=misfit.status)
        if not quotas.allow(pod.namespace, asked.alone, asked.alone):
            return Selection(status=_OVER_QUOTA)
        if self._as_upstream:
            return self._twice_judged(row, potential, room, quotas)
        left, takes = quotas.left(pod.namespace, asked.in_namespace, asked.in_all)
        of_node = self._rooms.amounts_of
        way_back = WayBack([*room.left, *left], lambda other: (*of_node(other), *takes(other)))
        return reprieved(potential, self._budgets, way_back.takes)

    def _twice_judged(self, row: int, potential: list[Pod], room: Room, quotas: Imagined) -> Selection:
        pod, asked = self._pod, self._asked
        way_back = _TwoTests(room, quotas, lambda: quotas.allow(pod.namespace, asked.in_namespace, asked.in_all))
        try:
            return reprieved(
                potential,
                self._budgets,
                way_back.takes,
                counts=lambda victim: victim.uid not in way_back.only_quota,
            )
        except _TakenTwice as twice:
            reason = f"no corresponding pod {twice} in pods of node {self._names[row]}"
            return Selection(status=Status(Code.ERROR, reason, "double removal"))

    def _as_proposed(self, proposed: Selection, potential: list[Pod], constraints: Iterable[str]) -> Selection:
        """What depends on who else is there only the scheduler can judge: its choice stands whole, or falls."""
        allowed = {victim.uid for victim in potential}
        quotas = Imagined(self._book, self._pod.uid)
        for victim in proposed.victims:
            quotas.remove(victim)
        asked = self._asked
        if all(victim.uid in allowed for victim in proposed.victims) and quotas.allow(
            self._pod.namespace, asked.in_namespace, asked.in_all
        ):
            return proposed
        reason = f"other victims are needed, and only the scheduler can judge {', '.join(constraints)} without these"
        return Selection(status=Status(Code.UNRESOLVABLE, reason, "other victims are needed, and cannot be judged"))


def _potential(
    pod: Pod, on_node: list[Pod], book: QuotaBook, quotas: Imagined, asked: Asked, exempt: Exempting
) -> list[Pod]:
    """Who may go, least important first. They are gone from `quotas`: a quota that is back at its min gives no more."""
    is_source: Callable[[str], bool] = _always
    if not book.has_quota(pod.namespace):
        may_go = [other for other in on_node if other.priority < pod.priority and not book.has_quota(other.namespace)]
    elif quotas.over_min_with(pod.namespace, asked.in_namespace):
        may_go = [other for other in on_node if other.namespace == pod.namespace and other.priority < pod.priority]
    else:
        may_go = [other for other in on_node if other.namespace != pod.namespace and book.has_quota(other.namespace)]
        is_source = quotas.over_min
    found = []
    for other in reversed(by_importance(may_go)):
        if is_source(other.namespace) and not exempt(other):
            quotas.remove(other)
            found.append(other)
    return found


def _always(_namespace: str) -> bool:
    return True


class _TwoTests:
    """Upstream's way back: each pod is judged twice, and may be taken away twice."""

    def __init__(self, room: Room, quotas: Imagined, within: Callable[[], bool]) -> None:
        self._room = room
        self._quotas = quotas
        self._within = within
        self.only_quota: set[str] = set()
        """UIDs of victims that would fit, but not within the quotas."""

    def takes(self, pod: Pod) -> bool:
        """Raises _TakenTwice if the second test is failed by a pod that the first took away."""
        self._add(pod)
        fits = self._room.fits
        if not fits:
            self._remove(pod)
        if self._within():
            return fits
        if not fits:
            raise _TakenTwice(pod.name)
        self._remove(pod)
        self.only_quota.add(pod.uid)
        return False

    def _add(self, pod: Pod) -> None:
        self._room.add(pod)
        self._quotas.add(pod)

    def _remove(self, pod: Pod) -> None:
        self._room.remove(pod)
        self._quotas.remove(pod)


class _TakenTwice(Exception):
    """Upstream takes this pod away a second time."""
