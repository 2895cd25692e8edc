"""The scheduling queue: active by priority and age, pods in backoff, and pods that wait for something to change."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

BACKOFF_FIRST_S, BACKOFF_MAX_S = 1.0, 10.0
FLUSH_S = 300.0
"""A pod that nothing woke is tried again after this time."""


@dataclass(slots=True)
class Waiting:
    """A pod in the queue."""

    namespace: str
    name: str
    uid: str
    priority: int
    created_s: float
    attempts: int = 0
    since_s: float = 0.0
    """When it was last put aside."""
    moved: bool = False
    """Something changed in the cluster while it was being tried."""


class Queue:
    """Every unassigned pod is in exactly one of the three places, or being tried."""

    def __init__(self) -> None:
        self._known: dict[str, Waiting] = {}
        self._active: list[tuple[int, float, int, str]] = []
        self._backoff: list[tuple[float, int, str]] = []
        self._aside: dict[str, Waiting] = {}
        self._trying: set[str] = set()
        self._sequence = 0

    def __len__(self) -> int:
        """Pods that wait, wherever."""
        return len(self._known)

    def add(self, pod: Waiting) -> None:
        if pod.uid not in self._known:
            self._known[pod.uid] = pod
            self._activate(pod)

    def remove(self, uid: str) -> None:
        self._known.pop(uid, None)
        self._aside.pop(uid, None)
        self._trying.discard(uid)

    def pop(self, now_s: float) -> Waiting | None:
        """The next pod to try, or None if none is ready."""
        self._promote(now_s)
        while self._active:
            uid = heapq.heappop(self._active)[3]
            pod = self._known.get(uid)
            if pod is not None and uid not in self._trying:
                self._trying.add(uid)
                pod.attempts += 1
                pod.moved = False
                return pod
        return None

    def next_s(self) -> float | None:
        """When the first pod in backoff is due."""
        return self._backoff[0][0] if self._backoff else None

    def failed(self, pod: Waiting, now_s: float, *, error: bool) -> None:
        """It found no node. After an error it comes back by itself; else when something changes."""
        self._trying.discard(pod.uid)
        if pod.uid not in self._known:
            return
        pod.since_s = now_s
        if error or pod.moved:
            self._delay(pod, now_s)
        else:
            self._aside[pod.uid] = pod

    def wake(self, now_s: float) -> None:
        """Something in the cluster changed that may help: every pod put aside goes through its backoff."""
        for pod in self._aside.values():
            self._delay(pod, now_s)
        self._aside.clear()
        for uid in self._trying:
            self._known[uid].moved = True

    def poke(self, uid: str, now_s: float) -> None:
        """This pod itself was changed: if it was put aside it goes through its backoff; its backoff itself stays."""
        pod = self._aside.pop(uid, None)
        if pod is not None:
            self._delay(pod, now_s)
        elif uid in self._trying:
            self._known[uid].moved = True

    def _delay(self, pod: Waiting, now_s: float) -> None:
        self._sequence += 1
        delay = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(10, max(0, pod.attempts - 1)))
        heapq.heappush(self._backoff, (max(now_s, pod.since_s + delay), self._sequence, pod.uid))

    def _promote(self, now_s: float) -> None:
        while self._backoff and self._backoff[0][0] <= now_s:
            pod = self._known.get(heapq.heappop(self._backoff)[2])
            if pod is not None:
                self._activate(pod)
        stale = [pod for pod in self._aside.values() if now_s - pod.since_s > FLUSH_S]
        for pod in stale:
            del self._aside[pod.uid]
            self._activate(pod)

    def _activate(self, pod: Waiting) -> None:
        self._sequence += 1
        heapq.heappush(self._active, (-pod.priority, pod.created_s, self._sequence, pod.uid))
