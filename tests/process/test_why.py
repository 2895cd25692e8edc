"""`trimtab why` as people call it, against a real console that watches an API server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner, Result

from extender.cli.root import cli
from tests.browser.sidecar import Sidecar
from tests.process.a_cluster import a_full_cluster, serving
from tests.process.a_tool import REPOSITORY, environment

WITHIN_S = 60.0


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("why")
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


def why(server: str, *args: str) -> Result:
    return CliRunner(env={"TRIMTAB_SERVER": server, "TRIMTAB_TOKEN": ""}).invoke(cli, ["why", *args])


def test_the_program_itself_answers(console: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", "from extender.cli.root import main; main()", "why", "team-a/gated", "-o", "name"],
        cwd=REPOSITORY, env=environment(TRIMTAB_SERVER=console), capture_output=True, text=True, timeout=WITHIN_S,
        check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout, told.stderr) == (0, "gate.other\n", "")


def test_what_waits_for_room_is_told_from_what_can_never_fit(console: str) -> None:
    waits, never = why(console, "team-a/roomy"), why(console, "team-a/huge")
    assert (waits.exit_code, never.exit_code) == (0, 0), waits.stderr + never.stderr
    first, second, *_ = waits.stdout.splitlines()
    assert first.startswith("team-a/roomy waits for room: it asks for 1 CPU")
    assert second == "Waits · Waits for CPU (room.cpu)"
    assert "500m is missing" in first
    first, second, *_ = never.stdout.splitlines()
    assert first.startswith("team-a/huge can never fit: it asks for 64 CPU, and the largest of 2 nodes")
    assert second == "Can never fit · More CPU than any node has (size.cpu)"


def test_nodes_advice_and_lines_stand_below_and_say_what_they_are_known_from(console: str) -> None:
    told = why(console, "roomy", "-n", "team-a").stdout
    assert "NODES   REASON" in told
    assert "has too little cpu free" in told
    assert "-> It is placed as soon as that much comes free." in told
    assert "observed   kube-scheduler said last: 0/2 nodes are available: 2 Insufficient cpu." in told
    assert "inferred   Nearest is n1: cpu 500m missing." in told
    assert "NODES" not in why(console, "team-a/roomy", "--no-headers").stdout


def test_without_a_pod_all_pending_pods_are_told_by_cause(console: str) -> None:
    told = why(console)
    assert told.exit_code == 0, told.stderr
    rows = [line.split("   ") for line in told.stdout.splitlines()]
    assert [row[0].strip() for row in rows] == ["PODS", "2", "1", "1", "1"]
    assert [part.strip() for part in rows[1] if part.strip()][1:3] == ["Can never fit", "size.cpu"]
    assert "team-a/huge, team-a/huge-too" in told.stdout
    assert why(console, "-n", "team-b", "-o", "name").stdout == ""
    assert "pod/team-a/gated\n" in why(console, "-o", "name").stdout
    wide = why(console, "-o", "wide").stdout
    assert "scheduling gate example.com/approved" in wide


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_machines_get_the_whole_answer(console: str, form: str, read: Any) -> None:
    told = read(why(console, "team-a/ssd", "-o", form).stdout)
    assert (told["cause"], told["lasting"]) == ("label.selector", "never")
    assert "disk=ssd" in told["sentence"]
    assert {one["basis"] for one in told["lines"]} <= {"observed", "inferred"}
    assert told["groups"][0]["would_fit_if"] == "it had disk=ssd"
    assert why(console, "team-a/ssd", "-o", "name").stdout == "label.selector\n"


def test_it_speaks_chinese(console: str) -> None:
    assert "永远无法放置" in why(console, "team-a/huge", "--lang", "zh").stdout


def test_what_cannot_be_answered_ends_with_its_exit_code(console: str, tmp_path: Path) -> None:
    nobody = why(console, "team-a/nobody")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "No decision about pod team-a/nobody, and it is not in the cluster" in nobody.stderr
    wrong = why(console, "a/b/c")
    assert wrong.exit_code == 2
    assert "NAMESPACE/NAME" in wrong.stderr
    assert why(console, "team-a/roomy", "-n", "team-b").exit_code == 2
    gone = why("http://127.0.0.1:1", "team-a/roomy")
    assert gone.exit_code == 3
    assert "does not answer" in gone.stderr
    assert why(console, "--token-file", str(tmp_path / "nowhere")).exit_code == 2
