"""The ingest thread: journals to store, each frame exactly once.

A batch's rows and the reader's places are one transaction. Whatever dies, and whenever: the next start goes on at the
last committed place.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analytics.ingest import metrics
from analytics.ingest.ahead import NOTHING, ReadingAhead
from analytics.ingest.batch import Batch, Read, Taken, build, positions
from analytics.ingest.collecting import no_collecting
from analytics.ingest.known import REMEMBERED_MAX, End, FirstSeen, Known, KnownDecisions
from analytics.store import Store, StoreDamaged, StoreError
from analytics.store.decisions import Decisions
from analytics.store.dialect import RowsRefused, StoreMoved
from analytics.store.hours import Hours
from analytics.store.joined import rfc3339
from analytics.store.retention import Retention, forget, prune_positions
from analytics.store.tables import key_of
from extender.record.reader import JournalReader, Place

POLL_S = 0.15
# Most of one transaction: live ones are small, and what each costs by itself is shared by more when there is a backlog.
BATCH_FRAMES = 8000
BATCH_BYTES = 32 << 20
CHECKPOINT_EVERY_S = 10.0
REFUSED_CHECKPOINT_S = 60.0
FORGET_EVERY_S = 600.0
SUM_EVERY_S = 5.0
# Segments that are in the store stay so long after their last write, for replay and to fill a lost store again.
KEEP_JOURNAL_S = 6 * 3600.0
# The extender records a call a quarter of a second after what its watch has seen meanwhile, or a few times that.
EARLY_US = 60_000_000
# Most ends come so soon after their decisions opened.
OPENED_WITHIN_US = 3600_000_000
RETRY_S = 1.0
STOP_WITHIN_S = 10.0
_LOG = logging.getLogger(__name__)


class Ingest:
    """Owns all writing to the store. `start` and `stop`, or `step` by hand."""

    def __init__(
        self,
        store: Store,
        journals: Sequence[Path],
        *,
        retention: Retention | None = None,
        on_batch: Callable[[Taken], None] | None = None,
        poll_s: float = POLL_S,
        batch_frames: int = BATCH_FRAMES,
        checkpoint_every_s: float = CHECKPOINT_EVERY_S,
        sum_every_s: float = SUM_EVERY_S,
        keep_journal_s: float = KEEP_JOURNAL_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`journals`: directories that may not be there yet. `on_batch` is called in the ingest's thread after each
        commit; what it raises is logged. `clock` gives unix seconds."""
        self._store = store
        self._journals = list(journals)
        self._retention = retention or Retention()
        self._on_batch = on_batch
        self._poll_s = poll_s
        self._batch_frames = batch_frames
        self._checkpoint_every_s = checkpoint_every_s
        self._sum_every_s = sum_every_s
        self._keep_journal_s = keep_journal_s
        self._clock = clock

        self._ahead: ReadingAhead | None = None
        self._known: KnownDecisions | None = None
        self._firsts = FirstSeen(lambda uid: _first_us(store, uid))
        self._places: dict[str, Place] = {}
        """Committed."""
        self._portion = NOTHING
        self._waiting: list[Read] = []
        """Those of the portion that are not written yet."""
        self._seen_us = 0
        self._written_since_checkpoint = False
        self._next_checkpoint = 0.0
        self._next_forget = 0.0
        self._hours = Hours(store)
        self._next_sums = time.monotonic() + sum_every_s

        self._frames = self._decisions = self._quarantined = self._damaged_bytes = self._missing_segments = 0
        self._newest_us = 0
        self._last_batch_s: float | None = None
        self._behind: dict[str, int] = {}
        self._error = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self._thread.start()

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """End after the batch under way. The store stays open."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(within_s)
        else:
            self._close()

    def step(self) -> int:
        """One batch, if there is something new; answers the number of frames and losses taken in.

        Raises StoreError: nothing is lost, the next step tries the same again.
        """
        try:
            self._store.revive()
            ahead = self._opened()
            if not self._waiting:
                self._portion = ahead.portion()
                self._waiting = list(self._portion.reads)
            taken = len(self._waiting)
            if taken:
                self._take(list(self._waiting), self._portion.places)
        except StoreMoved as moved:
            self._follow(moved)
            return 0
        except StoreDamaged as damage:
            self._begin_again(damage)
            return 0
        self._behind = self._portion.behind_bytes
        metrics.BEHIND_BYTES.set(sum(self._behind.values()))
        return taken

    def maintain(self) -> None:
        """Checkpoint, delete ingested segments, forget: what is due. Raises StoreError."""
        now = time.monotonic()
        try:
            if now >= self._next_sums:
                self._next_sums = now + self._sum_every_s
                self._written_since_checkpoint |= self._hours.advance() > 0
            if self._written_since_checkpoint and now >= self._next_checkpoint:
                # A checkpoint that the disk refuses stops the engine, so the next one is not tried soon.
                self._next_checkpoint = now + REFUSED_CHECKPOINT_S
                self._checkpoint()
                self._next_checkpoint = now + self._checkpoint_every_s
            if now >= self._next_forget:
                self._next_forget = now + FORGET_EVERY_S
                self._forget()
        except StoreDamaged as damage:
            self._begin_again(damage)

    def status(self) -> dict[str, Any]:
        """Positions, counts, what is missing, and what is wrong (empty `error`: nothing)."""
        behind, places = dict(self._behind), dict(self._places)
        late = sum(behind.values()) > 0
        return {
            "journals": [str(path) for path in self._journals],
            "producers": [
                {
                    "producer": producer,
                    "segment": place.segment,
                    "offset": place.offset,
                    "behind_bytes": behind.get(producer, 0),
                }
                for producer, place in sorted(places.items())
            ],
            "behind_bytes": sum(behind.values()),
            "lag_seconds": max(0.0, self._clock() - self._newest_us / 1e6) if late and self._newest_us else 0.0,
            "frames": self._frames,
            "decisions": self._decisions,
            "quarantined": self._quarantined,
            "damaged_bytes": self._damaged_bytes,
            "missing_segments": self._missing_segments,
            "newest": rfc3339(self._newest_us) if self._newest_us else None,
            "last_batch": None if self._last_batch_s is None else rfc3339(int(self._last_batch_s * 1e6)),
            "error": self._error,
        }

    # --- the thread

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = self._poll_s
            try:
                if self.step() >= self._batch_frames:
                    pause = 0.0
                self.maintain()
                self._error = ""
            except (StoreError, OSError) as error:
                pause = RETRY_S
                self._failed(str(error))
            except Exception as error:  # noqa: BLE001 without this thread nothing would be taken in any more
                pause = RETRY_S
                _LOG.exception("the ingest stumbled and goes on")
                self._failed(f"{type(error).__name__}: {error}")
            self._stop.wait(pause)
        self._close()

    def _failed(self, text: str) -> None:
        metrics.FAILURES.inc()
        if not self._error:
            _LOG.error("ingest waits and tries again: %s", text)
        self._error = text

    # --- one batch

    def _opened(self) -> ReadingAhead:
        if self._ahead is None or self._known is None:
            self._seen_us = Decisions(self._store).newest_change_us()
            self._known = self._known_to_the_store(_newest(self._store))
            self._ahead = self._where_the_store_stands()
        return self._ahead

    def _known_to_the_store(self, newest: Iterable[tuple[str, Known]]) -> KnownDecisions:
        store = self._store
        return KnownDecisions(newest, lambda decision: _ask(store, decision), _early(store))

    def _where_the_store_stands(self) -> ReadingAhead:
        self._places = {name: Place(at.segment, at.offset) for name, at in self._store.positions().items()}
        return ReadingAhead(JournalReader(self._journals, self._places), self._batch_frames, BATCH_BYTES)

    def _close(self) -> None:
        """What has been read and is not written is forgotten."""
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = None
        self._portion, self._waiting = NOTHING, []

    def _take(self, reads: Sequence[Read], places: dict[str, Place], refused: str = "") -> None:
        """The first of the waiting, in one transaction. A record that the store refuses is found by halving
        and quarantined."""
        if self._known is None or self._ahead is None:
            raise StoreError("the ingest has not been opened")
        bad = {(reads[0].item.producer, reads[0].item.id): refused} if refused else None
        try:
            with self._store.alone(), no_collecting():
                self._look_where_we_are(places)
                batch = build(reads, self._known, self._seen_us, bad, self._firsts)
                self._ahead.begin()
                self._store.write([*batch.rows, *positions(places, self._places, self._seen_us)])
        except RowsRefused as refusal:
            self._known.discard()
            if refused:
                raise
            if len(reads) == 1:
                self._take(reads, places, refused=str(refusal))
                return
            middle = len(reads) // 2
            self._take(reads[:middle], self._places | {one.item.producer: one.item.after for one in reads[:middle]})
            self._take(reads[middle:], places)
            return
        except StoreError:
            self._known.discard()
            raise
        del self._waiting[: len(reads)]
        self._known.keep()
        self._places = dict(places)
        self._written_since_checkpoint = True
        self._count(batch)
        self._tell(batch.taken(self._seen_us))

    def _look_where_we_are(self, places: Mapping[str, Place]) -> None:
        """What another sidecar has taken in is not taken in again, and what we take in is newer than all of its: who
        asks what is new misses nothing. Raises StoreMoved."""
        newest_us = self._seen_us
        if self._store.shared:
            kept = self._store.positions()
            for producer, place in places.items():
                ours, theirs = self._places.get(producer), kept.get(producer)
                # Journals that only the other sidecar sees have moved on, too, and are none of ours.
                if ours != place and ours != (theirs and Place(theirs.segment, theirs.offset)):
                    raise StoreMoved(f"another sidecar has taken in of the journal {producer}")
            newest_us = max(newest_us, Decisions(self._store).newest_change_us())
        self._seen_us = max(newest_us + 1, int(self._clock() * 1_000_000))

    def _count(self, batch: Batch) -> None:
        self._frames += batch.frames
        self._decisions += len(batch.decisions)
        self._quarantined += batch.quarantined
        self._damaged_bytes += batch.damaged_bytes
        self._missing_segments += batch.missing_segments
        self._newest_us = max(self._newest_us, batch.newest_us)
        self._last_batch_s = self._clock()
        metrics.FRAMES.inc(batch.frames)
        metrics.QUARANTINED.inc(batch.quarantined)
        metrics.DAMAGED_BYTES.inc(batch.damaged_bytes)
        metrics.MISSING_SEGMENTS.inc(batch.missing_segments)

    def _tell(self, taken: Taken) -> None:
        if self._on_batch is None:
            return
        try:
            self._on_batch(taken)
        except Exception:  # noqa: BLE001 the rows are committed, whatever the listener makes of them
            _LOG.exception("a listener of the ingest failed")

    # --- upkeep

    def _checkpoint(self) -> None:
        durable = dict(self._places)
        prune_positions(self._store)
        if not self._store.checkpoint():
            metrics.CHECKPOINTS_REFUSED.inc()
            return
        self._written_since_checkpoint = False
        self._unlink_below(durable)

    def _unlink_below(self, durable: dict[str, Place]) -> None:
        """Delete segments wholly below places that the checkpoint has made durable, once they are old enough."""
        if self._ahead is None:
            return
        old = self._clock() - self._keep_journal_s
        for producer, segments in self._ahead.reader.segments().items():
            place = durable.get(producer, Place(0, 0))
            for segment in segments:
                if not segment.sealed or segment.number >= place.segment:
                    continue
                try:
                    if segment.path.stat().st_mtime < old:
                        segment.path.unlink()
                except OSError as error:
                    _LOG.debug("%s stays: %s", segment.path, error)  # not ours to delete; the writer's budget will

    def _forget(self) -> None:
        deleted = forget(self._store, self._retention, int(self._clock() * 1_000_000))
        if deleted:
            self._written_since_checkpoint = True
            _LOG.info("forgot rows past their retention: %s", deleted)

    def _follow(self, moved: StoreMoved) -> None:
        """Go on where the store stands. Decisions that the other has seen are asked of the store."""
        _LOG.debug("the ingest goes on at the other's place: %s", moved)
        metrics.MOVED.inc()
        self._close()
        self._known = self._known_to_the_store(())
        self._ahead = self._where_the_store_stands()

    def _begin_again(self, damage: StoreDamaged) -> None:
        """The store is lost: an empty one is filled from the journals that are still there."""
        _LOG.error("the store is damaged and is filled again from the journals: %s", damage)
        metrics.REBUILDS.inc()
        self._store.rebuild(damage)
        self._close()
        self._known = None
        self._places = {}


def _newest(store: Store) -> list[tuple[str, Known]]:
    rows = store.query(
        "SELECT d.decision, d.scheduler, coalesce(o.rank, 0) FROM "
        "(SELECT decision, scheduler, at_us FROM decision WHERE opens ORDER BY at_us DESC LIMIT ?) d "
        "LEFT JOIN (SELECT decision, max(rank) AS rank FROM outcome GROUP BY decision) o ON o.decision = d.decision "
        "ORDER BY d.at_us DESC",
        (REMEMBERED_MAX,),
    )
    return [(decision, Known(scheduler, rank > 0)) for decision, scheduler, rank in rows]


def _early(store: Store) -> list[tuple[str, End]]:
    """Ends that were taken in of late, and whose decisions were not."""
    since_us, first_us = store.query(
        "SELECT min(o.seen_us), min(o.at_us) FROM outcome o "
        "WHERE o.seen_us >= (SELECT max(n.seen_us) FROM outcome n) - ?",
        (EARLY_US,),
    )[0]
    if since_us is None:
        return []
    # One that opened long before is not open here, either; but nothing will open it again.
    rows = store.query(
        "SELECT o.decision, o.rank, o.uid, o.at_us FROM outcome o WHERE o.rank > 0 AND o.decision <> '' "
        "AND o.seen_us >= ? AND NOT EXISTS (SELECT 1 FROM decision d WHERE d.decision = o.decision AND d.at_us >= ?) "
        "ORDER BY o.seen_us, o.producer, o.id",
        (since_us, first_us - OPENED_WITHIN_US),
    )
    return [(decision, End(rank, uid, at_us)) for decision, rank, uid, at_us in rows]


def _ask(store: Store, decision: str) -> Known | None:
    times = [row[0] for row in store.query("SELECT at_us FROM decision_key WHERE id_key = ?", (key_of(decision),))]
    if not times:
        return None
    rows = store.query(
        "SELECT d.scheduler, (SELECT max(o.rank) FROM outcome o WHERE o.decision = d.decision) FROM decision d "
        "WHERE d.opens AND d.at_us = ANY(?) AND d.decision = ? LIMIT 1",
        (times, decision),
    )
    return Known(rows[0][0], (rows[0][1] or 0) > 0) if rows else None


def _first_us(store: Store, uid: str) -> int | None:
    """A store that does not answer now has nothing to say: a batch is not given up for a roll-up."""
    try:
        found = store.query("SELECT min(at_us) FROM decision WHERE opens AND uid = ?", (uid,))[0][0]
    except StoreError as why:
        _LOG.warning("when a pod was seen first is not known now: %s", why)
        return None
    return None if found is None else int(found)
