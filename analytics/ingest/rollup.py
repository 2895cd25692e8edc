"""Frames of a batch to sums by minute, which outlive them: how long pods, calls and plugins took, and how attempts
ended.

store/to_8.sql makes the same of the decisions that were stored before; a test holds one against the other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain
from typing import Final

import numpy as np
from msgspec import Struct

from analytics.ingest.known import FirstSeen
from analytics.store.joined import PERMIT
from analytics.store.tables import MinuteCountRow, MinuteLatencyRow, Row
from analytics.trends.sketch import bucket_of
from extender.record.frames import Decision

MINUTE_US: Final = 60_000_000
SCHEDULED: Final = "scheduled"
_ERROR: Final = "Error"
_BUCKETS: Final = 1 << 16


class FirstEnd(Struct, frozen=True, gc=False):
    """The first known end of a decision."""

    scheduler: str
    outcome: str
    uid: str
    at_us: int
    done_us: float
    """When the call was over that ended it; of an end that was only seen, when that was."""


Of = tuple[int, str, str, str]
"""What a sum is about: minute, kind, name, scheduler, as in minute_latency of store/to_8.sql."""


class Sums:
    """Of one batch. Called for every frame: it only gathers, and numpy puts all into buckets at once."""

    def __init__(self) -> None:
        self._took_us: defaultdict[Of, list[float]] = defaultdict(list)
        self._plugins_us: defaultdict[tuple[int, str, str, str], list[float]] = defaultdict(list)
        """By minute, plugin, phase and scheduler."""
        self._counts: Counter[Of] = Counter()
        self._ends: list[FirstEnd] = []

    def add_call(self, call: Decision, scheduler: str) -> None:
        minute_us, held_us = _minute(call.at_us), 0.0
        for verdict in call.plugins:
            if verdict.phase == PERMIT:
                held_us += verdict.duration_us
            else:
                self._plugins_us[minute_us, verdict.plugin, verdict.phase, scheduler].append(verdict.duration_us)
            if verdict.code == _ERROR:
                self._counts[minute_us, "fault", f"{verdict.plugin}/{verdict.phase}", scheduler] += 1
        if call.verb != PERMIT:
            self._took_us[minute_us, "verb", call.verb, scheduler].append(call.duration_us - held_us)

    def add_end(self, end: FirstEnd) -> None:
        self._counts[_minute(end.at_us), "outcome", end.outcome, end.scheduler] += 1
        self._ends.append(end)

    def rows(self, firsts: FirstSeen, seen_us: int) -> list[Row]:
        """`firsts`: knows the first attempts of this batch, too. Times below 0 count as 0, those without end not."""
        for end in self._ends:
            if end.outcome == SCHEDULED:
                first_us = firsts.of(end.uid)
                took_us = 0.0 if first_us is None else max(end.done_us, end.at_us) - first_us
                self._took_us[_minute(end.at_us), "pod", "", end.scheduler].append(took_us)
        for (at_us, plugin, phase, scheduler), spent_us in self._plugins_us.items():
            self._took_us[at_us, "plugin", f"{plugin}/{phase}", scheduler] += spent_us
        return [
            *self._latencies(seen_us),
            *(
                MinuteCountRow(at_us, seen_us, kind, name, scheduler, n)
                for (at_us, kind, name, scheduler), n in self._counts.items()
            ),
        ]

    def _latencies(self, seen_us: int) -> list[MinuteLatencyRow]:
        us = np.array([*chain.from_iterable(self._took_us.values())], dtype=np.float64)
        place = np.repeat(np.arange(len(self._took_us)), [len(took) for took in self._took_us.values()])
        known = np.isfinite(us)
        us, place = np.maximum(us[known], 0.0), place[known]
        # Buckets of times are never negative and below _BUCKETS.
        both, into, n = np.unique(place * _BUCKETS + bucket_of(us), return_inverse=True, return_counts=True)
        total = np.bincount(into, weights=us, minlength=len(both))
        ofs = list(self._took_us)
        found = []
        for key, many, total_us in zip(both.tolist(), n.tolist(), total.tolist(), strict=True):
            at_us, kind, name, scheduler = ofs[key // _BUCKETS]
            found.append(MinuteLatencyRow(at_us, seen_us, kind, name, scheduler, key % _BUCKETS, many, total_us))
        return found


def _minute(at_us: int) -> int:
    return at_us - at_us % MINUTE_US
