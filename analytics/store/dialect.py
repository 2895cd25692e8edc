"""What differs between database engines, and nothing else. SQL texts are common and use `?` for parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from analytics.store.tables import Row

Batch = Mapping[type[Row], Sequence[Row]]


class StoreError(Exception):
    """The store cannot do what was asked; the text says what to do."""


class StoreRefused(StoreError):
    """This store cannot be used at all: wrong URL, newer schema, another owner."""


class StoreBusy(StoreRefused):
    """Another process owns the store."""


class StoreMoved(StoreError):
    """Another sidecar has taken in what was to be written: begin again where the store stands now."""


class StoreDamaged(StoreError):
    """The database is not readable any more. It is a derived thing: move it aside and read the journals again."""


class StoreStopped(StoreError):
    """The engine gave up because the disk refused it. The data is sound: `Store.revive` opens it again."""


class StoreTimeout(StoreError):
    """A question took longer than it may and was stopped."""


class RowsRefused(StoreError):
    """The database refused these rows for what they hold; others would pass."""


class Dialect(Protocol):
    """One engine behind the common SQL. Reading is for any thread; writing for one at a time."""

    name: str
    shared: bool
    """Several processes may write."""

    def query(self, sql: str, params: Sequence[Any], timeout_s: float) -> list[tuple[Any, ...]]:
        """All rows of one SELECT. Raises StoreTimeout, StoreDamaged, StoreError."""
        ...

    def write(self, batch: Batch) -> None:
        """All rows in one transaction, or none. Raises RowsRefused, StoreDamaged, StoreError."""
        ...

    def execute(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> int:
        """Statements in one transaction; answers the rows that the last one touched, or 0 where unknown."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """One transaction, while no other process is in one of these: what the thread writes and executes inside is
        done together or not at all. Questions asked inside see what has been committed, and so nothing of it."""
        ...

    def tables(self) -> set[str]:
        """Names of the tables that exist."""
        ...

    def checkpoint(self) -> bool:
        """Make all commits durable and short to reopen. False: could not now, try later."""
        ...

    def size_bytes(self) -> int:
        """Bytes that the store takes, as far as the engine says; 0 where unknown."""
        ...

    def close(self) -> None: ...
