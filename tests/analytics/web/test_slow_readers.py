"""Fifty readers that take nothing: the others hear everything, questions are answered, and memory stays bounded."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress

import httpx
import uvicorn

from analytics.web import live
from analytics.web.app import console_app
from tests.analytics.web.a_console import a_console, a_store
from tests.extender.cluster.a_server import until

READERS = 50
EVENTS = 300
BODY = b"x" * 32_000
"""Ten megabytes for each reader: more than sockets hold."""


class Console:
    """The console on a port, on the loop of the test."""

    def __init__(self) -> None:
        self.console = a_console(a_store(), hosts=("127.0.0.1",))
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        config = uvicorn.Config(console_app(self.console), log_config=None, lifespan="off", timeout_graceful_shutdown=2)
        self.server = uvicorn.Server(config)

    async def run(self) -> None:
        await self.server.serve(sockets=[self.listener])


def _stalled(port: int) -> socket.socket:
    """A browser that asked for the stream, and reads nothing of it."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", port))
    reader.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return reader


async def _heard(client: httpx.AsyncClient, heard: list[int]) -> None:
    async with client.stream("GET", "/api/v1/events", timeout=60) as answer:
        async for line in answer.aiter_lines():
            name, _, body = line.partition(": ")
            told = json.loads(body) if name == "data" else {}
            heard.extend([told["at"]] if "at" in told else [])


def test_fifty_slow_readers_hold_up_nobody() -> None:
    async def story() -> None:
        scene = Console()
        serving = asyncio.create_task(scene.run())
        broadcaster = scene.console.broadcaster
        await until(lambda: scene.server.started)
        slow = [await asyncio.to_thread(_stalled, scene.port) for _ in range(READERS)]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{scene.port}", trust_env=False) as client:
            heard: list[int] = []
            listening = asyncio.create_task(_heard(client, heard))
            await until(lambda: broadcaster.clients == READERS + 1)
            for at in range(EVENTS):
                broadcaster.publish("decisions", b'{"at":%d,"body":"%s"}' % (at, BODY))
                await until(lambda: len(heard) > at)  # noqa: B023 - asked at once
                if at % 50 == 0:
                    answer = await client.get("/api/stats", timeout=5)
                    assert answer.status_code == 200
            assert heard == list(range(EVENTS))
            waiting = [one.waiting.qsize() for one in broadcaster._clients]
            assert max(waiting) <= live.QUEUE_MAX
            assert sum(size > 0 for size in waiting) >= READERS // 2, "they are slow, or this test tells nothing"
            for one in slow:
                one.close()
            broadcaster.publish("decisions", b'{"at":-1}')
            await until(lambda: broadcaster.clients == 1)
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
        broadcaster.close()
        scene.server.should_exit = True
        await serving

    asyncio.run(story())
