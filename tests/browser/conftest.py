"""A headless Chromium and a running sidecar. What is missing fails in CI and is skipped, with advice, elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from analytics.web.assets import BUILT
from extender.record.frames import Decision, Frame
from tests.browser.chromium import chromium, path_of_chromium
from tests.browser.frames import Cluster
from tests.browser.sidecar import Sidecar

DECISIONS = 120
APART_US = 5_000_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


def _missing(what: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: while playwright runs, its event loop runs in this thread, and no other test could start one."""
    path = path_of_chromium()
    if path is None:
        _missing("browser tests need Chromium: install the package chromium, or set TRIMTAB_CHROMIUM to its path")
    if not (BUILT / "index.html").is_file():
        _missing("browser tests need the built pages: run make ui")
    with chromium(path) as browser:
        yield browser


@dataclass
class Console:
    """A sidecar that has taken in some decisions."""

    sidecar: Sidecar
    cluster: Cluster = field(default_factory=Cluster)
    _told: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return self.sidecar.url

    def tell(self, frames: Iterable[Frame]) -> None:
        """Write frames to the journal, and go on."""
        written = list(frames)
        self._told |= {frame.decision for frame in written if isinstance(frame, Decision)}
        self.sidecar.record(written)

    def settle(self) -> None:
        """Wait until all decisions that were told are taken in: news of one test are none of the next."""
        self.sidecar.wait(lambda: self.sidecar.ask("/api/stats")["total"] >= len(self._told))

    def record(self, frames: Iterable[Frame]) -> None:
        """Write frames to the journal, and wait until the decisions in them are taken in."""
        self.tell(frames)
        self.settle()


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Console]:
    console = Console(Sidecar(tmp_path_factory.mktemp("console")))
    now_us = time.time_ns() // 1000
    console.tell([console.cluster.policy(now_us - DECISIONS * APART_US)])
    for at in range(DECISIONS):
        console.tell(console.cluster.decision(now_us - (DECISIONS - at) * APART_US))
    console.sidecar.wait_ready()
    console.settle()
    yield console
    assert console.sidecar.stop() == 0


@dataclass
class Seen:
    """What a browser did that it must not do."""

    hosts: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def request(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.hosts.add(request.url.split("/")[2])


OpenPage = Callable[..., Page]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def open_page(browser: Browser, seen: Seen) -> Iterator[OpenPage]:
    """open_page(url, width=1280, **context options): a page of its own context, watched."""
    contexts: list[BrowserContext] = []

    def opened(url: str, width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **{"locale": "en-GB", **options})
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", seen.request)
        page.on("pageerror", lambda error: seen.faults.append(str(error)))
        page.on("console", lambda line: seen.violations.append(line.text) if "Security Policy" in line.text else None)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert seen.faults == []
    assert seen.violations == []
