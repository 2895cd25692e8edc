"""Query and path text -> checked values, as the endpoint declared them. All problems at once, each with its path."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request

from analytics.views.declaration import Kind, Parameter
from analytics.web.envelopes import Problem

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_SPAN: Final = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECONDS_OF: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_parameters(
    request: Request, declared: Sequence[Parameter], now_s: float, ignored: Collection[str] = ()
) -> tuple[dict[str, Any], list[Problem]]:
    """Answers values by name (absent ones have their default) and everything that is wrong."""
    known = {parameter.name: parameter for parameter in declared}
    values: dict[str, Any] = {parameter.name: parameter.default for parameter in declared}
    problems: list[Problem] = []
    given = [*request.path_params.items(), *request.query_params.multi_items()]
    seen: set[str] = set()
    for name, text in given:
        if name in ignored:
            continue
        if name not in known:
            problems.append(Problem(_safe(name), f"unknown parameter; known are {', '.join(sorted(known)) or 'none'}"))
        elif name in seen:
            problems.append(Problem(name, "given twice"))
        elif text or known[name].kind is not Kind.TEXT:
            value, trouble = _read(known[name], str(text), now_s)
            values[name] = value
            problems.extend([Problem(name, trouble)] if trouble else [])
        seen.add(name)
    missing = (parameter.name for parameter in declared if parameter.required and not values[parameter.name])
    told = {problem.path for problem in problems}
    problems += [Problem(name, "is missing") for name in missing if name not in told]
    return values, problems


def _safe(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name[:64])


def _read(parameter: Parameter, text: str, now_s: float) -> tuple[Any, str]:
    match parameter.kind:
        case Kind.INTEGER:
            return _integer(parameter, text)
        case Kind.TIME:
            return _time(text, now_s)
        case Kind.CHOICE:
            if text in parameter.choices:
                return text, ""
            return None, f"must be one of {', '.join(parameter.choices)}"
        case Kind.TEXT:
            if len(text) > parameter.length_max:
                return None, f"longer than {parameter.length_max} characters"
            if not text.isprintable():
                return None, "holds control characters"
            return text, ""


def _integer(parameter: Parameter, text: str) -> tuple[int | None, str]:
    if not _INTEGER.fullmatch(text):
        return None, "must be a whole number" if len(text) < 20 else f"must be a whole number up to {parameter.maximum}"  # noqa: PLR2004
    value = int(text)
    if not parameter.minimum <= value <= parameter.maximum:
        return None, f"must lie between {parameter.minimum} and {parameter.maximum}"
    return value, ""


def _time(text: str, now_s: float) -> tuple[int | None, str]:
    span = _SPAN.fullmatch(text)
    if span:
        return int((now_s - int(span[1]) * _SECONDS_OF[span[2]]) * 1_000_000), ""
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return (at - _EPOCH) // _MICROSECOND, ""
    except (ValueError, OverflowError):
        return None, "must be a time such as 2026-01-02T03:04:05Z, or a span back from now such as 15m, 6h, 7d"


def schema_of(parameter: Parameter) -> Mapping[str, Any]:
    """JSON Schema of one parameter, for openapi.json."""
    schema: dict[str, Any] = {"type": "integer" if parameter.kind is Kind.INTEGER else "string"}
    if parameter.kind is Kind.INTEGER:
        schema |= {"minimum": parameter.minimum, "maximum": parameter.maximum}
    elif parameter.kind is Kind.CHOICE:
        schema["enum"] = list(parameter.choices)
    else:
        schema["maxLength"] = parameter.length_max
    if parameter.default is not None:
        schema["default"] = parameter.default
    return schema
