"""Holds: bind calls that are kept open until others have arrived.

    permit says wait            -> held, until the first of:
    its group is released       -> goes on to the Binding
    its group is rejected, its deadline, its caller leaves, its pod or its node goes, a newer attempt, shutdown
                                   or another replica leads
                                -> ends with an error; the Binding is never created
    its plugin is switched off  -> goes on, as if nobody had asked it to wait

A hold is a future and a row: thousands of them cost no thread and no timer, only a heap of deadlines that the tick
looks at. Every hold ends exactly once.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from extender.model.pod import Pod

# Bind calls kept open at once; one more is refused and counted.
HOLDS_MAX = 20_000


class HoldEnded(StrEnum):
    """Why a hold ended."""

    RELEASED = "released"
    REJECTED = "rejected"
    TIMED_OUT = "timedOut"
    CALLER_GONE = "callerGone"
    REFILTERED = "refiltered"
    DELETED = "deleted"
    NODE_GONE = "nodeGone"
    BOUND = "bound"
    DISABLED = "disabled"
    SHUTDOWN = "shutdown"
    NOT_LEADING = "notLeading"
    BROKEN_OFF = "brokenOff"


@dataclass(slots=True, eq=False)
class Hold:
    """One bind call that waits. Times are unix seconds."""

    pod: Pod
    node: str
    plugin: str
    group: str
    waiting_for: str
    decision: str
    since_s: float
    deadline_s: float
    ended: asyncio.Future[HoldEnded] = field(repr=False)
    error: str = ""
    """Once it has ended: why it may not go on; empty: it may."""


class Holds:
    """All holds by pod UID, oldest first. Single writer: the event loop."""

    def __init__(self, ended: Callable[[Hold, HoldEnded], None], at_most: int = HOLDS_MAX) -> None:
        """`ended` hears of the end of each hold."""
        self._ended = ended
        self._at_most = at_most
        self._by_uid: dict[str, Hold] = {}
        self._by_group: dict[tuple[str, str], dict[str, Hold]] = {}
        self._deadlines: list[tuple[float, int, Hold]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._by_uid)

    def __contains__(self, uid: object) -> bool:
        return uid in self._by_uid

    @property
    def is_full(self) -> bool:
        return len(self._by_uid) >= self._at_most

    def get(self, uid: str) -> Hold | None:
        return self._by_uid.get(uid)

    def all(self) -> list[Hold]:
        return list(self._by_uid.values())

    def of_group(self, plugin: str, group: str) -> list[Hold]:
        """Those that a plugin holds for one group, oldest first."""
        return list(self._by_group.get((plugin, group), {}).values())

    def begin(self, hold: Hold) -> None:
        """Keep it. Its pod must not be held, and there must be room."""
        self._by_uid[hold.pod.uid] = hold
        self._by_group.setdefault((hold.plugin, hold.group), {})[hold.pod.uid] = hold
        heapq.heappush(self._deadlines, (hold.deadline_s, next(self._count), hold))

    def end(self, hold: Hold, why: HoldEnded, error: str = "") -> bool:
        """End it: with an error it must not go on. False if it had ended before."""
        if hold.ended.done():
            return False
        del self._by_uid[hold.pod.uid]
        group = self._by_group[hold.plugin, hold.group]
        del group[hold.pod.uid]
        if not group:
            del self._by_group[hold.plugin, hold.group]
        hold.error = error
        hold.ended.set_result(why)
        if len(self._deadlines) > 2 * len(self._by_uid) + 64:
            self._deadlines = [entry for entry in self._deadlines if not entry[2].ended.done()]
            heapq.heapify(self._deadlines)
        self._ended(hold, why)
        return True

    def late(self, now_s: float) -> list[Hold]:
        """Those whose deadline has come, the earliest first."""
        found = []
        while self._deadlines and self._deadlines[0][0] <= now_s:
            hold = heapq.heappop(self._deadlines)[2]
            if not hold.ended.done():
                found.append(hold)
        return found
