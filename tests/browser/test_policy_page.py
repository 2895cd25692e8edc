"""The policy page in a real browser, on the demo: real sidecar and extender, a simulated cluster with live traffic."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from extender.cli.demo.policy import TEXT
from extender.plugins import PLUGINS
from tests.browser.conftest import OpenPage, Seen
from tests.browser.demo import Demo
from tests.browser.looks import faults, fits, until
from tests.browser.sidecar import REPOSITORY, Sidecar

TABS = ("/policy", "/policy/edit?plugin=Rescheduler", "/policy/history", "/policy/shadow")
FIRST_LOAD_BYTES_MAX = 90 * 1024
SEEN_WITHIN_MS = 5_000
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, browser: object) -> Iterator[Demo]:
    with Demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture
def demo(running: Demo) -> Demo:
    """With the demo's own policy in effect."""
    expect.set_options(timeout=30_000)
    running.put(TEXT)
    return running


def switch(page: Page, plugin: str, phase: str) -> Locator:
    return page.get_by_role("switch", name=f"{plugin}, {phase}:")


def yaml_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Policy as YAML")


def choose_phases(page: Page, *phases: str) -> None:
    expect(page.locator("fieldset.phases input[name=phase]").first).to_be_visible()
    for box in page.locator("fieldset.phases input[name=phase]").all():
        box.set_checked(box.get_attribute("value") in phases)


def answering(body: dict[str, Any], code: int = 200) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=code, content_type="application/json", body=json.dumps(body))


def outcome(page: Page) -> Locator:
    return page.locator(".outcome")


# --- R-050 to R-058 ---------------------------------------------------------------------------------------------


def test_r050_page_and_api_come_from_one_server(demo: Demo, open_page: OpenPage, seen: Seen) -> None:
    page = open_page(f"{demo.url}/policy")
    expect(page.get_by_role("switch").first).to_be_visible()
    assert seen.hosts == {demo.url.removeprefix("http://")}


