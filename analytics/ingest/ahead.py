"""Reading ahead: what concerns the journals alone is done for the next batch while the store takes in the one before.

Reading changes nothing outside, and places become the ingest's own only in the transaction of the rows: what was read
ahead and is then dropped is read again.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from msgspec import Struct

from analytics.ingest.batch import Read, read
from analytics.ingest.collecting import no_collecting
from extender.record.reader import Found, JournalReader, Place


class Portion(Struct, frozen=True):
    """What one batch is made of."""

    reads: list[Read]
    places: dict[str, Place]
    """Where each producer stands after it."""
    behind_bytes: dict[str, int]
    """What each has beyond it, as far as the disk shows."""
    full: bool
    """There may be more at once."""


NOTHING: Final = Portion([], {}, {}, full=False)


class ReadingAhead:
    """One thread calls; another one reads. The reader belongs to it."""

    def __init__(self, reader: JournalReader, max_frames: int, max_bytes: int) -> None:
        """About so many frames and bytes of payloads make one portion."""
        self.reader = reader
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._pool = ThreadPoolExecutor(1, "ingest-ahead")
        self._next: Future[Portion] | None = None
        self._more = False

    def portion(self) -> Portion:
        """The next one; without `reads` when there is nothing new. Raises OSError when a file that is there cannot be
        read; the same is tried again next time."""
        begun, self._next = self._next, None
        portion = begun.result() if begun is not None else NOTHING
        if not portion.reads:  # neither then nor, perhaps, now
            portion = self._read()
        self._more = portion.full
        return portion

    def begin(self) -> None:
        """From now on the caller leaves the interpreter to others for a while: read what follows a full portion."""
        if self._more:
            self._more = False
            self._next = self._pool.submit(self._read)

    def close(self) -> None:
        """Nobody reads any more when this returns."""
        self._pool.shutdown(cancel_futures=True)
        if self._next is not None:
            wait([self._next])
        self.reader.close()

    def _read(self) -> Portion:
        with no_collecting():
            items = self.reader.read(self._max_frames, self._max_bytes)
            size = sum(len(item.frame.payload) for item in items if isinstance(item, Found))
            full = len(items) >= self._max_frames or size >= self._max_bytes
            places, behind_bytes = self.reader.places(), self.reader.behind_bytes()
            return Portion(read(items), places, behind_bytes, full)
