"""W3C trace context (R-225): the trace of whoever asks is taken over, and named in every line that is logged for it."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

_TRACEPARENT: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
    r"(?P<more>-.*)?"
)
TRACE_ID: Final[ContextVar[str]] = ContextVar("trimtab_trace_id", default="")
"""Of the request that is being answered; threads that answer it see it too."""


@dataclass(frozen=True, slots=True)
class Span:
    """Our part in a trace."""

    trace: str
    """32 hex digits."""
    id: str
    """16 hex digits."""
    flags: str = "00"

    @classmethod
    def of(cls, header: str) -> Span:
        """Goes on with the trace of a `traceparent` header; one that is no such header begins a new trace."""
        told = _TRACEPARENT.fullmatch(header.strip())
        if told is None or (told["version"] == "00" and told["more"]):
            return cls(secrets.token_hex(16), secrets.token_hex(8))
        return cls(told["trace"], secrets.token_hex(8), told["flags"])

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace}-{self.id}-{self.flags}"
