"""The system calls that the journal makes, in one place, so that a test can stand in for a bad disk."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path


class Disk:
    """Every method raises OSError as the system call does."""

    def create(self, path: Path) -> int:
        """A new file, opened for appending."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def write(self, file: int, data: bytes) -> int:
        return os.write(file, data)

    def size(self, file: int) -> int:
        return os.fstat(file).st_size

    def truncate(self, file: int, size: int) -> None:
        os.ftruncate(file, size)

    def sync(self, file: int) -> None:
        os.fdatasync(file)

    def sync_directory(self, path: Path) -> None:
        file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def close(self, file: int) -> None:
        os.close(file)

    def make_directory(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def volume_bytes(self, path: Path) -> int:
        """Size of the volume that holds `path`."""
        return shutil.disk_usage(path).total

    def lock(self, path: Path) -> int | None:
        """Hold the lock file for as long as the answer stays open; None: another process holds it."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file
