"""Live events (SSE). One feeder, many browsers, every buffer bounded.

A slow browser loses nothing silently: when its queue is full the queue is emptied and one `resync` event tells it to
load afresh. Event ids are `<boot>-<n>`; a reconnecting browser names its last one and gets what it missed, or `resync`
when that is no longer remembered.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from analytics.web import metrics

CLIENTS_MAX: Final = 256
QUEUE_MAX: Final = 16
"""Batches that may wait for one browser: eight seconds at full rate."""
HISTORY_MAX: Final = 64
KEEP_ALIVE_S: Final = 15.0
RETRY_MS: Final = 2000
_NUMBER: Final = re.compile(r"[0-9]{1,18}")


class TooManyClients(Exception):
    """The stream is refused; the page falls back to asking now and then."""


@dataclass(eq=False, slots=True)
class _Client:
    waiting: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_MAX))


class Broadcaster:
    """Belongs to one event loop."""

    def __init__(self, boot: str) -> None:
        """`boot` tells this process from the one before it; letters and digits."""
        self._boot = boot
        self._count = 0
        self._history: deque[tuple[int, bytes]] = deque(maxlen=HISTORY_MAX)
        self._clients: set[_Client] = set()
        self._closed = False
        self._somebody = asyncio.Event()

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def somebody(self) -> None:
        """Until there is a client."""
        await self._somebody.wait()

    def publish(self, event: str, body: bytes) -> None:
        """Send one event to everyone. `body` is one line of JSON."""
        self._count += 1
        text = _event(f"{self._boot}-{self._count}", event, body)
        self._history.append((self._count, text))
        for client in self._clients:
            self._send(client, text)

    def resync(self, cause: str) -> None:
        """Tell everyone to load afresh."""
        metrics.LIVE_RESYNCS.labels(cause).inc()
        self.publish("resync", b"{}")

    def pause(self) -> None:
        """From here on nothing is published for a while: who was here before loads afresh when it comes back."""
        self._count += 1
        self._history.clear()

    def close(self) -> None:
        """End every stream; browsers reconnect after `retry`."""
        self._closed = True
        for client in self._clients:
            _empty(client.waiting)
            client.waiting.put_nowait(None)

    def open(self, last_id: str) -> AsyncIterator[bytes]:
        """A stream of SSE text. Raises TooManyClients before anything is sent."""
        if len(self._clients) >= CLIENTS_MAX:
            metrics.LIVE_REFUSED.inc()
            raise TooManyClients
        return self._stream(last_id)

    async def _stream(self, last_id: str) -> AsyncIterator[bytes]:
        # Counted only here: what was never begun is never ended either, and would keep its place for good.
        client = _Client()
        self._clients.add(client)
        self._somebody.set()
        metrics.LIVE_CLIENTS.set(len(self._clients))
        try:
            yield f"retry: {RETRY_MS}\n\n".encode() + b"".join(self._missed(last_id))
            while not self._closed:
                try:
                    text = await asyncio.wait_for(client.waiting.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    text = b": alive\n\n"
                if text is None:
                    return
                yield text
        finally:
            self._clients.discard(client)
            if not self._clients:
                self._somebody.clear()
            metrics.LIVE_CLIENTS.set(len(self._clients))

    def _missed(self, last_id: str) -> list[bytes]:
        """What came after `last_id`, or one event that says where the stream stands now."""
        here = _event(f"{self._boot}-{self._count}", "hello", b"{}")
        if not last_id:
            return [here]
        boot, _, number = last_id.rpartition("-")
        oldest = self._history[0][0] if self._history else self._count + 1
        if boot != self._boot or not _NUMBER.fullmatch(number) or int(number) < oldest - 1:
            metrics.LIVE_RESYNCS.labels("gone").inc()
            return [_event(f"{self._boot}-{self._count}", "resync", b"{}")]
        return [text for count, text in self._history if count > int(number)] or [here]

    def _send(self, client: _Client, text: bytes) -> None:
        if client.waiting.full():
            _empty(client.waiting)
            metrics.LIVE_RESYNCS.labels("slow").inc()
            text = _event(f"{self._boot}-{self._count}", "resync", b"{}")
        client.waiting.put_nowait(text)


def _event(name: str, event: str, body: bytes) -> bytes:
    return f"id: {name}\nevent: {event}\ndata: ".encode() + body + b"\n\n"


def _empty(waiting: asyncio.Queue[bytes | None]) -> None:
    while not waiting.empty():
        waiting.get_nowait()
