"""What the policy was: every state before a change, chained by hashes, the oldest forgotten in time.

Appending is lock-free: the next number is taken by creating its record, which succeeds once. The head follows; a
crash in between leaves a record that the next reader finds chained behind the head, and that counts.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from extender.control.actor import Actor
from extender.control.problems import Conflict, Invalid, NoSuchRevision
from extender.control.revision import FIRST, Kind, Record, Revision, decoded, kept, unkept
from extender.control.seals import Seal, Signer, signer_of
from extender.control.shelf import Head, Shelf
from extender.control.shelves import ControllerRevisionShelf, FileShelf
from extender.control.store import Stored, rfc3339
from extender.kube import KubeApi

KEEP = 100
_TRIES_MAX = 32
# Named here, because `list` is a method below.
Revisions = list[Revision]
Numbers = list[int]
Problems = list[str]
Raws = list[dict[str, Any]]
_AT_ONCE = 8
"""Records that are read in parallel."""


class History(Protocol):
    """Every method raises Unreachable or Forbidden."""

    async def append(self, stored: Stored, *, kind: Kind, actor: Actor, reason: str) -> Revision:
        """Save a copy of what is stored. Raises TooLarge, Conflict too."""
        ...

    async def newest(self) -> Revision | None: ...

    async def list(self, limit: int, before: int | None = None) -> tuple[Revisions, int]:
        """(newest first, below `before`, at most `limit`; how many there are in all)."""
        ...

    async def get(self, number: int) -> Revision:
        """Raises NoSuchRevision."""
        ...

    async def verify(self, key: bytes | None) -> Problems:
        """Problems for people; empty: the chain holds. With a key every revision and the head must be signed by it."""
        ...

    async def records(self) -> Raws:
        """Every revision as it is kept, oldest first: for an archive."""
        ...

    async def adopt(self, records: Raws) -> bool:
        """Take over what `records` of another history gave. False: there is a history here already.

        Raises Invalid when they do not hold together.
        """
        ...


class ChainedHistory:
    def __init__(
        self,
        shelf: Shelf,
        *,
        keep: int = KEEP,
        sign: Signer | None = None,
        seal: Seal | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`keep`: how many revisions stay, at least one. `sign`: a key that can sign."""
        self._shelf = shelf
        self._keep = max(1, keep)
        self._sign = sign
        self._seal = seal
        self._clock = clock

    async def append(self, stored: Stored, *, kind: Kind, actor: Actor, reason: str) -> Revision:
        encoding, text = self._kept(stored)
        previous, number = await self._end()
        for _ in range(_TRIES_MAX):
            record = Record(
                number=number + 1,
                created_at=rfc3339(self._clock()),
                kind=kind,
                actor=actor.name,
                via=actor.via,
                reason=reason,
                hash=stored.hash,
                revision=stored.revision,
                encoding=encoding,
                text=text,
                previous=previous,
            )
            record = msgspec.structs.replace(record, chain=record.chained())
            if self._sign is not None:
                signature = self._sign.sign(record.chain.encode())
                record = msgspec.structs.replace(record, signature=signature)
            if await self._shelf.create(record.number, msgspec.to_builtins(record)):
                await self._move_head(record)
                return _revision(record, stored.text)
            # Somebody took the number: go on behind theirs.
            previous, number = await self._behind(record.number)
        raise Conflict("the history kept growing under us; try again")

    async def newest(self) -> Revision | None:
        numbers = await self._shelf.numbers()
        return await self.get(numbers[-1]) if numbers else None

    async def list(self, limit: int, before: int | None = None) -> tuple[Revisions, int]:
        numbers = await self._shelf.numbers()
        wanted = [number for number in reversed(numbers) if before is None or number < before][: max(0, limit)]
        found = []
        async for raw in self._many(wanted):
            # Pruned meanwhile, or broken: verify tells about that.
            record = _record(raw)
            if record is not None:
                found.append(self._shown(record))
        return found, len(numbers)

    async def get(self, number: int) -> Revision:
        raw = await self._shelf.get(number)
        record = None if raw is None else _record(raw)
        if raw is None:
            raise NoSuchRevision(f"there is no revision {number}")
        if record is None or record.number != number or record.chain != record.chained():
            raise Invalid(f"revision {number} is not what was saved; verify the history")
        return _revision(record, self._text(record))

    async def verify(self, key: bytes | None) -> Problems:
        signer = None if key is None else signer_of(key)
        head, _ = await self._shelf.head()
        numbers = await self._shelf.numbers()
        if head is None:
            return [_NO_HEAD] if numbers else []
        problems = _head_problems(head, signer)
        # Older ones than the head's first: pruning was interrupted; they hold together or they do not.
        number, previous = head.first, head.first_previous
        if numbers and numbers[0] < head.first:
            number, previous = numbers[0], ""
        last = max(head.last, numbers[-1] if numbers else 0)
        for_reading = list(range(number, last + 1))
        async for raw in self._many(for_reading):
            record = None if raw is None else _record(raw)
            problems += _record_problems(number, raw, record, previous, signer)
            if number == head.last and record is not None and record.chain != head.last_chain:
                problems.append(f"revision {number} is another one than the head of the chain knows")
            previous = "" if record is None else record.chain
            number += 1
        return problems

    async def records(self) -> Raws:
        return [raw async for raw in self._many(await self._shelf.numbers()) if raw is not None]

    async def adopt(self, records: Raws) -> bool:
        found = [_record(raw) for raw in records]
        previous = ""
        for record in found:
            if record is None or record.chain != record.chained() or previous not in ("", record.previous):
                raise Invalid("the history in the archive does not hold together")
            previous = record.chain
        if await self._shelf.numbers():
            return False
        for record in found:
            if record is not None and await self._shelf.create(record.number, msgspec.to_builtins(record)):
                await self._move_head(record)
        return True

    async def _end(self) -> tuple[str, int]:
        """(chain, number) of the newest."""
        head, _ = await self._shelf.head()
        if head is not None:
            return head.last_chain, head.last
        numbers = await self._shelf.numbers()
        return await self._behind(numbers[-1]) if numbers else (FIRST, 0)

    async def _behind(self, number: int) -> tuple[str, int]:
        raw = await self._shelf.get(number)
        record = None if raw is None else _record(raw)
        if record is None:
            # A broken record is left behind, and verify names it.
            return FIRST, number
        return record.chain, number

    async def _move_head(self, record: Record) -> None:
        for _ in range(_TRIES_MAX):
            head, version = await self._shelf.head()
            if head is None:
                numbers = await self._shelf.numbers()
                first = _record(await self._shelf.get(numbers[0]) or {}) if numbers else None
                start = record if first is None else first
                head = Head(start.number, start.previous, 0, "")
            if head.last >= record.number:
                return
            moved = msgspec.structs.replace(head, last=record.number, last_chain=record.chain)
            pruned = await self._without_oldest(moved)
            if self._sign is not None:
                pruned = msgspec.structs.replace(pruned, signature=self._sign.sign(pruned.signed()))
            else:
                pruned = msgspec.structs.replace(pruned, signature="")
            if await self._shelf.set_head(pruned, version):
                if pruned.first > head.first:
                    await self._prune(pruned.first)
                return
        # The record stands; the next append, or verify, finds it behind the head.

    async def _without_oldest(self, head: Head) -> Head:
        first = head.last - self._keep + 1
        if head.first >= first:
            return head
        record = _record(await self._shelf.get(first) or {})
        if record is None:
            return head
        return msgspec.structs.replace(head, first=first, first_previous=record.previous)

    async def _prune(self, first: int) -> None:
        for number in await self._shelf.numbers():
            if number < first:
                await self._shelf.remove(number)

    async def _many(self, numbers: Numbers) -> AsyncIterator[dict[str, Any] | None]:
        for at in range(0, len(numbers), _AT_ONCE):
            for raw in await asyncio.gather(*(self._shelf.get(number) for number in numbers[at : at + _AT_ONCE])):
                yield raw

    def _kept(self, stored: Stored) -> tuple[Any, str]:
        if self._seal is None:
            return kept(stored.text)
        encoding, text = kept(stored.text)
        inner = msgspec.json.encode([encoding, text])
        return "sealed", base64.b64encode(self._seal.close(inner, stored.hash)).decode()

    def _text(self, record: Record) -> bytes:
        """Raises Invalid."""
        try:
            if record.encoding != "sealed":
                return unkept(record.encoding, record.text)
            if self._seal is None:
                raise Invalid(f"revision {record.number} is sealed; name the key that it was sealed with")
            inner = self._seal.open(base64.b64decode(record.text, validate=True), record.hash)
            encoding, text = msgspec.json.decode(inner, type=tuple[str, str])
            return unkept(encoding, text)
        except (ValueError, msgspec.MsgspecError) as wrong:
            raise Invalid(f"revision {record.number} cannot be opened: {wrong}") from wrong

    def _shown(self, record: Record) -> Revision:
        """For a list: the text where it can be had."""
        try:
            return _revision(record, self._text(record))
        except Invalid:
            return _revision(record, b"")


