"""The audit analyzer's analysis (R-130), and what people say about its findings."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio.to_thread

from analytics.control.call import Asked, Body, Call, Reply, data, done
from analytics.control.caller import Right
from analytics.control.tools import Tools
from analytics.store import StoreError
from analytics.store.findings import Findings, Found, told
from analytics.store.tables import FindingStateRow
from analytics.views.audit.analysis import analyze
from analytics.views.audit.context import context_of
from analytics.views.declaration import Parameter
from analytics.views.sources import Sources
from extender.control.audit import entry_of, noted
from extender.control.problems import Detail, Invalid, NotFound, Unreachable

HOUR_US: Final = 3_600_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_RANGE: Final = {
    "type": "object",
    "properties": {
        "start": {"type": "string", "format": "date-time"},
        "end": {"type": "string", "format": "date-time"},
    },
    "additionalProperties": False,
}
_ACKNOWLEDGE: Final = {
    "type": "object",
    "required": ["why"],
    "properties": {"why": {"type": "string", "minLength": 1, "maxLength": 1000}},
    "additionalProperties": False,
}
_SUPPRESS: Final = {
    "type": "object",
    "required": ["why"],
    "properties": {
        "why": {"type": "string", "minLength": 1, "maxLength": 1000},
        "until": {"type": "string", "format": "date-time"},
        "similar": {"type": "boolean"},
    },
    "additionalProperties": False,
}
_WHY_MAX: Final = 1000
_FINDING: Final = Parameter("finding", "Its id.", length_max=64)


class _Audit:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def analyze(self, asked: Asked) -> Reply:
        body = _fields(asked.body, _RANGE)
        now_us = time.time_ns() // 1000
        until_us = _time(body, "end") or now_us
        since_us = _time(body, "start") or until_us - HOUR_US
        if since_us >= until_us:
            raise Invalid("The time range is empty.", [Detail("start", "must lie before `end`")])
        sources = self._sources()
        return data(await _asking(analyze, sources.store, since_us, until_us, context_of(sources)()))

    async def acknowledge(self, asked: Asked) -> Reply:
        return await self._say(asked, "acknowledged", _fields(asked.body, _ACKNOWLEDGE))

    async def suppress(self, asked: Asked) -> Reply:
        return await self._say(asked, "suppressed", _fields(asked.body, _SUPPRESS))

    async def reopen(self, asked: Asked) -> Reply:
        return await self._say(asked, "open", _fields(asked.body, _ACKNOWLEDGE))

    async def _say(self, asked: Asked, state: str, body: Mapping[str, Any]) -> Reply:
        why, until_us = _why(body), _time(body, "until")
        now_us = time.time_ns() // 1000
        if until_us and until_us <= now_us:
            raise Invalid("The time is over.", [Detail("until", "must lie in the future")])
        similar = body.get("similar", False)
        if not isinstance(similar, bool):
            raise Invalid("The body cannot be used.", [Detail("similar", "must be true or false")])
        findings = Findings(self._sources().store)
        name = asked.given["finding"]
        found = await _asking(findings.one, name)
        if found is None:
            raise NotFound(f"There is no finding {name}.")
        action = {"acknowledged": "acknowledge", "suppressed": "suppress", "open": "reopen"}[state]
        if not asked.dry_run:
            row = FindingStateRow(
                name, now_us, state, asked.caller.actor.name, why, until_us, similar, found.row.rule, found.row.actor
            )
            await _asking(findings.say, row)
        warnings = await self._note(asked, action, name, why)
        after: Found | None = await _asking(findings.one, name)
        reply = done(f"{action}: {found.row.rule}", told(after or found))
        return Reply(reply.value | ({"warnings": warnings} if warnings else {}))

    async def _note(self, asked: Asked, action: str, finding: str, why: str) -> list[str]:
        entry = entry_of(
            asked.caller.actor,
            f"audit {action}",
            f"findings/{finding}",
            why,
            result="dry run" if asked.dry_run else "done",
        )
        return await noted(self._tools.audit, entry)

    def _sources(self) -> Sources:
        """Raises Unreachable."""
        if self._tools.sources is None:
            raise Unreachable("There is no store here, so there are no audit events.")
        return self._tools.sources


async def _asking(question: Any, *given: Any) -> Any:
    """A question to the store, in a thread. Raises Unreachable."""
    try:
        return await anyio.to_thread.run_sync(question, *given)
    except StoreError as trouble:
        raise Unreachable(f"The store does not answer: {trouble}") from trouble


def _fields(body: Any, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises Invalid."""
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise Invalid("The body cannot be used.", [Detail("", "must be a JSON object")])
    known = schema["properties"]
    if unknown := [name for name in body if name not in known]:
        raise Invalid("The body cannot be used.", [Detail(unknown[0][:100], f"is none of {', '.join(known)}")])
    return body


def _why(body: Mapping[str, Any]) -> str:
    """Raises Invalid."""
    why = body.get("why")
    if not isinstance(why, str) or not why.strip() or len(why) > _WHY_MAX:
        raise Invalid("Say why.", [Detail("why", f"must be a text of 1 to {_WHY_MAX} characters")])
    if not why.replace("\n", " ").isprintable():
        raise Invalid("Say why.", [Detail("why", "holds control characters")])
    return why.strip()


def _time(body: Mapping[str, Any], name: str) -> int:
    """Microseconds; 0: not given. Raises Invalid."""
    if name not in body:
        return 0
    text = body[name]
    try:
        at = datetime.fromisoformat(text)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (TypeError, ValueError, OverflowError) as wrong:
        message = "must be a time such as 2026-01-02T03:04:05Z"
        raise Invalid("The body cannot be used.", [Detail(name, message)]) from wrong


def calls(tools: Tools) -> tuple[Call, ...]:
    own = _Audit(tools)
    return (
        Call(
            "POST",
            "/api/audit/analyze",
            "Analyze a time range of the audit log; without a body, the last hour.",
            Right.VIEW,
            own.analyze,
            body=Body.JSON,
            schema=_RANGE,
        ),
        Call(
            "POST",
            "/api/v1/audit/findings/{finding}/acknowledge",
            "Say that somebody has looked at a finding.",
            Right.CHANGE,
            own.acknowledge,
            (_FINDING,),
            body=Body.JSON,
            body_needed=True,
            schema=_ACKNOWLEDGE,
            changes=True,
        ),
        Call(
            "POST",
            "/api/v1/audit/findings/{finding}/suppress",
            "Show a finding no more, until a time or for good; with `similar` none of its rule about its user either.",
            Right.CHANGE,
            own.suppress,
            (_FINDING,),
            body=Body.JSON,
            body_needed=True,
            schema=_SUPPRESS,
            changes=True,
        ),
        Call(
            "POST",
            "/api/v1/audit/findings/{finding}/reopen",
            "Take back what was said about a finding.",
            Right.CHANGE,
            own.reopen,
            (_FINDING,),
            body=Body.JSON,
            body_needed=True,
            schema=_ACKNOWLEDGE,
            changes=True,
        ),
    )
