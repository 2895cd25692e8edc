"""The scheduler port at the speed of bytes: kube-scheduler's calls are answered before an HTTP framework sees them.

A call that looks exactly as Go's HTTP client writes it (these headers and no others, one Content-Length, on a
connection that is not busy) is collected, decided and answered here, in one turn of the loop and one write. Everything
else (other paths and methods, chunked bodies, Expect, a head in pieces, pipelining over a call that is under way, a
caller that does not read) goes to uvicorn's own protocol and so to the ASGI app, which gives the same answers.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from extender.server.answer import Answer
from extender.server.app import SchedulerApp

_LINE = rb"(?:(?:Host|User-Agent|Content-Type|Accept-Encoding|Accept|Authorization): [ -~]{0,4096}\r\n)*"
_HEAD = re.compile(
    rb"POST /(filter|prioritize) HTTP/1\.1\r\n" + _LINE + rb"Content-Length: ([0-9]{1,10})\r\n" + _LINE + rb"\r\n"
)
_LENGTH = b"Content-Length: "
_DIGITS_MOST = 10
_HEADS_KNOWN = 8
"""Per connection: two verbs of one caller, and room."""
_JOINED_MOST = 1 << 17
"""A longer answer costs more to copy than to hand over in two pieces."""
_VERBS = {b"filter": "filter", b"prioritize": "prioritize"}


class VerbProtocol(HttpToolsProtocol):
    """One connection. uvicorn makes it; the app must be a SchedulerApp."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app = self.app
        if not isinstance(app, SchedulerApp):
            raise TypeError("VerbProtocol serves a SchedulerApp")
        self._front: SchedulerApp = app
        self._at_rest = True
        """uvicorn's parser stands between two messages: what comes next begins with a head."""
        self.verb = ""
        """Of the call that is being read or answered here."""
        self._known_heads: dict[tuple[bytes, bytes], str] = {}
        """Bytes before and behind the length's digits, of heads that were read -> the verb."""
        self._parts: list[bytes] = []
        self._missing = 0
        """Bytes of a body that is being collected here."""
        self._filling: _Filling | None = None
        """Who collects it, if it is long."""
        self._leaving = False
        self._idle_since_s = 0.0

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._collect(data)
        elif self._at_rest and self._is_free() and (head := self._head(data)) is not None:
            verb, begin, size = head
            if 0 < size <= self._front.max_body:
                self._begin(verb, begin, data, size)
            else:
                super().data_received(data)
        else:
            super().data_received(data)

    def _head(self, data: bytes) -> tuple[str, int, int] | None:
        """Verb, where the body begins, and its size; None: not a call that is answered here.

        Heads of one connection differ in the length alone. What stood before and behind it in a head that was read as
        a whole is known again; the same bytes around other digits are as good a head.
        """
        before = data.find(_LENGTH) + len(_LENGTH)
        after = data.find(b"\r\n", before)
        begin = data.find(b"\r\n\r\n", after) + 4
        size = data[before:after]
        verb = self._known_heads.get((data[:before], data[after:begin]))
        if verb is not None and len(size) <= _DIGITS_MOST and size.isdigit():
            return verb, begin, int(size)
        head = _HEAD.match(data)
        if head is None:
            return None
        verb = _VERBS[head[1]]
        if len(self._known_heads) < _HEADS_KNOWN and (head.start(2), head.end()) == (before, begin):
            self._known_heads[data[:before], data[after:begin]] = verb
        return verb, head.end(), int(head[2])

    def on_message_begin(self) -> None:
        self._at_rest = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._at_rest = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's signature
        super().connection_made(transport)
        self._front.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.connections.discard(self)
        if self._missing:
            self._missing = 0
            self._parts.clear()
            if self._filling is not None:
                self._filling.leave()
                self._filling = None
                self._front.room.give_back()
            self._front.left(self.verb)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._missing:
            self._leaving = True
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """A timer that is moved with every answer costs more than one that looks, when it is due, how long ago the last
        answer was."""
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if self._missing or left_s > 0:
            self._watch_idle(max(left_s, 1.0))
        else:
            super().timeout_keep_alive_handler()

    def _is_free(self) -> bool:
        """No answer is under way, and the caller reads what it is sent."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline and not self.flow.write_paused

    def _begin(self, verb: str, begin: int, data: bytes, size: int) -> None:
        self.verb = verb
        have = len(data) - begin
        if have == size:
            self._answer(data[begin:])
        elif have > size:
            self._answer(data[begin : begin + size])
            self._go_on(data[begin + size :])
        else:
            self._missing = size - have
            room = self._front.room.take(size)
            if room is None:
                self._parts.append(data[begin:])
            else:
                room[:have] = data[begin:]
                self._filling = _Filling(self, room, have)
                self.transport.set_protocol(self._filling)

    def _collect(self, data: bytes) -> None:
        rest = b""
        if len(data) > self._missing:
            data, rest = data[: self._missing], data[self._missing :]
        self._parts.append(data)
        self._missing -= len(data)
        if not self._missing:
            body = b"".join(self._parts)
            self._parts.clear()
            self._answer(body)
            if rest:
                self._go_on(rest)

    def filled(self, body: bytearray) -> None:
        """A long body has come."""
        self._filling, self._missing = None, 0
        self.transport.set_protocol(self)
        try:
            self._answer(body)
        finally:
            self._front.room.give_back()

    def _go_on(self, data: bytes) -> None:
        """What a caller sent behind its call, without waiting for the answer."""
        if not self.transport.is_closing():
            self.data_received(data)

    def _answer(self, body: bytes | bytearray) -> None:
        front = self._front
        answer = front.verbs.begin(self.verb, body)
        leaving = self._leaving or front.draining or answer.close
        self._write(answer.head(close=leaving), answer)
        front.verbs.conclude(answer)
        self.server_state.total_requests += 1
        front.follow_up(answer)
        self._idle_since_s = self.loop.time()
        if leaving:
            self.transport.close()
        elif self.timeout_keep_alive_task is None:
            self._watch_idle(self.timeout_keep_alive)

    def _write(self, head: bytes, answer: Answer) -> None:
        body = answer.body
        if answer.more:
            self.transport.writelines((head + body, *answer.more))
            # Its record is made later, and the room is wanted for the next body.
            answer.more = ()
        elif len(body) > _JOINED_MOST:
            self.transport.writelines((head, body))
        else:
            self.transport.write(head + body)

    def _watch_idle(self, after_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(after_s, self.timeout_keep_alive_handler)


class _Filling(asyncio.BufferedProtocol):
    """In the place of a VerbProtocol until the rest of a long body has come: it is read from the socket to where it is
    to stand."""

    def __init__(self, owner: VerbProtocol, body: bytearray, have: int) -> None:
        self._owner = owner
        self._body = body
        self._left = memoryview(body)[have:]

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the rest of the body, and not a byte more
        return self._left

    def buffer_updated(self, nbytes: int) -> None:
        self._left = self._left[nbytes:]
        if not self._left:
            self.leave()
            self._owner.filled(self._body)

    def leave(self) -> None:
        """Look at the body no longer, though the transport may hold this object for good."""
        self._left = memoryview(b"")

    def eof_received(self) -> None:
        self._owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()
