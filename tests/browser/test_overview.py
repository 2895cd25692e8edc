"""The overview in a real browser, on the demo: a sentence for each tool, and each card alone in its troubles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.demo import Demo
from tests.browser.looks import faults, fits

SENTENCES = {
    "Cluster": r"All \d+ nodes are ready and run \d+ pods|Of \d+ nodes, \d+ not ready",
    "Scheduling, last 15 minutes": r"\d+ of \d+ attempts placed their pod",
    "Policy": r"Revision [0-9a-f]{12} is in effect since",
    "Waiting pods": r"No pod waits for a node|Pods that wait for a node: \d+",
    "Tenants": r"All 3 tenants are within their limits|Over their limit",
    "Performance, last 6 hours": r"Half of the pods are placed within|Nothing was placed",
    "Health of the chain": r"All \d+ checks of default-scheduler pass|\d+ of \d+ checks fail",
    "Audit, last day": r"No audit log is read",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with Demo(tmp_path_factory.mktemp("overview")) as running:
        yield running


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


def card(page: Page, title: str) -> Any:
    return page.get_by_role("region", name=title, exact=True)


def test_r092_r093_the_console_opens_with_a_sentence_for_each_tool(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(demo.url)
    for title, sentence in SENTENCES.items():
        expect(card(page, title).locator(".said").first).to_have_text(re.compile(sentence))


def test_what_it_says_of_the_policy_follows_an_edit(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/overview")
    before = demo.policy()["text"]
    demo.put(before.replace("targetUtilization: 50", "targetUtilization: 61"), reason="overview-test")
    try:
        expect(card(page, "Policy")).to_contain_text("overview-test")
    finally:
        demo.put(before)


def test_a_title_leads_to_the_page_behind_it(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(demo.url)
    page.get_by_role("link", name="Waiting pods").click()
    expect(page.get_by_role("heading", level=1, name="Pending pods")).to_be_visible()


def test_a_card_of_a_tool_that_is_off_is_not_there(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/decisions")
    tools = [{"name": "plugin-manager", "enabled": True}, {"name": "tenant-resource-manager", "enabled": False}]
    body = {"status": "success", "data": {"tools": tools}}
    page.route("**/api/v1/tools", lambda route: route.fulfill(json=body))
    page.goto(demo.url)
    expect(card(page, "Policy")).to_be_visible()
    expect(card(page, "Tenants")).to_have_count(0)


def test_a_question_that_fails_is_told_in_its_card_alone(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/decisions")
    body = {"status": "error", "code": 503, "message": "The store does not answer."}
    page.route("**/api/stats*", lambda route: route.fulfill(status=503, json=body))
    page.goto(demo.url)
    expect(card(page, "Scheduling, last 15 minutes").get_by_role("alert")).to_contain_text("The store does not answer.")
    expect(card(page, "Cluster").locator(".said")).to_have_text(re.compile(SENTENCES["Cluster"]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_accessibility_fault_and_no_scrolling_sideways(
    demo: Demo, open_page: OpenPage, width: int, scheme: str
) -> None:
    page = open_page(demo.url, width, color_scheme=scheme)
    expect(page.locator(".said")).to_have_count(len(SENTENCES))
    fits(page)
    assert faults(page) == []


def test_it_speaks_chinese(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(demo.url, locale="zh-CN")
    expect(page.get_by_role("heading", level=1, name="概览")).to_be_visible()
    expect(card(page, "策略")).to_contain_text("起生效")
