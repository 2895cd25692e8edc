"""The composition root of the sidecar: the only place that builds things. Read it as the story of a start."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from analytics import __version__
from analytics.cluster import metrics as cluster_metrics
from analytics.config import metrics as config_metrics
from analytics.config.configmap import ConfigMapFollower, source_of
from analytics.config.live import LiveConfig
from analytics.config.logs import TOGETHER, Logs
from analytics.config.values import Values
from analytics.control import metrics as control_metrics
from analytics.ingest import Ingest
from analytics.ingest.metrics import COLLECTORS
from analytics.steering import CannotSteer, SteeringSettings, steering
from analytics.store import Store, StoreError
from analytics.store.retention import Retention
from analytics.switches import Switches
from analytics.views import VIEWS
from analytics.views.declaration import View
from analytics.views.sources import Sources, ToolSettings
from analytics.web import metrics
from analytics.web.app import Checks, Console, console_app, metrics_app
from analytics.web.assets import Assets
from analytics.web.extender import ExtenderProbe
from analytics.web.feed import Feed
from analytics.web.gate import ANY_HOST
from analytics.web.live import Broadcaster
from analytics.web.meter import Meter
from analytics.web.pending import PendingPods
from analytics.web.tls import BadTls, Tls
from extender.kube import KubeApi, KubeError

DRAIN_S: Final = 5
"""Requests under way may take this long after SIGTERM."""
KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 256
LOOPBACK: Final = ("127.0.0.1", "[::1]", "localhost")
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
    """The same as `listen`: no port of their own, the console has them too."""
    journals: Sequence[Path]
    store: str
    extender: str
    retention: Retention
    steering: SteeringSettings
    tools: ToolSettings = field(default_factory=ToolSettings)
    only: Collection[str] = ()
    """Names of the tools that run here; empty: all."""
    name: str = TOGETHER
    """What the program is called, in its log and metrics."""
    start: Values = field(default_factory=Values)
    """What counts as long as no ConfigMap says otherwise."""
    config_folders: Sequence[Path] = ()
    config_configmaps: Sequence[tuple[str, str]] = ()
    """Namespace and name."""
    allowed_hosts: Sequence[str] = ()
    tls: Tls | None = None
    """Of the console; metrics are plain."""


def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT. Raises CannotStart."""
    logs = Logs(settings.name, {f"analytics.views.{view.slug}": view.tool for view in VIEWS if view.tool})
    live = LiveConfig(
        settings.start, settings.config_folders, [source_of(*named) for named in settings.config_configmaps]
    )
    live.on_change(logs.apply)
    live.look()
    pages = _bound(settings.listen, "--listen")
    figures = _bound(settings.metrics, "--metrics") if settings.metrics != settings.listen else None
    try:
        store = Store.open(settings.store)
    except (StoreError, OSError) as why:
        raise CannotStart(f"--store: {why}") from why
    metrics.BUILD_INFO.labels(__version__).set(1)
    views = _views(settings.only)
    always = (COLLECTORS, control_metrics.COLLECTORS, cluster_metrics.COLLECTORS, config_metrics.COLLECTORS)
    for collector in (each for some in always for each in some):
        metrics.REGISTRY.register(collector)
    ingest = Ingest(store, settings.journals, retention=settings.retention, on_batch=Meter().observe)
    sources = Sources(
        store,
        extender=settings.extender,
        settings=lambda: replace(settings.tools, interval_s=live.values.interval_s),
        ingest=ingest.status,
    )
    metrics.REGISTRY.register(PendingPods(sources.cluster))
    switches = Switches(views, sources, metrics.REGISTRY)
    ingest.start()
    live.on_change(lambda values: switches.switch(values.off))
    ending = threading.Event()
    following = threading.Thread(target=live.follow, args=(ending,), name="settings", daemon=True)
    following.start()
    try:
        with uvicorn_loop() as runner:
            runner.run(
                _serve(settings, sources, views, switches, live, _checks(sources, ingest, switches), pages, figures)
            )
    except (CannotSteer, BadTls) as why:
        raise CannotStart(str(why)) from why
    finally:
        ending.set()
        following.join()
        switches.stop()
        ingest.stop()
        store.close()


