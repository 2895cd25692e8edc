"""The composition root of the sidecar: the only place that builds things. Read it as the story of a start."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from analytics import __version__
from analytics.ingest import Ingest
from analytics.ingest.metrics import COLLECTORS
from analytics.store import Store, StoreError
from analytics.store.retention import Retention
from analytics.views import VIEWS
from analytics.web import metrics
from analytics.web.app import Checks, Console, console_app, metrics_app
from analytics.web.assets import Assets
from analytics.web.extender import ExtenderProbe
from analytics.web.feed import Feed
from analytics.web.gate import ANY_HOST
from analytics.web.live import Broadcaster
from analytics.web.meter import Meter

DRAIN_S: Final = 5
"""Requests under way may take this long after SIGTERM."""
KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 256
_LOOPBACK: Final = ("127.0.0.1", "[::1]", "localhost")
_LOG: Final = logging.getLogger(__name__)


class CannotStart(Exception):
    """Something that the sidecar needs cannot be had. The text says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    listen: Address
    metrics: Address
    journals: Sequence[Path]
    store: str
    extender: str
    retention: Retention
    allowed_hosts: Sequence[str] = ()


def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises CannotStart."""
    pages = _bound(settings.listen, "--listen")
    figures = _bound(settings.metrics, "--metrics")
    try:
        store = Store.open(settings.store)
    except (StoreError, OSError) as why:
        raise CannotStart(f"--store: {why}") from why
    metrics.BUILD_INFO.labels(__version__).set(1)
    for collector in COLLECTORS:
        metrics.REGISTRY.register(collector)
    ingest = Ingest(store, settings.journals, retention=settings.retention, on_batch=Meter().observe)
    ingest.start()
    try:
        with uvicorn_loop() as runner:
            runner.run(_serve(settings, store, _checks(store, ingest), pages, figures))
    finally:
        ingest.stop()
        store.close()


def _checks(store: Store, ingest: Ingest) -> Checks:
    """What /health looks at: does the store answer, does the ingest go on?"""

    def check() -> dict[str, str]:
        try:
            store.query("SELECT 1")
            answers = "ok"
        except StoreError as trouble:
            answers = str(trouble)
        return {"store": answers, "ingest": ingest.status()["error"] or "ok"}

    return check


def uvicorn_loop() -> asyncio.Runner:
    """The event loop that uvicorn is fastest on, where it is installed."""
    return asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory())


async def _serve(
    settings: Settings, store: Store, checks: Checks, pages: socket.socket, figures: socket.socket
) -> None:
    broadcaster = Broadcaster(boot=secrets.token_hex(4))
    probe = ExtenderProbe(settings.extender)
    console = Console(
        store=store,
        views=VIEWS,
        broadcaster=broadcaster,
        assets=Assets(),
        checks=checks,
        extender=probe,
        registries=(metrics.REGISTRY,),
        hosts=_hosts(settings),
    )
    servers = (_Server(console_app(console)), _Server(metrics_app(console)))
    feed = asyncio.create_task(Feed(store, broadcaster).run())
    with _on_signal(lambda: _drain(servers, broadcaster)):
        _LOG.info("pages on http://%s, metrics on http://%s/metrics", settings.listen, settings.metrics)
        await asyncio.gather(*(server.serve([sock]) for server, sock in zip(servers, (pages, figures), strict=True)))
    feed.cancel()
    with suppress(asyncio.CancelledError):
        await feed
    await probe.close()


class _Server(uvicorn.Server):
    """Signals are handled once for both servers, not by each."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _drain(servers: Sequence[uvicorn.Server], broadcaster: Broadcaster) -> None:
    """Accept nothing new, end the live streams, let requests under way finish."""
    broadcaster.close()
    for server in servers:
        server.should_exit = True


@contextmanager
def _on_signal(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    yield
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)


def _bound(address: Address, option: str) -> socket.socket:
    """A bound socket, so that a taken port is told before anything else is touched."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
    except OSError as why:
        listening.close()
        raise CannotStart(f"{option} {address}: {why.strerror}: choose another address, or stop what uses it") from why
    return listening


def _hosts(settings: Settings) -> Collection[str]:
    """On loopback only loopback names are welcome: a web page must not reach the console by rebinding its name."""
    own = settings.listen.host if ":" not in settings.listen.host else f"[{settings.listen.host}]"
    if settings.allowed_hosts:
        return (*settings.allowed_hosts, own, *_LOOPBACK)
    return (*_LOOPBACK, own) if own in _LOOPBACK else (ANY_HOST,)
