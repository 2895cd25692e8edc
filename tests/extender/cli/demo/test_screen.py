"""What the demo tells: one line of figures, and the last thing that happened to the policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from extender.cli.demo.figures import Figures, _text
from extender.cli.demo.ports import Addresses
from extender.cli.demo.screen import LiveScreen, Places, PlainScreen, PolicyWatch, summary

ADDRESSES = Addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4", "127.0.0.1:5")
PLACES = Places(ADDRESSES, Path("/demo/policy.yaml"), Path("/demo/kubeconfig"), Path("/demo"))
BUSY = Figures(
    nodes=50,
    nodes_out=2,
    pods={"running": 300},
    bound=70,
    waiting=3,
    per_second=4.5,
    p50_ms={"filter": 1.25},
    rejected={"more than Max": 40},
    errors=["filter: EOF"],
    simulation={"failures": 1},
    preemptions=1,
    revision="abc",
)


def test_the_summary_holds_every_figure() -> None:
    line = summary(BUSY)
    for part in ("70 bound", "3 pending", "300 running", "50 nodes (2 out)", "4.5 decisions/s", "filter 1.2"):
        assert part in line


def test_the_policy_line_changes_only_when_the_policy_does() -> None:
    watch = PolicyWatch()
    assert watch.see(Figures(revision="abc"))
    assert "in effect: revision abc" in watch.last
    assert not watch.see(Figures(revision="abc"))
    assert watch.see(Figures(revision="abc", policy_error="profiles[0]: unknown plugin"))
    assert "refused, the last good one stays: profiles[0]: unknown plugin" in watch.last
    assert watch.see(Figures(revision="abc", skipped=("Peaks (breaker open)",)))
    assert "left out now: Peaks (breaker open)" in watch.last


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, ""),
        ("bad", "bad"),
        ([{"path": "a.b", "message": "is wrong", "hint": "try c"}], "a.b is wrong try c"),
        ({"message": "is wrong"}, "is wrong"),
    ],
)
def test_policy_errors_are_told_whatever_their_shape(error: object, text: str) -> None:
    assert _text(error) == text


def test_plain_lines_name_every_address_and_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    with PlainScreen(PLACES) as screen:
        screen.show(BUSY)
    told = capsys.readouterr().out
    for part in (
        "http://127.0.0.1:1/",
        "127.0.0.1:2",
        "127.0.0.1:3",
        "127.0.0.1:4",
        "127.0.0.1:5",
        "/demo/policy.yaml",
    ):
        assert part in told
    assert "edit the policy file" in told
    assert "70 bound" in told


def test_the_panel_shows_reasons_and_errors() -> None:
    console = Console(width=160, record=True, force_terminal=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    with LiveScreen(PLACES, console) as screen:
        screen.show(BUSY)
    console.file.close()
    told = console.export_text()
    for part in ("rejected 40 nodes: more than Max", "scheduler would fail: filter: EOF", "1 failures", "policy.yaml"):
        assert part in told
