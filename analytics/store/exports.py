"""Decisions as files: CSV and JSON for people and programs, Parquet also to be taken in again, whole."""

from __future__ import annotations

import csv
import io
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_type_hints

import duckdb
import msgspec
import numpy as np
import orjson
import zstandard

from analytics.store.decisions import DecisionFilter, Decisions
from analytics.store.detail import MAX_BYTES
from analytics.store.joined import Frames, joined
from analytics.store.store import Position, Store
from analytics.store.tables import ChoiceRow, DecisionRow, DetailRow, OutcomeRow, RejectionRow, Row, VerdictRow

FORMATS: Final = ("csv", "json", "parquet")
LIMIT_MAX: Final = 100_000
LAYOUT: Final = "trimtab-decision-1"
"""Of the column `record`; told in the column `layout`."""
_AT_ONCE: Final = 500
_LOCKED: Final[dict[str, Any]] = {
    "threads": 1,
    "memory_limit": "256MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r")
_LEVEL: Final = 3
_COLUMN_OF: Final = {int: "BIGINT", float: "DOUBLE", str: "VARCHAR", bytes: "BLOB"}
_DTYPES: Final = {int: np.int64, float: np.float64, str: np.object_, bytes: np.object_}
# A path is no pattern: these signs stand for themselves inside brackets.
_NO_PATTERN: Final = str.maketrans({sign: f"[{sign}]" for sign in "*?["})


class TooMany(ValueError):
    """More decisions match than may be exported at once."""

    def __init__(self, found: int, limit: int) -> None:
        super().__init__(f"{found} decisions match, which is more than {limit}")
        self.found, self.limit = found, limit


class NotExported(ValueError):
    """The file is none that `write_parquet` made. The text says why."""


class Flat(msgspec.Struct, frozen=True):
    """One decision as one row: the columns of CSV and Parquet, in order. Times RFC 3339, durations milliseconds."""

    id: str
    time: str
    ended: str
    scheduler: str
    profile: str
    revision: str
    generation: int
    namespace: str
    pod: str
    uid: str
    owner: str
    priority: int
    attempt: int
    outcome: str
    node: str
    message: str
    seen_by: str
    nodes_in: int
    nodes_out: int
    filter_ms: float
    score_ms: float
    preempt_ms: float
    bind_ms: float
    duration_ms: float
    waited_ms: float
    rejections: str
    """JSON: [{plugin, phase, mode, reason, call, nodes}]."""
    scores: str
    """JSON: [{node, score, plugins}], best first."""


class _Record(msgspec.Struct, array_like=True):
    """All rows of one decision."""

    calls: list[DecisionRow]
    outcomes: list[OutcomeRow]
    rejections: list[RejectionRow]
    verdicts: list[VerdictRow]
    details: list[DetailRow]
    choices: list[ChoiceRow] = []

    def rows(self) -> Iterator[Row]:
        for rows in (self.calls, self.outcomes, self.rejections, self.verdicts, self.details, self.choices):
            yield from rows


@dataclass(frozen=True, slots=True)
class TakenIn:
    """Numbers of decisions."""

    new: int
    known: int
    """Were here already, by id, and stay as they are."""
    awaited: int
    """Left out: their journal is being read here, and has not come to them yet."""


