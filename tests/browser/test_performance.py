"""R-156: the page of the performance analyzer, in a real browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from extender.record.frames import Outcome
from tests.browser.conftest import OpenPage
from tests.browser.frames import Cluster
from tests.browser.looks import faults, fits
from tests.browser.sidecar import Sidecar

MINUTES = 90
CHANGED = 40
PER_MINUTE = 4
MINUTE_US = 60_000_000
SLOW_US = 2_000


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def url(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An hour and a half of decisions; behind revision 48214 each filter takes 2 ms longer."""
    sidecar, cluster, bound = Sidecar(tmp_path_factory.mktemp("course")), Cluster(), 0
    now_us = time.time_ns() // 1000
    sidecar.record([cluster.policy(now_us - MINUTES * MINUTE_US)])
    for ago in range(MINUTES, 0, -1):
        if ago == CHANGED:
            cluster.revision = "48214"
            sidecar.record([cluster.policy(now_us - ago * MINUTE_US)])
        for at in range(PER_MINUTE):
            at_us = now_us - ago * MINUTE_US + at * MINUTE_US // PER_MINUTE
            frames = list(cluster.decision(at_us, end="scheduled" if at else ""))
            for frame in frames:
                if ago <= CHANGED and getattr(frame, "verb", "") == "filter":
                    frame.duration_us += SLOW_US  # type: ignore[union-attr]
                bound += isinstance(frame, Outcome) and frame.result == "bound"
            sidecar.record(frames)
    sidecar.wait_ready()
    # The page asks once a minute: what it is opened on must be there.
    sidecar.wait(lambda: sidecar.ask("/api/analysis?start=6h")["pods_scheduled"] >= bound)
    yield sidecar.url
    assert sidecar.stop() == 0


@pytest.fixture(scope="module")
def empty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    sidecar = Sidecar(tmp_path_factory.mktemp("empty"))
    sidecar.record([Cluster().policy(time.time_ns() // 1000)])
    sidecar.wait_ready()
    yield sidecar.url
    sidecar.stop()


def chart(page: Page, title: str) -> Locator:
    return page.locator("figure.perf-chart", has=page.get_by_role("heading", name=title, exact=True))


def test_r156_figures_charts_forecast_and_advice_are_there(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}/performance?range=6h")
    expect(page.get_by_role("heading", name="Performance", exact=True)).to_be_visible()
    for figure in ("Average latency", "Throughput", "Success rate", "Anomalies", "Days until full"):
        expect(page.locator(".perf-figures dt", has_text=figure).first).to_be_visible()
    for title in ("Latency of pods", "Throughput", "Success rate", "The extender's calls"):
        expect(chart(page, title).get_by_role("img")).to_be_visible()
        expect(chart(page, title).locator(".perf-plot path.line").first).to_be_visible()
    throughput = chart(page, "Throughput")
    expect(throughput.locator("path.band").last).to_be_attached()
    expect(page.get_by_text("Median error of the forecast")).to_be_visible()
    expect(page.locator("table", has_text="By plugin").first).to_be_visible()
    pending = chart(page, "Waiting pods")
    expect(pending).to_contain_text("Nothing was measured")


def test_a_change_is_drawn_with_its_revision_and_its_advice_leads_to_the_policy(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}/performance?range=6h")
    calls = chart(page, "The extender's calls")
    expect(calls.locator("g.change.worse").filter(has_text="revision 48214").first).to_be_visible()
    expect(calls.locator(".perf-changes")).to_contain_text("since revision 48214 p99 of the extender's calls +")
    advice = page.locator(".perf-advice > li", has_text="Since revision 48214")
    advice.get_by_text("Evidence").click()
    expect(advice.locator("pre")).to_contain_text('"revision": "48214"')
    advice.get_by_role("link").click()
    page.wait_for_url("**/policy/history")


def test_a_chart_is_read_by_keys_and_as_a_table(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}/performance?range=6h")
    latency = chart(page, "Latency of pods")
    cursor = latency.get_by_role("slider", name="Latency of pods: point in time")
    cursor.press("ArrowLeft")
    expect(latency.locator(".perf-read")).to_contain_text("p99")
    expect(latency.locator("path.cursor")).to_be_attached()
    latency.get_by_text("As a table").click()
    expect(latency.get_by_role("columnheader", name="p95")).to_be_visible()
    expect(latency.get_by_role("row").nth(40)).to_be_attached()


def test_the_range_stands_in_the_address(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}/performance")
    page.get_by_role("combobox", name="Time").select_option("1h")
    page.get_by_role("combobox", name="Scheduler").select_option("default-scheduler")
    expect(page).to_have_url(re.compile("range=1h"))
    expect(page).to_have_url(re.compile("scheduler=default-scheduler"))
    page.reload()
    expect(page.get_by_role("combobox", name="Time")).to_have_value("1h")
    page.get_by_role("combobox", name="Time").select_option("own")
    expect(page.locator("input[name=start]")).to_be_visible()
    expect(page).to_have_url(re.compile("start="))


def test_it_can_be_taken_along_as_json_and_csv(url: str, open_page: OpenPage) -> None:
    page = open_page(f"{url}/performance?range=6h")
    href = page.get_by_role("link", name="Download JSON").get_attribute("href") or ""
    report = json.loads(unquote(href.partition(",")[2]))
    assert report["pods_scheduled"] > 200
    href = page.get_by_role("link", name="Download CSV").get_attribute("href") or ""
    lines = unquote(href.partition(",")[2]).split("\r\n")
    assert lines[0].startswith("time,latency,latency_p50")
    assert len(lines) > 80


def test_nothing_decided_and_a_refused_range_are_said(empty: str, url: str, open_page: OpenPage) -> None:
    page = open_page(f"{empty}/performance")
    expect(page.get_by_text("Nothing was decided in this time")).to_be_visible()
    expect(page.get_by_text("no decision has been taken in yet")).to_be_visible()
    expect(page.locator("figure.perf-chart")).to_have_count(0)
    bad = open_page(f"{url}/performance?start=2026-02-01T00:00:00Z&end=2026-01-01T00:00:00Z")
    expect(bad.get_by_role("alert")).to_contain_text("earlier than the end")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_r156_it_is_accessible_and_no_wider_than_the_screen(
    url: str, open_page: OpenPage, scheme: str, width: int, locale: str
) -> None:
    page = open_page(f"{url}/performance?range=6h", color_scheme=scheme, width=width, locale=locale)
    expect(page.locator(".perf-plot path.line").first).to_be_visible()
    fits(page)
    assert faults(page) == []
