"""Rows of a batch to sums by minute, which outlive them: how long pods, calls and plugins took, and how attempts ended.

store/to_8.sql makes the same of the decisions that were stored before; a test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.ingest.known import FirstSeen
from analytics.store.joined import PERMIT
from analytics.store.tables import DecisionRow, MinuteCountRow, MinuteLatencyRow, OutcomeRow, Row, VerdictRow
from analytics.trends.sketch import bucket_of

MINUTE_US: Final = 60_000_000
SCHEDULED: Final = "scheduled"
_ERROR: Final = "Error"
_BUCKETS: Final = 1 << 16
Frame = tuple[str, int]
"""Producer and id."""


@dataclass(frozen=True, slots=True)
class End:
    """The first known end of a decision."""

    scheduler: str
    outcome: str
    row: OutcomeRow


Of = tuple[int, str, str, str]
"""What a sum is about: minute, kind, name, scheduler, as in minute_latency of store/to_8.sql."""


class _Sums:
    """Of one batch. Called for each verdict: plain tuples, and numpy for all at once."""

    def __init__(self) -> None:
        self._places: dict[Of, int] = {}
        self._place: list[int] = []
        self._us: list[float] = []
        self._counts: dict[Of, int] = {}

    def took(self, of: Of, us: float) -> None:
        self._place.append(self._places.setdefault(of, len(self._places)))
        self._us.append(us)

    def counted(self, of: Of) -> None:
        self._counts[of] = self._counts.get(of, 0) + 1

    def rows(self, seen_us: int) -> list[Row]:
        return [
            *self._latencies(seen_us),
            *(
                MinuteCountRow(at_us, seen_us, kind, name, scheduler, n)
                for (at_us, kind, name, scheduler), n in self._counts.items()
            ),
        ]

    def _latencies(self, seen_us: int) -> list[MinuteLatencyRow]:
        us = np.array(self._us, dtype=np.float64)
        known = np.isfinite(us)
        us, place = us[known], np.array(self._place, dtype=np.int64)[known]
        # Buckets of times are never negative and below _BUCKETS.
        both, into, n = np.unique(place * _BUCKETS + bucket_of(us), return_inverse=True, return_counts=True)
        total = np.bincount(into, weights=us, minlength=len(both))
        ofs = list(self._places)
        found = []
        for key, many, total_us in zip(both.tolist(), n.tolist(), total.tolist(), strict=True):
            at_us, kind, name, scheduler = ofs[key // _BUCKETS]
            found.append(MinuteLatencyRow(at_us, seen_us, kind, name, scheduler, key % _BUCKETS, many, total_us))
        return found


def rolled(rows: Iterable[Row], ends: Iterable[End], firsts: FirstSeen, seen_us: int) -> list[Row]:
    """Roll-ups of one batch, in which the rows of a frame stand together, the call before its verdicts."""
    calls: dict[Frame, DecisionRow] = {}
    held: dict[Frame, float] = {}
    sums = _Sums()
    for row in rows:
        if isinstance(row, DecisionRow):
            calls[row.producer, row.id] = row
            if row.opens:
                firsts.opened(row.uid, row.at_us, row.attempt)
        elif isinstance(row, VerdictRow):
            frame = (row.producer, row.id)
            _verdict(row, calls[frame].scheduler, sums)
            if row.phase == PERMIT:
                held[frame] = held.get(frame, 0.0) + row.duration_us
    for frame, call in calls.items():
        if call.verb != PERMIT:
            own_us = max(0.0, call.duration_us - held.get(frame, 0.0))
            sums.took((_minute(call.at_us), "verb", call.verb, call.scheduler), own_us)
    for end in ends:
        minute_us = _minute(end.row.at_us)
        sums.counted((minute_us, "outcome", end.outcome, end.scheduler))
        if end.outcome == SCHEDULED:
            sums.took((minute_us, "pod", "", end.scheduler), _waited_us(end.row, calls, firsts))
    return sums.rows(seen_us)


def _verdict(row: VerdictRow, scheduler: str, sums: _Sums) -> None:
    name = f"{row.plugin}/{row.phase}"
    if row.phase != PERMIT:
        sums.took((_minute(row.at_us), "plugin", name, scheduler), max(0.0, row.duration_us))
    if row.code == _ERROR:
        sums.counted((_minute(row.at_us), "fault", name, scheduler))


def _waited_us(end: OutcomeRow, calls: dict[Frame, DecisionRow], firsts: FirstSeen) -> float:
    """From the pod's first attempt to its being bound; the row of a bind's outcome has the time at which that began."""
    call = calls.get((end.producer, end.id))
    bound_us = float(end.at_us) if call is None else max(float(end.at_us), call.at_us + call.duration_us)
    first_us = firsts.of(end.uid)
    return 0.0 if first_us is None else max(0.0, bound_us - first_us)


def _minute(at_us: int) -> int:
    return at_us - at_us % MINUTE_US
