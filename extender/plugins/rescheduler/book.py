"""What Running pods request on each node, what is promised to pods on their way there, and who was moved from where.

The arrays are by slot: every node that is known, or that a pod names, has one; slot 0 is nobody's and stays zero.
A promise made when a bind arrives is kept until the pod is seen Running, for only then its request counts as use; it
ends early when the bind fails, or the pod goes, or turns up somewhere else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework import Node, Object, Pod, milli, once_per_template, value

MAINTENANCE_LABEL = "scheduler.alpha.kubernetes.io/maintenance"
RUNNING = "Running"
# Moves remembered; the oldest is forgotten first. One lasts as long as the cooldown.
MOVES_MAX = 10_000
_SLOTS_FIRST = 64

Amount = tuple[int, int]
"""(millicores, bytes)"""


@dataclass(frozen=True, slots=True)
class _Promise:
    node: str
    amount: Amount
    assigned: bool = False
    """The pod is seen on the node; it is not seen Running yet."""


@dataclass(frozen=True, slots=True)
class _Move:
    owner_uid: str
    node: str
    until_s: float


class UsageBook:
    def __init__(self) -> None:
        self.version = 0
        """Rises when a slot begins or ends to be a node's."""
        self.running, self.running_flat = _table(_SLOTS_FIRST)
        """slot x (millicores, bytes): requests of the app containers of Running pods."""
        self.binding, self.binding_flat = _table(_SLOTS_FIRST)
        """Promised to pods that are not seen on the node yet."""
        self.starting, _ = _table(_SLOTS_FIRST)
        """Promised to pods that are seen on the node, but not Running."""
        self.maintenance = np.zeros(_SLOTS_FIRST, np.bool_)
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._known: set[str] = set()
        self._charged: Counter[str] = Counter()
        self._running: dict[str, Pod] = {}
        """As last seen: what one uses follows from it."""
        self._promises: dict[str, _Promise] = {}
        self._expected: dict[str, _Move] = {}
        self._moved: dict[tuple[str, str], float] = {}

    def slot(self, node: str) -> int:
        return self._slots.get(node, 0)

    # Events.

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and old.uid in self._expected and (new is None or new.terminating):
            move = self._expected.pop(old.uid)
            self._remember(move)
        if not _same_use(old, new):
            if old is not None:
                self._stop_running(old.uid)
            if new is not None and new.phase == RUNNING and new.node_name:
                self._begin_running(new)
        elif new is not None and new.uid in self._running:
            self._running[new.uid] = new
        uid = new.uid if new is not None else old.uid if old is not None else ""
        if uid in self._promises:
            self._follow_promise(uid, new)

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:
        """It reads no objects."""

    def node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is not None:
            self._known.add(new.name)
            slot = self._slot_for(new.name)
            self.maintenance[slot] = new.labels.get(MAINTENANCE_LABEL) == "true"
        elif old is not None:
            self._known.discard(old.name)
            self.maintenance[self.slot(old.name)] = False
            self._let_go(old.name)

    # Promises.

    def promise(self, pod: Pod, node: str) -> None:
        """Charge the pod on the node until it is seen Running there."""
        self._end_promise(pod.uid)
        if pod.uid not in self._running:
            self._set_promise(pod.uid, _Promise(node, requested(pod)))

    def release(self, uid: str) -> None:
        """The bind failed. A pod that is seen on its node keeps its promise: it will run there."""
        promise = self._promises.get(uid)
        if promise is not None and not promise.assigned:
            self._end_promise(uid)

    def promised(self, uid: str, node: str) -> Amount:
        """What a pod holds there while it is not seen on the node."""
        promise = self._promises.get(uid)
        return promise.amount if promise and promise.node == node and not promise.assigned else (0, 0)

    @property
    def promises(self) -> int:
        return len(self._promises)

    # Moves.

    def expect_move(self, pod: Pod, until_s: float) -> None:
        """The pod was asked to leave its node: once it does, its owner's pods keep away from there until then."""
        if pod.owner_uid:
            _bounded(self._expected)
            self._expected[pod.uid] = _Move(pod.owner_uid, pod.node_name, until_s)

    def forget_move(self, uid: str) -> None:
        """The pod stays after all: it uses its node, and does not hold up its owner's others."""
        self._expected.pop(uid, None)

    def expected(self, now_s: float) -> dict[str, tuple[str, str]]:
        """UIDs of pods that were asked to leave and have not left -> (owner UID, node)."""
        for uid in [uid for uid, move in self._expected.items() if move.until_s <= now_s]:
            del self._expected[uid]
        return {uid: (move.owner_uid, move.node) for uid, move in self._expected.items()}

    def cooling(self, now_s: float) -> set[tuple[str, str]]:
        """(owner UID, node) of every move of a short while ago."""
        self._forget_moves(now_s)
        return set(self._moved)

    def moved_from(self, owner_uid: str, now_s: float) -> list[str]:
        """Nodes that a pod of this owner was moved from a short while ago."""
        if not owner_uid or not self._moved:
            return []
        self._forget_moves(now_s)
        return [node for owner, node in self._moved if owner == owner_uid]

    def _forget_moves(self, now_s: float) -> None:
        for key in [key for key, until_s in self._moved.items() if until_s <= now_s]:
            del self._moved[key]

    def _remember(self, move: _Move) -> None:
        _bounded(self._moved)
        self._moved[move.owner_uid, move.node] = move.until_s

    # Sums.

    def _begin_running(self, pod: Pod) -> None:
        self._running[pod.uid] = pod
        self._charge(pod.node_name)
        self.running[self.slot(pod.node_name)] += requested(pod)

    def _stop_running(self, uid: str) -> None:
        pod = self._running.pop(uid, None)
        if pod is not None:
            self.running[self.slot(pod.node_name)] -= requested(pod)
            self._discharge(pod.node_name)

    def _follow_promise(self, uid: str, pod: Pod | None) -> None:
        promise = self._promises[uid]
        if pod is None or pod.phase == RUNNING or pod.node_name not in ("", promise.node):
            self._end_promise(uid)
        elif pod.node_name and not promise.assigned:
            self._end_promise(uid)
            self._set_promise(uid, _Promise(promise.node, promise.amount, assigned=True))

    def _set_promise(self, uid: str, promise: _Promise) -> None:
        self._promises[uid] = promise
        self._charge(promise.node)
        table = self.starting if promise.assigned else self.binding
        table[self.slot(promise.node)] += promise.amount

    def _end_promise(self, uid: str) -> None:
        promise = self._promises.pop(uid, None)
        if promise is not None:
            table = self.starting if promise.assigned else self.binding
            table[self.slot(promise.node)] -= promise.amount
            self._discharge(promise.node)

    # Slots.

    def _charge(self, node: str) -> None:
        self._slot_for(node)
        self._charged[node] += 1

    def _discharge(self, node: str) -> None:
        self._charged[node] -= 1
        if not self._charged[node]:
            del self._charged[node]
            self._let_go(node)

    def _slot_for(self, node: str) -> int:
        found = self._slots.get(node)
        if found is not None:
            return found
        slot = self._free.pop() if self._free else len(self._slots) + 1
        if slot >= len(self.maintenance):
            self._grow()
        self._slots[node] = slot
        self.version += 1
        return slot

    def _let_go(self, node: str) -> None:
        """Nobody needs the slot any more; by then it holds nothing but zeros."""
        if node not in self._known and node not in self._charged and node in self._slots:
            self._free.append(self._slots.pop(node))
            self.version += 1

    def _grow(self) -> None:
        self.running, self.running_flat = _longer(self.running)
        self.binding, self.binding_flat = _longer(self.binding)
        self.starting, _ = _longer(self.starting)
        self.maintenance = np.concatenate([self.maintenance, np.zeros_like(self.maintenance)])


@once_per_template
def requested(pod: Pod) -> Amount:
    """REQ-RS: (millicores, bytes) of the app containers; init containers and overhead do not count."""
    cpu = sum(milli(c.requests["cpu"]) for c in pod.containers if "cpu" in c.requests)
    memory = sum(value(c.requests["memory"]) for c in pod.containers if "memory" in c.requests)
    return cpu, memory


def _same_use(old: Pod | None, new: Pod | None) -> bool:
    """Most events of a pod change nothing that counts here."""
    if old is None or new is None:
        return old is new
    return (old.uid, old.phase, old.node_name, old.containers) == (new.uid, new.phase, new.node_name, new.containers)


Int64s = NDArray[np.int64]


def _table(slots: int) -> tuple[Int64s, Int64s]:
    """slots x 2, and the same memory flat, as a rule reads it."""
    table = np.zeros((slots, 2), np.int64)
    return table, table.reshape(-1)


def _longer(table: Int64s) -> tuple[Int64s, Int64s]:
    longer, flat = _table(2 * len(table))
    longer[: len(table)] = table
    return longer, flat


def _bounded(kept: dict[Any, Any]) -> None:
    if len(kept) >= MOVES_MAX:
        del kept[next(iter(kept))]
