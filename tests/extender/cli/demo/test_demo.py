"""The whole demo: one command, and the API behind the page fills; a signal, and everything has ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

REPOSITORY = Path(__file__).parents[4]
START_LIMIT_S = 150.0
STOP_LIMIT_S = 20.0
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answer(url: str) -> Any:
    try:
        with OPENER.open(url, timeout=5) as response:
            return json.loads(response.read())
    except (OSError, ValueError):
        return None


def decisions(console: str) -> list[Any]:
    """What the page would list."""
    found = (answer(f"{console}/api/decisions?limit=5") or {}).get("data") or {}
    return list(found.get("decisions") or ())


@contextmanager
def a_demo(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    port = free_port()
    others = {name: f"127.0.0.1:{free_port()}" for name in ("TRIMTAB_LISTEN", "TRIMTAB_ADMIN", "TRIMTAB_METRICS")}
    command = [sys.executable, "-c", "from extender.cli import main; main()", "demo", "--no-browser", "--nodes=12"]
    process = subprocess.Popen(
        [*command, f"--port={port}", f"--directory={folder}", *options],
        cwd=REPOSITORY,
        env=os.environ | others,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, f"http://127.0.0.1:{port}", list(others.values())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def eventually(process: subprocess.Popen[str], condition: Any, limit_s: float) -> Any:
    until = time.monotonic() + limit_s
    while not (found := condition()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.1)
    return found


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_decisions_appear_and_a_signal_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    with a_demo(tmp_path) as (process, console, others):
        eventually(process, lambda: decisions(console), START_LIMIT_S)
        begun: list[str] = []
        assert process.stdout is not None
        # Decisions may be there before the addresses are told.
        while not begun or f"{console}/" not in begun[-1]:
            begun.append(process.stdout.readline())
            assert begun[-1], "".join(begun)
        begin = time.monotonic()
        process.send_signal(number)
        told = "".join([*begun, *process.stdout])
        process.wait(STOP_LIMIT_S)
        assert process.returncode == 0, told
        assert time.monotonic() - begin < STOP_LIMIT_S
        assert str(tmp_path / "policy.yaml") in told
        assert all(address in told for address in others), "environment variables choose the other addresses"
        assert answer(f"{console}/health") is None


@pytest.mark.timeout(240)
def test_a_dying_program_ends_the_demo_and_its_log_is_shown(tmp_path: Path) -> None:
    with a_demo(tmp_path) as (process, console, _others):
        eventually(process, lambda: answer(f"{console}/health"), START_LIMIT_S)
        sidecar = next(pid for pid in children_of(process.pid) if "analytics" in command_of(pid))
        os.kill(sidecar, signal.SIGKILL)
        told, _ = process.communicate(timeout=STOP_LIMIT_S + 10)
        assert process.returncode == 1
        assert "the sidecar ended with exit code -9; the end of" in told
        assert answer(f"{console}/health") is None


CHARTS_MAX = 60
SHOWN_LIMIT_S = 400.0
"""On a quiet machine all of it is there within about two minutes (the quota last); test machines are shared."""


SHOWN = {
    "gang": ("permit", "waiting for", "Scheduled on"),
    "quota": ("filter", "CapacityScheduling", "more than max"),
    "packing": ("score", "TargetLoadPacking", "weight 2", "Scheduled on"),
    "preemption": ("preempt", "postFilter", "may clear"),
    "reclaim": ("eviction", "asks for room", "evicted team-batch"),
}
"""What the demo is to show: a phase of the decision, and what its flowchart says."""


@pytest.mark.timeout(700)
def test_the_default_policy_shows_a_gang_a_quota_packing_and_a_preemption_each_in_a_flowchart(tmp_path: Path) -> None:
    with a_demo(tmp_path, "--nodes=50") as (process, console, _others):
        eventually(process, lambda: decisions(console), START_LIMIT_S)
        charts = {
            what: eventually(
                process, lambda phase=phase, words=words: flowchart_with(console, phase, words), SHOWN_LIMIT_S
            )
            for what, (phase, *words) in SHOWN.items()
        }
        assert all(chart.startswith("flowchart TD") for chart in charts.values())
        victims = (answer(f"{console}/api/v1/evictions?why=preemption&result=evicted") or {})["data"]["evictions"]
        pod = victims[0]["pod"]
        why = answer(f"{console}/api/v1/pods/{pod['namespace']}/{pod['name']}/why")["data"]["summary"]
        assert why.startswith("Evicted from")


def flowchart_with(console: str, phase: str, words: list[str]) -> str:
    """The flowchart of a decision with this phase that says all these words; empty: there is none so far."""
    for decision in decisions_with(console, phase)[:CHARTS_MAX]:
        with OPENER.open(f"{console}/api/v1/decisions/{decision}.mmd", timeout=10) as response:
            chart: str = response.read().decode()
        said = " ".join(chart.replace("<br/>", " ").split())
        if all(word in said for word in words):
            return chart
    return ""


def decisions_with(console: str, phase: str) -> list[str]:
    """Ids, newest first."""
    if phase == "eviction":
        asked = (answer(f"{console}/api/v1/evictions?why=preemption&result=evicted") or {}).get("data") or {}
        return [e["decision"] for e in asked.get("evictions", ()) if e["decision"]]
    listed = (answer(f"{console}/api/decisions?limit=1000&view=summary") or {}).get("data") or {}
    found = [d for d in listed.get("decisions", ()) if phase in {call["phase"] for call in d["phases"]}]
    # Most are of the common kind; those that were rejected somewhere come first where that is looked for.
    return [d["id"] for d in sorted(found, key=lambda d: phase == "filter" and d["outcome"] != "unschedulable")]


def children_of(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_a_taken_port_is_refused_at_once(tmp_path: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(1)
        port = one.getsockname()[1]
        done = _run("--port", str(port), "--directory", str(tmp_path))
    assert done.returncode == 3
    assert f"console: port {port} on 127.0.0.1 is taken" in done.stderr


def test_what_is_not_built_is_refused_clearly(tmp_path: Path) -> None:
    done = _run("--real", "--directory", str(tmp_path))
    assert done.returncode == 2
    assert "can only simulate" in done.stderr


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from extender.cli import main; main()", "demo", "--no-browser", *options]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
