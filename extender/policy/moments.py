"""Durations and moments as a policy writes them. Both stay text in the document, so that it reads as it was written."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from msgspec import Meta

DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(us|ms|s|m|h))+$"
MOMENT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"

Duration = Annotated[str, Meta(title="a duration", pattern=DURATION_PATTERN, max_length=40, examples=["5ms", "1m30s"])]
Moment = Annotated[
    str,
    Meta(
        title="a moment with its time zone (RFC 3339)",
        pattern=MOMENT_PATTERN,
        max_length=40,
        examples=["2026-11-21T10:00:00Z"],
    ),
]

_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_TERM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h)")


def seconds_of(duration: str) -> float:
    """`duration` fits DURATION_PATTERN."""
    return sum(float(amount) * _UNITS_S[unit] for amount, unit in _TERM.findall(duration))


def unix_s(moment: str) -> float:
    """`moment` fits MOMENT_PATTERN. Raises ValueError for one that no calendar has."""
    return datetime.fromisoformat(moment).timestamp()
