"""The audit trail: one JSON line for every change and every refusal, appended, chained by hashes, never rewritten.

A full file is renamed to `NAME.SEQ`, SEQ being its last record's, and the next one goes on with the same chain. When
there are too many of them the oldest is removed; verify then begins with the oldest that is left.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from extender.control.actor import Actor
from extender.control.problems import Forbidden, Refused, Unreachable
from extender.control.revision import FIRST
from extender.control.store import locked, rfc3339, sync_folder

FILE_BYTES_MAX = 16 * 2**20
FILES_MAX = 64
"""Full files that are kept beside the one in use: a gigabyte."""
_TAIL_BYTES = 64 * 1024

log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was done or refused. `before` and `after` are hashes of what the store held."""

    action: str
    """enable, disable, configure, put, rollback, backup, restore, restart, edit, and what the console refuses."""
    target: str
    actor: str
    groups: tuple[str, ...] = ()
    via: str = ""
    reason: str = ""
    before: str = ""
    after: str = ""
    result: str = "done"
    """done, unchanged, dry run, observed, refused; failed: a fault of ours, or the caller went away."""
    code: int = 200
    message: str = ""
    request_id: str = ""
    address: str = ""


class Recorded(Entry, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    seq: int
    at: str
    previous: str
    hash: str = ""
    """SHA-256 over everything else; hex digits."""

    def hashed(self) -> str:
        """What `hash` has to be."""
        return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(self, hash=""))).hexdigest()


def entry_of(actor: Actor, action: str, target: str, reason: str, **more: Any) -> Entry:
    return Entry(
        action=action,
        target=target,
        actor=actor.name,
        groups=actor.groups,
        via=actor.via,
        reason=reason,
        request_id=actor.request_id,
        address=actor.address,
        **more,
    )


class Audit(Protocol):
    async def append(self, entry: Entry) -> None:
        """Raises Unreachable or Forbidden."""
        ...

    async def newest(self, limit: int, before: int | None = None) -> list[Recorded]:
        """Newest first, below the number `before`. Raises Unreachable or Forbidden."""
        ...

    async def verify(self) -> list[str]:
        """Problems for people; empty: the chain holds. Raises Unreachable or Forbidden."""
        ...


async def noted(audit: Audit, entry: Entry) -> list[str]:
    """Append after the fact: the change stands, so a trail that cannot be written is a warning and a log line."""
    try:
        await audit.append(entry)
    except Refused as trouble:
        log.error("not in the audit trail (%s): %s", trouble, msgspec.json.encode(entry).decode())  # noqa: TRY400
        return [f"this is not in the audit trail: {trouble}"]
    return []


class FileAudit:
    """Any number of programs of this machine may append to one file."""

    def __init__(
        self,
        path: Path | str,
        *,
        bytes_max: int = FILE_BYTES_MAX,
        files_max: int = FILES_MAX,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path(path)
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._clock = clock
        self._full = re.compile(re.escape(self._path.name) + r"\.([1-9][0-9]*)", re.ASCII)

    async def append(self, entry: Entry) -> None:
        await asyncio.to_thread(self._guarded, self._append, entry)

    async def newest(self, limit: int, before: int | None = None) -> list[Recorded]:
        found: list[Recorded] = await asyncio.to_thread(self._guarded, self._newest, limit, before)
        return found

    async def verify(self) -> list[str]:
        found: list[str] = await asyncio.to_thread(self._guarded, self._verify)
        return found

    def _guarded(self, work: Callable[..., Any], *given: Any) -> Any:
        try:
            return work(*given)
        except OSError as trouble:
            kind: type[Refused] = Forbidden if isinstance(trouble, PermissionError) else Unreachable
            raise kind(f"the audit trail {self._path}: {trouble.strerror or trouble}") from trouble

    def _append(self, entry: Entry) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._path.with_name(f".{self._path.name}.lock")):
            last = self._last()
            seq, previous = (0, FIRST) if last is None else (last.seq, last.hash)
            record = Recorded(
                seq=seq + 1, at=rfc3339(self._clock()), previous=previous, **msgspec.structs.asdict(entry)
            )
            line = msgspec.json.encode(msgspec.structs.replace(record, hash=record.hashed())) + b"\n"
            if self._size() + len(line) > self._bytes_max and seq:
                self._rotate(seq)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._mend(handle)
                os.write(handle, line)
                os.fsync(handle)
            finally:
                os.close(handle)
            sync_folder(self._path.parent)

    def _mend(self, handle: int) -> None:
        """A crash in the middle of a line leaves half a one: it is ended, so that it spoils no other."""
        size = os.fstat(handle).st_size
        if size:
            with self._path.open("rb") as file:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    os.write(handle, b"\n")

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _rotate(self, seq: int) -> None:
        if self._path.exists():
            self._path.rename(self._path.with_name(f"{self._path.name}.{seq}"))
        for old in self._full_files()[: -self._files_max or None]:
            old.unlink(missing_ok=True)

    def _last(self) -> Recorded | None:
        """The newest record that can be read."""
        for path in reversed(self._files()):
            try:
                with path.open("rb") as file:
                    size = file.seek(0, os.SEEK_END)
                    file.seek(max(0, size - _TAIL_BYTES))
                    lines = file.read().splitlines()
            except FileNotFoundError:
                continue
            for line in reversed(lines):
                record = _record(line)
                if record is not None:
                    return record
        return None

    def _newest(self, limit: int, before: int | None) -> list[Recorded]:
        found: list[Recorded] = []
        for path in reversed(self._files()):
            records = [r for r in map(_record, self._lines(path)) if r is not None]
            for record in reversed(records):
                if len(found) >= limit:
                    return found
                if before is None or record.seq < before:
                    found.append(record)
        return found

    def _verify(self) -> list[str]:
        problems: list[str] = []
        before: Recorded | None = None
        for path in self._files():
            for number, line in enumerate(self._lines(path), 1):
                record = _record(line)
                where = f"{path.name}:{number}"
                if record is None:
                    problems.append(f"{where}: not a record")
                    continue
                if record.hash != record.hashed():
                    problems.append(f"{where}: record {record.seq} was changed after it was written")
                if before is not None and (record.previous, record.seq) != (before.hash, before.seq + 1):
                    problems.append(f"{where}: record {record.seq} does not follow record {before.seq}")
                if before is None and record.seq == 1 and record.previous != FIRST:
                    problems.append(f"{where}: the first record is chained to something")
                before = record
        return problems

    def _lines(self, path: Path) -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                yield from file
        except FileNotFoundError:
            return

    def _files(self) -> list[Path]:
        """Oldest first, the one in use last."""
        return [*self._full_files(), self._path]

    def _full_files(self) -> list[Path]:
        try:
            names = [path.name for path in self._path.parent.iterdir()]
        except FileNotFoundError:
            return []
        numbered = sorted((int(match[1]), name) for name in names if (match := self._full.fullmatch(name)))
        return [self._path.with_name(name) for _, name in numbered]


class LogAudit:
    """Where there is no file: each entry is a line of the log, and nothing can be listed."""

    async def append(self, entry: Entry) -> None:
        log.info("audit %s", msgspec.json.encode(entry).decode())

    async def newest(self, limit: int, before: int | None = None) -> list[Recorded]:  # noqa: ARG002 - the protocol's
        return []

    async def verify(self) -> list[str]:
        return []


def _record(line: bytes) -> Recorded | None:
    try:
        return msgspec.json.decode(line, type=Recorded)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
