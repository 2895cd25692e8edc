"""Why pods are pending, in a real browser: the list by cause, and the page of one pod."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.looks import faults, fits
from tests.browser.sidecar import Sidecar
from tests.process.a_cluster import a_full_cluster, serving

WITHIN_S = 60.0


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pending")
    with serving(folder, a_full_cluster()) as kubeconfig:
        sidecar = Sidecar(folder, f"--kubeconfig={kubeconfig}")
        try:
            sidecar.wait_ready()
            until = time.monotonic() + WITHIN_S
            while httpx.get(f"{sidecar.url}/api/v1/pods/pending", trust_env=False).status_code != 200:
                assert time.monotonic() < until
                time.sleep(0.1)
            yield sidecar.url
        finally:
            assert sidecar.stop() == 0


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


def test_causes_come_first_and_narrow_the_list_and_the_address_keeps_it(watching: str, open_page: OpenPage) -> None:
    page = open_page(f"{watching}/pending")
    causes, pods = page.locator("table.causes tbody tr"), page.locator("table.pods tbody tr")
    expect(causes).to_have_count(4)
    expect(pods).to_have_count(5)
    expect(causes.first).to_contain_text("Can never fit")
    expect(causes.first).to_contain_text("team-a/huge, team-a/huge-too")
    page.get_by_role("link", name="More CPU than any node has").click()
    expect(pods).to_have_count(2)
    expect(page).to_have_url(re.compile("cause=size.cpu"))
    page.reload()
    expect(pods).to_have_count(2)
    page.get_by_role("button", name="All causes").click()
    expect(pods).to_have_count(5)


def test_one_pod_has_its_cause_on_top_then_advice_nodes_and_what_it_is_known_from(
    watching: str, open_page: OpenPage
) -> None:
    page = open_page(f"{watching}/pending")
    page.get_by_role("link", name="roomy").click()
    expect(page.locator("h1")).to_contain_text("Waits")
    expect(page.locator(".cause")).to_contain_text("team-a/roomy waits for room: it asks for 1 CPU")
    expect(page.locator(".advice")).to_contain_text("It is placed as soon as that much comes free.")
    row = page.locator("table.groups tbody tr")
    expect(row).to_contain_text("has too little cpu free")
    expect(row).to_contain_text("n1 had cpu 500m more free")
    expect(row).to_contain_text("inferred")
    said = page.locator(".lines li").filter(has_text="kube-scheduler said last")
    expect(said).to_contain_text("observed · condition PodScheduled")
    page.goto(f"{watching}/decisions/pod/team-a/huge")
    expect(page.locator("h1")).to_contain_text("Can never fit")


def test_both_pages_speak_chinese(watching: str, open_page: OpenPage) -> None:
    page = open_page(f"{watching}/pending", locale="zh-CN")
    expect(page.get_by_role("heading", name="等待中的 Pod", exact=True)).to_be_visible()
    expect(page.locator("table.causes tbody tr").first).to_contain_text("CPU需求超过任何节点")
    page.goto(f"{watching}/decisions/pod/team-a/roomy")
    expect(page.locator(".cause")).to_contain_text("正在等待空间")


def test_what_a_chinese_sentence_quotes_of_a_plugin_is_chinese_too(watching: str, open_page: OpenPage) -> None:
    page = open_page(f"{watching}/decisions", locale="zh-CN")
    quoted = {"等待组（{}）。": "resource gap", "等待：{}。": "rejected by Coscheduling", "以为：{}": "nobody's words"}

    def answer(route: Route) -> None:
        body = route.fetch().json()
        pod = body["data"]["pods"][0]
        said = (around.format(words) for around, words in quoted.items())
        body["data"]["pods"] = [{**pod, "name": str(at), "sentence": sentence} for at, sentence in enumerate(said)]
        route.fulfill(json=body)

    page.route("**/api/v1/pods/pending*", answer)
    page.goto(f"{watching}/pending")
    for sentence in ("等待组（资源缺口）。", "等待：被 Coscheduling 拒绝。", "以为：nobody's words"):
        expect(page.get_by_role("row").filter(has_text=sentence)).to_be_visible()


def test_nothing_pending_and_no_cluster_are_said(watching: str, open_page: OpenPage) -> None:
    page = open_page(f"{watching}/pending?namespace=team-b")
    expect(page.get_by_text("No pending pod here")).to_be_visible()
    nobody = {"status": "success", "data": {"total": 0, "causes": [], "pods": []}}
    page.route("**/api/v1/pods/pending*", lambda route: route.fulfill(json=nobody))
    page.goto(f"{watching}/pending")
    expect(page.get_by_text("No pod is pending")).to_be_visible()
    missing = {"status": "error", "code": 404, "reason": "NotFound", "message": "The cluster is not known."}
    page.unroute("**/api/v1/pods/pending*")
    page.route("**/api/v1/pods/pending*", lambda route: route.fulfill(status=404, json=missing))
    page.goto(f"{watching}/pending")
    expect(page.get_by_text("The cluster is not known.")).to_be_visible()


@pytest.mark.parametrize("path", ["/pending", "/decisions/pod/team-a/roomy", "/decisions/pod/team-a/ssd"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_accessible_and_no_wider_than_the_screen(
    watching: str, open_page: OpenPage, path: str, scheme: str, width: int
) -> None:
    page = open_page(f"{watching}{path}", width=width, color_scheme=scheme)
    expect(page.locator("table").first).to_be_visible()
    fits(page)
    assert faults(page) == []


def test_the_keyboard_reaches_causes_and_pods(watching: str, open_page: OpenPage) -> None:
    page = open_page(f"{watching}/pending")
    page.get_by_role("link", name="ssd", exact=True).press("Enter")
    expect(page.locator(".cause")).to_contain_text("disk=ssd")
