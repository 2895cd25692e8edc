"""R-113: the tenants' page in a real browser, on the demo: who uses what, in both languages, themes and widths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.demo import Demo
from tests.browser.looks import faults, fits

VIOLATION = {
    "time": "2026-01-02T03:04:05Z",
    "tenant": "shop",
    "resource": "cpu",
    "change": "opened",
    "used": "12",
    "quota": "8",
    "limit": "10",
    "newest_pod": "team-shop/cart-1",
}

PROMISES: dict[str, Any] = {
    "systems": [{"kind": "ClusterQueue", "served": True, "promises": 4}],
    "promises": [
        {
            "kind": "ClusterQueue",
            "name": "batch",
            "namespaces": ["a"],
            "tenants": ["shop"],
            "guaranteed": {"cpu": "12", "memory": "24Gi"},
            "limit": {},
            "cohort": "everybody",
            "lends": {},
            "only": "",
        }
    ],
    "total": 4,
    "problems": [{"kind": "ResourceQuota", "name": "a/q", "path": "spec.hard.cpu", "message": "not a quantity: 'x'"}],
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with Demo(tmp_path_factory.mktemp("tenants")) as running:
        yield running


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


def test_r113_each_tenant_has_its_quota_against_use(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/tenants")
    shop = page.locator(".card").filter(has=page.get_by_role("heading", name="shop"))
    expect(shop).to_contain_text("team-shop;")
    expect(shop.get_by_role("img", name=re.compile(r"used of a quota of \d+, limit \d+")).first).to_be_visible()
    expect(shop).to_contain_text(re.compile(r"\d+ / 2,000"))
    expect(page.locator(".figures")).to_contain_text("Jain index of dominant shares")


def test_violations_are_listed_with_the_pod_that_was_placed_last(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/decisions")
    body = {"status": "success", "data": {"violations": [VIOLATION]}}
    page.route("**/api/v1/tenants/violations*", lambda route: route.fulfill(json=body))
    page.goto(f"{demo.url}/tenants")
    row = page.get_by_role("row").filter(has_text="team-shop/cart-1")
    expect(row).to_contain_text("cpu: 12 used, limit 10")


def test_r105_r113_a_tenant_is_registered_looked_at_asked_changed_and_removed(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/tenants")
    page.get_by_text("Register a tenant", exact=True).click()
    form = page.locator(".register form")
    form.get_by_role("textbox", name="Name", exact=True).fill("lab")
    form.get_by_role("textbox", name="Namespaces").fill("team-lab, team-lab-two")
    form.get_by_role("textbox", name="cpu").fill("four")
    form.get_by_role("button", name="Register").click()
    expect(form).to_contain_text("quota.cpu: not a quantity")
    form.get_by_role("textbox", name="cpu").fill("4")
    form.get_by_role("textbox", name="pods").fill("10")
    form.get_by_role("button", name="Register").click()
    expect(page.get_by_role("status").filter(has_text="lab is registered")).to_be_visible()
    page.get_by_role("link", name="lab", exact=True).click()
    one = page.locator(".one")
    expect(one.get_by_role("heading", name="lab over time")).to_be_visible()
    one.get_by_text("Try a request").click()
    one.get_by_role("textbox", name="cpu").first.fill("5")
    one.get_by_role("button", name="Ask").click()
    expect(one).to_contain_text("Not allowed. cpu: 0 used + 5 requested is over the limit of 4")
    one.get_by_text("Change or remove it").click()
    changing = one.locator("form").filter(has=page.get_by_role("button", name="Change"))
    changing.get_by_role("textbox", name="cpu").fill("6")
    changing.get_by_role("button", name="Change").click()
    expect(page.locator(".card").filter(has=page.get_by_role("link", name="lab", exact=True))).to_contain_text("0 / 6")
    one.get_by_role("button", name="Ask").click()
    expect(one).to_contain_text("Allowed.")
    one.get_by_role("button", name="Remove").click()
    one.get_by_role("button", name="Really remove lab").click()
    expect(page.get_by_role("link", name="lab", exact=True)).to_have_count(0)


def test_one_tenant_has_its_use_over_the_time_that_the_address_says(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/tenants?tenant=shop&range=6h")
    one = page.locator(".one")
    time = one.get_by_role("combobox", name="Time", exact=True)
    expect(time).to_have_value("6h")
    # A sample is taken once a minute, and the page asks twice as often.
    expect(one.get_by_role("img", name=re.compile(r"^cpu since .*: now \d+"))).to_be_visible(timeout=180_000)
    time.select_option("7d")
    expect(page).to_have_url(re.compile(r"tenant=shop&range=7d$"))


def test_what_others_promise_is_listed_with_what_cannot_be_used(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/decisions")
    page.route("**/api/v1/tenants/promises*", lambda route: route.fulfill(json={"status": "success", "data": PROMISES}))
    page.goto(f"{demo.url}/tenants")
    page.get_by_role("heading", name="What others promise").click()
    row = page.get_by_role("row").filter(has_text="ClusterQueue batch")
    expect(row).to_contain_text("cpu 12, memory 24Gi")
    expect(row).to_contain_text("everybody")
    expect(page.locator(".promises")).to_contain_text("spec.hard.cpu: not a quantity")
    expect(page.locator(".promises")).to_contain_text("3 more are not shown.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_accessibility_fault_and_no_scrolling_sideways(
    demo: Demo, open_page: OpenPage, width: int, scheme: str
) -> None:
    page = open_page(f"{demo.url}/tenants?tenant=shop", width, color_scheme=scheme)
    expect(page.locator(".card").first).to_be_visible()
    for name in ("Register a tenant", "Try a request", "Change or remove it"):
        page.get_by_text(name, exact=True).click()
    expect(page.get_by_role("button", name="Change")).to_be_visible()
    fits(page)
    assert faults(page) == []


def test_it_speaks_chinese(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/tenants", locale="zh-CN")
    expect(page.get_by_role("heading", name="租户", exact=True)).to_be_visible()
    expect(page.locator(".card").first).to_contain_text("个等待")


def test_findings_are_said_in_chinese_and_keep_their_english_for_who_points_at_them(
    demo: Demo, open_page: OpenPage
) -> None:
    page = open_page(f"{demo.url}/decisions", locale="zh-CN")
    told = {
        "cpu: its quota is 8, and ClusterQueue lets its namespaces have 4 (a, b, c and 2 more)": (
            "cpu：其配额为 8，而 ClusterQueue 只允许其命名空间使用 4（a, b, c 以及另外 2 个）"
        ),
        "tenant shop: namespace a belongs to tenant lab": "租户 shop：命名空间 a 属于租户 lab",
        "ClusterQueue q is for tenants lab, shop together; cpu: 9 of quota, limit 4; pods: 7 of quota, limit 3": (
            "ClusterQueue q 由租户 lab, shop 共用；cpu：配额合计 9，上限 4；pods：配额合计 7，上限 3"
        ),
        "nobody has put this in words": "nobody has put this in words",
    }
    findings = [{"rule": "r", "severity": "info", "tenant": "", "message": english} for english in told]

    def answer(route: Route) -> None:
        body = route.fetch().json()
        route.fulfill(json=body | {"data": body["data"] | {"findings": findings}})

    page.route(re.compile(r"/api/v1/tenants$"), answer)
    page.goto(f"{demo.url}/tenants")
    for english, chinese in told.items():
        said = page.locator(".findings li").get_by_text(chinese, exact=True)
        expect(said).to_be_visible()
        expect(said).to_have_attribute(*(("lang", "en") if chinese == english else ("title", english)))


def test_without_tenants_and_without_a_cluster_it_says_what_to_do(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/decisions")
    fair = {"jain_index": None, "wait_p50_s": None}
    none: dict[str, Any] = {"status": "success", "data": {"tenants": [], "fairness": fair, "findings": []}}
    missing = {
        "status": "error",
        "code": 404,
        "message": "The cluster is not known: x.",
        "details": [],
        "requestId": "r",
    }
    answers: list[tuple[int, Any]] = [(200, none), (404, missing)]

    def answer(route: Route) -> None:
        code, body = answers[0]
        route.fulfill(status=code, json=body)

    page.route(re.compile(r"/api/v1/tenants$"), answer)
    page.goto(f"{demo.url}/tenants")
    expect(page.get_by_role("heading", name="No tenants")).to_be_visible()
    answers.pop(0)
    page.reload()
    expect(page.get_by_role("heading", name="No cluster to look at")).to_be_visible()
