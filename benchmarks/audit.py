"""The audit log: events a second from a file through the rules into the store, and how well the rules tell attacks."""

from __future__ import annotations

import gc
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from analytics.audit import Context, Finding, shipped_rules
from analytics.audit.generator import Corpus, Label, generate
from analytics.audit.lab.score import Score, scores
from analytics.ingest.audit import Intake
from analytics.ingest.audit.tail import Tail
from analytics.store import Store
from analytics.store.findings import MAX_LIMIT, Findings
from benchmarks.bench import Bench
from benchmarks.programs import BenchmarkFailed

DEPLOYER = "system:serviceaccount:gitops:applier"
"""Of the labelled log: it applies what others have reviewed, some of it powerful."""
SEEDS = (11, 12, 13)


@dataclass(frozen=True, slots=True)
class Log:
    """A labelled log in a file. Its events are not kept: the sidecar that reads it would not have them in memory."""

    path: Path
    events: int
    labels: Sequence[Label]


@dataclass(frozen=True, slots=True)
class Read:
    """One log, read to its end into an empty store."""

    seconds: float
    cpu_s: float
    stored: int
    findings: list[Finding]


def measure(bench: Bench) -> dict[str, Any]:
    """Raises BenchmarkFailed where an event is lost, or comes twice into the store."""
    plan, known = bench.plan, replace(Context(), deployers=frozenset({DEPLOYER}))
    logs = bench.folder / "audit-logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    each: list[tuple[Log, Read]] = []
    for seed in SEEDS[: plan.repeats]:
        log = log_of(generate(seed, plan.audit_rounds, plan.audit_scenes), logs / f"{seed}.log")
        bench.say(f"an audit log of {log.events} events, seed {seed}")
        each.append((log, read(log, known, bench.folder / "audit")))
    first, _ = each[0]
    untold = read(first, Context(), bench.folder / "audit")
    rates = [log.events / found.seconds for log, found in each]
    return {
        "events": sum(log.events for log, _ in each),
        "stored": sum(found.stored for _, found in each),
        "event_bytes": round(first.path.stat().st_size / first.events),
        "events_per_s": {"value": statistics.median(rates), "low": min(rates), "high": max(rates)},
        "events_per_cpu_s": statistics.median(log.events / found.cpu_s for log, found in each),
        "quality": quality([score for log, found in each for score in judged(log.labels, found.findings)])
        | {"precision_untold": quality(judged(first.labels, untold.findings))["precision"]},
    }


def log_of(corpus: Corpus, path: Path) -> Log:
    path.write_bytes(written(corpus.events))
    return Log(path, len(corpus.events), corpus.labels)


def read(given: Log, context: Context, folder: Path) -> Read:
    """The folder is emptied first. Raises BenchmarkFailed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "audit.log"
    shutil.copyfile(given.path, log)
    # What was made on the way here is none of the reader's to walk over, as it would be in a sidecar.
    gc.collect()
    store = Store.open(str(folder / "store.duckdb"))
    try:
        tail = Tail(log, store, Intake(store, lambda: context))
        begin, cpu = time.perf_counter(), time.process_time()
        lines = 0
        while taken := tail.step():
            lines += taken
        seconds, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        status = tail.status()
        tail.close()
        if lines != given.events or status["bad_lines"] or status["error"]:
            raise BenchmarkFailed(f"of {given.events} audit events {lines} were read: {status}")
        ids = [str(row[0]) for row in store.query("SELECT id FROM audit_event")]
        if len(ids) != len(set(ids)):
            raise BenchmarkFailed(f"{len(ids) - len(set(ids))} audit events are twice in the store")
        return Read(seconds, cpu_s, len(ids), stored_findings(store))
    finally:
        store.close()


def written(events: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(event) + b"\n" for event in events)


def stored_findings(store: Store) -> list[Finding]:
    """Those of the rules; of what they say only what a score asks for."""
    told: list[Finding] = []
    findings, token = Findings(store), ""
    while True:
        page = findings.find(limit=MAX_LIMIT, token=token)
        told += [
            Finding(
                rule=one.row.rule,
                title=one.row.title,
                severity=one.row.severity,
                at_us=one.row.at_us,
                user=one.row.actor,
                object=one.row.object,
                description=one.row.description,
                event_ids=tuple(orjson.loads(one.row.event_ids)),
            )
            for one in page.findings
        ]
        token = page.next
        if not token:
            return told


def judged(labels: Sequence[Label], findings: Sequence[Finding]) -> list[Score]:
    return scores([rule.id for rule in shipped_rules()], labels, findings)


def quality(each: Sequence[Score]) -> dict[str, Any]:
    """All rules of all logs together; 1 where there was nothing to find, and where nothing was found."""
    findings, attacks = sum(one.findings for one in each), sum(one.attacks for one in each)
    right, found = sum(one.right for one in each), sum(one.found for one in each)
    return {
        "findings": findings,
        "attacks": attacks,
        "precision": right / findings if findings else 1.0,
        "recall": found / attacks if attacks else 1.0,
        "missed": sorted({f"{one.rule}: {name}" for one in each for name in one.missed}),
        "wrong": {
            rule: wrong
            for rule in sorted({one.rule for one in each})
            if (wrong := sum(one.findings - one.right for one in each if one.rule == rule))
        },
    }
