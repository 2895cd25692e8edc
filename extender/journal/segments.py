"""The files of one producer: which is open, when it is sealed, and what the directory may hold in all."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from pathlib import Path

from extender.journal.disk import Disk
from extender.record.reader import SegmentFile, producers_in, segments_of
from extender.record.segment import OPEN_SUFFIX, SEALED_SUFFIX, encode_header

# While a producer lives it holds this file locked; then nobody else seals its segments.
LOCK_NAME = "lock"
DEFAULT_BUDGET_BYTES = 8 << 30
DEFAULT_BUDGET_SHARE = 0.2
_LOG = logging.getLogger(__name__)


class Segments:
    """Owned by the journal's thread. Every method may raise OSError and can be called again after it."""

    def __init__(self, directory: Path, producer: str, disk: Disk) -> None:
        self._root = directory
        self._producer = producer
        self._home = directory / producer
        self._disk = disk
        self._lock: int | None = None
        self._number = 0
        self._path: Path | None = None
        self.file: int | None = None
        """The open segment."""
        self.size = 0
        """Bytes of it that are whole: header and frames."""
        self.frames = 0
        """Frames in it."""
        self._torn = False
        """The last write may have left a part of a frame."""

    def open_next(self, created_us: int) -> None:
        """Begin the next segment."""
        if self._lock is None or not self._home.is_dir():
            self._prepare()
        number = self._number + 1
        path = self._home / f"{number:08d}{OPEN_SUFFIX}"
        header = encode_header(self._producer, created_us)
        self._disk.unlink(path)  # what an attempt before this one may have left
        file = self._disk.create(path)
        self._number, self._path, self.file, self.size, self.frames = number, path, file, 0, 0
        try:
            self._write(header)
            self._disk.sync_directory(self._home)
        except OSError:
            self._number = number - 1
            self.abandon()
            self._disk.unlink(path)
            raise

    def seal(self) -> None:
        """Finish the open segment: nothing is written to it any more."""
        if self.file is None or self._path is None:
            return
        try:
            if self._torn:
                self._take_back()
            self._disk.sync(self.file)
            self._disk.rename(self._path, self._path.with_suffix(SEALED_SUFFIX))
            self._disk.sync_directory(self._home)
        finally:
            # Should the rename have failed, the next segment's existence says that this one is complete.
            self.abandon()

    def vanished(self) -> bool:
        """Whether somebody deleted the open segment: what is written to it would be lost."""
        return self._path is not None and not self._path.exists()

    def abandon(self) -> None:
        """Let go of the open file as it is."""
        if self.file is not None:
            self._disk.close(self.file)
        self.file, self._path, self._torn = None, None, False

    def append(self, data: bytes) -> None:
        """Write a whole frame or none of it. Raises OSError, also for a short write; then the next append first
        cuts off what was written in part."""
        if self._torn:
            self._take_back()
        self._write(data)
        self.frames += 1

    def _write(self, data: bytes) -> None:
        if self.file is None:
            raise OSError(errno.EBADF, "no segment is open")
        self._torn = True
        written = self._disk.write(self.file, data)
        if written != len(data):
            raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes were written")
        self._torn = False
        self.size += written

    def _take_back(self) -> None:
        """If even the cut fails, readers find the next frame by its magic."""
        if self.file is None:
            return
        try:
            self._disk.truncate(self.file, self.size)
        except OSError:
            self.size = self._disk.size(self.file)
        self._torn = False

    def seal_the_dead(self) -> int:
        """Seal what producers that are gone left open in this directory; how many segments."""
        sealed = 0
        for home in producers_in(self._root):
            left_open = [segment for segment in segments_of(home) if not segment.sealed]
            if home == self._home or not left_open:
                continue
            lock = self._disk.lock(home / LOCK_NAME)
            if lock is None:
                continue
            for segment in left_open:
                self._disk.rename(segment.path, segment.path.with_suffix(SEALED_SUFFIX))
                sealed += 1
            self._disk.sync_directory(home)
            self._disk.close(lock)
        return sealed

    def keep_within(self, budget_bytes: int | None) -> tuple[int, int]:
        """Delete the oldest sealed segments above the budget; answers (bytes left, segments deleted).

        None: 8 GiB or a fifth of the volume, whichever is less.
        """
        if budget_bytes is None:
            share = int(self._disk.volume_bytes(self._root) * DEFAULT_BUDGET_SHARE)
            budget_bytes = min(DEFAULT_BUDGET_BYTES, share)
        files = [(segment, *_stat(segment)) for home in producers_in(self._root) for segment in segments_of(home)]
        total = sum(size for _, size, _ in files)
        deleted = 0
        for segment, size, _ in sorted(files, key=lambda item: (item[2], item[0].path)):
            if total <= budget_bytes:
                break
            if segment.sealed:
                self._disk.unlink(segment.path)
                total -= size
                deleted += 1
        if deleted:
            _LOG.warning(
                "journal %s is above its budget of %d bytes: %d oldest segments deleted",
                self._root,
                budget_bytes,
                deleted,
            )
        self._sweep()
        return total, deleted

    def close(self) -> None:
        self.seal()
        if self._lock is not None:
            self._disk.close(self._lock)
            self._lock = None

    def _prepare(self) -> None:
        self._disk.make_directory(self._home)
        if self._lock is not None:
            self._disk.close(self._lock)
        self._lock = self._disk.lock(self._home / LOCK_NAME)
        if self._lock is None:
            raise OSError(errno.EAGAIN, "another process writes under this producer's name", str(self._home))
        self._disk.sync_directory(self._root)

    def _sweep(self) -> None:
        """Remove the directories of dead producers that hold no segment any more."""
        for home in self._empty_homes():
            lock = self._disk.lock(home / LOCK_NAME)
            if lock is None:
                continue
            self._disk.unlink(home / LOCK_NAME)
            self._disk.close(lock)
            try:
                home.rmdir()
            except OSError:
                continue  # something of somebody else's is in it

    def _empty_homes(self) -> Iterator[Path]:
        return (home for home in producers_in(self._root) if home != self._home and not segments_of(home))


def _stat(segment: SegmentFile) -> tuple[int, float]:
    """(bytes, modified) of a file that may just have been deleted."""
    try:
        stat = segment.path.stat()
    except FileNotFoundError:
        return 0, 0.0
    return stat.st_size, stat.st_mtime
