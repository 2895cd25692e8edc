"""The audit analyzer for programs (R-103): load logs, analyze a range."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from analytics.audit.analysis import Analysis, analyze
from analytics.audit.context import Context
from analytics.audit.event import LONGEST, AuditEvent, BadEvent, read_events
from analytics.audit.rule import Rule

_HOUR_US = 3600 * 1_000_000


class CannotLoad(Exception):
    """A log cannot be read, or holds no audit event; the text begins with its path."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a log holds. Times in microseconds UTC."""

    path: Path
    events: int
    first_us: int
    last_us: int
    bad: int
    """Lines that are no audit event: cut ones, for example."""
    first_bad: str = ""
    """What is wrong with the first of them, with its line."""


class SchedulingAuditAnalyzer:
    """Keeps the paths of its logs and reads them anew for each analysis: a log may be larger than memory.

    >>> analyzer = SchedulingAuditAnalyzer()
    >>> analyzer.load_audit_log("/var/log/audit/audit.log")  # doctest: +SKIP
    >>> analyzer.analyze().average_latency_ms  # doctest: +SKIP
    """

    def __init__(self, rules: Sequence[Rule] | None = None, context: Context | None = None) -> None:
        self._rules, self._context = rules, context
        self.logs: list[Loaded] = []

    def load_audit_log(self, path: str | Path) -> Loaded:
        """JSON lines in any known envelope, `.gz` too. Raises CannotLoad."""
        path = Path(path)
        events = bad = first = last = 0
        first_bad = ""
        for number, found in _read(path):
            if isinstance(found, BadEvent):
                bad += 1
                first_bad = first_bad or f"line {number}: {found}"
                continue
            events += 1
            first = min(first or found.at_us, found.at_us)
            last = max(last, found.at_us)
        if not events:
            raise CannotLoad(f"{path}: no audit event in it; {first_bad or 'the file is empty'}")
        loaded = Loaded(path, events, first, last, bad, first_bad)
        self.logs = sorted([one for one in self.logs if one.path != path] + [loaded], key=lambda one: one.first_us)
        return loaded

    def analyze(self, start: datetime | None = None, end: datetime | None = None) -> Analysis:
        """From `start` up to `end`; without an end up to the newest event, without a start the hour before. Times
        without a zone are UTC. Raises CannotLoad, and ValueError for a range that ends before it begins."""
        if not self.logs:
            raise CannotLoad("no audit log is loaded")
        end_us = _micros(end) if end else max(one.last_us for one in self.logs) + 1
        start_us = _micros(start) if start else max(0, end_us - _HOUR_US)
        return analyze(self._events(), start_us, end_us, self._rules, self._context)

    def _events(self) -> Iterator[AuditEvent]:
        for log in self.logs:
            for _, found in _read(log.path):
                if isinstance(found, AuditEvent):
                    yield found


def _micros(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)


def _read(path: Path) -> Iterator[tuple[int, AuditEvent | BadEvent]]:
    """With the number of the line. Raises CannotLoad."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as opened:
            for number, line in _lines(cast("IO[bytes]", opened)):
                if line.strip():
                    for found in read_events(line):
                        yield number, found
    except (OSError, EOFError) as wrong:
        raise CannotLoad(f"{path}: {getattr(wrong, 'strerror', None) or wrong}") from None


def _lines(opened: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """No line is read further than one byte past the longest: what follows of it is passed over."""
    number = 0
    while line := opened.readline(LONGEST + 1):
        number += 1
        yield number, line
        while len(line) > LONGEST and not line.endswith(b"\n"):
            line = opened.readline(LONGEST + 1)
            if not line:
                return
