"""A console on a store in memory, asked without a network."""

from __future__ import annotations

from collections.abc import Iterable

import httpx

from analytics.ingest.batch import Read, build, read
from analytics.ingest.known import KnownDecisions
from analytics.store import Store
from analytics.views import VIEWS
from analytics.views.sources import Sources
from analytics.web import metrics
from analytics.web.app import Checks, Console, console_app, metrics_app
from analytics.web.assets import Assets
from analytics.web.extender import ExtenderProbe
from analytics.web.live import Broadcaster
from extender.record.frames import Frame, encode
from extender.record.reader import Found
from extender.record.segment import Framed

T0_US = 1_767_323_045_000_000
"""2026-01-02T03:04:05Z"""


def found(frames: Iterable[Frame]) -> list[Read]:
    """Frames as they would have been read."""
    return read(
        Found("p", 1, Framed(64 * at, 64 * at + 64, at, encode(frame))) for at, frame in enumerate(frames, start=1)
    )


def a_store(frames: Iterable[Frame] = ()) -> Store:
    store = Store.open(":memory:")
    batch = build(found(frames), KnownDecisions([], lambda _: None), T0_US)
    if batch.rows:
        store.write(batch.rows)
    return store


def a_console(
    store: Store | Sources,
    *,
    hosts: tuple[str, ...] = ("console.test",),
    assets: Assets | None = None,
    checks: Checks = lambda: {"store": "ok", "ingest": "ok"},
    extender: str = "http://127.0.0.1:1",
) -> Console:
    return Console(
        sources=store if isinstance(store, Sources) else Sources(store),
        views=VIEWS,
        broadcaster=Broadcaster("b0"),
        assets=assets or Assets(),
        checks=checks,
        extender=ExtenderProbe(extender),
        registries=(metrics.REGISTRY,),
        hosts=hosts,
    )


def a_client(console: Console, *, port: str = "pages") -> httpx.AsyncClient:
    app = console_app(console) if port == "pages" else metrics_app(console)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://console.test")
