"""The store as the rest of the sidecar sees it."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics.store.dialect import Batch, Dialect, StoreDamaged, StoreRefused, StoreStopped
from analytics.store.duck import DuckDialect, files_of
from analytics.store.tables import DecisionRow, KeyRow, Row, key_of

SCHEMA_VERSION = 10
_FIRST_VERSION = 3
"""What schema.sql makes; the steps after it bring the tables of the tools, for a new database as for an old one."""
QUERY_TIMEOUT_S = 10.0
_HERE = Path(__file__).parent
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Everything before `offset` of `segment` is in the store."""

    segment: int
    offset: int


class Store:
    """One database. Questions from any thread, writing from one thread at a time (the ingest's)."""

    def __init__(self, dialect: Dialect, target: str, options: dict[str, Any]) -> None:
        """Use `Store.open`."""
        self._dialect = dialect
        self._options = options
        self.target = target
        self._stopped = False
        self.moved_aside: list[str] = []
        """Where damaged databases were put, newest last."""

    @classmethod
    def open(cls, target: str | Path, *, threads: int = 2, memory_limit: str = "1GB") -> Store:
        """A path of a DuckDB file, ":memory:", or a postgresql:// URL.

        A damaged file is moved aside and an empty one made: its content is read again from the journals.
        Raises StoreRefused (wrong URL, newer schema), StoreBusy (another owner), StoreError.
        """
        text = str(target)
        options = {"threads": threads, "memory_limit": memory_limit}
        moved: list[str] = []
        try:
            dialect = _connect(text, options)
            _prepare(dialect, text)
        except StoreDamaged as damage:
            moved.append(_move_aside(text, damage))
            dialect = _connect(text, options)
            _prepare(dialect, text)
        store = cls(dialect, text, options)
        store.moved_aside = moved
        return store

    @property
    def engine(self) -> str:
        """duckdb or postgres."""
        return self._dialect.name

    def query(self, sql: str, params: Sequence[Any] = (), timeout_s: float = QUERY_TIMEOUT_S) -> list[tuple[Any, ...]]:
        """All rows of one SELECT with `?` parameters. Raises StoreTimeout, StoreDamaged, StoreError."""
        with self._noticing():
            return self._dialect.query(sql, params, timeout_s)

    def write(self, rows: Iterable[Row]) -> None:
        """All rows in one transaction, or none. Raises RowsRefused, StoreDamaged, StoreError."""
        with self._noticing():
            self._dialect.write(_by_table(rows))

    @property
    def shared(self) -> bool:
        """Other sidecars may write, too."""
        return self._dialect.shared

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One transaction of this thread's `write` and `execute`, while no other sidecar is in one: what was asked at
        its beginning still holds at its end. Raises what these raise, and nothing is written then."""
        with self._noticing(), self._dialect.alone():
            yield

    def execute(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> int:
        """Statements with `?` parameters in one transaction; the rows that the last one touched."""
        with self._noticing():
            return self._dialect.execute(statements)

    def moments(self, table: str, at_us: Collection[int]) -> set[int]:
        """Those times of which a table of samples has rows already. `table`: one of ours."""
        if not at_us:
            return set()
        marks = ", ".join("?" * len(at_us))
        rows = self.query(f"SELECT DISTINCT at_us FROM {table} WHERE at_us IN ({marks})", tuple(at_us))  # noqa: S608
        return {int(row[0]) for row in rows}

    def positions(self) -> dict[str, Position]:
        """Producer -> how far its journal is in the store."""
        rows = self.query(
            "SELECT p.producer, p.segment, max(p.position) FROM journal_pos p JOIN "
            "(SELECT producer, max(segment) AS segment FROM journal_pos GROUP BY producer) m "
            "ON p.producer = m.producer AND p.segment = m.segment GROUP BY p.producer, p.segment"
        )
        return {producer: Position(segment, offset) for producer, segment, offset in rows}

    def checkpoint(self) -> bool:
        """Make all commits durable. False: could not now, try later."""
        with self._noticing():
            return self._dialect.checkpoint()

    def revive(self) -> None:
        """Open the database again if its engine gave up on a disk that refused it. For the writing thread.

        Raises StoreDamaged, StoreError: then it is tried again at the next call.
        """
        if not self._stopped:
            return
        self._dialect.close()
        dialect = _connect(self.target, self._options)
        _prepare(dialect, self.target)
        self._dialect, self._stopped = dialect, False
        _LOG.warning("store %s is open again", _without_password(self.target))

    def rebuild(self, why: StoreDamaged) -> None:
        """Move the damaged database aside and go on with an empty one. Raises StoreError where that is impossible."""
        self._dialect.close()
        self.moved_aside.append(_move_aside(self.target, why))
        self._dialect, self._stopped = _connect(self.target, self._options), False
        _prepare(self._dialect, self.target)

    def status(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "target": _without_password(self.target),
            "bytes": self._dialect.size_bytes(),
            "schema": SCHEMA_VERSION,
            "moved_aside": list(self.moved_aside),
        }

    def close(self) -> None:
        self._dialect.close()

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Remember that the engine gave up, whoever met it."""
        try:
            yield
        except StoreStopped:
            self._stopped = True
            raise


