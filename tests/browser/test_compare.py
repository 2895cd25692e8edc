"""Statistics, comparison, trace and export of the decisions page, in a real browser."""

from __future__ import annotations

import csv
import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from extender.record.frames import PodRef
from tests.browser.conftest import Console, OpenPage
from tests.browser.looks import SERIOUS, faults, fits

ROWS = "table.decisions tbody tr"
POD = PodRef(namespace="team-a-dev", name="twice", uid="uid-twice", scheduler="default-scheduler")


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def tried_twice(console: Console) -> Console:
    """A pod that found no place, and two seconds later one."""
    at = time.time_ns() // 1000
    console.record(console.cluster.decision(at - 2_000_000, pod=POD, end="unschedulable"))
    console.record(console.cluster.decision(at, pod=POD, attempt=2, end="scheduled"))
    return console


def choose_both(page: Page) -> None:
    boxes = page.locator(f"{ROWS} input")
    expect(boxes).to_have_count(2)
    boxes.first.check()
    boxes.last.check()


def test_two_decisions_of_the_list_are_chosen_and_compared(tried_twice: Console, open_page: OpenPage) -> None:
    page = open_page(f"{tried_twice.url}/decisions?pod=team-a-dev/twice")
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_label("Choose twice, attempt 2, to compare").check()
    expect(page.get_by_text("choose another decision to compare it with")).to_be_visible()
    page.get_by_label("Choose twice, attempt 1, to compare").check()
    page.get_by_role("link", name="Compare twice and twice").click()
    expect(page.locator("h1")).to_have_text("Two decisions compared")
    expect(page.locator(".said")).to_contain_text("The first found no place, the second was placed on node-")
    expect(page.locator("table.decisions-compare").first).to_contain_text("Unschedulable")
    said = page.locator(".said").inner_text()
    page.reload()
    expect(page.locator(".said")).to_have_text(said)
    page.get_by_role("link", name="Swap").click()
    expect(page.locator(".said")).to_contain_text("the second found no place")
    assert faults(page, *SERIOUS) == []


def test_a_decision_is_compared_with_the_attempt_before(tried_twice: Console, open_page: OpenPage) -> None:
    page = open_page(f"{tried_twice.url}/decisions?pod=team-a-dev/twice&outcome=scheduled")
    page.get_by_role("link", name="twice").click()
    page.get_by_role("link", name="Compare with the attempt before").click()
    expect(page.locator(".said")).to_contain_text("The first found no place")
    page.go_back()
    page.locator("section", has_text="Attempts of this pod").get_by_role("link").click()
    expect(page.locator(".said")).to_contain_text("No node fits")
    expect(page.get_by_role("link", name="Compare with the attempt before")).to_have_count(0)


def test_a_comparison_of_nothing_says_how_to_choose(tried_twice: Console, open_page: OpenPage) -> None:
    page = open_page(f"{tried_twice.url}/decisions/compare")
    expect(page.get_by_role("heading", name="Choose two decisions")).to_be_visible()
    page.goto(f"{tried_twice.url}/decisions/compare?a=x&b=y")
    expect(page.get_by_role("alert")).to_contain_text("No decision x")


def test_r135_what_statistics_are_grouped_by_stands_in_the_address(tried_twice: Console, open_page: OpenPage) -> None:
    page = open_page(f"{tried_twice.url}/decisions?namespace=team-a-dev")
    page.get_by_text("Statistics by plugin, tenant, node and more").click()
    table = page.locator("table.decisions-groups")
    expect(table).to_contain_text("Plugin that rejected")
    page.locator("select[name=by]").select_option("namespace")
    expect(table.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("namespace=team-a-dev"))
    assert parse_qs(urlsplit(page.url).query) == {"namespace": ["team-a-dev"], "by": ["namespace"]}
    page.get_by_role("combobox", name="Verdict").select_option("scheduled")
    expect(table.locator("tbody tr").first).to_contain_text("100%")
    page.reload()
    expect(table.locator("tbody tr").first).to_contain_text("100%")
    expect(page.get_by_role("region", name="Did the scheduler take our first choice?")).to_contain_text(
        "bound decisions took a node"
    )
    page.get_by_text("By set of plugins, revision or scheduler").click()
    expect(page.get_by_role("columnheader", name="Plugins that scored")).to_be_visible()
    assert faults(page, *SERIOUS) == []


def test_a_group_leads_to_its_decisions(tried_twice: Console, open_page: OpenPage) -> None:
    page = open_page(f"{tried_twice.url}/decisions?by=namespace")
    page.locator("table.decisions-groups").get_by_role("link", name="payments").click()
    expect(page.locator("input[name=namespace]")).to_have_value("payments")


def test_tenants_that_are_not_known_are_said_to_be_so(tried_twice: Console, open_page: OpenPage) -> None:
    page = open_page(f"{tried_twice.url}/decisions?by=tenant")
    expect(page.get_by_text("Tenants are not known")).to_be_visible()
    expect(page.locator(ROWS).first).to_be_visible()


def test_a_pod_is_traced_until_it_is_bound(tried_twice: Console, open_page: OpenPage) -> None:
    page = open_page(f"{tried_twice.url}/decisions/pod/team-a-dev/twice")
    trace = page.locator(".decisions-trace")
    expect(trace).to_contain_text("at attempt 2")
    expect(trace.locator("tbody tr")).to_have_count(2)
    expect(trace.locator("tbody tr").last).to_contain_text("2.0 s")
    expect(trace.locator("tbody tr").first).to_contain_text("insufficient allocatable memory (PodState, 107 nodes)")
    assert faults(page, *SERIOUS) == []
    trace.get_by_role("link", name="compare").click()
    expect(page.locator("h1")).to_have_text("Two decisions compared")


def test_what_the_list_shows_is_saved_as_a_file(tried_twice: Console, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(f"{tried_twice.url}/decisions?pod=team-a-dev/twice")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert re.fullmatch(r"decisions-\d{8}T\d{6}Z\.csv", download.value.suggested_filename)
    download.value.save_as(tmp_path / "d.csv")
    assert [line["pod"] for line in csv.DictReader((tmp_path / "d.csv").open())] == ["twice", "twice"]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways(tried_twice: Console, open_page: OpenPage, width: int) -> None:
    page = open_page(f"{tried_twice.url}/decisions?pod=team-a-dev/twice&by=reason", width=width)
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator("table.decisions-groups")).to_be_visible()
    choose_both(page)
    fits(page)
    page.get_by_role("link", name="Compare twice and twice").click()
    expect(page.locator("table.decisions-compare").first).to_be_visible()
    fits(page)
    page.goto(f"{tried_twice.url}/decisions/pod/team-a-dev/twice")
    expect(page.locator(".decisions-trace")).to_be_visible()
    fits(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_told_in_chinese_too(tried_twice: Console, open_page: OpenPage, scheme: str) -> None:
    page = open_page(f"{tried_twice.url}/decisions?pod=team-a-dev/twice&by=plugin", locale="zh-CN", color_scheme=scheme)
    expect(page.get_by_text("调度器采纳了我们的首选吗？")).to_be_visible()
    choose_both(page)
    assert faults(page, *SERIOUS) == []
    page.get_by_role("link", name="比较 twice 和 twice").click()
    expect(page.locator(".said")).to_contain_text("第一个没有找到位置")
    assert faults(page, *SERIOUS) == []
