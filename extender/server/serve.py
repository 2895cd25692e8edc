"""Runs an ASGI app on uvicorn, on the loop that is there, until it is told to stop.

Two of these run in one loop (verbs and admin), so signals belong to main, not to uvicorn. kube-scheduler keeps idle
connections for 90 s and does not retry a POST whose connection closed under it: ours stay open for 120 s, and at
shutdown every answer first asks its caller to leave.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from extender.server.app import SchedulerApp
from extender.server.protocol import VerbProtocol

KEEP_ALIVE_S = 120
BACKLOG = 4096
"""Bind calls arrive in bursts, each on a connection of its own: kube-scheduler keeps only two idle ones."""
SHUTDOWN_S = 10
"""Answers still under way after this are cut off."""


class CannotListen(Exception):
    """The address must be changed or freed; the text says which."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM. With `client_ca` every caller must show a certificate of that authority."""

    cert: Path
    key: Path
    client_ca: Path | None = None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    tls: Tls | None = None,
    listening: Callable[[str, int], None] | None = None,
    drain: Callable[[], None] | None = None,
    drain_s: float = 0.0,
    backlog: int = BACKLOG,
    shutdown_s: int = SHUTDOWN_S,
) -> None:
    """Serve until `stop` is set, then drain and return.

    `port` 0 takes a free one; `listening(host, port)` is called once connections are accepted. After `stop`: `drain()`
    is called, calls are still answered for `drain_s` seconds, then nothing new is accepted and the calls under way have
    `shutdown_s` seconds. Raises CannotListen.
    """
    taken = _bind(host, port)
    server = _Server(_config(app, tls, backlog, shutdown_s))
    running = asyncio.create_task(server.serve(sockets=[taken]), name=f"serve {host}:{port}")
    try:
        await _started(server, running)
        if listening is not None and not running.done():
            listening(host, taken.getsockname()[1])
        await _until(stop, running)
        if drain is not None:
            drain()
        if not running.done():
            await asyncio.sleep(drain_s)
        server.should_exit = True
        await running
    finally:
        if not running.done():
            running.cancel()
        taken.close()


def _config(app: ASGIApp, tls: Tls | None, backlog: int, shutdown_s: int) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=VerbProtocol if isinstance(app, SchedulerApp) else "httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=not isinstance(app, SchedulerApp),  # doctor compares clocks; a verb's answer is kept short
        proxy_headers=False,
        backlog=backlog,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=shutdown_s,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=str(tls.client_ca) if tls and tls.client_ca else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_ca else ssl.CERT_NONE,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as wrong:
        raise CannotListen(
            f"cannot use the TLS files ({wrong}); check --tls-cert, --tls-key and --client-ca, "
            "or --webhook-cert and --webhook-key"
        ) from wrong
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as wrong:
        raise CannotListen(f"cannot listen on {host}:{port}: {wrong.strerror or wrong}") from wrong
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" means every interface, of either family.
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(address)
    except OSError as wrong:
        taken.close()
        hint = "; another program listens there" if wrong.errno == errno.EADDRINUSE else ""
        raise CannotListen(f"cannot listen on {host}:{port}: {wrong.strerror}{hint}") from wrong
    taken.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return taken


async def _started(server: uvicorn.Server, running: asyncio.Task[None]) -> None:
    # uvicorn has a flag for it, and no event.
    while not server.started and not running.done():  # noqa: ASYNC110
        await asyncio.sleep(_START_POLL_S)


async def _until(stop: asyncio.Event, running: asyncio.Task[None]) -> None:
    """Until told to stop, or until the server has ended by itself (its exception then comes out of `running`)."""
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({told, running}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()


_START_POLL_S = 0.005
