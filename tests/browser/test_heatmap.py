"""R-143, R-146: the heatmap in a real browser, on the demo: pointing, keys, values, groups, themes and languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.demo import Demo
from tests.browser.looks import faults, fits


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with Demo(tmp_path_factory.mktemp("heatmap")) as running:
        yield running


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


def test_r094_r143_r146_pointing_and_keys_tell_a_node_and_show_its_pods(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/heatmap")
    cells = page.get_by_role("application")
    expect(cells).to_have_attribute("aria-label", re.compile("CPU allocated of 20 nodes"))
    said = page.locator("#heat-said")
    expect(said).to_have_text("Point at a cell, or move with the arrow keys.")
    cells.press("ArrowRight")
    expect(said).to_have_text(re.compile(r"^[a-z0-9-]+ \(zone-a\): [0-9.]+%"))
    first = said.inner_text().split(":")[0]  # what follows is measured, and may change at any time
    expect(page.get_by_role("heading", name=first.split(" ")[0])).to_be_visible()
    expect(page.locator(".amounts")).to_contain_text("zone-a")
    cells.press("ArrowRight")
    expect(said).not_to_contain_text(first)
    cells.press("Home")
    expect(said).to_contain_text(first)
    cells.press("ArrowDown")
    expect(said).to_contain_text("zone-b")
    cells.hover(position={"x": 12, "y": 30})
    expect(said).to_contain_text(first.split(" ")[0])


def test_r143_the_value_and_the_grouping_are_chosen_and_stand_in_the_address(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/heatmap")
    page.get_by_role("combobox", name="Value").select_option("Memory used")
    page.get_by_role("combobox", name="Grouped by").select_option("Pool")
    expect(page).to_have_url(re.compile("value=memory_used"))
    expect(page).to_have_url(re.compile("group=pool"))
    page.reload()
    expect(page.get_by_role("heading", name="Nodes by Memory used")).to_be_visible()
    expect(page.get_by_role("application")).to_have_attribute("aria-label", re.compile("Memory used of 20 nodes"))
    rows = page.locator("section", has=page.get_by_role("heading", name="Nodes by")).locator("tbody tr")
    expect(rows).to_have_count(20)
    shares = [float(text.rstrip("%")) for text in rows.locator("td:nth-child(2)").all_inner_texts() if text != "–"]
    assert shares == sorted(shares, reverse=True)


def test_what_still_fits_and_who_waits_is_told(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/heatmap")
    fits = page.locator("section", has=page.get_by_role("heading", name="What still fits"))
    expect(fits.locator("tbody tr").first).to_contain_text("cpu")
    expect(fits).to_contain_text(re.compile("Waiting pods: |No pod is waiting"))


def test_the_download_has_every_node(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/heatmap")
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    lines = Path(started.value.path()).read_text().splitlines()
    assert lines[0].startswith("name,group,ready,schedulable,stale,cpu_allocated,")
    assert len(lines) == 21


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_accessibility_fault_and_no_scrolling_sideways(
    demo: Demo, open_page: OpenPage, width: int, scheme: str
) -> None:
    page = open_page(f"{demo.url}/heatmap", width, color_scheme=scheme)
    page.get_by_role("application").press("ArrowRight")
    expect(page.locator(".amounts")).to_be_visible()
    expect(
        page.locator("section", has=page.get_by_role("heading", name="What still fits")).locator("tbody tr").first
    ).to_be_visible()
    fits(page)
    assert faults(page) == []


def test_it_speaks_chinese(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/heatmap", locale="zh-CN")
    expect(page.get_by_role("heading", level=1, name="热力图")).to_be_visible()
    expect(page.get_by_role("heading", name="还能放下什么")).to_be_visible()


def test_without_a_cluster_and_in_trouble_it_says_what_to_do(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/decisions")
    answers = [
        (
            404,
            {
                "status": "error",
                "code": 404,
                "reason": "NotFound",
                "message": "The cluster is not known: give --kubeconfig.",
                "details": [],
                "requestId": "r",
            },
        ),
        (
            503,
            {
                "status": "error",
                "code": 503,
                "reason": "Timeout",
                "message": "too slow",
                "details": [],
                "requestId": "r",
            },
        ),
    ]

    def answer(route: Route) -> None:
        code, body = answers[0]
        route.fulfill(status=code, json=body)

    page.route("**/api/v1/heatmap?*", answer)
    page.goto(f"{demo.url}/heatmap")
    expect(page.get_by_role("heading", name="No cluster to look at")).to_be_visible()
    expect(page.get_by_text("give --kubeconfig")).to_be_visible()
    answers.pop(0)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("too slow")
