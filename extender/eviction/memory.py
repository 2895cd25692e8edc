"""Who waits for whom to leave: a pod whose victims are still terminating must not choose others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

# A victim that needs longer (its grace period, a finalizer) no longer keeps its preemptor from choosing others.
VICTIMS_S = 600.0


@dataclass(slots=True)
class _Wait:
    victims: set[str]
    quiet_until_s: float
    forget_s: float


class Preemptors:
    """By UID of the preemptor. No larger than the pods that wait: entries of others are dropped as they are met."""

    def __init__(self, is_there: Callable[[str], bool]) -> None:
        """`is_there`: whether a victim, by UID, still takes room."""
        self._is_there = is_there
        self._waits: dict[str, _Wait] = {}

    def __len__(self) -> int:
        return len(self._waits)

    def begin(self, uid: str, victims: Iterable[str], now_s: float) -> None:
        """A job was taken in: all its victims are expected to leave."""
        self._waits[uid] = _Wait(set(victims), now_s, now_s + VICTIMS_S)

    def settle(self, uid: str, leaving: Iterable[str], now_s: float, quiet_s: float) -> None:
        """The job is over: only `leaving` really leave; for `quiet_s` nothing new is begun in any case."""
        self._waits[uid] = _Wait(set(leaving), now_s + quiet_s, now_s + max(VICTIMS_S, quiet_s))

    def waits(self, uid: str, now_s: float) -> bool:
        wait = self._waits.get(uid)
        if wait is None:
            return False
        if now_s < wait.quiet_until_s or (now_s < wait.forget_s and any(map(self._is_there, wait.victims))):
            return True
        del self._waits[uid]
        return False

    def forget_all(self) -> None:
        self._waits.clear()

    def prune(self, now_s: float) -> None:
        """Drop every entry that no longer holds anybody back."""
        for uid in list(self._waits):
            self.waits(uid, now_s)
