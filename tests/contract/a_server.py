"""The real server on loopback, in a thread of its own, and callers for it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvloop
from starlette.types import ASGIApp

from extender.server.serve import serve

WAIT_S = 20.0


class RunningServer:
    def __init__(self, port: int, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        self.port = port
        self._loop = loop
        self._stop = stop

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    def run(self, act: Callable[[], None]) -> None:
        """On the server's own loop, and wait for it."""
        done = threading.Event()

        def acted() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(acted)
        assert done.wait(WAIT_S)

    @contextlib.contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def running(app: ASGIApp, **options: Any) -> Iterator[RunningServer]:
    """Serves until the block ends; whatever the server raised comes out of the block."""
    started: queue.Queue[RunningServer] = queue.Queue()
    ended: list[BaseException] = []

    async def main() -> None:
        stop = asyncio.Event()

        def listening(_host: str, port: int) -> None:
            started.put(RunningServer(port, asyncio.get_running_loop(), stop))

        await serve(app, "127.0.0.1", 0, stop=stop, listening=listening, **options)

    thread = threading.Thread(target=_keeping(ended, lambda: uvloop.run(main())))
    thread.start()
    try:
        server = started.get(timeout=WAIT_S)
        yield server
        if thread.is_alive():
            server.stop()
    finally:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    if ended:
        raise ended[0]


def _keeping(ended: list[BaseException], run: Callable[[], None]) -> Callable[[], None]:
    def kept() -> None:
        try:
            run()
        except BaseException as raised:  # noqa: BLE001 - shown in the test's own thread
            ended.append(raised)

    return kept
