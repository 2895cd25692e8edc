"""What every page must be, whatever it shows, and how to wait for what a page does not show."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from playwright.sync_api import Page

from tests.browser.sidecar import REPOSITORY

AXE: Final = REPOSITORY / "analytics" / "ui" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_S: Final = 60.0
SERIOUS: Final = ("serious", "critical")


def until(page: Page, holds: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Wait until it holds, while the page goes on: for what stands on a server, or is measured in the page.

    Raises AssertionError where it does not in `within_s`, or what `holds` raised last.
    """
    end = time.monotonic() + within_s
    while True:
        try:
            if holds():
                return
            last: Exception = AssertionError("it does not come to hold")
        except AssertionError as failed:
            last = failed
        if time.monotonic() > end:
            raise last
        page.wait_for_timeout(100)


def fits(page: Page) -> None:
    """Nothing makes the page wider than the screen."""
    until(
        page, lambda: page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), 5
    )


def faults(page: Page, *impacts: str) -> list[Any]:
    """What axe minds about the page at rest, with where it is; of the given impacts only, or all."""
    page.evaluate(AXE.read_text())
    # Rows light up as they arrive, and colours change slowly.
    page.add_style_tag(content="* { animation: none !important; transition: none !important }")
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run(document).then(r => r.violations.map(v => ({id: v.id, impact: v.impact, "
        "where: v.nodes.slice(0, 4).map(n => n.html.slice(0, 160) + ' ' + n.failureSummary)})))"
    )
    return [each for each in found if not impacts or each["impact"] in impacts]
