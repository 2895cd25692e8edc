"""`POST /api/analysis/run` (R-170): a deep analysis now. It changes nothing."""

from __future__ import annotations

import functools
import time
from datetime import datetime
from typing import Annotated, Any, Final

import anyio.to_thread
import msgspec

from analytics.control.call import Asked, Body, Call, Reply, data
from analytics.control.caller import Right
from analytics.control.tools import Tools
from analytics.store import StoreError
from analytics.views.analyzer.analyzer import MEASURES, TYPES, SchedulerAnalyzer
from analytics.views.analyzer.span import TimeRange
from analytics.views.declaration import NotValid
from extender.control.problems import Detail, Invalid, Unreachable

PATH: Final = "/api/analysis/run"
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _Range(msgspec.Struct, forbid_unknown_fields=True):
    start: _Time | None = None
    end: _Time | None = None


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    scheduler: Annotated[str, msgspec.Meta(max_length=253)] = ""
    analysis_type: str = "performance"
    time_range: _Range = msgspec.field(default_factory=_Range)
    metrics: Annotated[list[str], msgspec.Meta(max_length=len(MEASURES))] = msgspec.field(
        default_factory=lambda: list(MEASURES)
    )


_SCHEMA: Final = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "properties": {
        "scheduler": {"type": "string", "maxLength": 253},
        "analysis_type": {"enum": list(TYPES)},
        "time_range": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "start": {"type": ["string", "null"], "format": "date-time"},
                "end": {"type": ["string", "null"], "format": "date-time"},
            },
        },
        "metrics": {"type": "array", "minItems": 1, "maxItems": len(MEASURES), "items": {"enum": list(MEASURES)}},
    },
}


class _Analyses:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self, asked: Asked) -> Reply:
        sources = self._tools.sources
        if sources is None:
            raise Unreachable("This console keeps no decisions that could be analyzed.")
        wanted = _read(asked.body)

        def analyze() -> dict[str, Any]:
            span = TimeRange.of(
                _us(wanted.time_range.start), _us(wanted.time_range.end), int(time.time() * 1e6), "time_range."
            )
            return SchedulerAnalyzer(sources, wanted.scheduler).run(wanted.analysis_type, span, wanted.metrics)

        try:
            return data(await anyio.to_thread.run_sync(functools.partial(analyze)))
        except NotValid as wrong:
            raise Invalid("the analysis cannot be made", [Detail(wrong.path, wrong.message)]) from wrong
        except StoreError as trouble:
            raise Unreachable(f"The store does not answer: {trouble}") from trouble


def _read(body: Any) -> _Asked:
    """Raises Invalid."""
    try:
        return msgspec.convert({} if body is None else body, _Asked)
    except msgspec.ValidationError as wrong:
        text, _, path = str(wrong).partition(" - at `$")
        raise Invalid("the body cannot be used", [Detail(path.strip("`.") or "body", text)]) from wrong


def _us(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1_000_000)


def calls(tools: Tools) -> tuple[Call, ...]:
    return (
        Call(
            "POST",
            PATH,
            "Analyze one scheduler now, in depth: performance, paths, utilization, health, findings.",
            Right.VIEW,
            _Analyses(tools).run,
            body=Body.JSON,
            schema=_SCHEMA,
        ),
    )
