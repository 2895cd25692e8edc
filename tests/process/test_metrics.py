"""Both programs' metrics as Prometheus itself judges them."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from analytics.web.metrics import REGISTRY
from tests.process.an_extender import a_pod, policy, running

WAIT_S = 10.0


@pytest.fixture(scope="module")
def promtool() -> str:
    """Part of the Debian package prometheus; .ci/run installs it."""
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is missing: install the package prometheus")
    return found


def complaints(promtool: str, text: bytes) -> str:
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    return (checked.stdout + checked.stderr).decode().strip()


def test_prometheus_finds_no_fault_with_the_metrics_of_the_extender(promtool: str, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(policy())
    with running(tmp_path, "--policy", str(file), "--journal", str(tmp_path / "journal")) as extender:
        extender.filter(a_pod())
        extender.scores()
        text = b""
        until = time.monotonic() + WAIT_S
        # What plugins did is counted with the record of the call, a moment behind the answer.
        while b"trimtab_plugin_duration_seconds_bucket" not in text:
            assert time.monotonic() < until, text.decode()
            text = extender.client.get(f"{extender.admin}/metrics").content
    assert complaints(promtool, text) == ""


# Names that the users' documents prescribe as they are.
PRESCRIBED = ("scheduler_performance_latency_seconds_histogram", "scheduler_heatmap_nodes_total")


def test_prometheus_finds_no_fault_with_the_metrics_of_the_sidecar(promtool: str) -> None:
    told = complaints(promtool, generate_latest(REGISTRY)).splitlines()
    assert [line for line in told if not line.startswith(PRESCRIBED)] == []