def test_r051_the_panel_offers_the_phases_in_which_a_plugin_works(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    panel = page.get_by_role("region", name="Plugin actions")
    catalogue = {entry["name"]: set(entry["phases"]) for entry in demo.call("GET", "policy/catalogue")["data"]}
    for plugin in ("Rescheduler", "PodState", "NodeResourceTopologyMatch"):
        panel.get_by_role("combobox", name="Plugin", exact=True).select_option(plugin)
        for phase in catalogue[plugin]:
            expect(panel.get_by_role("checkbox", name=phase, exact=True)).to_be_visible()
        expect(panel.get_by_role("checkbox")).to_have_count(len(catalogue[plugin]))


def test_r052_a_plugin_is_enabled_in_the_chosen_phases_only(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    page.get_by_role("combobox", name="Plugin", exact=True).select_option("NodeResourceTopologyMatch")
    choose_phases(page, "filter", "score")
    page.get_by_role("textbox", name="Reason").fill("两个区")
    page.get_by_role("button", name="Enable plugin").click()
    expect(outcome(page)).to_contain_text("NodeResourceTopologyMatch enabled in filter, score")
    assert demo.phases("NodeResourceTopologyMatch") == {"filter", "score"}
    expect(switch(page, "NodeResourceTopologyMatch", "filter")).to_be_checked()
    expect(switch(page, "NodeResourceTopologyMatch", "postBind")).not_to_be_checked()
    assert demo.call("GET", "policy/revisions?view=full&limit=1")["data"]["revisions"][0]["why"] == "两个区"


def test_r052_without_a_phase_nothing_is_asked_of_the_server(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    before = demo.policy()["hash"]
    choose_phases(page)
    page.get_by_role("button", name="Enable plugin").click()
    expect(page.get_by_text("Choose one or more phases.")).to_be_visible()
    assert demo.policy()["hash"] == before


def test_r053_a_plugin_is_disabled_in_the_chosen_phases_after_asking(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    page.get_by_role("combobox", name="Plugin", exact=True).select_option("Rescheduler")
    choose_phases(page, "filter")
    page.get_by_role("button", name="Disable plugin").click()
    dialog = page.get_by_role("dialog", name="Disable Rescheduler in filter?")
    expect(dialog.locator(".changes")).to_contain_text("plugins.filter")
    assert "filter" in demo.phases("Rescheduler")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert "filter" in demo.phases("Rescheduler")
    page.get_by_role("button", name="Disable plugin").click()
    dialog.get_by_role("button", name="Disable plugin").click()
    expect(outcome(page)).to_contain_text("Rescheduler disabled in filter")
    assert demo.phases("Rescheduler") == {"score", "reserve", "preBind"}
    assert "Rescheduler" in demo.call("GET", "plugins")["data"]["disabled_plugins"]["filter"]
    expect(switch(page, "Rescheduler", "filter")).not_to_be_checked()


def test_r054_arguments_are_changed_in_the_form_and_saved_with_a_reason(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy/edit")
    page.get_by_role("combobox", name="Plugin", exact=True).select_option("Rescheduler")
    page.get_by_role("textbox", name="cpuThreshold").fill("85.5")
    page.get_by_role("combobox", name="usage", exact=True).select_option("measured")
    page.get_by_role("textbox", name="excludedNamespaces").fill("kube-system, infra")
    expect(page.locator(".unified")).to_contain_text("cpuThreshold: 85.5")
    page.get_by_role("textbox", name="Reason").fill("hot nodes")
    page.get_by_role("button", name="Save configuration").click()
    expect(outcome(page)).to_be_visible()
    args = demo.args("Rescheduler")
    assert (args["cpuThreshold"], args["usage"], args["excludedNamespaces"]) == (
        85.5,
        "measured",
        ["kube-system", "infra"],
    )
    assert (args["memoryThreshold"], args["dryRun"]) == (97, True)
    assert demo.call("GET", "policy/revisions?view=full&limit=1")["data"]["revisions"][0]["why"] == "hot nodes"
    # What people wrote into the text is still there.
    assert "# PodGroup objects: all pods of a gang, or none" in demo.policy()["text"]


def test_r054_a_value_out_of_bounds_is_told_at_its_field_and_not_taken(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy/edit?plugin=Rescheduler")
    field = page.get_by_role("textbox", name="cpuThreshold")
    before = yaml_of(page).input_value()
    field.fill("101")
    expect(page.get_by_text("Outside 0 – 100.")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert yaml_of(page).input_value() == before
    field.fill("eighty")
    expect(page.get_by_text("Not a number.")).to_be_visible()
    page.get_by_role("textbox", name="maxReschedulePods").fill("2.5")
    expect(page.get_by_text("Not a whole number.")).to_be_visible()
    assert yaml_of(page).input_value() == before


def test_r283_a_secret_is_written_as_a_reference(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy/edit?plugin=TargetLoadPacking")
    field = page.get_by_role("textbox", name="token")
    before = yaml_of(page).input_value()
    field.fill("s3cret")
    expect(page.get_by_text("Write SECRET/KEY: the name of a Secret and a key in it.")).to_be_visible()
    assert yaml_of(page).input_value() == before
    field.fill("trimtab-plugins/prometheus")
    page.get_by_role("textbox", name="Reason").fill("the value stays in its Secret")
    page.get_by_role("button", name="Save configuration").click()
    expect(outcome(page)).to_be_visible()
    reference = {"secretRef": {"name": "trimtab-plugins", "key": "prometheus"}}
    assert demo.args("TargetLoadPacking")["metricProvider"] == {"token": reference}
    expect(field).to_have_value("trimtab-plugins/prometheus")


def test_r055_every_plugin_is_shown_and_can_be_refreshed_by_hand(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    names = demo.call("GET", "plugins")["supported_plugins"]
    rows = page.locator("table.policy tbody tr")
    expect(rows).to_have_count(len(names))
    expect(rows.first).to_contain_text("cpuThreshold 97")
    expect(rows.filter(has_text="Packs nodes up to")).to_contain_text("weight 2")
    with page.expect_request("**/api/v1/plugins"):
        page.get_by_role("button", name="Refresh").click()


def test_r056_a_change_made_elsewhere_shows_within_five_seconds(demo: Demo, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    page.clock.install()
    page.goto(f"{demo.url}/policy")
    expect(switch(page, "SySched", "score")).not_to_be_checked()
    # Five seconds of the page's own clock, which stands still before and after: however slow this machine is.
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    demo.call("POST", "plugins/SySched/enable", {"phases": ["score"]})
    page.clock.run_for(SEEN_WITHIN_MS)
    expect(switch(page, "SySched", "score")).to_be_checked()


def test_r057_what_was_done_is_shown_and_can_be_undone(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    before = demo.policy()["text"]
    switch(page, "SySched", "score").click()
    expect(outcome(page)).to_contain_text("SySched enabled in score")
    assert demo.phases("SySched") == {"score"}
    outcome(page).get_by_role("button", name="Undo").click()
    expect(switch(page, "SySched", "score")).not_to_be_checked()
    assert demo.policy()["text"] == before


def test_r057_undo_takes_nothing_back_of_somebody_else(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    switch(page, "SySched", "score").click()
    expect(outcome(page)).to_contain_text("SySched enabled")
    demo.call("POST", "plugins/Peaks/enable", {"phases": ["score"]})
    outcome(page).get_by_role("button", name="Undo").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody has changed the policy since")
    assert demo.phases("Peaks") == {"score"}


def test_r057_a_refusal_says_why_and_where(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    demo.policy_file.write_text(TEXT.replace("name: Coscheduling", "name: Cosheduling"))
    with page.expect_response("**/SySched/enable") as asked:
        switch(page, "SySched", "score").click()
    refused = asked.value.json()
    assert asked.value.status == 422
    expect(outcome(page)).to_contain_text("Not done:")
    expect(outcome(page)).to_contain_text(refused["details"][0]["path"])
    expect(outcome(page)).to_contain_text(refused["requestId"])
    expect(switch(page, "SySched", "score")).not_to_be_checked()


def test_r058_backup_revisions_and_rollback(demo: Demo, open_page: OpenPage) -> None:
    before = demo.policy()["text"]
    page = open_page(f"{demo.url}/policy/history")
    page.get_by_role("button", name="Back up now").click()
    expect(outcome(page)).to_contain_text("policy saved")
    saved = demo.call("GET", "policy/revisions?limit=1")["data"]["revisions"][0]
    assert saved["reason"] == "manual"
    number = saved["backup_id"]
    expect(page.get_by_text(f"#{number}", exact=True)).to_be_visible()
    demo.call("PUT", "plugins/TargetLoadPacking/config", {"targetUtilization": 71})
    page.get_by_role("button", name=f"Roll back #{number}", exact=True).click()
    dialog = page.get_by_role("dialog", name=f"Roll back to revision {number}?")
    expect(dialog.locator(".changes")).to_contain_text("71")
    assert demo.args("TargetLoadPacking") == {"targetUtilization": 71}
    dialog.get_by_role("textbox", name="Reason").fill("too full")
    dialog.get_by_role("button", name="Roll back").click()
    expect(outcome(page)).to_have_class(re.compile("good"))
    assert demo.policy()["text"] == before
    expect(page.locator(".revisions > li").first).to_contain_text("too full")


def test_r058_a_restart_asks_first_and_says_what_to_do_where_it_cannot(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    page.get_by_role("button", name="Restart scheduler").click()
    dialog = page.get_by_role("dialog", name="Restart the scheduler?")
    expect(dialog).to_contain_text("Its pods are replaced one by one.")
    dialog.get_by_role("button", name="Restart scheduler").click()
    expect(outcome(page)).to_contain_text("there is no Deployment kube-system/rescheduler-scheduler")
    expect(outcome(page)).to_contain_text("A scheduler that is a static pod is restarted on its node")


def test_r058_a_restart_that_begins_is_told(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    done = {"namespace": "kube-system", "deployment": "rescheduler-scheduler", "restarted_at": "2026-01-02T03:04:05Z"}
    page.route(
        "**/api/v1/scheduler/restart*",
        answering({"status": "success", "message": "restart started", "data": done}),
    )
    page.get_by_role("button", name="Restart scheduler").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("kube-system/rescheduler-scheduler")
    dialog.get_by_role("button", name="Restart scheduler").click()
    expect(outcome(page)).to_contain_text("restart started")


# --- The story ---------------------------------------------------------------------------------------------------


def test_r017_toggle_effect_shadow_report_rollback(demo: Demo, open_page: OpenPage) -> None:
    """A plugin goes into shadow, the report says what it would have done, and the change is taken back."""
    page = open_page(f"{demo.url}/policy")
    switch(page, "LoadVariationRiskBalancing", "score").click()
    expect(switch(page, "LoadVariationRiskBalancing", "score")).to_be_checked()

    def in_effect() -> bool:
        policy = demo.policy()
        return bool(policy["effective"][0]["hash"] == policy["desired"]["hash"])

    until(page, in_effect)
    page.get_by_role("link", name="LoadVariationRiskBalancing").click()
    page.get_by_role("combobox", name="mode", exact=True).select_option("shadow")
    page.get_by_role("textbox", name="weight").fill("50")
    expect(page.locator(".changes")).to_contain_text("shadow")
    page.get_by_role("button", name="Try it out").click()
    expect(page.locator(".tallies")).to_contain_text("Unchanged")
    page.get_by_role("button", name="Save configuration").click()
    expect(outcome(page)).to_have_class(re.compile("good"))
    page.get_by_role("link", name="Plugins", exact=True).click()
    expect(switch(page, "LoadVariationRiskBalancing", "score")).to_have_class(re.compile("shadow"))
    page.get_by_role("link", name="Shadow report").click()
    report = page.get_by_role("article", name="LoadVariationRiskBalancing")
    # Pods come, and plugins in shadow are asked about some of them.
    expect(report.locator(".said")).to_contain_text("Would have", timeout=90_000)
    expect(report.get_by_role("row").nth(1)).to_be_visible(timeout=90_000)
    page.get_by_role("link", name="History").click()
    # Before the first switch: what the demo began with.
    number = demo.call("GET", "policy/revisions?limit=2")["data"]["revisions"][1]["backup_id"]
    page.get_by_role("button", name=f"Roll back #{number}", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(outcome(page)).to_have_class(re.compile("good"))
    assert demo.phases("LoadVariationRiskBalancing") == set()
    assert demo.policy()["text"] == TEXT


# --- Form and text -----------------------------------------------------------------------------------------------


def test_form_and_text_follow_each_other(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy/edit?plugin=TargetLoadPacking")
    field = page.get_by_role("textbox", name="targetUtilization")
    expect(field).to_have_value("50")
    field.fill("63")
    expect(yaml_of(page)).to_have_value(TEXT.replace("targetUtilization: 50", "targetUtilization: 63"))
    yaml_of(page).fill(TEXT.replace("targetUtilization: 50", "targetUtilization: 44"))
    expect(field).to_have_value("44")
    page.get_by_role("button", name=re.compile("back to default.*targetUtilization")).click()
    expect(yaml_of(page)).to_have_value(re.compile(r"name: TargetLoadPacking\n    args: \{\}"))
    page.get_by_role("textbox", name="percent").fill("10")
    page.get_by_role("combobox", name="onFailure", exact=True).select_option("closed")
    expect(yaml_of(page)).to_have_value(
        re.compile(r"\{name: TargetLoadPacking, weight: 2, canary: \{ ?percent: 10 ?\}, onFailure: closed\}  ")
    )
    page.get_by_role("button", name="Discard changes").click()
    expect(yaml_of(page)).to_have_value(TEXT)


def test_every_problem_stands_beside_its_line(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy/edit")
    broken = TEXT.replace("PodState, weight: 1", "PodStat, weight: 0")
    yaml_of(page).fill(broken)
    problem = page.locator(".problems button").filter(has_text="profiles[0].plugins.score.enabled[2].name")
    line = 1 + broken[: broken.index("PodStat,")].count("\n")
    expect(problem).to_contain_text(f"Line {line}")
    expect(problem).to_contain_text("did you mean PodState?")
    expect(page.locator(".gutter .marked").first).to_have_text(str(line))
    expect(page.get_by_role("button", name="Save configuration")).to_have_attribute("aria-disabled", "true")
    problem.click()
    expect(yaml_of(page)).to_be_focused()
    chosen = yaml_of(page).evaluate("box => box.value.slice(box.selectionStart, box.selectionEnd)")
    assert chosen.strip().startswith("- {name: PodStat")
    yaml_of(page).fill(TEXT.replace("profiles:", "profiles: ["))
    expect(page.locator(".problems button").first).to_contain_text("Line")
    expect(page.get_by_text("The text cannot be read at the moment")).to_be_visible()
    yaml_of(page).fill(TEXT)
    expect(page.locator(".problems button")).to_have_count(0)


def test_what_would_change_is_told_before_anything_is_saved(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy/edit?plugin=TargetLoadPacking")
    before = demo.policy()["hash"]
    page.get_by_role("textbox", name="targetUtilization").fill("90")
    page.get_by_role("combobox", name="How many decisions").select_option("50")
    page.get_by_role("button", name="Try it out").click()
    expect(page.locator(".tallies dd")).to_have_count(4)
    told = sum(int(text.replace(",", "")) for text in page.locator(".tallies dd").all_inner_texts())
    assert 0 < told <= 50
    assert demo.policy()["hash"] == before
    page.get_by_role("textbox", name="targetUtilization").fill("91")
    expect(page.get_by_text("The text has changed since; try again.")).to_be_visible()


@pytest.mark.parametrize("noticed", ["before saving", "by saving"])
def test_a_conflict_shows_their_change_and_puts_ours_on_top(demo: Demo, open_page: OpenPage, noticed: str) -> None:
    page = open_page(f"{demo.url}/policy/edit?plugin=TargetLoadPacking")
    page.get_by_role("textbox", name="targetUtilization").fill("66")
    if noticed == "by saving":
        stale = demo.call("GET", "policy")
        page.route("**/api/v1/policy", lambda route: _stale(route, stale))
        expect(page.get_by_text("valid", exact=True)).to_be_visible()
        with page.expect_response("**/api/v1/policy"):
            pass
    demo.call("PUT", f"plugins/Rescheduler/config?reason={quote('too hot')}", {"cpuThreshold": 81})
    if noticed == "by saving":
        page.get_by_role("button", name="Save configuration").click()
        expect(outcome(page)).to_contain_text("somebody else has saved meanwhile")
        page.unroute_all(behavior="wait")
    conflict = page.locator(".conflict")
    expect(conflict).to_contain_text("Somebody else has saved the policy while you were editing.")
    expect(conflict).to_contain_text("Last change by local.")
    expect(conflict).to_contain_text("too hot")
    expect(conflict.locator(".changes")).to_contain_text("cpuThreshold")
    conflict.get_by_role("button", name="Reapply my changes on theirs").click()
    expect(conflict).to_be_hidden()
    page.get_by_role("button", name="Save configuration").click()
    expect(outcome(page)).to_have_class(re.compile("good"))
    assert demo.args("TargetLoadPacking") == {"targetUtilization": 66}
    assert demo.args("Rescheduler")["cpuThreshold"] == 81


def _stale(route: Route, answer: dict[str, Any]) -> None:
    """Reading tells what once was; writing goes through."""
    if route.request.method == "GET":
        answering(answer)(route)
    else:
        route.continue_()


def test_a_draft_survives_a_look_at_another_page(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy/edit?plugin=TargetLoadPacking")
    page.get_by_role("textbox", name="targetUtilization").fill("66")
    page.get_by_role("link", name="Decisions").click()
    expect(page.locator("table.decisions")).to_be_visible()
    page.get_by_role("link", name="Policy", exact=True).click()
    page.get_by_role("link", name="Configuration").click()
    expect(yaml_of(page)).to_have_value(re.compile("targetUtilization: 66"))


def test_the_flat_form_is_edited_too(demo: Demo, open_page: OpenPage) -> None:
    demo.put("enabled_plugins: {score: [TargetLoadPacking]}\nplugin_configs:\n  TargetLoadPacking: {}\n")
    page = open_page(f"{demo.url}/policy/edit?plugin=TargetLoadPacking")
    page.get_by_role("textbox", name="targetUtilization").fill("70")
    page.get_by_role("button", name="Save configuration").click()
    expect(outcome(page)).to_have_class(re.compile("good"))
    assert demo.args("TargetLoadPacking") == {"targetUtilization": 70}


# --- States ------------------------------------------------------------------------------------------------------


def test_a_time_box_counts_down_and_a_canary_is_told(demo: Demo, open_page: OpenPage) -> None:
    until = (datetime.now(UTC) + timedelta(minutes=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    limited = f"{{name: PodState, weight: 1, until: {until}, canary: {{percent: 10, namespaces: [team-shop]}}}}"
    demo.put(TEXT.replace("{name: PodState, weight: 1}", limited))
    page = open_page(f"{demo.url}/policy")
    box = page.locator("tr").filter(has_text="PodState").locator(".timebox")
    expect(box).to_have_text(re.compile(r"ends in 1 h (29|30) min"))
    expect(page.locator("tr").filter(has_text="PodState")).to_contain_text("10% of owners · team-shop")


def test_a_stored_policy_that_cannot_take_effect_is_told_with_its_paths(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    expect(page.locator(".banner")).to_have_count(0)
    demo.policy_file.write_text(TEXT.replace("name: Coscheduling", "name: Cosheduling"))
    banner = page.locator(".banner.bad")
    expect(banner).to_contain_text("cannot take effect")
    expect(banner).to_contain_text("profiles[0].plugins.multiPoint.enabled[0].name")


def test_replicas_that_lag_behind_are_named(demo: Demo, open_page: OpenPage) -> None:
    told = demo.call("GET", "policy")
    wanted = told["data"]["desired"]["hash"]
    told["data"]["effective"] = [
        {"replica": "trimtab-a", "revision": "2", "hash": wanted, "observed": "2", "status": "True"},
        {"replica": "trimtab-b", "revision": "1", "hash": "older", "observed": "1", "status": "True"},
    ]  # fmt: skip
    page = open_page("about:blank")
    page.route("**/api/v1/policy", answering(told))
    page.goto(f"{demo.url}/policy")
    expect(page.locator(".banner")).to_contain_text("1 of 2 replicas do not run the stored policy yet.")
    expect(page.locator(".replicas li").filter(has_text="trimtab-b")).to_contain_text("Not yet")
    expect(page.locator(".replicas li").filter(has_text="trimtab-a")).to_contain_text("In effect")


def test_plugins_that_a_breaker_has_taken_out_are_named(demo: Demo, open_page: OpenPage) -> None:
    out = {"plugin": "Peaks", "state": "open", "failures": 3, "retry_at": "2026-01-02T03:04:05Z", "last_error": "boom"}
    page = open_page(f"{demo.url}/decisions")

    def answer(route: Route) -> None:
        whole = route.fetch().json()
        whole["data"]["breakers"] = [out]
        route.fulfill(json=whole)

    page.route("**/api/v1/extender", answer)
    page.goto(f"{demo.url}/policy")
    expect(page.get_by_text("Left out because they failed: 1")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Peaks")).to_contain_text("after 3 failures; tried again")


def test_a_caller_without_the_right_is_told_which_one_is_missing(demo: Demo, open_page: OpenPage) -> None:
    before = demo.policy()["hash"]
    can = {"view": True, "change": False, "restart": False, "restore": False}
    session = {"actor": "jane", "groups": [], "role": "viewer", "can": can, "auth": "kubernetes"}
    page = open_page("about:blank")
    page.route("**/api/v1/session", answering({"status": "success", "data": session}))
    page.goto(f"{demo.url}/policy")
    enable = page.get_by_role("button", name="Enable plugin")
    expect(enable).to_have_attribute("aria-disabled", "true")
    expect(enable).to_have_accessible_description(
        re.compile("jane lacks the permission to update the policy's ConfigMap")
    )
    restart = page.get_by_role("button", name="Restart scheduler")
    expect(restart).to_have_accessible_description(re.compile("patch the scheduler's Deployment"))
    enable.click(force=True)
    switch(page, "SySched", "score").click(force=True)
    expect(outcome(page)).to_have_count(0)
    assert demo.policy()["hash"] == before


def test_a_refusal_by_the_server_is_shown_with_its_request(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    refusal = {"status": "error", "code": 403, "reason": "Forbidden", "details": [], "requestId": "b7e1",
               "message": "jane has no permission to update configmaps"}  # fmt: skip
    page.route("**/SySched/enable", answering(refusal, 403))
    switch(page, "SySched", "score").click()
    expect(page.get_by_role("alert")).to_contain_text("jane has no permission to update configmaps")
    expect(page.get_by_role("alert")).to_contain_text("b7e1")


def test_while_answers_are_on_their_way_a_skeleton_stands_there(demo: Demo, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    held: list[Route] = []
    page.route("**/api/v1/plugins", lambda route: held.append(route) if not held else route.continue_())
    page.goto(f"{demo.url}/policy")
    # The code of the view is awaited with a skeleton too: what is looked at is the one of the answers.
    while not held:
        page.wait_for_timeout(20)
    expect(page.get_by_role("status", name="Loading")).to_be_visible()
    held[0].continue_()
    expect(page.get_by_role("switch").first).to_be_visible()


def test_an_api_that_fails_is_told_and_can_be_tried_again(demo: Demo, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    failing = {"status": "error", "code": 503, "message": "the API server does not answer", "requestId": "c0ffee"}
    page.route("**/api/v1/policy", answering(failing, 503))
    page.goto(f"{demo.url}/policy")
    expect(page.get_by_role("alert")).to_contain_text("the API server does not answer")
    expect(page.get_by_role("alert")).to_contain_text("c0ffee")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("switch").first).to_be_visible()
    page.route("**/api/v1/policy", answering(failing, 503))
    expect(page.locator(".banner")).to_contain_text("Not refreshed: the API server does not answer")
    expect(page.get_by_role("switch").first).to_be_visible()


def test_where_no_policy_is_stored_the_first_one_can_be_written(demo: Demo, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    missing = {"status": "error", "code": 404, "message": "there is no ConfigMap", "details": [], "requestId": "1"}
    page.route(
        "**/api/v1/policy",
        lambda route: answering(missing, 404)(route) if route.request.method == "GET" else route.continue_(),
    )
    page.goto(f"{demo.url}/policy")
    page.get_by_role("button", name="Write the first one").click()
    page.get_by_role("combobox", name="Plugin", exact=True).select_option("PodState")
    page.get_by_role("button", name="Add it for all its phases").click()
    page.get_by_role("button", name="Save configuration").click()
    expect(outcome(page)).to_have_class(re.compile("good"))
    assert demo.phases("PodState") == {"score"}
    assert demo.phases("Rescheduler") == set()


def test_nothing_in_shadow_and_nothing_found_say_what_to_do(demo: Demo, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    page.route("**/api/v1/policy/shadow*", answering({"status": "success", "data": {"plugins": []}}))
    page.goto(f"{demo.url}/policy/shadow")
    expect(page.get_by_text("Set mode to shadow for a plugin")).to_be_visible()
    page.get_by_role("link", name="Plugins", exact=True).click()
    page.get_by_role("searchbox").fill("numa zone")
    expect(page.locator("table.policy tbody tr")).to_have_count(1)
    page.get_by_role("searchbox").fill("no such thing")
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("switch").first).to_be_visible()
    page.get_by_role("combobox", name="State").select_option("off")
    expect(page.get_by_role("switch", checked=True)).to_have_count(0)


def test_r273_looking_needs_no_key_changing_does_and_it_is_kept_in_the_tab_only(
    tmp_path: Path, browser: object, open_page: OpenPage
) -> None:
    key, policy = tmp_path / "key", tmp_path / "policy.yaml"
    key.write_text("correct-horse")
    policy.write_text(TEXT)
    sidecar = Sidecar(tmp_path, "--auth=token", f"--api-key-file={key}", f"--policy-file={policy}")
    sidecar.wait_ready()
    try:
        page = open_page(f"{sidecar.url}/policy")
        expect(page.get_by_role("button", name="Enable plugin")).to_have_accessible_description(re.compile("API key"))
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Token", exact=True).fill("wrong-horse")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("This is not the API key")
        page.get_by_label("Token", exact=True).fill("correct-horse")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("api-key (admin)")).to_be_visible()
        switch(page, "CapacityScheduling", "reserve").click()
        page.get_by_role("dialog").get_by_role("button", name="Disable plugin").click()
        expect(outcome(page)).to_contain_text("CapacityScheduling disabled in reserve")
        assert page.evaluate("Object.values(sessionStorage).includes('correct-horse')")
        assert not page.evaluate("JSON.stringify({...localStorage}).includes('correct-horse')")
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("anonymous (viewer)")).to_be_visible()
        assert page.evaluate("sessionStorage.length") == 0
    finally:
        sidecar.stop()


# --- For everybody -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TABS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("locale", "width"), [("en-GB", 1280), ("zh-CN", 1280), ("en-GB", 390), ("zh-CN", 390)])
def test_no_accessibility_fault_and_no_scrolling_sideways(
    demo: Demo, open_page: OpenPage, path: str, scheme: str, locale: str, width: int
) -> None:
    page = open_page(f"{demo.url}{path}", width=width, color_scheme=scheme, locale=locale)
    expect(page.locator("main h2").first).to_be_visible()
    if "edit" in path:
        page.locator("textarea").fill(TEXT.replace("PodState", "PodStat").replace("weight: 2", "weight: 0"))
        expect(page.locator(".problems button").first).to_be_visible()
    settled(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_dialogs_outcomes_and_conflicts_are_accessible(
    demo: Demo, open_page: OpenPage, scheme: str, width: int
) -> None:
    page = open_page(f"{demo.url}/policy", width=width, color_scheme=scheme)
    switch(page, "PodState", "score").click()
    expect(page.get_by_role("dialog").locator(".changes li").first).to_be_visible()
    settled(page)
    page.get_by_role("dialog").get_by_role("button", name="Disable plugin").click()
    expect(outcome(page)).to_be_visible()
    settled(page)
    page.get_by_role("link", name="Configuration").click()
    yaml_of(page).fill(demo.policy()["text"].replace("targetUtilization: 50", "targetUtilization: 55"))
    demo.call("POST", "plugins/Peaks/enable", {"phases": ["score"]})
    expect(page.locator(".conflict .changes li").first).to_be_visible()
    settled(page)


def settled(page: Page) -> None:
    """No wider than the screen, and nothing that axe minds."""
    fits(page)
    assert faults(page) == []


def test_everything_can_be_done_by_keys(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    expect(switch(page, "PodState", "score")).to_be_checked()
    tab_to(page, "PodState, score")
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(switch(page, "PodState", "score")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    tab_to(page, "Disable plugin")
    page.keyboard.press("Enter")
    expect(outcome(page)).to_contain_text("PodState disabled in score")
    page.keyboard.press("Home")
    tab_to(page, "Undo")
    page.keyboard.press("Enter")
    expect(switch(page, "PodState", "score")).to_be_checked()
    # Tab leaves the text again: it is no trap.
    page.goto(f"{demo.url}/policy/edit?plugin=TargetLoadPacking")
    yaml_of(page).focus()
    page.keyboard.press("Tab")
    expect(yaml_of(page)).not_to_be_focused()
    page.get_by_role("textbox", name="targetUtilization").focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("58")
    expect(page.get_by_text("valid", exact=True)).to_be_visible()
    tab_to(page, "Save configuration")
    page.keyboard.press("Enter")
    expect(outcome(page)).to_have_class(re.compile("good"))
    assert demo.args("TargetLoadPacking") == {"targetUtilization": 58}


def tab_to(page: Page, name: str, most: int = 150) -> None:
    """Press Tab until what has the focus is called so."""
    for _ in range(most):
        page.keyboard.press("Tab")
        told = page.evaluate(
            "(() => { const e = document.activeElement; return e.ariaLabel || e.textContent.trim() })()"
        )
        if told.startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name}")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_first_load_is_small(demo: Demo, open_page: OpenPage, locale: str) -> None:
    """Everything that the page needs until it can be used, as it comes over the wire."""
    page = open_page(f"{demo.url}/policy", locale=locale)
    expect(page.locator(".limits").first).to_be_visible()
    if locale == "zh-CN":
        expect(page.locator("th .note").first).to_contain_text(CHINESE)
    names = page.evaluate(
        "performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)"
        ".filter(p => /[.](js|css|svg)$/.test(p))"
    )
    dist = REPOSITORY / "analytics" / "ui" / "dist"
    sizes = {name: len(gzip.compress((dist / name.lstrip("/")).read_bytes(), 9)) for name in set(names)}
    assert any("yaml" in name for name in sizes)
    assert any("about" in name for name in sizes) == (locale == "zh-CN"), "who reads English needs no Chinese"
    assert sum(sizes.values()) < FIRST_LOAD_BYTES_MAX, sizes


@pytest.mark.parametrize("path", ["/policy", *(f"/policy/edit?plugin={plugin.name}" for plugin in PLUGINS)])
def test_what_plugins_and_arguments_are_is_said_in_chinese(demo: Demo, open_page: OpenPage, path: str) -> None:
    page = open_page(f"{demo.url}{path}", locale="zh-CN")
    described = page.locator("th .note, .arg > p, .nest > p, .field + p")
    expect(described.first).to_contain_text(CHINESE)
    assert [text for text in described.all_text_contents() if not CHINESE.search(text)] == []


def test_all_that_the_page_needs_is_asked_for_at_once_and_once(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy")
    expect(page.get_by_role("switch").first).to_be_visible()
    found = page.evaluate(
        "performance.getEntriesByType('resource')"
        ".map(e => [new URL(e.name).pathname, e.startTime, e.responseEnd, e.initiatorType])"
    )
    (shell_came,) = [end for name, _, end, _ in found if re.search(r"/index-[^/]*[.]js$", name)]
    begun = [start for name, start, _, _ in found if re.search(r"/(page|yaml)-[^/]*[.]js$", name)]
    assert len(begun) == 2
    assert max(begun) < shell_came
    # By the page's head; these two are not asked again so soon.
    for path in ("/api/v1/session", "/api/v1/policy/catalogue"):
        assert [by for name, _, _, by in found if name == path] == ["link"]


def test_the_page_speaks_chinese(demo: Demo, open_page: OpenPage) -> None:
    page = open_page(f"{demo.url}/policy", locale="zh-CN")
    expect(page.get_by_role("button", name="启用插件")).to_be_visible()
    page.get_by_role("link", name="历史").click()
    expect(page.get_by_role("button", name="立即备份")).to_be_visible()
