"""Follows one audit log through its rotations: renamed, copied and truncated, replaced, deleted."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from analytics.ingest.audit import metrics
from analytics.ingest.audit.intake import Busy, Intake
from analytics.ingest.audit.log import LINE_MAX, Identity, Log
from analytics.store import Store, StoreError
from analytics.store.audit import Audits
from analytics.store.tables import AuditPositionRow

LINES_MAX: Final = 2500
"""Of one batch: what a transaction costs is shared by so many, and a page waits no longer than a second for one."""
SETTLED_S: Final = 2.0
"""A rotated file that was not written for so long has no writer any more."""
KEPT_US: Final = 30 * 86_400 * 1_000_000
"""Positions of files that did not move for so long are forgotten."""
PRUNE_EVERY_S: Final = 600.0
_PACKED: Final = (".gz", ".zst", ".bz2", ".xz")
_TROUBLES_MAX: Final = 5
_LOG: Final = logging.getLogger(__name__)


class Tail:
    """`step` again and again. Rotated files are read to their end before the one that took their name."""

    def __init__(self, path: Path, store: Store, intake: Intake, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.source = str(path)
        self._store = store
        self._intake = intake
        self._clock = clock
        self._logs: dict[tuple[int, int], Log] = {}
        """Open: what has not been read to its end, and the file that has the name now."""
        self._identities: dict[tuple[int, int], Identity] = {}
        self._finished: dict[tuple[int, int], tuple[int, Identity | None]] = {}
        """Rotated files that were read to this size."""
        self._positions: dict[str, int] | None = None
        self._newest_us = 0
        """When a position was written last before this start: what is older has been read, or is none of ours."""
        self._first_look = True
        self._next_prune_s = 0.0
        self._lines = self._bad = 0
        self._error = ""
        self._troubles: list[str] = []

    def step(self) -> int:
        """One batch; answers the lines that it took. What cannot be read or stored now is tried again by the next step.

        Raises nothing that a file or the store may cause: `status` tells.
        """
        try:
            taken = self._step()
            self._error = ""
        except (OSError, StoreError, Busy) as trouble:
            self._failed(_told(trouble))
            return 0
        return taken

    def status(self) -> dict[str, Any]:
        """For the page and for people; empty `error`: all is well."""
        log = self._live()
        position, size = (log.offset, log.size) if log else (0, 0)
        return {
            "path": self.source,
            "file": str(self._identities.get(log.key, "")) if log else "",
            "position": position,
            "size": size,
            "behind_bytes": self.behind_bytes(),
            "lines": self._lines,
            "bad_lines": self._bad,
            "troubles": list(self._troubles),
            "error": self._error,
        }

    def behind_bytes(self) -> int:
        return sum(max(0, log.size - log.offset) for log in self._logs.values())

    def close(self) -> None:
        for log in self._logs.values():
            log.close()
        self._logs.clear()

    # --- one step

    def _step(self) -> int:
        self._intake.flush()
        self._prune()
        self._look()
        for log in self._in_order():
            taken = self._read(log)
            if taken:
                return taken
        self._let_go()
        return 0

    def _read(self, log: Log) -> int:
        identity = self._identities.get(log.key)
        if identity is None:
            return 0
        live = self._has_name(log)
        piece = log.read(LINES_MAX, ended=not live and self._clock() - log.modified_s > SETTLED_S)
        if piece.end == log.offset:
            return 0
        before, log.offset = log.offset, piece.end
        try:
            taken = self._intake.take(
                piece.lines, self.source, way="file", position=lambda at_us: self._place(identity, piece.end, at_us)
            )
        except Busy:
            log.offset = before
            raise
        self._lines += len(piece.lines)
        self._bad += taken.bad_count
        if piece.too_long:
            metrics.BAD.labels("file").inc()
            self._bad += 1
            taken.bad.append(f"no audit event: a line of more than {LINE_MAX} bytes is passed over")
        for wrong in taken.bad:
            _LOG.warning("%s, before byte %d: %s", self.path, piece.end, wrong)
            self._troubles = [*self._troubles, f"before byte {piece.end}: {wrong}"][-_TROUBLES_MAX:]
        return max(1, len(piece.lines))

    def _place(self, identity: Identity, position: int, at_us: int) -> AuditPositionRow:
        self._known()[str(identity)] = position
        return AuditPositionRow(self.source, str(identity), position, at_us)

    # --- which files

    def _look(self) -> None:
        """Open what is new, notice what was truncated or replaced. Raises OSError where the log cannot be read."""
        self._known()
        for log in self._logs.values():
            if self._is_another(log):
                del self._identities[log.key]
            self._identify(log)
        for path in self._rotated():
            self._take_up_rotated(path)
        self._first_look = False
        try:
            state = self.path.stat()
        except FileNotFoundError:
            if self._logs:
                return  # between the rename and the new file
            raise
        key = (state.st_dev, state.st_ino)
        if key not in self._logs:
            self._finished.pop(key, None)
            self._identify(self._open(self.path))

    def _take_up_rotated(self, path: Path) -> None:
        try:
            state = path.stat()
        except OSError:
            return  # gone meanwhile
        key = (state.st_dev, state.st_ino)
        finished = self._finished.get(key)
        if key in self._logs or (finished is not None and finished[0] == state.st_size):
            return
        try:
            log = self._open(path)
        except OSError as trouble:
            _LOG.warning("the rotated audit log %s is not read: %s", path, trouble.strerror)
            self._finished[key] = (state.st_size, None)
            return
        self._identify(log)
        identity = self._identities.get(log.key)
        if identity is None or not self._first_look or self._position_of(identity, log.size) is not None:
            return
        if not self._newest_us or state.st_mtime * 1e6 <= self._newest_us:
            # A first start begins with the file that has the name; what was complete when we read last is none of ours.
            log.offset = log.size

    def _open(self, path: Path) -> Log:
        log = Log(path)
        self._logs[log.key] = log
        return log

    def _identify(self, log: Log) -> None:
        if log.key in self._identities:
            return
        identity = log.identity()
        if identity is None:
            return
        self._identities[log.key] = identity
        log.offset = self._position_of(identity, log.size) or 0

    def _position_of(self, identity: Identity, size: int) -> int | None:
        """Of this very file; else of one with the same first line, of which it is a copy."""
        known = self._known()
        exact = known.get(str(identity))
        if exact is not None:
            return exact if exact <= size else None
        copied = [at for file, at in known.items() if file.endswith(f":{identity.first}")]
        return min(max(copied), size) if copied else None

    def _is_another(self, log: Log) -> bool:
        """Truncated, or written anew from its beginning."""
        known = self._identities.get(log.key)
        return known is not None and (log.size < log.offset or log.identity() != known)

    def _rotated(self) -> Iterator[Path]:
        """audit-2026-01-02T03-04-05.000.log beside audit.log, and audit.log.1; packed ones are not read."""
        stem, suffix, name = (re.escape(part) for part in (self.path.stem, self.path.suffix, self.path.name))
        pattern = re.compile(rf"{stem}-[0-9].*{suffix}|{name}[.-][0-9].*")
        try:
            paths = sorted(self.path.parent.iterdir())
        except OSError:
            return
        for path in paths:
            if pattern.fullmatch(path.name) and path.suffix not in _PACKED:
                yield path

    def _in_order(self) -> list[Log]:
        """Oldest first; the one that has the name last."""
        return sorted(self._logs.values(), key=lambda log: (self._has_name(log), log.modified_s))

    def _let_go(self) -> None:
        """Close what was read to its end and has lost its name."""
        for key, log in list(self._logs.items()):
            if self._has_name(log) or log.offset < log.size:
                continue
            self._finished[key] = (log.size, self._identities.pop(key, None))
            self._logs.pop(key).close()

    def _has_name(self, log: Log) -> bool:
        try:
            state = self.path.stat()
        except OSError:
            return False
        return log.key == (state.st_dev, state.st_ino)

    def _live(self) -> Log | None:
        return next((log for log in self._logs.values() if self._has_name(log)), None)

    # --- positions

    def _known(self) -> dict[str, int]:
        """Raises StoreError."""
        if self._positions is None:
            stored = Audits(self._store).positions(self.source)
            self._positions = {file: position for file, (position, _) in stored.items()}
            self._newest_us = max((at_us for _, at_us in stored.values()), default=0)
        return self._positions

    def _prune(self) -> None:
        now_s = self._clock()
        if now_s < self._next_prune_s:
            return
        self._next_prune_s = now_s + PRUNE_EVERY_S
        Audits(self._store).prune_positions(self.source, int(now_s * 1e6) - KEPT_US)

    def _failed(self, text: str) -> None:
        if text != self._error:
            _LOG.error("the audit log %s is not read now, and tried again: %s", self.path, text)
        self._error = text


def _told(trouble: Exception) -> str:
    if isinstance(trouble, PermissionError):
        return f"{trouble.filename}: permission denied: let this program read it"
    if isinstance(trouble, FileNotFoundError):
        return f"{trouble.filename}: there is no such file; it is read as soon as it is there"
    if isinstance(trouble, OSError):
        return f"{trouble.filename}: {trouble.strerror}"
    return str(trouble)