def _views(only: Collection[str]) -> Sequence[View]:
    """Those of the tools that run here."""
    return [view for view in VIEWS if not only or view.tool in only]


def _checks(sources: Sources, ingest: Ingest, switches: Switches) -> Checks:
    """What /health looks at: does the store answer, do the ingest and the tools' own work go on?"""

    def check() -> dict[str, str]:
        try:
            sources.store.query("SELECT 1")
            answers = "ok"
        except StoreError as trouble:
            answers = str(trouble)
        return {"store": answers, "ingest": ingest.status()["error"] or "ok", **switches.checks()}

    return check


def uvicorn_loop() -> asyncio.Runner:
    """The event loop that uvicorn is fastest on, where it is installed."""
    return asyncio.Runner(loop_factory=uvicorn.Config("", log_config=None).get_loop_factory())


async def _serve(
    settings: Settings,
    sources: Sources,
    views: Sequence[View],
    switches: Switches,
    live: LiveConfig,
    checks: Checks,
    pages: socket.socket,
    figures: socket.socket | None,
) -> None:
    broadcaster = Broadcaster(boot=secrets.token_hex(4))
    probe = ExtenderProbe(settings.extender)
    hosts = tuple(settings.allowed_hosts)
    async with steering(settings.steering, sources, hosts) as control:
        console = Console(
            sources=sources,
            views=views,
            broadcaster=broadcaster,
            assets=Assets(),
            checks=checks,
            extender=probe,
            registries=(metrics.REGISTRY,),
            hosts=_hosts(settings),
            control=replace(control, on=switches.on),
            tool=settings.name,
            on=switches.on,
            settings=live.status,
        )
        servers = [(_Server(console_app(console), settings.tls), pages)]
        if figures is not None:
            servers.append((_Server(metrics_app(console)), figures))
        helpers = [asyncio.create_task(Feed(sources.store, broadcaster).run())]
        helpers += [asyncio.create_task(each) for each in await _followers(settings, live)]
        if settings.tls is not None:
            helpers.append(asyncio.create_task(settings.tls.follow(servers[0][0].config)))
        with _on_signal(lambda: _drain([server for server, _ in servers], broadcaster)):
            scheme = "https" if settings.tls else "http"
            _LOG.info("pages on %s://%s, metrics on http://%s/metrics", scheme, settings.listen, settings.metrics)
            await asyncio.gather(*(server.serve([sock]) for server, sock in servers))
        for helper in helpers:
            helper.cancel()
            with suppress(asyncio.CancelledError):
                await helper
    await probe.close()


async def _followers(settings: Settings, live: LiveConfig) -> list[Coroutine[Any, Any, None]]:
    """Of the ConfigMaps that were named. Raises CannotStart."""
    if not settings.config_configmaps:
        return []
    try:
        api = await KubeApi.connect(settings.steering.kubeconfig)
    except KubeError as why:
        raise CannotStart(f"--config-configmap: {why}") from why
    followers = [ConfigMapFollower(api, *named).run(live) for named in settings.config_configmaps]

    async def together() -> None:
        try:
            await asyncio.gather(*followers)
        finally:
            await api.close()

    return [together()]


class _Server(uvicorn.Server):
    """Signals are handled once for both servers, not by each."""

    def __init__(self, app: ASGIApp, tls: Tls | None = None) -> None:
        """Raises BadTls."""
        super().__init__(
            uvicorn.Config(
                app,
                ssl_certfile=tls.cert if tls else None,
                ssl_keyfile=tls.key if tls else None,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )
        if tls is not None:
            tls.load(self.config)

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
        return (*settings.allowed_hosts, own, *LOOPBACK)
    return (*LOOPBACK, own) if own in LOOPBACK else (ANY_HOST,)
