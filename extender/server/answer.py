"""What goes back to a caller of a verb, and what is remembered of the call until it is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from extender.engine.verdicts import MakeFrame

REASON_CHARS_MAX = 200
"""A header, not a letter."""


@dataclass(slots=True)
class Answer:
    """One HTTP answer. Times are nanoseconds."""

    verb: str
    status: int
    body: bytes = b""
    more: Sequence[bytes | memoryview] = ()
    """What follows `body`: pieces that are not worth copying (Node objects where they came). Let go once written."""
    reason: str = ""
    """Why the call was refused (header X-Trimtab-Reason): printable ASCII, at most REASON_CHARS_MAX. Then no body."""
    close: bool = False
    """The caller must not use this connection again: it should reach another replica."""
    make_frame: MakeFrame | None = None
    conclude: Callable[[], None] | None = None
    """filter: what remains to be done once the answer is on its way."""
    behind: Callable[[], None] | None = None
    """filter, prioritize: what is done once the answer is out, if there is time."""
    ahead_ns: int = 0
    """prioritize: time that was spent on it before it was asked."""
    decode_ns: int = 0
    encode_ns: int = 0
    duration_ns: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    nodes_in: int = 0
    nodes_out: int = 0
    nodes_unknown: int = 0

    def size(self) -> int:
        """Bytes of the whole body."""
        return len(self.body) + sum(map(len, self.more)) if self.more else len(self.body)

    def join(self) -> None:
        """Make one `body` of all pieces."""
        if self.more:
            self.body, self.more = b"".join((self.body, *self.more)), ()

    def headers(self, *, close: bool) -> list[tuple[bytes, bytes]]:
        """Exact length, and nothing that nobody reads. `close`: the caller is asked to leave."""
        found = [(b"content-length", b"%d" % self.size())]
        if self.body:
            found.append(_JSON)
        if self.reason:
            found.append((b"x-trimtab-reason", self.reason.encode("ascii")))
        if close or self.close:
            found.append((b"connection", b"close"))
        return found

    def head(self, *, close: bool) -> bytes:
        """Status line and headers as they go on the line, up to the body."""
        if self.status == HTTPStatus.OK and not close and not self.close and self.body:
            return _OK_HEAD % self.size()
        status = HTTPStatus(self.status)
        lines = b"".join(b"%b: %b\r\n" % header for header in self.headers(close=close))
        return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, status.phrase.encode(), lines)


_JSON = (b"content-type", b"application/json")
_OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: application/json\r\n\r\n"


def refusal(verb: str, status: int, reason: str) -> Answer:
    """An answer without a body: an error body that nobody reads costs kube-scheduler its connection."""
    return Answer(verb, status, reason=header_text(reason))


def header_text(reason: str) -> str:
    """One printable ASCII line of bounded length."""
    line = "".join(c if " " <= c <= "~" else "?" for c in reason[: REASON_CHARS_MAX + 1])
    return line if len(line) <= REASON_CHARS_MAX else line[: REASON_CHARS_MAX - 3] + "..."
