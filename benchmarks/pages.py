"""The console's pages in a browser, on the demo.

What each loads when it is opened first, how soon the policy page can be used, and how long the heatmap of 5,000 nodes
takes to draw. Each opening is by a browser that has nothing in its cache.
"""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any, Final

from playwright.sync_api import Browser, Page, Route

from analytics.views import VIEWS
from analytics.web.assets import BUILT
from benchmarks.bench import Bench, NotMeasured
from tests.browser.chromium import chromium, path_of_chromium
from tests.browser.demo import Demo

WITHOUT_PAGE: Final = frozenset({"shadow"})
"""A view whose page is a part of another's."""
OPENED: Final = 5
DRAWN: Final = 20
NODES: Final = 5_000
SETTLED_MS: Final = 2_000
_SWITCH: Final = "TargetLoadPacking"
_LOADED: Final = (
    "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    ".filter(e => !new URL(e.name).pathname.startsWith('/api/')).reduce((sum, e) => sum + e.encodedBodySize, 0)"
)
"""Bytes of bodies as they came over the wire: gzip."""


def measure(bench: Bench) -> dict[str, Any]:
    """`first_load_kb` by page (1,000 bytes) and the largest of them, `usable_s`, `heatmap_draw_ms`: medians.

    Raises NotMeasured where there is no Chromium or nothing is built.
    """
    path = path_of_chromium()
    if path is None:
        raise NotMeasured("no Chromium here")
    if not (BUILT / "index.html").is_file():
        raise NotMeasured("the pages are not built: make ui")
    with Demo(bench.folder / "pages-demo") as demo, chromium(path) as browser:
        loads = {view.slug: _loaded_kb(browser, demo, view.slug) for view in VIEWS if view.slug not in WITHOUT_PAGE}
        return {
            "first_load_kb": loads,
            "largest_kb": max(loads.values()),
            "usable_s": round(statistics.median(_usable_s(browser, demo) for _ in range(OPENED)), 3),
            "heatmap_draw_ms": round(statistics.median(_drawn_ms(browser, demo)), 2),
        }


@contextmanager
def _fresh(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(bypass_csp=True)  # waiting for a condition evaluates a text
    try:
        yield context.new_page()
    finally:
        context.close()


def _loaded_kb(browser: Browser, demo: Demo, slug: str) -> float:
    with _fresh(browser) as page:
        page.goto(f"{demo.url}/{slug}")
        page.locator("main h1").first.wait_for()
        page.wait_for_timeout(SETTLED_MS)  # what the page asks for by itself, such as the reader of YAML, counts
        loaded: int = page.evaluate(_LOADED)
        return round(loaded / 1000, 1)


def _usable_s(browser: Browser, demo: Demo) -> float:
    """From the address to a plugin that can be switched."""
    with _fresh(browser) as page:
        begin = time.perf_counter()
        page.goto(f"{demo.url}/policy", wait_until="commit")
        page.locator("tr").filter(has_text=_SWITCH).locator("button:enabled, input:enabled").first.wait_for()
        return time.perf_counter() - begin


def _drawn_ms(browser: Browser, demo: Demo) -> list[float]:
    """The demo's nodes, so often that there are 5,000; drawn anew for each value in turn."""
    with urllib.request.urlopen(f"{demo.url}/api/v1/heatmap", timeout=30) as answer:
        found = json.load(answer)
    nodes = found["data"]["nodes"]
    found["data"]["nodes"] = {name: list(islice(cycle(column), NODES)) for name, column in nodes.items()}
    found["data"]["nodes"]["name"] = [f"{name}-{at}" for at, name in enumerate(found["data"]["nodes"]["name"])]
    body = json.dumps(found)

    def answered(route: Route) -> None:
        route.fulfill(body=body, content_type="application/json")

    with _fresh(browser) as page:
        page.route("**/api/v1/heatmap?*", answered)
        page.goto(f"{demo.url}/heatmap")
        choice = page.locator("select[name=value]")
        choice.wait_for()
        values = choice.locator("option").evaluate_all("all => all.map(one => one.value)")
        return [_drawn_once_ms(page, value) for value in islice(cycle(values), DRAWN)]


def _drawn_once_ms(page: Page, value: str) -> float:
    page.evaluate("performance.clearMeasures()")
    page.locator("select[name=value]").select_option(value)
    page.wait_for_function("performance.getEntriesByName('heatmap.draw').length > 0", timeout=10_000)
    took: float = page.evaluate("performance.getEntriesByName('heatmap.draw')[0].duration")
    return took
