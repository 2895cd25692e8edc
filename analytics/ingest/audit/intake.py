"""Audit events -> rows and findings, each event once, whoever brings it and however often.

An event is known by its auditID. The rows of a batch and the position of the file that it came from are one
transaction; what the rules remember (thresholds, sequences) is filled again from the store at a start.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from analytics.audit import (
    Anomalies,
    AuditEvent,
    BadEvent,
    Context,
    Detector,
    Finding,
    Latencies,
    Rule,
    kind_of,
    read_events,
    shipped_rules,
)
from analytics.ingest.audit import metrics
from analytics.ingest.audit.rows import TEXT_MAX, event_of, finding_id, finding_row, is_short, row_of
from analytics.store import Store, StoreError
from analytics.store.audit import UNKNOWN_US, Audits
from analytics.store.dialect import RowsRefused
from analytics.store.findings import Findings
from analytics.store.tables import AuditEventRow, AuditPositionRow, FindingRow, Row

SEEN_MAX: Final = 200_000
"""auditIDs that are remembered; older ones that were stored are found in the store."""
ASIDE_MAX: Final = 20_000
"""Events that were not stored and may yet become evidence."""
UNWRITTEN_MAX: Final = 50_000
WARM_EVENTS: Final = 5_000
WARM_US: Final = 30 * 60 * 1_000_000
OPEN_PODS_MAX: Final = 50_000
OPEN_PODS_US: Final = 24 * 3600 * 1_000_000
_EARLY: Final = "RequestReceived"
"""The stage before anything is known of the outcome; a later one follows."""
_REFUSALS: Final = (401, 403)
"""Kept whatever they concern: somebody tries doors."""
_LOG: Final = logging.getLogger(__name__)


_Aside = tuple[AuditEvent, str, int]
"""A short event, its source, and when it was taken: few become rows."""


class Busy(Exception):
    """Too much waits to be stored. Nothing was taken: send it again later."""


@dataclass(slots=True)
class Taken:
    """What one batch was made of."""

    events: int = 0
    """New ones."""
    known: int = 0
    """Those that were taken before, or wait for a later stage."""
    stored: int = 0
    bad: list[str] = field(default_factory=list)
    """What was wrong, the first few."""
    bad_count: int = 0
    findings: list[str] = field(default_factory=list)
    """Ids of new ones."""


class Intake:
    """One per store. Any thread; one batch at a time."""

    def __init__(
        self,
        store: Store,
        context: Callable[[], Context],
        *,
        rules: Callable[[], Sequence[Rule]] = shipped_rules,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`context` and `rules` are asked anew for each batch: what they say may change."""
        self._store = store
        self._context = context
        self._rules = rules
        self._clock = clock
        self._lock = threading.Lock()
        self._detector: Detector | None = None
        self._anomalies: Anomalies | None = None
        self._in_force = context()
        self._ruled = rules()
        self._latencies = Latencies()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._aside: OrderedDict[str, AuditEventRow | _Aside] = OrderedDict()
        self._unwritten: list[Row] = []
        self._seen_us = 0

    def take(
        self,
        lines: Sequence[bytes],
        source: str,
        *,
        way: str,
        position: Callable[[int], AuditPositionRow] | None = None,
    ) -> Taken:
        """Lines, or bodies of a webhook. `position` makes the row of the reader's place, given the time.

        When it returns, everything is stored. Raises Busy: nothing was taken, bring it again. Raises StoreError: all
        was taken and waits in memory for the next `take` or `flush`; the same again is told as duplicates.
        """
        with self._lock:
            taken = Taken()
            try:
                if len(self._unwritten) > UNWRITTEN_MAX:
                    self._write()
                self._prepare(self._read(lines, way, taken), source, taken)
            except StoreError as trouble:
                raise Busy(f"nothing was taken, because the store does not answer: {trouble}") from trouble
            if position is not None:
                self._unwritten.append(position(self._seen_us))
            self._write()
            return taken

    def flush(self) -> None:
        """Write what the store would not take before. Raises StoreError."""
        with self._lock:
            self._write()

    def begin_again(self) -> None:
        """The store was lost: what is told again is taken again."""
        with self._lock:
            self._seen.clear()
            self._aside.clear()
            self._unwritten.clear()
            self._detector = None

    # --- reading

    def _read(self, lines: Sequence[bytes], way: str, taken: Taken) -> list[AuditEvent]:
        events: list[AuditEvent] = []
        for line in lines:
            if line.strip():
                for found in read_events(line):
                    if isinstance(found, BadEvent):
                        _note(taken, way, str(found))
                    else:
                        events.append(found)
        return events

    # --- judging

    def _prepare(self, events: Sequence[AuditEvent], source: str, taken: Taken) -> None:
        """Rows and findings of what is new, behind those that wait. Raises StoreError, and nothing is changed then."""
        # Rules are told apart by what they are: to compare them would take longer than a batch.
        if self._detector is None or self._in_force != self._context() or self._ruled is not self._rules():
            self._open()
        detector, anomalies = self._detector, self._anomalies
        if detector is None or anomalies is None:
            raise StoreError("the rules of the audit log have not been loaded")
        fresh = self._fresh(events)
        taken.known = len(events) - len(fresh)
        quiet = Findings(self._store).quiet(self._now_us()) if fresh else set()
        self._seen_us = max(self._seen_us + 1, self._now_us())
        found: list[Finding] = []
        kinds: Counter[str] = Counter()
        for event in fresh:
            self._remember(event.audit_id)
            taken.events += 1
            kind = self._kind(event)
            wait_us = self._wait_us(event, kind)
            new = self._findings(detector, event) + self._findings(anomalies, event)
            found += new
            if kind:
                kinds[kind] += 1
            if kind or new or event.code in _REFUSALS:
                self._unwritten.append(row_of(event, kind, source, self._seen_us, wait_us=wait_us))
                taken.stored += 1
            elif is_short(event):
                self._put_aside(event.audit_id[:TEXT_MAX], (event, source, self._seen_us))
            else:
                row = row_of(event, kind, source, self._seen_us)
                self._put_aside(row.id, row)
        for kind, count in kinds.items():
            metrics.EVENTS.labels(kind).inc(count)
        metrics.LEFT_OUT.labels("other").inc(taken.events - taken.stored)
        self._add(found, quiet, taken)

    def _fresh(self, events: Sequence[AuditEvent]) -> list[AuditEvent]:
        """Each auditID once, and none that is known here or in the store; early stages wait for the later one."""
        late = [event for event in events if event.stage != _EARLY]
        unknown: dict[str, AuditEvent] = {}
        for event in late:
            if event.audit_id not in self._seen:
                unknown.setdefault(event.audit_id, event)
        stored: set[str] = set()
        if unknown:
            oldest_us = min(event.at_us for event in unknown.values())
            stored = Audits(self._store).known(list(unknown), oldest_us)
        fresh = [event for name, event in unknown.items() if name not in stored]
        metrics.LEFT_OUT.labels("early stage").inc(len(events) - len(late))
        metrics.LEFT_OUT.labels("duplicate").inc(len(late) - len(fresh))
        for name in stored:
            self._remember(name)
        return fresh

    def _kind(self, event: AuditEvent) -> str:
        try:
            return kind_of(event, self._in_force.scheduler_identities)
        except Exception as fault:  # noqa: BLE001 - a log may hold anything, and must not stop the reading
            self._faulty(event, fault)
            return ""

    def _wait_us(self, event: AuditEvent, kind: str) -> int:
        skewed = self._latencies.skewed
        try:
            wait_ms = self._latencies.see(event, kind)
        except Exception as fault:  # noqa: BLE001 - as above
            self._faulty(event, fault)
            return UNKNOWN_US
        metrics.SKEW.inc(self._latencies.skewed - skewed)
        return UNKNOWN_US if wait_ms is None else int(wait_ms * 1000)

    def _findings(self, detector: Detector | Anomalies, event: AuditEvent) -> list[Finding]:
        try:
            return detector.see(event)
        except Exception as fault:  # noqa: BLE001 - as above
            self._faulty(event, fault)
            return []

    def _faulty(self, event: AuditEvent, fault: Exception) -> None:
        metrics.RULE_FAULTS.inc()
        _LOG.error("the rules could not be asked about audit event %s: %s", event.audit_id, fault, exc_info=fault)

    def _add(self, found: Sequence[Finding], quiet: set[tuple[str, str]], taken: Taken) -> None:
        """Findings, with the evidence that was put aside before."""
        for name, finding in {finding_id(finding): finding for finding in found}.items():
            self._unwritten.append(finding_row(finding, self._seen_us))
            taken.findings.append(name)
            if (finding.rule, finding.user) not in quiet:
                metrics.VIOLATIONS.labels(finding.rule, finding.severity).inc()
            for event in finding.event_ids:
                evidence = self._aside.pop(event, None)
                if evidence is not None:
                    self._unwritten.append(evidence if isinstance(evidence, AuditEventRow) else _row_of(*evidence))

    def _remember(self, event: str) -> None:
        self._seen[event] = None
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)

    def _put_aside(self, event: str, row: AuditEventRow | _Aside) -> None:
        self._aside[event] = row
        if len(self._aside) > ASIDE_MAX:
            self._aside.popitem(last=False)

    # --- beginning

    def _open(self) -> None:
        """A detector that knows what happened lately. Raises StoreError."""
        audits = Audits(self._store)
        now_us = self._now_us()
        lately = audits.newest(WARM_EVENTS, now_us - WARM_US)
        waiting = [] if self._detector else audits.open_pods(now_us - OPEN_PODS_US, OPEN_PODS_MAX)
        self._in_force, self._ruled = self._context(), self._rules()
        detector = Detector(self._ruled, self._in_force)
        anomalies = Anomalies(self._in_force)
        for row in lately:
            self._remember(row.id)
            event = event_of(row)
            self._findings(detector, event)
            self._findings(anomalies, event)
        for row in waiting:
            event = event_of(row)
            self._wait_us(event, self._kind(event))
        self._detector, self._anomalies = detector, anomalies

    # --- writing

    def _write(self) -> None:
        if not self._unwritten:
            return
        try:
            self._store.revive()
            self._write_all(self._unwritten)
        except StoreError:
            metrics.FAILURES.inc()
            raise
        self._unwritten = []

    def _write_all(self, rows: list[Row]) -> None:
        """A row that the store refuses for what it holds is found by halving, told and left out."""
        try:
            with self._store.alone():
                self._store.write(self._news(rows))
        except RowsRefused as refusal:
            if len(rows) == 1:
                metrics.LEFT_OUT.labels("refused").inc()
                _LOG.error("the store refuses %s: %s", type(rows[0]).__name__, refusal)
                return
            middle = len(rows) // 2
            self._write_all(rows[:middle])
            self._write_all(rows[middle:])

    def _news(self, rows: Sequence[Row]) -> list[Row]:
        """Without the events and findings that another sidecar has stored since they were judged."""
        if not self._store.shared:
            return list(rows)
        events = {row.id: row.at_us for row in rows if isinstance(row, AuditEventRow)}
        stored = Audits(self._store).known(list(events), min(events.values(), default=0))
        found = Findings(self._store).known([row.id for row in rows if isinstance(row, FindingRow)])
        return [
            row
            for row in rows
            if not (isinstance(row, AuditEventRow) and row.id in stored)
            and not (isinstance(row, FindingRow) and row.id in found)
        ]

    def _now_us(self) -> int:
        return int(self._clock() * 1_000_000)


_INTAKES: Final[WeakKeyDictionary[Store, Intake]] = WeakKeyDictionary()
_MAKING: Final = threading.Lock()


def intake_of(store: Store, make: Callable[[], Intake]) -> Intake:
    """The one intake of a store: what files and webhook bring meets there."""
    with _MAKING:
        made = _INTAKES.get(store)
        if made is None:
            made = _INTAKES[store] = make()
        return made


def _row_of(event: AuditEvent, source: str, seen_us: int) -> AuditEventRow:
    """Of an event that does not concern scheduling."""
    return row_of(event, "", source, seen_us)


def _note(taken: Taken, way: str, wrong: str) -> None:
    metrics.BAD.labels(way).inc()
    taken.bad_count += 1
    if len(taken.bad) < 5:  # noqa: PLR2004 - enough to see what it is
        taken.bad.append(wrong)
