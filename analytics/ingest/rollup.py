"""Rows of a batch to sums by minute, which outlive them: how long pods, calls and plugins took, and how attempts ended.

store/to_8.sql makes the same of the decisions that were stored before; a test holds one against the other.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from analytics.ingest.known import FirstSeen
from analytics.store.joined import PERMIT
from analytics.store.tables import DecisionRow, MinuteCountRow, MinuteLatencyRow, OutcomeRow, Row, VerdictRow
from analytics.trends.sketch import bucket_of

MINUTE_US: Final = 60_000_000
SCHEDULED: Final = "scheduled"
_ERROR: Final = "Error"
Frame = tuple[str, int]
"""Producer and id."""


@dataclass(frozen=True, slots=True)
class End:
    """The first known end of a decision."""

    scheduler: str
    outcome: str
    row: OutcomeRow


class Of(NamedTuple):
    """What a sum is about: see minute_latency in store/to_8.sql."""

    at_us: int
    kind: str
    name: str
    scheduler: str


def rolled(rows: Iterable[Row], ends: Iterable[End], firsts: FirstSeen, seen_us: int) -> list[Row]:
    """Roll-ups of one batch, in which the rows of a frame stand together, the call before its verdicts."""
    calls: dict[Frame, DecisionRow] = {}
    held: dict[Frame, float] = defaultdict(float)
    took: list[tuple[Of, float]] = []
    counts: dict[Of, int] = defaultdict(int)
    for row in rows:
        if isinstance(row, DecisionRow):
            calls[row.producer, row.id] = row
            if row.opens:
                firsts.opened(row.uid, row.at_us, row.attempt)
        elif isinstance(row, VerdictRow):
            frame = (row.producer, row.id)
            of = Of(_minute(row.at_us), "plugin", f"{row.plugin}/{row.phase}", calls[frame].scheduler)
            if row.phase == PERMIT:
                held[frame] += row.duration_us
            else:
                took.append((of, row.duration_us))
            counts[of._replace(kind="fault")] += row.code == _ERROR
    for frame, call in calls.items():
        if call.verb != PERMIT:
            own_us = max(0.0, call.duration_us - held.get(frame, 0.0))
            took.append((Of(_minute(call.at_us), "verb", call.verb, call.scheduler), own_us))
    for end in ends:
        of = Of(_minute(end.row.at_us), "outcome", end.outcome, end.scheduler)
        counts[of] += 1
        if end.outcome == SCHEDULED:
            took.append((of._replace(kind="pod", name=""), _waited_us(end.row, calls, firsts)))
    return [
        *_latencies(took, seen_us),
        *(MinuteCountRow(of.at_us, seen_us, of.kind, of.name, of.scheduler, n) for of, n in counts.items() if n),
    ]


def _waited_us(end: OutcomeRow, calls: dict[Frame, DecisionRow], firsts: FirstSeen) -> float:
    """From the pod's first attempt to its being bound; the row of a bind's outcome has the time at which that began."""
    call = calls.get((end.producer, end.id))
    bound_us = float(end.at_us) if call is None else max(float(end.at_us), call.at_us + call.duration_us)
    first_us = firsts.of(end.uid)
    return 0.0 if first_us is None else max(0.0, bound_us - first_us)


def _latencies(took: Sequence[tuple[Of, float]], seen_us: int) -> list[MinuteLatencyRow]:
    known = [(of, us) for of, us in took if math.isfinite(us)]
    if not known:
        return []
    buckets = bucket_of(np.array([us for _, us in known], dtype=np.float64)).tolist()
    sums: dict[tuple[Of, int], list[float]] = {}
    for (of, us), bucket in zip(known, buckets, strict=True):
        found = sums.setdefault((of, bucket), [0, 0.0])
        found[0] += 1
        found[1] += us
    return [
        MinuteLatencyRow(of.at_us, seen_us, of.kind, of.name, of.scheduler, bucket, int(n), total_us)
        for (of, bucket), (n, total_us) in sums.items()
    ]


def _minute(at_us: int) -> int:
    return at_us - at_us % MINUTE_US
