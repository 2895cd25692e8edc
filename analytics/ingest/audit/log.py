"""One file of an audit log: which it is, and its lines from a place on."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHUNK: Final = 4 << 20
LINE_MAX: Final = 16 << 20
"""A longer line is passed over: an event has a request and an answer, of 1.5 MB at most each."""
FIRST_LINE: Final = 4096
"""So much of the first line tells one file from another; it holds an auditID."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A name may mean another file tomorrow, an inode may be used again, and a copy has another inode: the first line
    tells them apart, for it holds an id that occurs once."""

    device: int
    inode: int
    first: str

    def __str__(self) -> str:
        return f"{self.device:x}:{self.inode:x}:{self.first}"


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines, and the place behind them."""

    lines: list[bytes]
    end: int
    too_long: bool = False
    """The line that begins here is passed over."""


class Log:
    """An open file. It stays readable when it is renamed or deleted."""

    def __init__(self, path: Path) -> None:
        """Raises OSError; IsADirectoryError where it is no file."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        state = os.fstat(self._descriptor)
        if not stat.S_ISREG(state.st_mode):
            os.close(self._descriptor)
            raise IsADirectoryError(0, "is no regular file", str(path))
        self.key = (state.st_dev, state.st_ino)
        self.offset = 0
        self._in_long_line = False

    def close(self) -> None:
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    @property
    def modified_s(self) -> float:
        return os.fstat(self._descriptor).st_mtime

    def identity(self) -> Identity | None:
        """None: there is no whole first line yet. Raises OSError."""
        head = os.pread(self._descriptor, FIRST_LINE, 0)
        line, newline, _ = head.partition(b"\n")
        if not newline and len(head) < FIRST_LINE:
            return None
        return Identity(*self.key, hashlib.sha256(line).hexdigest()[:24])

    def read(self, lines_max: int, *, ended: bool) -> Piece:
        """Lines from `offset` on; none: there is no whole one. `ended`: nobody writes any more, so that what follows
        the last newline is a line too. Raises OSError. The caller moves `offset`."""
        data = os.pread(self._descriptor, CHUNK, self.offset)
        while b"\n" not in data and CHUNK <= len(data) < LINE_MAX:
            more = os.pread(self._descriptor, CHUNK, self.offset + len(data))
            if not more:
                break
            data += more
        if self._in_long_line or (b"\n" not in data and len(data) >= LINE_MAX):
            return self._pass_over(data)
        whole, newline, rest = data.rpartition(b"\n")
        if not newline:
            return Piece([rest], self.offset + len(rest)) if ended and rest else Piece([], self.offset)
        lines = whole.split(b"\n")
        if len(lines) > lines_max:
            lines = lines[:lines_max]
            return Piece(lines, self.offset + sum(map(len, lines)) + len(lines))
        return Piece(lines, self.offset + len(whole) + 1)

    def _pass_over(self, data: bytes) -> Piece:
        begins = not self._in_long_line
        line, newline, _ = data.partition(b"\n")
        self._in_long_line = not newline
        return Piece([], self.offset + len(line) + len(newline), begins)
