"""The decisions page, in a real browser, fed by a real sidecar from a real journal."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from extender.record.frames import PodRef
from tests.browser.conftest import DECISIONS, Console, OpenPage, Seen
from tests.browser.looks import SERIOUS, faults, fits, until
from tests.browser.sidecar import Sidecar

ROWS = "table.decisions tbody tr"


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


def a_pod(name: str, namespace: str = "team-a-dev") -> PodRef:
    return PodRef(namespace=namespace, name=name, uid=f"uid-{name}", scheduler="default-scheduler")


def now_us() -> int:
    return time.time_ns() // 1000


def one_page(console: Console, page: Page, name: str) -> None:
    """From the list to the page of a pod's decision, as a reader goes."""
    page.goto(f"{console.url}/decisions?pod={name}")
    page.get_by_role("link", name=name).first.click()
    expect(page.locator("h1")).to_contain_text(name)


def test_r136_the_table_fills_with_the_newest_page_of_decisions(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions")
    expect(page.locator(ROWS)).to_have_count(50)
    expect(page.locator(".figures")).to_contain_text("Scheduled")
    newest = page.locator(ROWS).first.inner_text()
    page.get_by_role("link", name="Older").click()
    expect(page).to_have_url(re.compile("continue="))
    expect(page.locator(ROWS).first).not_to_have_text(newest)
    expect(page.locator(ROWS)).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Newest").click()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.locator(".paging")).to_contain_text(re.compile(r"50 of \d"))
    total = re.search(r"50 of ([\d,]+)", page.locator(".paging").inner_text())
    assert total
    assert int(total[1].replace(",", "")) >= DECISIONS


def test_a_new_decision_appears_by_itself(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions")
    expect(page.locator(ROWS)).to_have_count(50)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.evaluate("window.untouched = true")
    console.record(console.cluster.decision(now_us(), pod=a_pod("arrives-live"), end="scheduled"))
    expect(page.get_by_role("link", name="arrives-live")).to_be_visible()
    expect(page.locator(ROWS).first).to_contain_text("Scheduled")
    assert page.evaluate("window.untouched") is True


def test_a_paused_list_stands_still_and_counts_what_waits(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    console.record(console.cluster.decision(now_us(), pod=a_pod("arrives-paused"), end="scheduled"))
    expect(page.get_by_text("1 new")).to_be_visible()
    expect(page.get_by_role("link", name="arrives-paused")).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("link", name="arrives-paused")).to_be_visible()


def test_filters_stand_in_the_address_and_survive_a_reload(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions")
    page.get_by_role("combobox", name="Verdict").select_option("unschedulable")
    page.locator("input[name=namespace]").fill("payments")
    page.wait_for_url(re.compile("namespace=payments"))
    assert parse_qs(urlsplit(page.url).query) == {"outcome": ["unschedulable"], "namespace": ["payments"]}
    page.reload()
    expect(page.locator("input[name=namespace]")).to_have_value("payments")
    expect(page.get_by_role("combobox", name="Verdict")).to_have_value("unschedulable")
    console.record(console.cluster.decision(now_us(), pod=a_pod("matches", "payments"), end="unschedulable"))
    console.record(console.cluster.decision(now_us(), pod=a_pod("matches-not"), end="unschedulable"))
    expect(page.get_by_role("link", name="matches", exact=True)).to_be_visible()
    rows = page.locator(ROWS)
    expect(rows.filter(has_not_text="payments")).to_have_count(0)
    expect(rows.filter(has_not_text="Unschedulable")).to_have_count(0)
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator(ROWS)).to_have_count(50)


def test_filters_that_match_nothing_say_so_and_can_be_cleared(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions?pod=there-is-no-such-pod")
    expect(page.get_by_role("heading", name="Nothing matches these filters")).to_be_visible()
    page.get_by_role("button", name="Clear filters").first.click()
    expect(page.locator(ROWS)).to_have_count(50)


def test_r094_r136_one_decision_shows_its_flowchart_scores_and_reasons(console: Console, open_page: OpenPage) -> None:
    frames = list(console.cluster.decision(now_us(), pod=a_pod("explained"), end="scheduled"))
    console.record(frames)
    page = open_page(f"{console.url}/decisions")
    one_page(console, page, "explained")
    picture = page.locator(".picture svg")
    expect(picture).to_be_visible()
    expect(picture).to_contain_text("Scheduled on node-")
    expect(page.locator(".said")).to_contain_text("Placed on node-")
    best = page.locator("table.scores tbody tr").first
    expect(best).to_contain_text("chosen")
    expect(page.locator("table.scores")).to_contain_text("TargetLoadPacking")
    expect(page.get_by_text("weight 3").first).to_be_visible()
    expect(page.get_by_text("insufficient allocatable memory").first).to_be_visible()
    expect(page.get_by_text("In-tree filters and scores of kube-scheduler")).to_be_visible()


def test_a_decision_without_a_node_says_why_and_links_its_other_attempts(console: Console, open_page: OpenPage) -> None:
    pod = a_pod("tries-twice")
    console.record(console.cluster.decision(now_us() - 50_000, pod=pod, end="unschedulable"))
    console.record(console.cluster.decision(now_us(), pod=pod, attempt=2, end="scheduled"))
    page = open_page(f"{console.url}/decisions?pod=tries-twice")
    expect(page.locator(ROWS)).to_have_count(2)
    page.locator(ROWS).last.get_by_role("link").click()
    expect(page.locator(".said")).to_contain_text("No node fits: all 120 nodes were rejected, 107 of them")
    expect(page.get_by_text("this one")).to_be_visible()
    attempts = page.locator("section", has_text="Attempts of this pod")
    attempts.get_by_role("link").click()
    expect(page.locator(".said")).to_contain_text("Placed on")


def test_the_dark_page_is_dark_stays_so_and_draws_dark(console: Console, open_page: OpenPage) -> None:
    console.record(console.cluster.decision(now_us(), pod=a_pod("at-night"), end="scheduled"))
    page = open_page(f"{console.url}/decisions", color_scheme="light")
    one_page(console, page, "at-night")
    by_day = page.locator(".picture svg g.step rect").first
    expect(by_day).to_have_css("fill", "rgb(232, 238, 247)")
    for _ in range(2):  # system -> light -> dark
        page.locator(".choices button.square").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator(".picture svg g.step rect").first).to_have_css("fill", "rgb(28, 43, 61)")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert _brightness(page) < 60


def test_the_system_choice_of_colours_is_followed(console: Console, open_page: OpenPage) -> None:
    assert _brightness(open_page(f"{console.url}/decisions", color_scheme="dark")) < 60
    assert _brightness(open_page(f"{console.url}/decisions", color_scheme="light")) > 200


def _brightness(page: Page) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_the_browser_language_is_spoken_and_can_be_changed(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions", locale="zh-CN")
    expect(page.locator("h1")).to_have_text("调度决策")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator(ROWS).first.locator(".verdict")).to_have_text(re.compile("已调度|不可调度|错误|未结束"))
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Decisions")
    page.reload()
    expect(page.locator("h1")).to_have_text("Decisions")


def test_reasons_and_charts_are_in_the_language_of_the_page(console: Console, open_page: OpenPage) -> None:
    told = {
        "a pod of the same owner was moved off this node a short while ago": "同一所有者的 Pod 刚从该节点移走",
        "resource gap: map[cpu:2]": "资源缺口：cpu:2",
    }
    pod = a_pod("told-in-chinese")
    console.record(console.cluster.decision(now_us(), pod=pod, end="unschedulable", reasons=dict.fromkeys(told, 9)))
    page = open_page(f"{console.url}/decisions?pod=told-in-chinese", locale="zh-CN")
    page.locator(ROWS).first.get_by_role("link").first.click()
    for english, chinese in told.items():
        expect(page.locator(".reasons").get_by_text(chinese)).to_have_attribute("title", english)
        drawn(page, chinese)
    drawn(page, "9 个节点")
    page.get_by_role("button", name="English").click()
    expect(page.locator(".reasons")).to_contain_text("resource gap: map[cpu:2]")
    drawn(page, "resource gap: map[cpu:2]")


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_page_scrolls_sideways(console: Console, open_page: OpenPage, width: int) -> None:
    console.record(console.cluster.decision(now_us(), pod=a_pod("w" * 253), end="scheduled"))
    page = open_page(f"{console.url}/decisions?pod={'w' * 253}", width=width)
    expect(page.locator(ROWS)).not_to_have_count(0)
    fits(page)
    page.locator(ROWS).first.get_by_role("link").click()
    expect(page.locator(".picture svg")).to_be_visible()
    fits(page)


def test_nothing_is_asked_of_another_host(console: Console, open_page: OpenPage, seen: Seen) -> None:
    page = open_page(f"{console.url}/decisions")
    page.locator(ROWS).first.get_by_role("link").click()
    expect(page.locator(".picture svg")).to_be_visible()
    page.goto(f"{console.url}/decisions")
    page.get_by_text("Flow of all decisions of this time").click()
    expect(page.locator(".picture svg")).to_be_visible()
    assert seen.hosts == {urlsplit(console.url).netloc}


HOSTILE = (
    '"]; click n0 call alert(1)',
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "`**bold** _it_`",
    "1. first\n2. second",
    "- item # head %%{init: {'theme':'forest'}}%%",
    "end subgraph x; style n0 fill:#f00,stroke:#00f;",
    "a --> b -.-> c ==> d ~~~ e & f",
    "#35; &lt; &#60; ﬂ°°60¶ß fa:fa-ban",
    "graph TD; A{{x}}; B[/y/]; C((z)):::bad",
    "\\u0022 \\n ${x} $$\\frac{1}{2}$$",
    "节点 🙂 é \u202egnorw",
    "\x00\x01control",
)


def test_hostile_texts_are_drawn_as_text(console: Console, open_page: OpenPage) -> None:
    names = [f"hostile-{at}-{now_us()}" for at in range(len(HOSTILE))]
    for name, text in zip(names, HOSTILE, strict=True):
        reasons = {text: 7, f"{text} again": 3}
        pod = a_pod(name, namespace=text)
        console.record(console.cluster.decision(now_us(), pod=pod, end="scheduled", reasons=reasons))
    page = open_page(f"{console.url}/decisions")
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for name, text in zip(names, HOSTILE, strict=True):
        one_page(console, page, name)
        expect(page.locator(".picture svg")).to_be_visible()
        drawn(page, " ".join(re.sub("[\x00-\x08\u202e]", "\ufffd", text).split()))
        assert page.locator(".picture script, .picture img, .picture a, .picture iframe").count() == 0, text


def drawn(page: Page, text: str) -> None:
    labels = page.locator(".picture .rejected .nodeLabel")
    until(page, lambda: any(_words(text) in _words(label) for label in labels.all_text_contents()))


def _words(text: str) -> str:
    """Without spaces, and without the joiners that keep Mermaid from reading more into a label."""
    return re.sub("[\\s\u2060]", "", text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_no_page_has_a_serious_accessibility_fault(
    console: Console, open_page: OpenPage, scheme: str, locale: str
) -> None:
    page = open_page(f"{console.url}/decisions", color_scheme=scheme, locale=locale)
    expect(page.locator(ROWS)).to_have_count(50)
    assert faults(page, *SERIOUS) == []
    page.goto(f"{console.url}/decisions?outcome=scheduled")
    page.locator(ROWS).first.get_by_role("link").click()
    expect(page.locator(".picture svg")).to_be_visible()
    assert faults(page, *SERIOUS) == []


def test_the_page_can_be_worked_by_keys(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions")
    expect(page.locator(ROWS)).to_have_count(50)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.locator(ROWS).first.get_by_role("link").press("Enter")
    page.wait_for_url(re.compile("/decisions/"))
    expect(page.locator("main")).to_be_focused()


def test_an_empty_store_says_what_to_do(tmp_path: Path, browser: object, open_page: OpenPage) -> None:
    sidecar = Sidecar(tmp_path)
    try:
        sidecar.wait_ready()
        page = open_page(f"{sidecar.url}/decisions")
        expect(page.get_by_role("heading", name="No decisions yet")).to_be_visible()
        expect(page.get_by_text("--journal").first).to_be_visible()
        console = Console(sidecar)
        sidecar.record(console.cluster.decision(now_us(), pod=a_pod("the-first"), end="scheduled"))
        expect(page.get_by_role("link", name="the-first")).to_be_visible()
    finally:
        assert sidecar.stop() == 0


def _broken(route: Route) -> None:
    route.fulfill(
        status=503,
        json={"status": "error", "code": 503, "message": "the store sleeps", "details": [], "requestId": "r-77"},
    )


def test_a_failing_api_is_told_with_its_request_id_and_can_be_tried_again(
    console: Console, open_page: OpenPage
) -> None:
    page = open_page(f"{console.url}/nowhere-yet")
    page.route("**/api/decisions?*", _broken)
    page.goto(f"{console.url}/decisions")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The sidecar could not answer")
    expect(alert).to_contain_text("the store sleeps")
    expect(alert).to_contain_text("r-77")
    page.unroute("**/api/decisions?*")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator(ROWS)).to_have_count(50)


def test_a_sidecar_out_of_reach_is_told_as_such(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions")
    expect(page.locator(ROWS)).to_have_count(50)
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_role("combobox", name="Verdict").select_option("error")
    expect(page.get_by_role("alert")).to_contain_text("The sidecar cannot be reached")


def test_a_decision_that_is_not_there_is_told_as_such(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions/no-such-decision")
    expect(page.get_by_role("alert")).to_contain_text("Not found")
    expect(page.get_by_role("alert")).to_contain_text("No decision no-such-decision")


def test_an_unknown_page_is_told_as_such(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions")
    page.evaluate("history.pushState(null, '', '/elsewhere'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.get_by_role("heading", name="No such page")).to_be_visible()


def test_an_address_that_is_no_valid_encoding_is_told_and_breaks_nothing(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions/%zz")
    expect(page.get_by_role("alert")).to_contain_text("Not found")


def test_copying_works_without_the_clipboard_of_secure_pages(console: Console, open_page: OpenPage) -> None:
    """Over plain http, on any name but localhost, browsers offer none."""
    console.record(console.cluster.decision(now_us(), pod=a_pod("copied"), end="scheduled"))
    page = open_page(f"{console.url}/decisions")
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
        "addEventListener('copy', () => { window.copied = getSelection().toString() || document.activeElement.value })"
    )
    page.reload()
    one_page(console, page, "copied")
    page.get_by_role("button", name="Copy Pod UID").click()
    until(page, lambda: page.evaluate("window.copied") == "uid-copied")


def test_a_table_wider_than_the_page_shows_on_which_side_there_is_more(console: Console, open_page: OpenPage) -> None:
    console.record(console.cluster.decision(now_us(), pod=a_pod("narrow"), end="scheduled"))
    page = open_page(f"{console.url}/decisions", width=390)
    one_page(console, page, "narrow")
    table = page.locator(".table", has=page.locator("table.scores"))
    expect(table).to_have_attribute("data-more", "after")
    expect(table).to_have_attribute("tabindex", "0")
    table.evaluate("table => table.scrollTo(9999, 0)")
    expect(table).to_have_attribute("data-more", "before")
    page.set_viewport_size({"width": 1600, "height": 900})
    expect(table).to_have_attribute("data-more", "")


def test_no_arrow_crosses_the_title_of_a_group(console: Console, open_page: OpenPage) -> None:
    console.record(console.cluster.decision(now_us(), pod=a_pod("titled"), end="scheduled"))
    page = open_page(f"{console.url}/decisions")
    one_page(console, page, "titled")
    expect(page.locator(".picture .cluster-label").first).to_be_visible()
    above = page.evaluate(
        "[...document.querySelectorAll('.picture .cluster-label')].map(title => "
        "[...document.querySelectorAll('.picture .edgePaths')].every(edges => "
        "edges.compareDocumentPosition(title) & Node.DOCUMENT_POSITION_FOLLOWING))"
    )
    assert above
    assert all(above)


def test_news_that_keep_coming_do_not_starve_a_list_that_answers_slowly(console: Console, open_page: OpenPage) -> None:
    page = open_page(f"{console.url}/decisions?namespace=slow-answers")
    expect(page.get_by_role("heading", name="Nothing matches these filters")).to_be_visible()
    # Slower than news come, on the page itself: its own clock, not that of this machine.
    page.evaluate(
        """() => {
          const ask = window.fetch;
          window.fetch = async (path, options) => {
            if (String(path).startsWith('/api/decisions?'))
              await new Promise((done, gone) => {
                setTimeout(done, 2500);
                options.signal.addEventListener('abort', () => gone(options.signal.reason));
              });
            return ask(path, options);
          };
        }"""
    )
    console.record(console.cluster.decision(now_us(), pod=a_pod("at-last", "slow-answers"), end="scheduled"))

    def shown() -> int:
        console.tell(console.cluster.decision(now_us(), end="scheduled"))
        page.wait_for_timeout(400)
        return page.get_by_role("link", name="at-last").count()

    # Without an end to the news no answer would ever be waited for.
    until(page, shown, 30)
    console.settle()
