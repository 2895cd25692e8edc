"""The endpoints of the audit page: the required ones under /api/audit, and ours under /api/v1/audit."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import orjson

from analytics.audit import KINDS
from analytics.audit.anomalies import KINDS as UNUSUAL
from analytics.ingest.audit import metrics
from analytics.store.audit import MAX_LIMIT, Audits, EventFilter, sent, told
from analytics.store.findings import SEVERITIES, STATES, FindingFilter, Findings, violation
from analytics.store.findings import told as told_finding
from analytics.store.joined import rfc3339
from analytics.store.tables import AuditEventRow
from analytics.store.tokens import BadToken
from analytics.views.audit.analysis import patterns
from analytics.views.audit.context import context_of, rulebook
from analytics.views.audit.latency import split
from analytics.views.audit.worker import follow, states
from analytics.views.declaration import Endpoint, Kind, NotHere, NotValid, Parameter, View, Worker
from analytics.views.sources import Sources

LIMIT_DEFAULT: Final = 50
DAY_US: Final = 86_400_000_000
STEPS: Final = 48
"""Steps of the timeline."""
EVIDENCE_MAX: Final = 200
_PODS: Final = ("pods", "bindings")
_SHOWN: Final = ("open", "acknowledged")


def list_events(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    """R-127."""
    return _events(sources, given, EventFilter(since_us=given["start"], until_us=given["end"]), _required)


def list_violations(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    """R-128. Suppressed findings are no violations any more."""
    wanted = FindingFilter(
        severities=_several(given["severity"], "severity", SEVERITIES),
        states=_SHOWN,
        since_us=given["start"],
        until_us=given["end"],
    )
    page, following = _findings(sources, given, wanted)
    total = Findings(sources.store).count(wanted)
    return {"violations": [violation(one) for one in page], "total": total} | following


def list_patterns(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    """R-129."""
    _in_order(given)
    found = patterns(sources.store, given["start"], given["end"], context_of(sources)())
    return {"patterns": found[: given["limit"]], "total": len(found)}


def search_events(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    wanted = EventFilter(
        kind=given["kind"] or "",
        verb=given["verb"] or "",
        actor=given["user"] or "",
        namespace=given["namespace"] or "",
        name=given["name"] or "",
        node=given["node"] or "",
        since_us=given["start"],
        until_us=given["end"],
    )
    return _events(sources, given, wanted, told)


def one_event(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    row = Audits(sources.store).one(given["event"])
    if row is None:
        raise NotHere(f"no audit event {given['event']} is stored: it may be older than what is kept")
    about = Findings(sources.store).about(row.id)
    return {"event": told(row), "request": sent(row), "findings": [told_finding(one) for one in about]}


def list_values(sources: Sources, _given: Mapping[str, Any]) -> dict[str, list[str]]:
    return Audits(sources.store).values()


def list_findings(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    wanted = FindingFilter(
        rule=given["rule"] or "",
        severities=_several(given["severity"], "severity", SEVERITIES),
        states=_several(given["state"], "state", STATES),
        actor=given["user"] or "",
        since_us=given["start"],
        until_us=given["end"],
    )
    page, following = _findings(sources, given, wanted)
    total = Findings(sources.store).count(wanted)
    return {"findings": [told_finding(one) for one in page], "total": total, "limit": given["limit"]} | following


def one_finding(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    findings = Findings(sources.store)
    found = findings.one(given["finding"])
    if found is None:
        raise NotHere(f"there is no finding {given['finding']}: it may be older than what is kept")
    ids = orjson.loads(found.row.event_ids)[:EVIDENCE_MAX]
    rows = Audits(sources.store).find(EventFilter(ids=ids), limit=EVIDENCE_MAX).events if ids else []
    here = {row.id for row in rows}
    return {
        "finding": told_finding(found),
        "events": [told(row) | {"request": sent(row)} for row in reversed(rows)],
        "missing_event_ids": [event for event in ids if event not in here],
        "history": [
            {
                "time": rfc3339(row.at_us),
                "state": row.state,
                "who": row.who,
                "why": row.why,
                "until": rfc3339(row.until_us) if row.until_us else None,
                "similar": row.similar_too,
            }
            for row in findings.said(found.row.id)
        ],
    }


def list_rules(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    _in_order(given)
    counts = Findings(sources.store).by_rule(FindingFilter(since_us=given["start"], until_us=given["end"]))
    rules: list[tuple[str, str, str]] = [(rule.id, rule.title, rule.severity) for rule in rulebook(sources).rules()]
    rules += [(name, kind.title, kind.severity) for name, kind in UNUSUAL.items()]
    return {
        "rules": [
            {
                "rule": name,
                "title": title,
                "severity": severity,
                **{state: counts.get(name, {}).get(state, 0) for state in STATES},
            }
            for name, title, severity in rules
        ]
    }


def timeline(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    since_us, until_us = _range(given)
    step_us = max(1_000_000, (until_us - since_us) // STEPS)
    counted = Findings(sources.store).timeline(since_us, until_us, step_us)
    steps: dict[int, dict[str, int]] = {}
    for at_us, severity, count in counted:
        steps.setdefault(at_us, {})[severity] = count
    audits = Audits(sources.store)
    bindings, wait_us = audits.summary(since_us, until_us)
    return {
        "start": rfc3339(since_us),
        "end": rfc3339(until_us),
        "step_seconds": step_us / 1e6,
        "steps": [
            {"time": rfc3339(at_us), **{name: count.get(name, 0) for name in SEVERITIES}}
            for at_us, count in sorted(steps.items())
        ],
        "totals": {name: sum(count.get(name, 0) for count in steps.values()) for name in SEVERITIES},
        "kinds": audits.kinds(since_us, until_us),
        "total_bindings": bindings,
        "average_latency_ms": None if wait_us is None else round(wait_us / 1000, 2),
    }


def latency(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    since_us, until_us = _range(given)
    return split(Audits(sources.store).splits(since_us, until_us))


def status(sources: Sources, _given: Mapping[str, Any]) -> dict[str, Any]:
    settings = sources.settings()
    events, oldest_us, newest_us = Audits(sources.store).bounds()
    return {
        "logs": states(sources.store),
        "webhook": settings.audit_token is not None,
        "configured": bool(settings.audit_logs) or settings.audit_token is not None,
        "scheduler_identities": list(settings.scheduler_identities),
        "rules": rulebook(sources).status(),
        "events": events,
        "oldest": rfc3339(oldest_us) if events else None,
        "newest": rfc3339(newest_us) if events else None,
    }


def _required(row: AuditEventRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "time": rfc3339(row.at_us),
        "kind": row.kind,
        "verb": row.verb,
        "user": row.actor,
        "namespace": row.namespace,
        "pod": row.name if row.resource in _PODS else "",
        "node": row.node,
        "latency_ms": row.wait_us / 1000 if row.wait_us >= 0 else None,
        "code": row.code,
    }


def _events(sources: Sources, given: Mapping[str, Any], wanted: EventFilter, shape: Any) -> dict[str, Any]:
    _in_order(given)
    audits = Audits(sources.store)
    try:
        page = audits.find(wanted, limit=given["limit"], token=given["continue"] or "")
    except BadToken as wrong:
        raise _not_ours() from wrong
    answer = {"events": [shape(row) for row in page.events], "total": audits.count(wanted)}
    return answer | ({"continue": page.next} if page.next else {})


def _findings(sources: Sources, given: Mapping[str, Any], wanted: FindingFilter) -> tuple[list[Any], dict[str, str]]:
    _in_order(given)
    try:
        page = Findings(sources.store).find(wanted, limit=given["limit"], token=given["continue"] or "")
    except BadToken as wrong:
        raise _not_ours() from wrong
    return page.findings, {"continue": page.next} if page.next else {}


def _not_ours() -> NotValid:
    return NotValid("continue", "this value did not come from this list: start again without it")


def _several(text: str | None, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """One value, or several joined by commas. Raises NotValid."""
    chosen = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    for part in chosen:
        if part not in allowed:
            raise NotValid(name, f"must be one of {', '.join(allowed)}, or several joined by commas, not {part!r}")
    return chosen


def _in_order(given: Mapping[str, Any]) -> None:
    start, end = given.get("start"), given.get("end")
    if start is not None and end is not None and start >= end:
        raise NotValid("start", "must lie before `end`")


def _range(given: Mapping[str, Any]) -> tuple[int, int]:
    """The last day without a start. Raises NotValid."""
    _in_order(given)
    until_us = given["end"] if given["end"] is not None else time.time_ns() // 1000
    since_us = given["start"] if given["start"] is not None else until_us - DAY_US
    if since_us >= until_us:
        raise NotValid("start", "must lie before `end`")
    return since_us, until_us


_LIMIT: Final = Parameter("limit", "At most this many.", Kind.INTEGER, LIMIT_DEFAULT, minimum=1, maximum=MAX_LIMIT)
_NEXT: Final = Parameter("continue", "Value of `continue` of the page before.", length_max=2048)
_START: Final = Parameter("start", "Only what happened at or after this time.", Kind.TIME)
_END: Final = Parameter("end", "Only what happened before this time.", Kind.TIME)
_SEVERITY: Final = Parameter("severity", f"One of {', '.join(SEVERITIES)}, or several joined by commas.")
_USER: Final = Parameter("user", "Who did it.")
_BETWEEN: Final = (_START, _END)
_PAGED: Final = (_START, _END, _LIMIT, _NEXT)

VIEW: Final = View(
    slug="audit",
    title="Audit",
    tool="scheduler-audit-analyzer",
    workers=(Worker("audit", follow),),
    collectors=metrics.COLLECTORS,
    endpoints=(
        Endpoint("/api/audit/events", "Audit events that concern scheduling, newest first.", list_events, _PAGED),
        Endpoint(
            "/api/audit/violations",
            "What the rules found, newest first; suppressed findings are left out.",
            list_violations,
            (*_PAGED, _SEVERITY),
        ),
        Endpoint("/api/audit/patterns", "Repeated ways of scheduling.", list_patterns, (*_BETWEEN, _LIMIT)),
        Endpoint(
            "/api/v1/audit/events",
            "Audit events with everything that is kept of them but what was sent, newest first.",
            search_events,
            (
                *_PAGED,
                Parameter("kind", "What kind of event.", Kind.CHOICE, choices=KINDS),
                Parameter("verb", "Verb of the request."),
                _USER,
                Parameter("namespace", "Namespace of the object."),
                Parameter("name", "Part of the object's name."),
                Parameter("node", "Where the binding went, or the node that it is about."),
            ),
        ),
        Endpoint(
            "/api/v1/audit/events/{event}",
            "One audit event, what was sent, and the findings that it is evidence of.",
            one_event,
            (Parameter("event", "Its auditID.", length_max=1024),),
        ),
        Endpoint("/api/v1/audit/values", "Values that the filters of events may take.", list_values),
        Endpoint(
            "/api/v1/audit/findings",
            "What the rules found, with what people said about it, newest first.",
            list_findings,
            (
                *_PAGED,
                _SEVERITY,
                Parameter("state", f"One of {', '.join(STATES)}, or several joined by commas."),
                Parameter("rule", "Id of a rule, such as SCH-02."),
                _USER,
            ),
        ),
        Endpoint(
            "/api/v1/audit/findings/{finding}",
            "One finding with its evidence, and all that was said about it.",
            one_finding,
            (Parameter("finding", "Its id.", length_max=64),),
        ),
        Endpoint("/api/v1/audit/rules", "The rules, and how often each found something.", list_rules, _BETWEEN),
        Endpoint("/api/v1/audit/timeline", "Findings by severity over time, and totals.", timeline, _BETWEEN),
        Endpoint("/api/v1/audit/latency", "Where pods' time goes from creation to binding.", latency, _BETWEEN),
        Endpoint("/api/v1/audit/status", "Which logs are read, how far, and what is wrong.", status),
    ),
)
