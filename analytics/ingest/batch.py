"""One batch: what the reader found, as the rows of one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analytics.ingest.flatten import (
    Origin,
    decision_rows,
    eviction_row,
    gap_row,
    outcome_row,
    policy_row,
    shadow_row,
    shadow_tally_row,
)
from analytics.ingest.known import FirstSeen, KnownDecisions
from analytics.ingest.rollup import End, rolled
from analytics.store.tables import DecisionRow, GapRow, OutcomeRow, PositionRow, QuarantineRow, Row, SkippedRow
from extender.record.frames import (
    Decision,
    Event,
    Eviction,
    Gap,
    GuardTrip,
    Outcome,
    Policy,
    Shadow,
    ShadowTally,
    Snapshot,
    decode,
)
from extender.record.reader import Found, Lost, Place

# Of a record that cannot be taken in, so much is kept for whoever looks into it.
QUARANTINED_BYTES_MAX = 1 << 20

Item = Found | Lost


@dataclass(frozen=True, slots=True)
class Taken:
    """What became known with one committed batch."""

    decisions: Sequence[str]
    """Ids with new frames or ends, each once, in order of arrival."""
    calls: Sequence[DecisionRow]
    outcomes: Sequence[OutcomeRow]
    ended: Sequence[tuple[str, str]]
    """(scheduler, outcome) of each decision whose first end this was."""
    seen_us: int


@dataclass(slots=True)
class Batch:
    rows: list[Row] = field(default_factory=list)
    decisions: dict[str, None] = field(default_factory=dict)
    ended: list[tuple[str, str]] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    """The same, each with its row."""
    skipped: Counter[tuple[str, str]] = field(default_factory=Counter)
    frames: int = 0
    quarantined: int = 0
    damaged_bytes: int = 0
    missing_segments: int = 0
    newest_us: int = 0
    """Time of the newest frame."""

    def taken(self, seen_us: int) -> Taken:
        return Taken(
            list(self.decisions),
            [row for row in self.rows if isinstance(row, DecisionRow)],
            [row for row in self.rows if isinstance(row, OutcomeRow)],
            self.ended,
            seen_us,
        )


_OUTCOME = {3: "scheduled", 2: "error", 1: "unschedulable"}


def build(
    items: Sequence[Item],
    known: KnownDecisions,
    seen_us: int,
    refused: Mapping[tuple[str, int], str] | None = None,
    firsts: FirstSeen | None = None,
) -> Batch:
    """Rows for all items, and their roll-ups. Those that cannot be decoded, and those `refused` (by producer and id,
    with the reason) by the store before, become quarantine rows. Without `firsts` no pod was seen before."""
    batch = Batch()
    for item in items:
        if isinstance(item, Lost):
            _add_loss(batch, item, seen_us)
            continue
        batch.frames += 1
        why = (refused or {}).get((item.producer, item.id))
        before = len(batch.rows)
        try:
            if why is None:
                _add_frame(batch, item, known, seen_us)
                continue
        except Exception as error:  # noqa: BLE001 one bad record must not stop the others, whatever is wrong with it
            del batch.rows[before:]
            why = f"{type(error).__name__}: {error}"
        body = item.frame.payload[:QUARANTINED_BYTES_MAX]
        batch.rows.append(QuarantineRow(item.producer, item.id, seen_us, why, body))
        batch.quarantined += 1
    batch.rows += [SkippedRow(producer, seen_us, kind, n) for (producer, kind), n in batch.skipped.items()]
    batch.rows += rolled(batch.rows, batch.ends, firsts or FirstSeen(lambda _: None), seen_us)
    return batch


def positions(places: Mapping[str, Place], before: Mapping[str, Place], at_us: int) -> list[Row]:
    """A row for each producer that has moved on."""
    return [
        PositionRow(producer, place.segment, place.offset, at_us)
        for producer, place in places.items()
        if before.get(producer) != place
    ]


def _add_frame(batch: Batch, item: Found, known: KnownDecisions, seen_us: int) -> None:
    frame = decode(item.frame.payload)
    origin = Origin(item.producer, item.id, seen_us)
    match frame:
        case Decision():
            scheduler = frame.pod.scheduler or frame.profile
            opens = known.opens(frame.decision, scheduler, is_filter=frame.verb == "filter")
            rows: list[Row] = list(decision_rows(frame, origin, opens=opens))
            batch.decisions[frame.decision] = None
        case Outcome():
            rows = [outcome_row(frame, origin)]
            batch.decisions[frame.decision] = None
        case Eviction():
            rows = [eviction_row(frame, origin)]
            if frame.decision:
                batch.decisions[frame.decision] = None
        case Shadow():
            rows = [shadow_row(frame, origin)]
        case ShadowTally():
            rows = [shadow_tally_row(frame, origin)]
        case Policy():
            rows = [policy_row(frame, origin)]
        case Gap():
            rows = [gap_row(frame, origin)]
        case Snapshot() | Event() | GuardTrip():
            rows = []
            batch.skipped[item.producer, type(frame).__name__.lower()] += 1
    batch.rows += rows
    batch.newest_us = max(batch.newest_us, frame.at_us)
    _note_ends(batch, rows, known)


def _note_ends(batch: Batch, rows: Sequence[Row], known: KnownDecisions) -> None:
    for row in rows:
        if isinstance(row, OutcomeRow) and row.rank in _OUTCOME:
            ended = known.ends(row.decision)
            if ended is not None:
                batch.ended.append((ended, _OUTCOME[row.rank]))
                batch.ends.append(End(ended, _OUTCOME[row.rank], row))


def _add_loss(batch: Batch, item: Lost, seen_us: int) -> None:
    batch.rows.append(GapRow(item.producer, item.id, seen_us, seen_us, seen_us, item.count, item.cause))
    if item.cause == "missing":
        batch.missing_segments += item.count
    else:
        batch.damaged_bytes += item.count
