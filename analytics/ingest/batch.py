"""One batch: what the reader found, as the rows of one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from analytics.ingest.call import Call, Frame, created_us, decode
from analytics.ingest.flatten import (
    Origin,
    call_row,
    end_of_call,
    eviction_row,
    gap_row,
    outcome_row,
    parts_of,
    policy_row,
    shadow_row,
    shadow_tally_row,
)
from analytics.ingest.known import End, FirstSeen, KnownDecisions
from analytics.ingest.rollup import FirstEnd, Sums
from analytics.store.detail import WORDS, pack, text_of
from analytics.store.dialect import StoreError
from analytics.store.tables import (
    DecisionRow,
    DetailRow,
    GapRow,
    OutcomeRow,
    PositionRow,
    QuarantineRow,
    Row,
    SkippedRow,
)
from extender.record.frames import Eviction, Gap, Outcome, Policy, Shadow, ShadowTally
from extender.record.reader import Found, Lost, Place

# Of a record that cannot be taken in, so much is kept for whoever looks into it.
QUARANTINED_BYTES_MAX = 1 << 20

Item = Found | Lost


class Read(Struct, frozen=True, gc=False):
    """An item of the journals, and what can be made of it without knowing any other."""

    item: Item
    frame: Frame | None = None
    rows: Sequence[Row] = ()
    """Of a call: all but those that say when it was taken in."""
    created_us: int = 0
    """Of a call: when its pod was created; 0: not known."""
    error: str = ""
    """Why there is no frame."""


class _Detail(Struct, gc=False):
    """One that is to be packed, for these rows."""

    rows: list[Row]
    producer: str
    id: int
    at_us: int
    decision: str
    text: bytes


def read(items: Iterable[Item]) -> list[Read]:
    """Each of them, in their order."""
    details: list[_Detail] = []
    reads = [_read(item, details) for item in items]
    for one, body in zip(details, pack([one.text for one in details]), strict=True):
        one.rows.append(DetailRow(one.producer, one.id, one.at_us, one.decision, WORDS, body))
    return reads


def _read(item: Item, details: list[_Detail]) -> Read:
    if isinstance(item, Lost):
        return Read(item)
    try:
        frame = decode(item.frame.payload)
        if not isinstance(frame, Call):
            return Read(item, frame)
        producer, id_ = item.producer, item.id
        rows, at_us = parts_of(frame, producer, id_), created_us(frame)
        text = text_of(frame)
        if text:
            details.append(_Detail(rows, producer, id_, frame.at_us, frame.decision, text))
        if frame.candidates:  # they are told now, and most of what thousands of frames that wait would hold
            frame.candidates = []
        return Read(item, frame, rows, at_us)
    except Exception as error:  # noqa: BLE001 one bad record must not stop the others, whatever is wrong with it
        return Read(item, error=_told(error))


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
    sums: Sums = field(default_factory=Sums)
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
            [row for row in self.rows if type(row) is DecisionRow],
            [row for row in self.rows if type(row) is OutcomeRow],
            self.ended,
            seen_us,
        )


_OUTCOME = {3: "scheduled", 2: "error", 1: "unschedulable"}


def build(
    reads: Iterable[Read],
    known: KnownDecisions,
    seen_us: int,
    refused: Mapping[tuple[str, int], str] | None = None,
    firsts: FirstSeen | None = None,
) -> Batch:
    """Rows of all that was read, and their roll-ups. What could not be decoded, and what was `refused` by the store
    before (by producer and id, with the reason), become quarantine rows. Without `firsts` no pod was seen before.

    Raises StoreError when the store cannot say what it knows of a decision.
    """
    batch = Batch()
    firsts = firsts or FirstSeen(lambda _: None)
    for one in reads:
        item = one.item
        if isinstance(item, Lost):
            _add_loss(batch, item, seen_us)
            continue
        batch.frames += 1
        why = one.error or (refused.get((item.producer, item.id), "") if refused else "")
        try:
            if one.frame is not None and not why:
                _add_frame(batch, one, one.frame, Origin(item.producer, item.id, seen_us), known, firsts)
                continue
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 as in `read`
            why = _told(error)
        body = item.frame.payload[:QUARANTINED_BYTES_MAX]
        batch.rows.append(QuarantineRow(item.producer, item.id, seen_us, why, body))
        batch.quarantined += 1
    batch.rows += [SkippedRow(producer, seen_us, kind, n) for (producer, kind), n in batch.skipped.items()]
    batch.rows += batch.sums.rows(firsts, seen_us)
    return batch


def positions(places: Mapping[str, Place], before: Mapping[str, Place], at_us: int) -> list[Row]:
    """A row for each producer that has moved on."""
    return [
        PositionRow(producer, place.segment, place.offset, at_us)
        for producer, place in places.items()
        if before.get(producer) != place
    ]


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _add_frame(batch: Batch, one: Read, frame: Frame, origin: Origin, known: KnownDecisions, firsts: FirstSeen) -> None:
    if isinstance(frame, Call):
        rows = [*_call(batch, one, frame, origin, known, firsts), *one.rows]
    elif isinstance(frame, Outcome):
        end = outcome_row(frame, origin)
        rows = [end]
        _note_end(batch, end.decision, _end(end), known, frame.at_us)
        batch.decisions[frame.decision] = None
    else:
        rows = _others(batch, frame, origin)
    batch.rows += rows
    batch.newest_us = max(batch.newest_us, frame.at_us)


def _call(batch: Batch, one: Read, frame: Call, origin: Origin, known: KnownDecisions, firsts: FirstSeen) -> list[Row]:
    scheduler = frame.pod.scheduler or frame.profile
    opens = known.opens(frame.decision, scheduler, is_filter=frame.verb == "filter")
    rows: list[Row] = [call_row(frame, origin, opens=opens, created_us=one.created_us)]
    if opens:
        firsts.opened(frame.pod.uid, frame.at_us, frame.attempt)
        early = known.early_end(frame.decision)
        if early is not None:
            _note_end(batch, frame.decision, early, known, early.at_us)
    end = end_of_call(frame, origin)
    if end is not None:
        rows.append(end)
        _note_end(batch, end.decision, _end(end), known, frame.at_us + frame.duration_us)
    batch.sums.add_call(frame, scheduler)
    batch.decisions[frame.decision] = None
    return rows


def _others(batch: Batch, frame: Frame, origin: Origin) -> list[Row]:
    """Of a frame that is neither a call nor an end."""
    match frame:
        case Eviction():
            if frame.decision:
                batch.decisions[frame.decision] = None
            return [eviction_row(frame, origin)]
        case Shadow():
            return [shadow_row(frame, origin)]
        case ShadowTally():
            return [shadow_tally_row(frame, origin)]
        case Policy():
            return [policy_row(frame, origin)]
        case Gap():
            return [gap_row(frame, origin)]
    batch.skipped[origin.producer, type(frame).__name__.lower()] += 1
    return []


def _end(row: OutcomeRow) -> End:
    return End(row.rank, row.uid, row.at_us)


def _note_end(batch: Batch, decision: str, end: End, known: KnownDecisions, done_us: float) -> None:
    """`done_us`: when the call was over, or the end was seen."""
    if end.rank not in _OUTCOME:
        return
    scheduler = known.ends(decision, end)
    if scheduler is not None:
        outcome = _OUTCOME[end.rank]
        batch.ended.append((scheduler, outcome))
        batch.sums.add_end(FirstEnd(scheduler, outcome, end.uid, end.at_us, done_us))


def _add_loss(batch: Batch, item: Lost, seen_us: int) -> None:
    batch.rows.append(GapRow(item.producer, item.id, seen_us, seen_us, seen_us, item.count, item.cause))
    if item.cause == "missing":
        batch.missing_segments += item.count
    else:
        batch.damaged_bytes += item.count
