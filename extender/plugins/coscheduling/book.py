"""Every gang: who is in it, who stands where, what is planned for it. A fold over events, calls and time.

    event                                         what changes
    pod with the label seen, changed, gone        membership; a member seen assigned needs its slot no longer
    PodGroup added, changed                       its bounds; a gang that is complete now is let go
    PodGroup replaced by another, or deleted      what was planned for it ends
    permit asked                                  the member is placed; the last one lets all go
    unreserve                                     the gang's waiting members go back, its plan ends
    time                                          a plan that nobody follows ends

Members are known by UID: a pod that comes back under its old name is another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from extender.framework import NodeTable, Object, Order, Pod
from extender.plugins.coscheduling.gang import Gang, Slot
from extender.plugins.coscheduling.pod_group import KIND, PodGroup, PodGroupError, key_of, pod_group_of
from extender.plugins.coscheduling.reserved import Int64s, Promises

_NS = 10**9
NOT_FOUND = "PodGroup not found"
UNRESERVED = "rejection in Unreserve"
HOPELESS = "optimistic rejection in PostFilter"
STOLEN = "pods of higher priority took the room of the pod group"


class GangBook:
    def __init__(self) -> None:
        self._gangs: dict[str, Gang] = {}
        self._problems: dict[str, str] = {}
        self._orders: list[Order] = []
        self._busy: dict[str, Gang] = {}
        """Gangs with slots or placed members."""
        self._promises = Promises()
        self._gang_by_uid: dict[str, Gang] = {}
        """Of every member, and of whoever was sent to a slot before our watch has shown it."""

    # What events say.

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        before, after = key_of(old) if old else "", key_of(new) if new else ""
        if old is not None and before and before != after:
            self._leave(self._gangs[before], old.uid)
        if new is not None and after:
            self._join(self._gang(after), new)

    def object_changed(self, kind: str, key: str, _old: Object | None, new: Object | None) -> None:
        if kind != KIND:
            return
        gang = self._gang(key)
        found = self._read(key, gang, new)
        if gang.group is not None and (found is None or found.uid != gang.group.uid):
            self._forget_plan(gang, gang.problem or NOT_FOUND)
        gang.group = found
        if found is not None:
            self._trim(gang)
            self._reconsider(gang)
            self._note(gang)
        self._drop_if_empty(gang)

    @property
    def problems(self) -> Mapping[str, str]:
        """namespace/name of each PodGroup that cannot be used -> why."""
        return self._problems

    # What is known.

    def gang(self, key: str) -> Gang | None:
        return self._gangs.get(key)

    def gang_of(self, pod: Pod) -> Gang | None:
        return self._gangs.get(key_of(pod))

    def failed_ns(self, key: str) -> int | None:
        """When the group last failed, unix nanoseconds; None: not since it last succeeded."""
        gang = self._gangs.get(key)
        return gang.failed_ns if gang else None

    def reserved(self, table: NodeTable, *, besides: Gang | None = None, priority: int | None = None) -> Int64s | None:
        """int64[row, resource] that gangs other than `besides` have been promised, as a pod of `priority` has to obey
        it: members that are placed always count, places that are only planned from that priority on. None: nothing."""
        if besides is not None:
            return self._promises.beside(besides, table, priority)
        return self._promises.total(table, priority)

    # What the engine asks and tells.

    def place(self, gang: Gang, pod: Pod, node: str, now_s: float) -> None:
        """The member's bind has come in. If that completes the gang, it is let go."""
        if not gang.placed:
            gang.placed_s = now_s
        gang.placed[pod.uid] = node
        self._move_slot(gang, pod, node)
        self._note(gang)
        self._reconsider(gang)

    def unreserve(self, pod: Pod, now_s: float) -> None:
        """The member's bind came to nothing: nobody of the gang waits any longer."""
        gang = self.gang_of(pod)
        if gang is None or gang.placed.pop(pod.uid, None) is None:
            return
        self._note(gang)
        self.collapse(gang, UNRESERVED, now_s)

    def collapse(self, gang: Gang, reason: str, now_s: float) -> None:
        """The gang has failed this time: its waiting members go back, its plan ends."""
        gang.failed_ns = int(now_s * _NS)
        gang.permitted_until_s = 0.0
        self._forget_plan(gang, reason)

    def set_plan(self, gang: Gang, slots: list[Slot], table: NodeTable) -> None:
        """From now on these are its slots; gangs of lower priority whose room they take lose their plans."""
        gang.slots = slots
        self._note(gang)
        for weaker in self._promises.misfits(table, below=gang.priority):
            if not self.still_fits(weaker, table):  # the one before may have made room
                self._forget_plan(weaker, STOLEN)

    def send(self, gang: Gang, pod: Pod, slot: Slot) -> None:
        """The slot becomes the pod's, and any other that was is not."""
        for other in gang.slots:
            if other.uid == pod.uid:
                other.uid = ""
        slot.uid = pod.uid
        self._gang_by_uid.setdefault(pod.uid, gang)
        if pod.uid in gang.placed:
            self._note(gang)

    def unplan(self, gang: Gang) -> None:
        """Gangs are not planned any more: slots that nobody arrived at are given up."""
        gang.slots = [slot for slot in gang.slots if slot.uid in gang.placed]
        self._note(gang)

    def still_fits(self, gang: Gang, table: NodeTable) -> bool:
        """Whether there is room for all its slots beside pods and stronger promises."""
        return self._promises.fits(gang, table)

    def take(self, _pod: Pod) -> None:
        """The slot became the pod's when it was chosen; the lease says how long it stays so."""

    def release(self, uid: str) -> None:
        """The member that was sent to a slot does not come: another one of its shape may."""
        gang = self._gang_by_uid.get(uid)
        if gang is None or uid in gang.placed:
            return
        if uid not in gang.members:
            del self._gang_by_uid[uid]
        if (slot := gang.slot_of(uid)) is not None:
            slot.uid = ""

    def orders(self) -> list[Order]:
        """What has become of gangs since the last call."""
        if not self._orders:
            return []
        orders, self._orders = self._orders, []
        return orders

    def drop(self) -> None:
        """The plugin was switched off: nothing is planned, nobody waits, no failure is remembered."""
        self._orders.clear()
        for gang in self._gangs.values():
            gang.slots, gang.failed_ns = [], None
            gang.placed.clear()
            gang.seen.clear()
            gang.backed_off_until_s = gang.permitted_until_s = 0.0
        self._busy.clear()
        self._promises = Promises()

    def tend(self, table: NodeTable, now_s: float) -> None:
        """Plans that nobody follows end; places that are gone are planned anew by the next member."""
        for gang in list(self._busy.values()):
            if gang.slots and not gang.placed and now_s >= gang.expires_s:
                gang.slots = []
                self._note(gang)
        for gang in self._promises.misfits(table):
            gang.slots = [slot for slot in gang.slots if slot.uid]
            self._note(gang)

    # Parts.

    def _gang(self, key: str) -> Gang:
        gang = self._gangs.get(key)
        if gang is None:
            gang = self._gangs[key] = Gang(key)
        return gang

    def _read(self, key: str, gang: Gang, new: Object | None) -> PodGroup | None:
        self._problems.pop(key, None)
        gang.problem = ""
        if new is None:
            return None
        try:
            return pod_group_of(new)
        except PodGroupError as wrong:
            gang.problem = f"PodGroup {key} cannot be used: {wrong}"
            self._problems[key] = f"ignored: {wrong}"
            return None

    def _join(self, gang: Gang, pod: Pod) -> None:
        gang.members[pod.uid] = pod
        self._gang_by_uid[pod.uid] = gang
        if not pod.node_name:
            gang.bound.discard(pod.uid)
            return
        if pod.uid in gang.bound:
            return  # what it says now is about its containers
        gang.bound.add(pod.uid)
        gang.placed.pop(pod.uid, None)
        self._free_slot(gang, pod)
        self._trim(gang)
        self._reconsider(gang)
        self._note(gang)

    def _leave(self, gang: Gang, uid: str) -> None:
        gang.members.pop(uid, None)
        gang.shapes.pop(uid, None)
        self._gang_by_uid.pop(uid, None)
        gang.bound.discard(uid)
        was_placed = gang.placed.pop(uid, None) is not None
        for slot in gang.slots:
            if slot.uid == uid:
                slot.uid = ""
        if was_placed:
            self._forget_plan(gang, UNRESERVED)
        self._note(gang)
        self._drop_if_empty(gang)

    def _free_slot(self, gang: Gang, pod: Pod) -> None:
        """The member stands: the slot that was its own is used up, else one that it could have had."""
        mine = gang.slot_of(pod.uid) or next(
            (s for s in gang.slots if not s.uid and s.node == pod.node_name and s.shape == gang.shape_of(pod)), None
        )
        if mine is not None:
            gang.slots.remove(mine)

    def _trim(self, gang: Gang) -> None:
        """Slots that nobody was sent to, beyond what the gang still needs."""
        if gang.group is None:
            return
        needed = gang.group.min_member - len(gang.bound)
        for slot in [slot for slot in gang.slots if not slot.uid][: max(0, len(gang.slots) - max(0, needed))]:
            gang.slots.remove(slot)

    def _move_slot(self, gang: Gang, pod: Pod, node: str) -> None:
        """The scheduler may have chosen another node than the planned one, where our filter has no say."""
        mine = gang.slot_of(pod.uid)
        if mine is not None:
            mine.node = node

    def _reconsider(self, gang: Gang) -> None:
        if gang.group is not None and gang.placed and gang.missing <= 0:
            gang.failed_ns = None
            self._orders.append(Order(gang.key, released=True))

    def _forget_plan(self, gang: Gang, reason: str) -> None:
        """Members that are being bound keep their slots until they are; those that wait give them up by `unreserve`."""
        gang.slots = [slot for slot in gang.slots if slot.uid in gang.placed]
        if gang.placed:
            self._orders.append(Order(gang.key, released=False, reason=reason))
        self._note(gang)

    def _note(self, gang: Gang) -> None:
        """Its slots or its placed members have changed."""
        self._promises.note(gang)
        if gang.slots or gang.placed:
            self._busy[gang.key] = gang
        else:
            self._busy.pop(gang.key, None)

    def _drop_if_empty(self, gang: Gang) -> None:
        if gang.is_empty:
            self._gangs.pop(gang.key, None)
            self._busy.pop(gang.key, None)

    def busy(self) -> Iterable[Gang]:
        """Gangs with a plan or with placed members."""
        return list(self._busy.values())
