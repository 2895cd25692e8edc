"""What doctor says of a KubeSchedulerConfiguration: the shipped ones are sound, and each fault is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from extender.cli.doctor.finding import Finding, Level
from extender.cli.doctor.registration import Known, examined, seconds
from extender.cli.doctor.scene import configuration_in
from tests.e2e.registration import render

URL = "http://10.0.0.7:8888"
SCORER = {"profile": "*", "name": "TargetLoadPacking", "phases": ["score"], "weight": 1}
GANGS = {"profile": "*", "name": "Coscheduling", "phases": ["filter", "permit", "reserve"], "weight": 1}
Change = Callable[[dict[str, Any]], Any]


def shipped(template: str) -> dict[str, Any]:
    text = render(template, url=URL, kubeconfig="/none", scheduler_name="default-scheduler")  # type: ignore[arg-type]
    return dict(configuration_in(text))


def said(configuration: dict[str, Any], *seats: dict[str, Any], **known: Any) -> list[Finding]:
    return examined(configuration, None, Known(seats=seats, schedulers=("*",), **known))


def troubles(found: list[Finding]) -> dict[str, Level]:
    return {line.message: line.level for line in found if line.level is not Level.OK}


@pytest.mark.parametrize("template", ["advisory.yaml", "enforcing.yaml", "scoring.yaml"])
def test_what_we_ship_is_sound(template: str) -> None:
    found = said(shipped(template), SCORER, deadline_s=0.02)

    assert troubles(found) == {}
    assert any("nodeCacheCapable is true" in line.message for line in found)


def test_gangs_are_at_home_in_the_enforcing_one_only() -> None:
    assert troubles(said(shipped("enforcing.yaml"), GANGS)) == {}
    told = " ".join(troubles(said(shipped("advisory.yaml"), GANGS)))
    assert "bindVerb is not registered: Coscheduling (permit)" in told
    assert "Coscheduling cannot hold while the extender does not answer" in told


FAULTS: dict[str, tuple[str, Change, Level, str]] = {
    "names": ("advisory.yaml", lambda c: c["extenders"][0].pop("nodeCacheCapable"), Level.FAIL, "nodeCacheCapable"),
    "weight": ("advisory.yaml", lambda c: c["extenders"][0].update(weight=5), Level.WARN, "weight is 5"),
    "no weight": ("advisory.yaml", lambda c: c["extenders"][0].pop("weight"), Level.FAIL, "weight is 0"),
    "verb": ("advisory.yaml", lambda c: c["extenders"][0].update(filterVerb="filtre"), Level.FAIL, "filtre"),
    "patience": ("advisory.yaml", lambda c: c["extenders"][0].pop("httpTimeout"), Level.WARN, "stalls every pod"),
    "haste": ("advisory.yaml", lambda c: c["extenders"][0].update(httpTimeout="10ms"), Level.FAIL, "deadline"),
    "no duration": ("advisory.yaml", lambda c: c["extenders"][0].update(httpTimeout="soon"), Level.FAIL, "no duration"),
    "bind haste": ("enforcing.yaml", lambda c: c["extenders"][1].update(httpTimeout="5s"), Level.FAIL, "one binding"),
    "hold haste": ("enforcing.yaml", lambda c: c["extenders"][1].update(httpTimeout="60s"), Level.WARN, "given up"),
    "ignorable": ("enforcing.yaml", lambda c: c["extenders"][1].update(ignorable=True), Level.FAIL, "falls through"),
    "binders": (
        "enforcing.yaml",
        lambda c: c["extenders"][0].update(bindVerb="bind"),
        Level.FAIL,
        "2 extenders have a bindVerb",
    ),
    "managed": (
        "advisory.yaml",
        lambda c: c["extenders"][0].update(managedResources=[{"name": "example.com/gpu"}]),
        Level.WARN,
        "managedResources",
    ),
    "in-tree weights": ("advisory.yaml", lambda c: c["profiles"][0].pop("plugins"), Level.WARN, "in-tree weights"),
    "version": ("advisory.yaml", lambda c: c.update(apiVersion="v1"), Level.FAIL, "apiVersion"),
    "nobody": ("advisory.yaml", lambda c: c.pop("extenders"), Level.FAIL, "no extender is registered"),
    "tls": ("advisory.yaml", lambda c: c["extenders"][0].update(enableHTTPS=True), Level.FAIL, "begins with http:"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_with_what_to_do(fault: str) -> None:
    template, change, level, words = FAULTS[fault]
    configuration = shipped(template)
    change(configuration)

    told = [line for line in said(configuration, SCORER, deadline_s=0.02) if words in line.message]

    assert [line.level for line in told] == [level]
    assert told[0].advice


def test_strict_scores_want_in_tree_weights_as_they_were() -> None:
    told = troubles(said(shipped("advisory.yaml"), SCORER, scale="strict"))

    assert any("scoring.scale strict" in text for text in told)


def test_of_several_extenders_one_must_be_named() -> None:
    configuration = shipped("advisory.yaml")
    configuration["extenders"].append({"urlPrefix": "http://10.0.0.9:1", "filterVerb": "f"})

    assert "several extenders" in next(iter(troubles(said(configuration))))
    known = Known(schedulers=("*",))
    assert troubles(examined(configuration, f"{URL}/", known)) == {}
    assert "is not registered" in next(iter(troubles(examined(configuration, "http://elsewhere", known))))


def test_pods_of_a_scheduler_that_no_profile_governs_are_told() -> None:
    found = examined(shipped("advisory.yaml"), None, Known(schedulers=("batch",)))

    assert any("schedulerName default-scheduler" in text for text in troubles(found))


@pytest.mark.parametrize(
    ("told", "expected"),
    [("1s", 1.0), ("1m30s", 90.0), ("250ms", 0.25), ("1.5h", 5400.0), (1_000_000_000, 1.0), ("soon", None), ("", None)],
)
def test_durations_are_read_as_go_writes_them(told: object, expected: float | None) -> None:
    assert seconds(told) == (pytest.approx(expected) if expected is not None else None)