def _connect(target: str, options: dict[str, Any]) -> Dialect:
    if target.startswith(("postgresql://", "postgres://")):
        return _postgres(target)
    if "://" in target:
        raise StoreRefused(f"--store {_without_password(target)}: give a file, or a postgresql:// URL")
    if target != ":memory:":
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    return DuckDialect(target, **options)


def _postgres(target: str) -> Dialect:
    try:
        from analytics.store.postgres import PostgresDialect  # noqa: PLC0415 an extra that most do not install
    except ImportError as error:
        raise StoreRefused(
            f"--store {_without_password(target)}: PostgreSQL needs the package psycopg ({error}): "
            "install trimtab[postgresql], or give a file"
        ) from error
    return PostgresDialect(target, _without_password(target))


def _prepare(dialect: Dialect, target: str) -> None:
    """Create the tables, or check that we know those that are there.

    Each step looks again once it is alone: of two sidecars that start together, one makes it.
    """
    version = _version(dialect)
    if version > SCHEMA_VERSION:
        dialect.close()
        raise StoreRefused(
            f"{_without_password(target)} has schema version {version}, this program knows {SCHEMA_VERSION}: "
            "run the newer program, or name another --store (the journals fill it again)"
        )
    if not version:
        version = _FIRST_VERSION
        _step(dialect, "schema", version)
    for step in range(version + 1, SCHEMA_VERSION + 1):
        _step(dialect, f"to_{step}", step)


def _version(dialect: Dialect) -> int:
    """0: there are no tables yet."""
    if "schema_version" not in dialect.tables():
        return 0
    return int(dialect.query("SELECT max(version) FROM schema_version", (), QUERY_TIMEOUT_S)[0][0] or 0)


def _step(dialect: Dialect, name: str, version: int) -> None:
    with dialect.alone():
        if _version(dialect) < version:
            _make(dialect, name, version)


def _make(dialect: Dialect, name: str, version: int) -> None:
    stamp = ("INSERT INTO schema_version VALUES (?, ?)", (version, time.time_ns() // 1000))
    dialect.execute([*((statement, ()) for statement in _statements_for(dialect, name)), stamp])


def _statements_for(dialect: Dialect, step: str) -> list[str]:
    """The common statements, and those that this engine needs beside them."""
    own = f"{step}_{dialect.name}.sql"
    return _statements(f"{step}.sql") + (_statements(own) if (_HERE / own).is_file() else [])


def _statements(name: str) -> list[str]:
    lines = (_HERE / name).read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def _by_table(rows: Iterable[Row]) -> Batch:
    batch: defaultdict[type[Row], list[Row]] = defaultdict(list)
    for row in rows:
        batch[type(row)].append(row)
    if DecisionRow in batch:
        batch[KeyRow] += [
            KeyRow(row.at_us, key_of(row.uid), key_of(row.decision))
            for row in batch[DecisionRow]
            if isinstance(row, DecisionRow) and row.opens
        ]
    return batch


def _move_aside(target: str, why: StoreDamaged) -> str:
    if "://" in target or target == ":memory:":
        raise why
    suffix = time.strftime("damaged-%Y%m%dT%H%M%SZ", time.gmtime())
    for path in files_of(target):
        if path.exists():
            path.rename(path.with_name(f"{path.name}.{suffix}"))
    aside = f"{target}.{suffix}"
    _LOG.error(
        "store is damaged: moved to %s; a new one is filled from the journals that are still there: %s", aside, why
    )
    return aside


def _without_password(target: str) -> str:
    scheme, mark, rest = target.partition("://")
    if not mark:
        return target
    credentials, at, host = rest.rpartition("@")
    return f"{scheme}://{credentials.partition(':')[0]}{at}{host}"
