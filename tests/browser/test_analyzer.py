"""R-165: the page of the scheduler analyzer, in a real browser."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Console, OpenPage
from tests.browser.frames import TOO_SMALL, Cluster
from tests.browser.looks import faults, fits
from tests.browser.sidecar import Sidecar


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def failing(console: Console) -> Console:
    """The console of the module, and twenty attempts that found no room."""
    now_us = time.time_ns() // 1000
    for at in range(20):
        console.tell(console.cluster.decision(now_us - at * 1_000_000, end="unschedulable"))
    console.settle()
    return console


@pytest.fixture(scope="module")
def empty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    sidecar = Sidecar(tmp_path_factory.mktemp("empty"))
    sidecar.record([Cluster().policy(time.time_ns() // 1000)])
    sidecar.wait_ready()
    yield sidecar.url
    sidecar.stop()


def test_r165_score_findings_and_all_four_parts_are_there(failing: Console, open_page: OpenPage) -> None:
    page = open_page(f"{failing.url}/analyzer")
    expect(page.get_by_role("heading", name="Analyzer", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="Score")).to_be_visible()
    for figure in ("Average latency", "Throughput", "Success rate", "Efficiency", "Health"):
        expect(page.locator(".analyzer-figures dt", has_text=figure).first).to_be_visible()
    for name in ("Findings", "Where the time goes", "Decision paths", "Failures", "Utilization"):
        expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_role("heading", name="Health of the scheduler")).to_be_visible()
    expect(page.locator(".analyzer-checks li").first).to_be_visible()
    expect(page.locator(".analyzer-findings li", has_text="no description of itself").or_(
        page.locator(".analyzer-findings li", has_text="does not answer")
    ).first).to_be_visible()  # fmt: skip


def test_r303_a_finding_names_the_reason_its_remedy_and_its_evidence(failing: Console, open_page: OpenPage) -> None:
    page = open_page(f"{failing.url}/analyzer?type=failures")
    finding = page.locator(".analyzer-findings > li", has_text="of the attempts place their pod")
    expect(finding).to_contain_text(TOO_SMALL)
    expect(finding).to_contain_text("What to do:")
    finding.get_by_text("Evidence").click()
    expect(finding.locator(".evidence").first).to_contain_text("success_rate")
    expect(page.locator("table", has_text="Why attempts failed")).to_contain_text(TOO_SMALL)
    page.locator("table", has_text="Pods that were not placed").get_by_role("link").first.click()
    page.wait_for_url("**/decisions/pod/**")


def test_the_choices_stand_in_the_address_and_the_button_runs_it_again(failing: Console, open_page: OpenPage) -> None:
    page = open_page(f"{failing.url}/analyzer")
    expect(page.locator(".analyzer")).to_be_visible()
    page.get_by_role("combobox", name="Time").select_option("15m")
    page.get_by_role("combobox", name="Type").select_option("utilization")
    page.get_by_role("combobox", name="Scheduler").select_option("default-scheduler")
    for said in ("range=15m", "type=utilization", "scheduler=default-scheduler"):
        expect(page).to_have_url(re.compile(rf"[?&]{said}(&|$)"))
    page.reload()
    expect(page.get_by_role("combobox", name="Time")).to_have_value("15m")
    with page.expect_response("**/api/analysis/run") as asked:
        page.get_by_role("button", name="Run analysis").click()
    body = asked.value.request.post_data_json
    assert body is not None
    assert (body["analysis_type"], body["scheduler"]) == ("utilization", "default-scheduler")
    page.get_by_role("combobox", name="Time").select_option("own")
    expect(page.locator("input[name=start]")).to_be_visible()
    expect(page).to_have_url(re.compile("start=.*end="))


def test_the_report_can_be_taken_along_as_json(failing: Console, open_page: OpenPage) -> None:
    page = open_page(f"{failing.url}/analyzer")
    link = page.get_by_role("link", name="Download JSON")
    href = link.get_attribute("href") or ""
    report = json.loads(unquote(href.partition(",")[2]))
    assert report["performance"]["attempts"]["unschedulable"] >= 20
    assert (link.get_attribute("download") or "").startswith("analysis-default-scheduler-")


def test_nothing_decided_and_a_refused_range_are_said(empty: str, failing: Console, open_page: OpenPage) -> None:
    page = open_page(f"{empty}/analyzer")
    expect(page.get_by_text("Nothing was decided in this time")).to_be_visible()
    expect(page.get_by_text("The cluster is not known here")).to_be_visible()
    expect(page.get_by_role("img", name="Score — of 100")).to_be_visible()
    bad = open_page(f"{failing.url}/analyzer?start=2026-02-01T00:00:00Z&end=2026-01-01T00:00:00Z")
    expect(bad.get_by_role("alert")).to_contain_text("earlier than the end")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_r165_it_is_accessible_and_no_wider_than_the_screen(
    failing: Console, open_page: OpenPage, scheme: str, width: int, locale: str
) -> None:
    page = open_page(f"{failing.url}/analyzer", width=width, color_scheme=scheme, locale=locale)
    expect(page.locator(".analyzer-checks li").first).to_be_visible()
    fits(page)
    assert faults(page) == []
