"""What goes back to a caller of a verb, and what is remembered of the call until it is counted."""

from __future__ import annotations

from dataclasses import dataclass

from extender.engine.verdicts import MakeFrame

REASON_CHARS_MAX = 200
"""A header, not a letter."""


@dataclass(slots=True)
class Answer:
    """One HTTP answer. Times are nanoseconds."""

    verb: str
    status: int
    body: bytes = b""
    reason: str = ""
    """Why the call was refused (header X-Trimtab-Reason): printable ASCII, at most REASON_CHARS_MAX. Then no body."""
    close: bool = False
    """The caller must not use this connection again: it should reach another replica."""
    make_frame: MakeFrame | None = None
    decode_ns: int = 0
    encode_ns: int = 0
    duration_ns: int = 0
    bytes_in: int = 0
    nodes_in: int = 0
    nodes_out: int = 0
    nodes_unknown: int = 0


def refusal(verb: str, status: int, reason: str) -> Answer:
    """An answer without a body: an error body that nobody reads costs kube-scheduler its connection."""
    return Answer(verb, status, reason=header_text(reason))


def header_text(reason: str) -> str:
    """One printable ASCII line of bounded length."""
    line = "".join(c if " " <= c <= "~" else "?" for c in reason[: REASON_CHARS_MAX + 1])
    return line if len(line) <= REASON_CHARS_MAX else line[: REASON_CHARS_MAX - 3] + "..."
