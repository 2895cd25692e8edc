"""R-124: findings, their evidence, events and latency in a real browser, and what people say about findings."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from extender.record.frames import Decision, PodRef
from tests.analytics.audit_io.events import T0_US, bound, created, entered, event, lines
from tests.browser.conftest import OpenPage
from tests.browser.looks import faults, fits, until
from tests.browser.sidecar import REPOSITORY, Sidecar

POLICY = REPOSITORY / "deploy" / "examples" / "audit-policy.yaml"
PODS = 24


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


def told(now_us: int) -> Iterator[dict[str, Any]]:
    """Pods created and bound over an hour; a stranger who binds and gets in; a right that is given away."""
    now = (now_us - T0_US) / 1e6
    for at in range(PODS):
        begun = now - 3600 + 120 * at
        yield created(f"web-{at}", seconds=begun)
        yield bound(f"web-{at}", f"node-{1 + at % 2}", seconds=begun + 0.4 + 0.02 * at)
    yield bound("web-99", "node-7", seconds=now - 500, user="mallory", agent="curl/8.9")
    yield entered("web-99", seconds=now - 400)
    yield event(
        "create", "clusterrolebindings", seconds=now - 300, namespace="", name="all-for-mallory", user="mallory",
        group="rbac.authorization.k8s.io",
        request={
            "metadata": {"name": "all-for-mallory"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "name": "mallory"}],
        },
    )  # fmt: skip


def decided(now_us: int) -> Iterator[Decision]:
    for at in range(PODS):
        begun_us = now_us - (3600 - 120 * at) * 1_000_000
        pod = PodRef(namespace="team-a", name=f"web-{at}", uid=f"uid-web-{at}", scheduler="default-scheduler")
        yield Decision(
            at_us=begun_us + 300_000, decision=f"d{at}", attempt=1, verb="filter", pod=pod, nodes_in=3, nodes_out=3,
            profile="default-scheduler", revision="7", duration_us=1500.0,
        )  # fmt: skip


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Sidecar]:
    folder = tmp_path_factory.mktemp("audit")
    now_us = time.time_ns() // 1000
    log = folder / "audit.log"
    log.write_bytes(lines(*told(now_us)) + b"this is no event\n")
    sidecar = Sidecar(folder, f"--audit-log={log}")
    sidecar.record(decided(now_us))
    sidecar.wait_ready()
    sidecar.wait(lambda: sidecar.ask("/api/v1/audit/status")["events"] >= 2 * PODS + 3)
    sidecar.wait(lambda: sidecar.ask("/api/stats")["total"] >= PODS)
    # What the rules find in them comes a moment after them.
    sidecar.wait(lambda: {"SCH-02", "SCH-15", "SCH-17"} <= violated(sidecar))
    yield sidecar
    assert sidecar.stop() == 0


@pytest.fixture(scope="module")
def unwatched(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Sidecar]:
    sidecar = Sidecar(tmp_path_factory.mktemp("unwatched"))
    sidecar.wait_ready()
    yield sidecar
    assert sidecar.stop() == 0


def violated(sidecar: Sidecar) -> set[str]:
    return {one["rule"] for one in sidecar.ask("/api/audit/violations")["violations"]}


def test_r124_findings_are_listed_with_their_severity_and_narrowed(watched: Sidecar, open_page: OpenPage) -> None:
    page = open_page(f"{watched.url}/audit")
    rows = page.locator("table.audit-findings tbody tr")
    expect(rows.nth(2)).to_be_visible()

    def as_stored() -> bool:
        total, critical = (
            watched.ask(f"/api/v1/audit/findings{narrowed}")["total"] for narrowed in ("", "?severity=critical")
        )
        said = page.locator(".audit-timeline svg").get_attribute("aria-label") or ""
        return rows.count() == total and said.startswith(f"{total} findings over time, {critical} critical")

    until(page, as_stored)
    page.get_by_role("combobox", name="Severity").select_option("critical")
    expect(page).to_have_url(re.compile("severity=critical"))
    until(page, lambda: rows.count() == watched.ask("/api/v1/audit/findings?severity=critical")["total"])
    expect(rows.filter(has_text="SCH-02")).to_contain_text("mallory")
    page.reload()
    expect(rows.filter(has_text="SCH-02")).to_contain_text("mallory")
    expect(rows.filter(has_text="SCH-17")).to_have_count(0)


def test_r124_a_finding_shows_its_evidence_its_fix_and_is_acknowledged_and_suppressed(
    watched: Sidecar, open_page: OpenPage
) -> None:
    (finding,) = watched.ask("/api/v1/audit/findings?rule=SCH-02")["findings"]
    page = open_page(f"{watched.url}/audit?rule=SCH-02")
    page.locator("table.audit-findings a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(finding["title"])
    expect(page.locator(".said")).to_have_text(finding["description"])
    expect(page.locator(".audit-fix pre")).to_contain_text(finding["fix"].split("\n")[0])
    for technique in finding["attack"]:
        expect(page.locator(".attack")).to_contain_text(technique)
    evidence = page.locator("table.audit-evidence tbody tr")
    expect(evidence).to_have_count(1)
    expect(evidence).to_contain_text("curl/8.9")
    evidence.locator("summary").click()
    expect(evidence.locator("pre")).to_contain_text("node-7")
    acknowledge = page.get_by_role("button", name="Acknowledge")
    expect(acknowledge).to_be_disabled()
    page.get_by_role("textbox", name="Why").fill("we look into it")
    acknowledge.click()
    expect(page.locator(".badges .state")).to_have_text("Acknowledged")
    expect(page.locator(".audit-history li")).to_contain_text("we look into it")
    page.get_by_role("textbox", name="Why").fill("our own migration")
    page.get_by_role("checkbox", name="With it, all that").check()
    page.get_by_role("button", name="Suppress").click()
    expect(page.locator(".badges .state")).to_have_text("Suppressed")
    assert "SCH-02" not in violated(watched)
    page.get_by_role("textbox", name="Why").fill("it was none")
    page.get_by_role("button", name="Open again").click()
    expect(page.locator(".badges .state")).to_have_text("Open")
    assert "SCH-02" in violated(watched)


def test_r124_events_are_listed_and_narrowed_by_who(watched: Sidecar, open_page: OpenPage) -> None:
    page = open_page(f"{watched.url}/audit/events")
    rows = page.locator("table.audit-events tbody tr")
    expect(rows).to_have_count(50)
    expect(page.locator(".paging")).to_contain_text(f"{2 * PODS + 3}")
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(1)
    page.get_by_role("combobox", name="Who").select_option("mallory")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("all-for-mallory")


def test_r124_latency_is_split_by_what_the_journal_knows(watched: Sidecar, open_page: OpenPage) -> None:
    page = open_page(f"{watched.url}/audit/latency")
    expect(page.locator(".said")).to_contain_text(f"Of {PODS} pods")
    expect(page.get_by_role("row", name="Waits until we are asked")).to_contain_text("300 ms")
    expect(page.get_by_role("row", name="We decide")).to_contain_text("1.50 ms")


def test_r124_every_rule_is_listed_and_leads_to_its_findings(watched: Sidecar, open_page: OpenPage) -> None:
    page = open_page(f"{watched.url}/audit/rules")
    expect(page.locator("tbody tr")).to_have_count(29)
    page.get_by_role("link", name="SCH-02").click()
    expect(page.locator("table.audit-findings tbody tr")).to_have_count(1)


def test_lines_that_are_no_events_are_told(watched: Sidecar, open_page: OpenPage) -> None:
    page = open_page(f"{watched.url}/audit")
    expect(page.locator(".audit-troubles")).to_contain_text("this is no event")


def test_without_a_log_the_page_says_how_to_switch_audit_logging_on(unwatched: Sidecar, open_page: OpenPage) -> None:
    page = open_page(f"{unwatched.url}/audit")
    expect(page.get_by_role("heading", name="Audit logging is not switched on")).to_be_visible()
    expect(page.locator(".notice")).to_contain_text("--audit-policy-file")
    expect(page.locator(".notice")).to_contain_text("deploy/examples/audit-policy.yaml")
    assert POLICY.is_file()


def test_a_store_that_does_not_answer_is_told(unwatched: Sidecar, open_page: OpenPage) -> None:
    page = open_page(f"{unwatched.url}/decisions")
    broken = {
        "status": "error",
        "code": 503,
        "reason": "Timeout",
        "message": "too slow",
        "details": [],
        "requestId": "r",
    }
    page.route("**/api/v1/audit/status", lambda route: route.fulfill(status=503, json=broken))
    page.goto(f"{unwatched.url}/audit")
    expect(page.get_by_role("alert")).to_contain_text("too slow")


def test_it_speaks_chinese(watched: Sidecar, open_page: OpenPage) -> None:
    page = open_page(f"{watched.url}/audit", locale="zh-CN")
    expect(page.get_by_role("heading", level=1, name="审计", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="规则", exact=True)).to_be_visible()
    page.goto(f"{watched.url}/audit?rule=SCH-02")
    page.get_by_role("link", name="由不是已知调度器的身份执行绑定").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("由不是已知调度器的身份执行绑定")
    expect(page.locator(".audit-fix pre")).to_contain_text("收回该身份创建 pods/binding 的权限")
    expect(page.locator(".audit-finding > .said")).to_have_text(
        re.compile(r"^\S+ 把 .+ 绑定到 \S+，而它不是已知的调度器$")
    )


@pytest.mark.parametrize("path", ["/audit", "/audit/events", "/audit/latency", "/audit/rules", "finding", "off"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_accessible_and_no_wider_than_the_screen(
    watched: Sidecar, unwatched: Sidecar, open_page: OpenPage, path: str, scheme: str, width: int
) -> None:
    if path == "off":
        url = f"{unwatched.url}/audit"
    elif path == "finding":
        url = f"{watched.url}/audit/findings/{watched.ask('/api/v1/audit/findings?rule=SCH-02')['findings'][0]['id']}"
    else:
        url = f"{watched.url}{path}"
    page = open_page(url, width=width, color_scheme=scheme)
    expect(page.locator(".notice" if path == "off" else "table tbody tr").first).to_be_visible()
    fits(page)
    assert faults(page) == []
