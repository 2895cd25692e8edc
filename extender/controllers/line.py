"""Pods that our gates hold, in the order in which they are let go, and how many are on their way: values, no calls."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from extender.model.pod import Pod

# Pods on their way to a node at once; more would be ordered by the scheduler's queue instead of by us.
WINDOW = 16
# A pod that is longer on its way than this makes room for the next: its scheduler is slow, or away.
ON_ITS_WAY_S = 30.0

# The scheduler has tried it and it did not fit, or could not be bound: it waits for something, not for its turn.
_TRIED = ("Unschedulable", "SchedulerError")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pod stands: the smaller key goes first; pods of one group (not empty) go together."""

    key: tuple[Any, ...]
    group: str = ""


PlaceOf = Callable[[Pod], Place]


@dataclass(frozen=True, slots=True)
class _Gone:
    """On its way to a node."""

    since_s: float
    pod: Pod | None = None
    place: Place | None = None
    """None: it was never ours to order."""

    def may_be_overtaken_by(self, pod: Pod, place: Place) -> bool:
        """Whether the scheduler's own queue could take `pod`, let go now, before this one.

        That queue goes by priority and then by when a pod was first seen, gated or not: whoever is older overtakes.
        Pods of one group, and pods that differ in the last part of their key alone, may.
        """
        if self.pod is None or self.place is None:
            return False
        if place.key[:-1] == self.place.key[:-1] or (place.group and place.group == self.place.group):
            return False
        return (-pod.priority, pod.created_at_s) <= (-self.pod.priority, self.pod.created_at_s)


@dataclass(slots=True)
class _Held:
    pod: Pod
    place: Place
    version: int


class Line:
    """Of one scheduler name. Times are unix seconds."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._heap: list[tuple[tuple[Any, ...], int, str, str, int]] = []
        """(key, created, namespace/name, uid, version); an entry counts only if its version is the pod's."""
        self._groups: dict[str, set[str]] = {}
        self._sent: dict[str, float] = {}
        """uid -> until when it is not looked at: released and not seen so yet, or to be tried again later."""
        self._under_way: OrderedDict[str, _Gone] = OrderedDict()
        """By UID, oldest first."""
        self._version = 0

    def __len__(self) -> int:
        """Pods that are held."""
        return len(self._held)

    @property
    def is_empty(self) -> bool:
        return not (self._held or self._under_way)

    # What the watch tells.

    def hold(self, pod: Pod, place_of: PlaceOf) -> None:
        """It carries a gate of ours."""
        if pod.uid not in self._sent:
            self._under_way.pop(pod.uid, None)
        self._leave(pod.uid)
        self._put(pod, place_of(pod))

    def free(self, pod: Pod, now_s: float) -> None:
        """It carries none, and has no node."""
        self._leave(pod.uid)
        self._sent.pop(pod.uid, None)
        if pod.gates or pod.unscheduled_reason in _TRIED:
            self._under_way.pop(pod.uid, None)
        else:
            self._under_way.setdefault(pod.uid, _Gone(now_s))

    def forget(self, uid: str) -> None:
        """It has a node, or is gone or going."""
        self._leave(uid)
        self._sent.pop(uid, None)
        self._under_way.pop(uid, None)

    # What the controller asks and tells.

    def room(self, now_s: float) -> int:
        """How many may be let go now."""
        return WINDOW - len(self._recent(now_s))

    def pods(self) -> list[Pod]:
        """All that are held and may be looked at, in no order."""
        return [held.pod for uid, held in self._held.items() if uid not in self._sent]

    def next(self, place_of: PlaceOf, now_s: float) -> list[Pod]:
        """The pod whose turn it is, and its group; they stay held until told otherwise.

        Empty when nobody is left, or when the next would overtake one that is on its way before it.
        """
        ahead = self._recent(now_s)
        while self._heap:
            key, _created, _name, uid, version = heapq.heappop(self._heap)
            held = self._held.get(uid)
            if held is None or held.version != version or uid in self._sent:
                continue
            place = place_of(held.pod)
            if place.key > key:  # it has fallen back meanwhile
                self._leave(uid)
                self._put(held.pod, place)
                continue
            if any(gone.may_be_overtaken_by(held.pod, place) for gone in ahead):
                self._push(uid, held)
                return []
            return [held.pod, *self._siblings(uid, place.group)]
        return []

    def let_go(self, uid: str, now_s: float, look_again_s: float) -> None:
        """Its gate is off; should the watch not show that by then, it is held again."""
        self._sent[uid] = look_again_s
        held = self._held.get(uid)
        self._under_way.setdefault(uid, _Gone(now_s, held.pod, held.place) if held else _Gone(now_s))

    def put_off(self, uid: str, until_s: float) -> None:
        """It could not be released; the others go on."""
        self._sent[uid] = until_s

    def look_again(self, now_s: float) -> None:
        """Those whose time has come stand in line again."""
        for uid in [uid for uid, until_s in self._sent.items() if until_s <= now_s]:
            del self._sent[uid]
            if held := self._held.get(uid):
                self._under_way.pop(uid, None)
                self._push(uid, held)

    def reorder(self, places: Iterable[tuple[str, Place]]) -> None:
        """New places of pods that are still held."""
        for uid, place in places:
            held = self._held.get(uid)
            if held is not None and held.place != place:
                self._leave(uid)
                self._put(held.pod, place)
        if len(self._heap) > 2 * len(self._held) + WINDOW:  # mostly entries that count no more
            self._heap = [entry for entry in self._heap if self._counts(entry[3], entry[4])]
            heapq.heapify(self._heap)

    # Parts.

    def _recent(self, now_s: float) -> list[_Gone]:
        """At most WINDOW that are on their way and not for too long."""
        newest = islice(reversed(self._under_way.values()), WINDOW)
        return [gone for gone in newest if gone.since_s > now_s - ON_ITS_WAY_S]

    def _put(self, pod: Pod, place: Place) -> None:
        self._version += 1
        held = self._held[pod.uid] = _Held(pod, place, self._version)
        if place.group:
            self._groups.setdefault(place.group, set()).add(pod.uid)
        if pod.uid not in self._sent:
            self._push(pod.uid, held)

    def _push(self, uid: str, held: _Held) -> None:
        pod = held.pod
        heapq.heappush(self._heap, (held.place.key, pod.created_at_s, pod.key, uid, held.version))

    def _leave(self, uid: str) -> None:
        held = self._held.pop(uid, None)
        if held is None or not held.place.group:
            return
        siblings = self._groups[held.place.group]
        siblings.discard(uid)
        if not siblings:
            del self._groups[held.place.group]

    def _counts(self, uid: str, version: int) -> bool:
        held = self._held.get(uid)
        return held is not None and held.version == version and uid not in self._sent

    def _siblings(self, uid: str, group: str) -> list[Pod]:
        if not group:
            return []
        others = [self._held[other] for other in self._groups.get(group, ()) if other not in (uid, *self._sent)]
        return [
            held.pod for held in sorted(others, key=lambda held: (held.place.key, held.pod.created_at_s, held.pod.key))
        ]
