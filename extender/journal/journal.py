"""The journal: `offer` a frame and go on. Nothing here may delay or fail an answer.

In good times the offering thread writes the frame itself, one system call, and owns the open file. A slow or failing
write, or a full segment, hands the file to the journal's own thread: frames then wait in a bounded buffer until that
thread has caught up and hands the file back. What the buffer cannot hold is counted and told in a gap frame.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from extender.journal.buffer import Buffer
from extender.journal.disk import Disk
from extender.journal.segments import Segments
from extender.record.frames import Frame, Gap, encode
from extender.record.segment import FRAME_OVERHEAD, MAX_PAYLOAD, MAX_PRODUCER, encode_frame
from extender.telemetry import metrics

Sync = Literal["always", "interval", "never"]

SEGMENT_BYTES = 64 << 20
SEGMENT_IDLE_S = 60.0
BUFFER_BYTES = 64 << 20
# A write that takes longer than this is the disk's trouble and must not become the scheduler's.
SLOW_WRITE_S = 0.005
# After trouble the journal's thread keeps the file at least so long, so that a bad disk is not tried by every call.
HOLD_S = 1.0
RETRY_S = 1.0
BUDGET_EVERY_S = 10.0
CLOSE_WITHIN_S = 5.0
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Loss:
    count: int
    from_us: int
    to_us: int


class Journal:
    """Frames to files. `offer` may be called from any thread."""

    def __init__(
        self,
        directory: Path | None,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_idle_s: float = SEGMENT_IDLE_S,
        budget_bytes: int | None = None,
        sync_interval_s: float = 0.1,
        sync: Sync = "interval",
        buffer_bytes: int = BUFFER_BYTES,
        clock: Callable[[], float] = time.time,
        producer: str | None = None,
        disk: Disk | None = None,
        slow_write_s: float = SLOW_WRITE_S,
        hold_s: float = HOLD_S,
        retry_s: float = RETRY_S,
    ) -> None:
        """`directory` None: a journal that keeps nothing. `budget_bytes` None: 8 GiB or a fifth of the volume.

        `clock` gives unix seconds. `producer` names this run of the extender; one is made up if not given.
        """
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._segment_idle_s = segment_idle_s
        self._budget_bytes = budget_bytes
        self._tick_s = sync_interval_s
        self._sync: Sync = sync
        self._clock = clock
        self._disk = disk or Disk()
        self._slow_write_s = slow_write_s
        self._hold_s = hold_s
        self._retry_s = retry_s
        self.producer = producer or _producer_name(clock())

        self._lock = threading.Lock()
        """Guards what follows, up to the next blank line. Never held over a system call of the journal's thread."""
        self._direct = False
        """The offering thread writes; else the journal's thread owns the file."""
        self._buffer = Buffer(buffer_bytes)
        self._losses: dict[str, _Loss] = {}
        self._sequence = 0
        self._written = 0
        self._last_write = time.monotonic()
        self._dirty = False
        self._closed = False
        self._trouble = ""
        self._trouble_until = 0.0

        self._bytes_on_disk = 0
        self._deleted = 0
        self._stripped_told = 0
        self._wake = threading.Event()
        self._segments: Segments | None = None
        self._thread: threading.Thread | None = None
        if directory is not None:
            self._segments = Segments(directory, self.producer, self._disk)
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()

    def offer(self, frame: Frame) -> None:
        """Take the frame: written, waiting, or counted as lost. Never raises; waits for at most one write()."""
        if self._segments is None:
            return
        try:
            payload = encode(frame)
        except Exception:  # noqa: BLE001 whatever it holds, the answer must not suffer
            _LOG.exception("a %s frame cannot be encoded", type(frame).__name__)
            self._lose("encode", [frame.at_us])
            return
        if len(payload) > MAX_PAYLOAD:
            self._lose("oversize", [frame.at_us])
            return
        with self._lock:
            if self._closed:
                self._count_loss("closed", [frame.at_us])
            elif not self._direct or not self._write_directly(payload):
                self._count_loss("full", self._buffer.add(frame, payload))
                self._wake.set()

    def flush(self, timeout_s: float = CLOSE_WITHIN_S) -> bool:
        """Wait until nothing waits for the disk any more; False: it took too long."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            with self._lock:
                if self._segments is None or (not self._buffer and not self._losses and self._direct):
                    return True
            self._wake.set()
            time.sleep(0.002)
        return False

    def close(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Write what waits, seal the segment, stop. What a bad disk does not take in time is given up and counted."""
        with self._lock:
            already, self._closed = self._closed, True
            self._direct = False
        if self._thread is None or already:
            return
        self._wake.set()
        self._thread.join(within_s)
        if self._thread.is_alive():
            _LOG.error("the journal could not be closed within %g s: the disk hangs", within_s)
        with self._lock:
            self._count_loss("closed", self._buffer.clear())

    def status(self) -> dict[str, Any]:
        """For the admin page: where, how much, and what is wrong (empty `trouble`: nothing)."""
        with self._lock:
            return {
                "directory": None if self._directory is None else str(self._directory),
                "producer": self.producer,
                "writing": "direct" if self._direct else "buffered",
                "records": self._written,
                "bytes": self._bytes_on_disk,
                "bufferedFrames": len(self._buffer),
                "bufferedBytes": self._buffer.size,
                "strippedFrames": self._buffer.stripped,
                "deletedSegments": self._deleted,
                "pendingGaps": {cause: loss.count for cause, loss in self._losses.items()},
                "trouble": self._trouble,
            }

    # --- the offering thread, with the lock held

    def _write_directly(self, payload: bytes) -> bool:
        """One write. False: not written; the file now belongs to the journal's thread."""
        segments = self._segments
        if segments is None or segments.size + FRAME_OVERHEAD + len(payload) > self._segment_bytes:
            if segments is not None and segments.frames == 0:
                return self._append_timed(segments, payload)
            self._direct = False
            return False
        return self._append_timed(segments, payload)

    def _append_timed(self, segments: Segments, payload: bytes) -> bool:
        began = time.perf_counter()
        try:
            self._append(segments, payload)
        except OSError as error:
            self._hand_over(_cause(error), str(error))
            return False
        try:
            if self._sync == "always" and segments.file is not None:
                self._disk.sync(segments.file)
        except OSError as error:  # the frame is written: to write it again would record it twice
            self._hand_over(_cause(error), str(error))
        if time.perf_counter() - began > self._slow_write_s:
            self._hand_over("slow", f"a write took more than {self._slow_write_s * 1000:g} ms")
        return True

    def _hand_over(self, cause: str, text: str) -> None:
        self._direct = False
        self._trouble, self._trouble_until = text, time.monotonic() + self._hold_s
        metrics.JOURNAL_FAILURES.labels(cause).inc()

    def _append(self, segments: Segments, payload: bytes) -> None:
        segments.append(encode_frame(self._sequence + 1, payload))
        self._sequence += 1
        self._written += 1
        self._dirty = True
        self._last_write = time.monotonic()
        metrics.JOURNAL_RECORDS.inc()

    def _lose(self, cause: str, times_us: list[int]) -> None:
        with self._lock:
            self._count_loss(cause, times_us)

    def _count_loss(self, cause: str, times_us: list[int]) -> None:
        if not times_us:
            return
        metrics.JOURNAL_DROPPED.labels(cause).inc(len(times_us))
        self._direct = False  # the journal's thread has a gap to tell
        self._wake.set()
        loss = self._losses.setdefault(cause, _Loss(0, times_us[0], times_us[0]))
        loss.count += len(times_us)
        loss.from_us = min(loss.from_us, *times_us)
        loss.to_us = max(loss.to_us, *times_us)

    # --- the journal's thread

    def _run(self) -> None:
        next_budget, next_try, dead_sealed = 0.0, 0.0, False
        while True:
            self._wake.wait(self._tick_s)
            self._wake.clear()
            now = time.monotonic()
            closing = self._closed
            try:
                if now >= next_try or closing:
                    if not dead_sealed:
                        self._seal_the_dead()
                        dead_sealed = True
                    self._tick(closing=closing)
                    if now >= next_budget:
                        next_budget = now + BUDGET_EVERY_S
                        self._keep_budget()
            except OSError as error:
                next_try = time.monotonic() + self._retry_s
                self._failed(error)
            except Exception:  # noqa: BLE001 without this thread frames would only wait
                next_try = time.monotonic() + self._retry_s
                _LOG.exception("the journal's thread stumbled and goes on")
            if closing:
                self._finish()
                return

    def _tick(self, *, closing: bool) -> None:
        segments = self._segments
        if segments is None:
            return
        self._rotate(segments)
        if segments.file is None and not closing:
            segments.open_next(self._now_us())
        if not self._direct:
            self._drain(segments)
        with self._lock:
            dirty, self._dirty = self._dirty, False
        if dirty and self._sync != "never" and segments.file is not None:
            self._disk.sync(segments.file)
        if not closing:
            self._hand_back(segments)
        self._tell_metrics()

    def _rotate(self, segments: Segments) -> None:
        """Seal the open segment when it is full, has been idle, or is gone from the disk."""
        gone = segments.vanished()
        with self._lock:
            idle = segments.frames > 0 and time.monotonic() - self._last_write >= self._segment_idle_s
            full = segments.size >= self._segment_bytes
            if segments.file is None or not (idle or full or gone):
                return
            self._direct = False
        if gone:
            segments.abandon()
        else:
            segments.seal()

    def _drain(self, segments: Segments) -> None:
        """Write what waits, oldest first; then what was lost."""
        while True:
            with self._lock:
                entry = self._buffer.first()
            if entry is None:
                break
            self._append_rotating(segments, entry.payload)
            with self._lock:
                self._buffer.drop_first()
        for cause in list(self._losses):
            with self._lock:
                loss = self._losses.pop(cause)
            gap = Gap(at_us=self._now_us(), from_us=loss.from_us, to_us=loss.to_us, count=loss.count, cause=cause)
            try:
                self._append_rotating(segments, encode(gap))
            except OSError:
                self._return_loss(cause, loss)
                raise

    def _append_rotating(self, segments: Segments, payload: bytes) -> None:
        if segments.frames and segments.size + FRAME_OVERHEAD + len(payload) > self._segment_bytes:
            segments.seal()
        if segments.file is None:
            segments.open_next(self._now_us())
        self._append(segments, payload)

    def _return_loss(self, cause: str, loss: _Loss) -> None:
        with self._lock:
            since = self._losses.get(cause)
            if since is not None:
                loss = _Loss(loss.count + since.count, min(loss.from_us, since.from_us), max(loss.to_us, since.to_us))
            self._losses[cause] = loss

    def _hand_back(self, segments: Segments) -> None:
        """Give the file to the offering thread again, once all is written and the disk has been well for a while."""
        with self._lock:
            well = time.monotonic() >= self._trouble_until
            if not self._direct and well and not self._buffer and not self._losses and segments.file is not None:
                self._direct = True
                self._trouble = ""

    def _seal_the_dead(self) -> None:
        if self._segments is not None:
            sealed = self._segments.seal_the_dead()
            if sealed:
                _LOG.info("journal %s: sealed %d segments of extenders that are gone", self._directory, sealed)

    def _keep_budget(self) -> None:
        if self._segments is None:
            return
        self._bytes_on_disk, deleted = self._segments.keep_within(self._budget_bytes)
        self._deleted += deleted
        metrics.JOURNAL_BYTES.set(self._bytes_on_disk)
        metrics.JOURNAL_DELETED.inc(deleted)

    def _failed(self, error: OSError) -> None:
        with self._lock:
            if not self._trouble:
                _LOG.error("journal %s: %s; decisions go on, frames wait in memory", self._directory, error)
            self._hand_over(_cause(error), str(error))

    def _finish(self) -> None:
        if self._segments is None:
            return
        try:
            self._segments.close()
        except OSError as error:
            _LOG.error("journal %s could not be sealed: %s", self._directory, error)

    def _tell_metrics(self) -> None:
        with self._lock:
            stripped, size = self._buffer.stripped, self._buffer.size
        metrics.JOURNAL_STRIPPED.inc(stripped - self._stripped_told)
        self._stripped_told = stripped
        metrics.JOURNAL_BUFFERED.set(size)

    def _now_us(self) -> int:
        return int(self._clock() * 1_000_000)


def _producer_name(now_s: float) -> str:
    """This run of the extender: host (the pod's name in a cluster), start and process."""
    host = "".join(c if c.isalnum() or c in "-_." else "-" for c in socket.gethostname()).lstrip(".") or "host"
    return f"{host[: MAX_PRODUCER // 4]}-{int(now_s * 1000):x}-{os.getpid():x}"


def _cause(error: OSError) -> str:
    return errno.errorcode.get(error.errno, "EIO") if error.errno is not None else "EIO"
