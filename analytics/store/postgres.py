"""PostgreSQL: for several sidecars with one view, or history that outgrows a disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from msgspec.structs import astuple
from psycopg import errors, sql

from analytics.store.dialect import Batch, RowsRefused, StoreBusy, StoreError, StoreTimeout
from analytics.store.tables import TABLES, Row

CONNECT_TIMEOUT_S = 10
LOCK_WAIT_S = 30
# Serialises set-up, taking in and forgetting between sidecars that share a database.
_ADVISORY_LOCK = 0x7472696D
# PostgreSQL cannot hold the character NUL in a text.
_NUL, _INSTEAD = "\x00", "�"

T = TypeVar("T")
_Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresDialect:
    """One connection to write, and one for each question under way, used again by later ones; a broken one is made
    anew. Threads come and go: a connection for each of them would use up those that the server allows."""

    name = "postgres"
    shared = True

    def __init__(self, url: str, shown: str) -> None:
        """`shown`: the URL without its password, for messages. Raises StoreError when the server cannot be reached."""
        self._url, self._shown = url, shown
        self._writing = threading.RLock()
        self._is_alone = False
        self._open: list[_Connection] = []
        self._idle: list[tuple[_Connection, float]] = []
        """Readers that wait for a question, each with its time limit."""
        self._writer = self._connect(autocommit=False)

    def query(self, sql_text: str, params: Sequence[Any], timeout_s: float) -> list[tuple[Any, ...]]:
        with self._translated():
            connection = self._reader(timeout_s)
            try:
                return connection.execute(_adapted(sql_text), list(params)).fetchall()
            finally:
                if not connection.closed:
                    self._idle.append((connection, timeout_s))

    @property
    def readers(self) -> int:
        """Connections that are open to read: as many as questions were ever asked at once."""
        return sum(not connection.closed for connection in self._open) - 1

    def write(self, batch: Batch) -> None:
        def insert(cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
            for row, rows in batch.items():
                if rows:
                    _copy(cursor, row, rows)

        self._transaction(insert)

    def execute(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> int:
        def run(cursor: psycopg.Cursor[tuple[Any, ...]]) -> int:
            _lock(cursor)
            for text, params in statements:
                cursor.execute(_adapted(text), list(params))
            return max(0, cursor.rowcount)

        return self._transaction(run)

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._writing, self._translated(), self._begun() as cursor:
            _lock(cursor)
            self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False

    def tables(self) -> set[str]:
        text = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        return {row[0] for row in self.query(text, (), CONNECT_TIMEOUT_S)}

    def checkpoint(self) -> bool:
        return True  # a commit is durable as it is

    def size_bytes(self) -> int:
        return int(self.query("SELECT pg_database_size(current_database())", (), CONNECT_TIMEOUT_S)[0][0])

    def close(self) -> None:
        with self._writing:
            for connection in self._open:
                connection.close()
            self._open.clear()
            self._idle.clear()

    def _connect(self, *, autocommit: bool) -> _Connection:
        with self._translated():
            connection = psycopg.connect(
                self._url, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_S, application_name="trimtab"
            )
        self._open = [other for other in self._open if not other.closed]
        self._open.append(connection)
        return connection

    def _reader(self, timeout_s: float) -> _Connection:
        try:
            connection, limit_s = self._idle.pop()
        except IndexError:
            connection, limit_s = self._connect(autocommit=True), None
        if limit_s != timeout_s:
            connection.execute(
                "SELECT set_config('statement_timeout', %s, false)", (str(max(1, int(timeout_s * 1000))),)
            )
        return connection

    def _transaction(self, work: Callable[[psycopg.Cursor[tuple[Any, ...]]], T]) -> T:
        with self._writing, self._translated(), self._begun() as cursor:
            return work(cursor)

    @contextmanager
    def _begun(self) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        """A transaction, or a part of the one that this thread is in. The writer's lock is held."""
        if self._writer.closed:
            if self._is_alone:  # a new connection would be in no transaction, and alone no more
                raise StoreError(f"{self._shown}: the connection broke")
            self._writer = self._connect(autocommit=False)
        with self._writer.transaction(), self._writer.cursor() as cursor:
            yield cursor

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except errors.QueryCanceled as error:
            raise StoreTimeout("the question took longer than it may: ask for a shorter time") from error
        except errors.UniqueViolation as error:
            raise StoreBusy(f"{self._shown}: another sidecar has taken in the same journal: {error}") from error
        except (psycopg.DataError, UnicodeError, OverflowError) as error:
            raise RowsRefused(str(error)) from error
        except psycopg.Error as error:
            raise StoreError(f"{self._shown}: {error}") from error


def _lock(cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
    """Until the transaction ends. Who has stopped while it held the lock does not stop the others for good."""
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{LOCK_WAIT_S}s",))
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))


def _adapted(text: str) -> str:
    """Our parameters are written `?`; none of our texts holds a question mark or a percent sign otherwise."""
    return text.replace("%", "%%").replace("?", "%s")


def _copy(cursor: psycopg.Cursor[tuple[Any, ...]], row: type[Row], rows: Sequence[Row]) -> None:
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in row.__struct_fields__)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(TABLES[row]), columns)
    with cursor.copy(statement) as copy:
        for one in rows:
            copy.write_row([_storable(value) for value in astuple(one)])


def _storable(value: Any) -> Any:
    """A column's value as PostgreSQL can hold it; columns are of five kinds."""
    return value.replace(_NUL, _INSTEAD) if isinstance(value, str) and _NUL in value else value
