"""DuckDB in one file, owned by one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import duckdb
import numpy as np
from msgspec.structs import astuple

from analytics.store.dialect import Batch, RowsRefused, StoreBusy, StoreDamaged, StoreError, StoreStopped, StoreTimeout
from analytics.store.tables import TABLES, Row

# Written so that every DuckDB that we allow can read it.
STORAGE_VERSION = "v1.5.0"
# An automatic checkpoint runs inside the committing statement and stalls it: ours come from the ingest thread.
CHECKPOINT_THRESHOLD = "4GB"
_DTYPES: dict[type, type] = {int: np.int64, float: np.float64, bool: np.bool_, str: object, bytes: object}

T = TypeVar("T")


class DuckDialect:
    """The one connection to a DuckDB file; a cursor for each question under way, used again by later ones."""

    name = "duckdb"
    shared = False

    def __init__(self, path: str, *, threads: int, memory_limit: str) -> None:
        """`path`: a file, or ":memory:". Raises StoreBusy, StoreDamaged, StoreError."""
        self._path = path
        config: dict[str, Any] = {
            "threads": threads,
            "memory_limit": memory_limit,
            "checkpoint_threshold": CHECKPOINT_THRESHOLD,
            "storage_compatibility_version": STORAGE_VERSION,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "pandas_analyze_sample": 1,  # a column's values are of one kind: its first says which
        }
        self._connection = _translated(lambda: duckdb.connect(path, config=config), path)
        self._writing = threading.RLock()
        self._in_transaction = False
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._idle: list[duckdb.DuckDBPyConnection] = []
        self._columns = {row: _columns_of(row) for row in TABLES}

    def query(self, sql: str, params: Sequence[Any], timeout_s: float) -> list[tuple[Any, ...]]:
        cursor = self._reader()
        stopped = threading.Event()
        watchdog = threading.Timer(timeout_s, _interrupt, (cursor, stopped))
        watchdog.daemon = True
        watchdog.start()
        try:
            return _translated(lambda: cursor.execute(sql, list(params)).fetchall(), self._path)
        except StoreError as error:
            if stopped.is_set():
                raise StoreTimeout(f"the question took longer than {timeout_s:g} s: ask for a shorter time") from error
            raise
        finally:
            watchdog.cancel()
            self._idle.append(cursor)

    @property
    def readers(self) -> int:
        """Cursors that are open: as many as questions were ever asked at once, however many threads asked them."""
        return len(self._cursors)

    def _reader(self) -> duckdb.DuckDBPyConnection:
        try:
            return self._idle.pop()
        except IndexError:
            cursor = _translated(self._connection.cursor, self._path)
            self._cursors.append(cursor)
            return cursor

    def write(self, batch: Batch) -> None:
        def insert(connection: duckdb.DuckDBPyConnection) -> None:
            for row, rows in batch.items():
                if not rows:
                    continue
                sql, same, incoming = self._insertion(row, rows)  # noqa: RUF059 DuckDB finds it by its name
                connection.execute(sql, same)

        self._transaction(insert)

    def _insertion(self, row: type[Row], rows: Sequence[Row]) -> tuple[str, list[str], dict[str, Any]]:
        """Statement, parameters, and the columns that it reads. A text that all rows share is a parameter, as most of
        those are that say where rows come from: DuckDB asks for the interpreter to read each text of a column."""
        chosen, same, incoming = [], [], {}
        for (name, kind), values in zip(self._columns[row], zip(*map(astuple, rows), strict=True), strict=True):
            if kind is str and values.count(values[0]) == len(values):
                chosen.append("?")
                same.append(values[0])
            else:
                chosen.append(f'"{name}"')
                incoming[name] = _array(kind, values)
        return f"INSERT INTO {TABLES[row]} SELECT {', '.join(chosen)} FROM incoming", same, incoming  # noqa: S608 ours

    def execute(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> int:
        def run(connection: duckdb.DuckDBPyConnection) -> int:
            answer: list[tuple[Any, ...]] = []
            for sql, params in statements:
                answer = connection.execute(sql, list(params)).fetchall()
            return int(answer[0][0]) if answer and isinstance(answer[0][0], int) else 0

        return self._transaction(run)

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._writing, self._begun():
            yield

    def tables(self) -> set[str]:
        rows = self.query("SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'", (), 10.0)
        return {row[0] for row in rows}

    def checkpoint(self) -> bool:
        with self._writing:
            try:
                self._connection.execute("CHECKPOINT")
            except duckdb.TransactionException:
                return False
            except duckdb.Error as error:
                raise _translate(error, self._path) from error
            return True

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in files_of(self._path) if path.exists())

    def close(self) -> None:
        with self._writing:
            for connection in (*self._cursors, self._connection):
                with suppress(duckdb.Error):  # an engine that has given up cannot write its last checkpoint
                    connection.close()

    def _transaction(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        with self._writing:
            if self._in_transaction:  # of this thread, for it holds the lock
                with self._told():
                    return work(self._connection)
            with self._begun(), self._told():
                return work(self._connection)

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """BEGIN and COMMIT, or ROLLBACK. The writer's lock is held."""
        with self._told():
            self._connection.execute("BEGIN")
        self._in_transaction = True
        try:
            yield
            with self._told():
                self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._in_transaction = False

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OverflowError, UnicodeError) as error:
            raise _translate(error, self._path) from error

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.Error:
            return  # the failed statement has ended the transaction itself


def files_of(path: str) -> list[Path]:
    """The files that DuckDB keeps for one database."""
    return [] if path == ":memory:" else [Path(path), Path(f"{path}.wal")]


def _columns_of(row: type) -> list[tuple[str, type]]:
    return list(get_type_hints(row).items())


def _array(kind: type, values: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    return np.fromiter(values, _DTYPES[kind], len(values))


def _interrupt(cursor: duckdb.DuckDBPyConnection, stopped: threading.Event) -> None:
    stopped.set()
    cursor.interrupt()


def _translated(work: Callable[[], T], path: str) -> T:
    try:
        return work()
    except duckdb.Error as error:
        raise _translate(error, path) from error


# Words by which DuckDB tells that the disk refused, or that the file itself is broken; its exception classes do not.
_REFUSED = (
    "no space left",
    "quota exceeded",
    "input/output error",
    "read-only file system",
    "could not write file",
    "permission denied",
    "too many open files",
)
_DAMAGE = ("corrupt", "checksum", "not a valid duckdb", "invalidated", "serialization error", "wal file")


def _translate(error: Exception, path: str) -> StoreError:
    text = str(error)
    said = text.lower()
    fatal = isinstance(error, duckdb.FatalException | duckdb.InternalException)
    if "set lock on file" in said:
        return StoreBusy(f"{path} belongs to another running process: stop it, or name another --store ({text})")
    if any(word in said for word in _REFUSED):
        return StoreStopped(f"{path}: {text}") if fatal else StoreError(f"{path}: {text}")
    if fatal or isinstance(error, duckdb.SerializationException) or any(word in said for word in _DAMAGE):
        return StoreDamaged(f"{path} is damaged: {text}")
    if isinstance(error, duckdb.DataError | OverflowError | UnicodeError):
        return RowsRefused(text)
    return StoreError(f"{path}: {text}")
