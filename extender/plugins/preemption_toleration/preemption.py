"""DefaultPreemption, but for the pods that are exempt (plugins.md §13)."""

from __future__ import annotations

from extender.framework import PASSED, Code, Cycle, Exempting, Pod, Search, Selection, Status
from extender.framework.preemption import Budgets, Rooms, WayBack, no_victims, reprieved, unjudged
from extender.plugins.preemption_toleration.exemption import ClassNotFound, exempted, why_exempt

_NEVER = Status(Code.UNSCHEDULABLE, "not eligible due to preemptionPolicy=Never.")
_TERMINATING = Status(Code.UNSCHEDULABLE, "not eligible due to a terminating pod on the nominated node.")


def eligible(cycle: Cycle, hopeless: bool) -> Status:  # noqa: FBT001 - the flag is the declaration's
    """May the pod preempt (again)? Not while a less important pod terminates where it is nominated."""
    pod, node = cycle.pod, cycle.pod.nominated_node_name
    if pod.preemption_policy == "Never":
        return _NEVER
    if not node or hopeless or cycle.nodes.row(node) < 0:
        return PASSED
    there = (cycle.pods[uid] for uid in cycle.pods_on(node))
    return _TERMINATING if any(o.terminating and o.priority < pod.priority for o in there) else PASSED


def exempt(cycle: Cycle, victim: Pod) -> str:
    return why_exempt(cycle.book, victim, cycle.pod, cycle.now_s)


def search(cycle: Cycle, exempting: Exempting) -> Search:
    """Begins the search for victims of the cycle's pod; a node at a time."""
    return _Search(cycle, exempting)


class _Search:
    def __init__(self, cycle: Cycle, exempting: Exempting) -> None:
        self._cycle = cycle
        self._pod = cycle.pod
        self._exempting = exempting
        self._rooms, self._budgets = Rooms(cycle), Budgets(cycle.objects)

    def __call__(self, row: int, proposed: Selection | None = None) -> Selection:
        # Whoever proposes has run filters that we cannot run. A proposal without an exempt pod is what upstream would
        # choose too, even where one was reprieved on the way.
        if proposed is not None and not any(map(self._must_stay, proposed.victims)):
            return proposed
        if proposed is not None and (constraints := unjudged(self._pod, proposed)):
            return Selection(status=_not_without(constraints))
        try:
            potential = [other for other in self._rooms.on(row) if self._may_go(other)]
        except ClassNotFound as unknown:
            return Selection(status=Status(Code.ERROR, str(unknown), "priority class not found"))
        return self._chosen(row, potential)

    def _chosen(self, row: int, potential: list[Pod]) -> Selection:
        if not potential:
            return no_victims(self._pod, self._cycle.nodes.names[row])
        room = self._rooms.room(row)
        room.empty_of(potential)
        misfit = room.misfit()
        if misfit is not None:
            return Selection(status=misfit.status)
        return reprieved(potential, self._budgets, WayBack(room.left, self._rooms.amounts_of).takes)

    def _may_go(self, other: Pod) -> bool:
        """Raises ClassNotFound."""
        if other.priority >= self._pod.priority:
            return False
        if exempted(self._cycle.book, other, self._pod, self._cycle.now_s):
            return False
        return not self._exempting(other)

    def _must_stay(self, victim: Pod) -> str:
        return exempt(self._cycle, victim) or self._exempting(victim)


def _not_without(constraints: tuple[str, ...]) -> Status:
    reason = f"a victim is exempt, and only the scheduler can judge {', '.join(constraints)} without it"
    return Status(Code.UNRESOLVABLE, reason, "a victim is exempt and the rest cannot be judged")