def ControllerRevisionHistory(  # noqa: N802 - the name of a kind of history
    api: KubeApi,
    namespace: str,
    policy_name: str,
    *,
    keep: int = KEEP,
    sign: Signer | None = None,
    seal: Seal | None = None,
    clock: Callable[[], float] = time.time,
) -> ChainedHistory:
    """Beside the policy's ConfigMap, as apps/v1 ControllerRevisions with the label policy.trimtab.dev/policy."""
    shelf = ControllerRevisionShelf(api, namespace, policy_name)
    return ChainedHistory(shelf, keep=keep, sign=sign, seal=seal, clock=clock)


def FileHistory(  # noqa: N802 - the name of a kind of history
    folder: Path | str,
    *,
    keep: int = KEEP,
    sign: Signer | None = None,
    seal: Seal | None = None,
    clock: Callable[[], float] = time.time,
) -> ChainedHistory:
    """In a folder of its own, made when the first revision is saved."""
    return ChainedHistory(FileShelf(Path(folder)), keep=keep, sign=sign, seal=seal, clock=clock)


_NO_HEAD = "the head of the chain is gone: whether the newest revisions are all there cannot be told"


def _head_problems(head: Head, signer: Signer | None) -> list[str]:
    if signer is not None and not signer.verify(head.signed(), head.signature):
        return ["the head of the chain is not signed with this key" if head.signature else "the head is not signed"]
    return []


def _record_problems(
    number: int, raw: dict[str, Any] | None, record: Record | None, previous: str, signer: Signer | None
) -> list[str]:
    """`previous`: the chain before, empty when that is unknown."""
    if raw is None:
        return [f"revision {number} is missing"]
    if record is None or record.number != number:
        return [f"revision {number} is not a revision any more"]
    problems = []
    if record.chain != record.chained():
        problems.append(f"revision {number} was changed after it was saved")
    if previous and record.previous != previous:
        problems.append(f"revision {number} is not chained to the one before")
    if signer is not None and not signer.verify(record.chain.encode(), record.signature):
        how = "is signed with another key" if record.signature else "is not signed"
        problems.append(f"revision {number} {how}")
    return problems


def _record(raw: dict[str, Any] | None) -> Record | None:
    try:
        return decoded(raw)
    except ValueError:
        return None


def _revision(record: Record, text: bytes) -> Revision:
    return Revision(
        number=record.number,
        created_at=record.created_at,
        kind=record.kind,
        actor=record.actor,
        via=record.via,
        reason=record.reason,
        hash=record.hash,
        revision=record.revision,
        text=text,
        previous=record.previous,
        chain=record.chain,
        signature=record.signature,
    )
