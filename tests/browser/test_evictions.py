"""What had to leave, what waits and for whom: the pages of evictions, pods and decisions, in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from extender.record.frames import Decision, Eviction, Frame, PluginVerdict, PodRef
from tests.browser.conftest import Console, OpenPage
from tests.browser.looks import SERIOUS, faults, fits

FULL = "total ElasticQuota used is more than min"
REASON = "team-a takes back 1 cpu of what it was promised"


@pytest.fixture(autouse=True)
def patient() -> None:
    expect.set_options(timeout=30_000)


def a_pod(name: str, namespace: str) -> PodRef:
    return PodRef(namespace=namespace, name=name, uid=f"uid-{name}", scheduler="default-scheduler")


def a_call(at_us: int, verb: str, pod: PodRef, **more: object) -> Decision:
    given: dict[str, object] = {"nodes_in": 3, "nodes_out": 3, "profile": "default-scheduler", "revision": "7"}
    return Decision(at_us=at_us, decision=f"d-{pod.name}", attempt=1, verb=verb, pod=pod, **(given | more))  # type: ignore[arg-type]


def told(now_us: int) -> Iterator[Frame]:
    """A pod that waits for its gang, one that a quota keeps out, its two victims, and a refused move."""
    gang = a_pod("gang-0", "team-sim")
    yield a_call(now_us, "filter", gang, nodes_out=1)
    waits = PluginVerdict("Coscheduling", "permit", "Wait", nodes_in=1, message="waiting for 3 of 5 members of gang g")
    yield a_call(now_us + 1_000, "permit", gang, code="Wait", nodes_in=1, nodes_out=0, node="node-1", plugins=[waits])
    owner = a_pod("owner", "team-a")
    full = PluginVerdict("CapacityScheduling", "preFilter", "Unschedulable", nodes_in=3, rejected=3, reasons={FULL: 3})
    yield a_call(now_us + 2_000, "filter", owner, code="Unschedulable", nodes_out=0, plugins=[full])
    for at, (name, result, message) in enumerate(
        [("borrower-0", "evicted", ""), ("borrower-1", "refused", "the disruption budget b needs 1 healthy pods")]
    ):
        yield Eviction(
            at_us=now_us + 3_000 + at, plugin="CapacityScheduling", why="preemption", reason=REASON,
            pod=a_pod(name, "team-b"), node="node-2", result=result, message=message, decision="d-owner",
            preemptor=owner,
        )  # fmt: skip
    yield Eviction(
        at_us=now_us + 4_000, plugin="Rescheduler", why="rescheduling", reason="node-3 is used to 97.0% of cpu",
        pod=a_pod("moved", "team-c"), node="node-3", result="dryRun",
    )  # fmt: skip


@pytest.fixture(scope="module")
def evicted(console: Console) -> Console:
    console.record(told(time.time_ns() // 1000))
    console.sidecar.wait(lambda: console.sidecar.ask("/api/v1/evictions")["total"] >= 3)
    return console


def test_the_list_tells_who_left_for_whom_and_why_and_can_be_narrowed(evicted: Console, open_page: OpenPage) -> None:
    page = open_page(f"{evicted.url}/evictions")
    rows = page.locator("table.evictions tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text="borrower-1")).to_contain_text("Refused")
    expect(rows.filter(has_text="borrower-1")).to_contain_text("the disruption budget b needs 1 healthy pods")
    page.get_by_role("combobox", name="Kind").select_option("rescheduling")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("node-3 is used to 97.0% of cpu")
    expect(page).to_have_url(re.compile("why=rescheduling"))
    page.reload()
    expect(rows).to_have_count(1)


def test_a_victim_says_by_whom_it_was_evicted_and_leads_to_who_needed_the_room(
    evicted: Console, open_page: OpenPage
) -> None:
    page = open_page(f"{evicted.url}/evictions?result=evicted")
    page.get_by_role("link", name="borrower-0").click()
    expect(page.locator("h1")).to_contain_text("borrower-0")
    expect(page.locator(".said")).to_have_text(f"Evicted from node-2 by CapacityScheduling for team-a/owner: {REASON}.")
    page.get_by_role("link", name="owner").click()
    expect(page.locator("h1")).to_contain_text("owner")
    expect(page.locator(".said")).to_have_text(
        "Waits for quota: all that the quotas guarantee together is in use, so that nothing is left to borrow "
        f"(CapacityScheduling: {FULL}). Room is being made on node-2: 1 evicted."
    )
    page.locator(".decisions-trace").get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_role("heading", name="Pods that had to leave")).to_be_visible()
    expect(page.get_by_role("link", name="borrower-1")).to_be_visible()


def test_a_held_pod_says_where_its_place_is_and_whom_it_waits_for(evicted: Console, open_page: OpenPage) -> None:
    page = open_page(f"{evicted.url}/decisions/d-gang-0")
    expect(page.locator(".said")).to_have_text(
        "Has its place on node-1 and waits: Coscheduling: waiting for 3 of 5 members of gang g."
    )
    expect(page.locator(".picture")).to_contain_text("waits still")
    page.get_by_role("button", name="中文").click()
    expect(page.locator(".said")).to_contain_text("已在 node-1 上占有位置")


def test_a_pod_that_nobody_knows_is_said_to_be_unknown(evicted: Console, open_page: OpenPage) -> None:
    page = open_page(f"{evicted.url}/decisions/pod/nowhere/nobody")
    expect(page.get_by_text("Nothing is known about this pod")).to_be_visible()


@pytest.mark.parametrize("path", ["/evictions", "/decisions/pod/team-b/borrower-0", "/decisions/d-owner"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_accessible_and_no_wider_than_the_screen(
    evicted: Console, open_page: OpenPage, path: str, scheme: str, width: int
) -> None:
    page = open_page(f"{evicted.url}{path}", width=width, color_scheme=scheme)
    expect(page.locator("table").first).to_be_visible()
    fits(page)
    assert faults(page, *SERIOUS) == []