class Exports:
    """Files made of one store. Questions from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._decisions = Decisions(store)

    def chosen(self, wanted: DecisionFilter, limit: int) -> list[str]:
        """Ids of all that match, newest first. Raises TooMany, StoreTimeout, StoreError."""
        heads = self._decisions.ids(wanted, limit + 1)
        if len(heads) > limit:
            raise TooMany(self._decisions.count(wanted), limit)
        return heads

    def csv(self, ids: Sequence[str]) -> Iterator[bytes]:
        """RFC 4180 with a line of names. A text that a spreadsheet may take for a formula begins with an apostrophe."""
        yield _csv([Flat.__struct_fields__])
        for frames in self._parts(ids):
            yield _csv([_cell(v) for v in msgspec.structs.astuple(flat(joined(one)))] for one in frames)

    def json(self, ids: Sequence[str]) -> Iterator[bytes]:
        """An array of decisions as `GET /api/decisions` tells them, one a line."""
        between = b"[\n"
        for frames in self._parts(ids):
            for one in frames:
                yield between + orjson.dumps(joined(one))
                between = b",\n"
        yield b"\n]\n" if between == b",\n" else b"[]\n"

    def parquet(self, ids: Sequence[str]) -> Iterator[bytes]:
        """The columns of CSV, and `layout` and `record`: all rows of the decision, for `take_in`."""
        with tempfile.TemporaryDirectory(prefix="trimtab-export-") as folder:
            path = Path(folder) / "decisions.parquet"
            self._write(path, ids)
            with path.open("rb") as file:
                yield from iter(lambda: file.read(1 << 18), b"")

    def _write(self, path: Path, ids: Sequence[str]) -> None:
        kinds = {**get_type_hints(Flat), "layout": str, "record": bytes}
        columns = ", ".join(f"{name} {_COLUMN_OF[kind]}" for name, kind in kinds.items())
        with duckdb.connect(str(path.with_suffix(".duckdb")), config=_LOCKED) as made:
            made.execute(f"CREATE TABLE decisions ({columns})")
            for frames in self._parts(ids):
                choices = self._choices(frames)
                rows = [
                    (*msgspec.structs.astuple(flat(joined(one))), LAYOUT, packed(one, choices.get(_id(one), [])))
                    for one in frames
                ]
                values = zip(*rows, strict=True)
                made.register("part", {n: _array(k, v) for (n, k), v in zip(kinds.items(), values, strict=True)})
                made.execute("INSERT INTO decisions SELECT * FROM part")
                made.unregister("part")
            target = str(path).replace("'", "''")
            made.execute(f"COPY decisions TO '{target}' (FORMAT parquet, COMPRESSION zstd)")

    def _choices(self, parts: Sequence[Frames]) -> dict[str, list[ChoiceRow]]:
        found: dict[str, list[ChoiceRow]] = {}
        for row in self._store.query(
            f"SELECT {', '.join(ChoiceRow.__struct_fields__)} FROM choice WHERE decision = ANY(?)",  # noqa: S608 our own names
            ([_id(frames) for frames in parts],),
        ):
            choice = ChoiceRow(*row)
            found.setdefault(choice.decision, []).append(choice)
        return found

    def _parts(self, ids: Sequence[str]) -> Iterator[list[Frames]]:
        """Decisions that retention removes meanwhile are left out."""
        for at in range(0, len(ids), _AT_ONCE):
            found = [frames for frames in self._decisions.frames(ids[at : at + _AT_ONCE]) if frames.calls]
            if found:
                yield found


def flat(decision: Mapping[str, Any]) -> Flat:
    """A decision as the lists tell it -> its row."""
    spent = dict.fromkeys(("filter", "score", "preempt", "bind"), 0.0)
    for phase in decision["phases"]:
        if phase["phase"] in spent:
            spent[phase["phase"]] += phase["duration_ms"]
    first = next((phase for phase in decision["phases"] if phase["phase"] == "filter"), decision["phases"][0])
    pod = decision["pod"]
    own = {
        name: decision[name] for name in Flat.__struct_fields__ if name in decision and name not in ("pod", "scores")
    }
    return Flat(
        **{**own, "ended": decision["ended"] or "", "rejections": orjson.dumps(decision["rejections"]).decode()},
        namespace=pod["namespace"],
        pod=pod["name"],
        uid=pod["uid"],
        owner=pod["owner"],
        priority=pod["priority"],
        nodes_in=first["nodes_in"],
        nodes_out=first["nodes_out"],
        filter_ms=round(spent["filter"], 4),
        score_ms=round(spent["score"], 4),
        preempt_ms=round(spent["preempt"], 4),
        bind_ms=round(spent["bind"], 4),
        scores=orjson.dumps([{k: s[k] for k in ("node", "score", "plugins")} for s in decision["scores"]]).decode(),
    )


def packed(frames: Frames, choices: Sequence[ChoiceRow] = ()) -> bytes:
    """All rows of one decision as MessagePack, compressed."""
    record = _Record(frames.calls, frames.outcomes, frames.rejections, frames.verdicts, frames.details, list(choices))
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(record))


def take_in(store: Store, path: Path) -> TakenIn:
    """The decisions of a Parquet file of ours into `store`, each once, by its id: one that is here stays as it is.

    Raises NotExported (nothing, or the part before the fault, is taken in then), StoreError.
    """
    new = known = awaited = 0
    for records in _records(path):
        here = _known(store, list(records))
        reached = store.positions()
        rows: list[Row] = []
        now_us = time.time_ns() // 1000
        for decision, record in records.items():
            if decision in here:
                known += 1
            elif any(_to_come(row, reached) for row in record.calls):
                awaited += 1
            else:
                new += 1
                rows += (_seen(row, now_us) for row in record.rows())
        if rows:
            store.write(rows)
    return TakenIn(new, known, awaited)


def _to_come(row: DecisionRow, reached: Mapping[str, Position]) -> bool:
    """Is the frame in a journal that is read here, further on?"""
    place = reached.get(row.producer)
    return place is not None and row.id >= (place.segment << 32 | place.offset)


def _seen(row: Row, now_us: int) -> Row:
    return msgspec.structs.replace(row, seen_us=now_us) if isinstance(row, DecisionRow | OutcomeRow) else row


def _known(store: Store, decisions: Sequence[str]) -> set[str]:
    rows = store.query("SELECT DISTINCT decision FROM decision WHERE decision = ANY(?)", (list(decisions),))
    return {row[0] for row in rows}


def _records(path: Path) -> Iterator[dict[str, _Record]]:
    """Decision id -> its rows, some at a time."""
    if not path.is_file():
        raise NotExported(f"{path}: there is no such file")
    try:
        with duckdb.connect(":memory:", config=_LOCKED) as reader:
            source = str(path).translate(_NO_PATTERN)
            found = reader.execute("SELECT id, layout, record FROM read_parquet(?)", [source])
            while rows := found.fetchmany(_AT_ONCE):
                yield {decision: _unpacked(path, decision, layout, body) for decision, layout, body in rows}
    except duckdb.Error as why:
        raise NotExported(f"{path}: not an export of decisions as Parquet ({str(why).splitlines()[0]})") from why


def _unpacked(path: Path, decision: object, layout: object, body: object) -> _Record:
    if layout != LAYOUT or not isinstance(body, bytes):
        raise NotExported(f"{path}: decision {decision!r} is laid out as {layout!r}; this program reads {LAYOUT!r}")
    try:
        plain = zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_BYTES)
        record = _DECODER.decode(plain)
    except (zstandard.ZstdError, msgspec.DecodeError) as why:
        raise NotExported(f"{path}: decision {decision!r} cannot be read: {why}") from why
    if not record.calls or {row.decision for row in record.rows()} != {decision}:  # type: ignore[union-attr]
        raise NotExported(f"{path}: decision {decision!r} holds rows of another, or none")
    return record


def _id(frames: Frames) -> str:
    return frames.calls[0].decision


def _array(kind: type, values: Sequence[Any]) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = np.empty(len(values), dtype=_DTYPES[kind])
    array[:] = values
    return array


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RISKY) else value


_DECODER: Final = msgspec.msgpack.Decoder(_Record)
