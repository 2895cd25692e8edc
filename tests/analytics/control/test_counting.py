"""R-199 to R-204: what is counted of changes, under exactly the given names and labels, on both ports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.analytics.control.a_desk import POLICY
from tests.analytics.control.test_start import Running, running

Sample = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels."""


class Counted:
    """A console, what was asked of it, and what both its ports say since."""

    def __init__(self, console: Running, policy: Path) -> None:
        self._console = console
        self.policy = policy
        self._before = self._samples(self._pages()[0])

    def ask(self, method: str, path: str, code: int, **more: Any) -> None:
        answer = self._console.client.request(method, f"/api/v1/{path}", **more)
        assert answer.status_code == code, answer.text

    def risen(self, name: str, **labels: str) -> float:
        """By how much the series rose; both ports agree. The labels are all that it has."""
        sample = (name, frozenset(labels.items()))
        found = {self._samples(page)[sample] - self._before.get(sample, 0.0) for page in self._pages()}
        assert len(found) == 1, found
        return found.pop()

    def kind(self, family: str) -> str:
        (found,) = {one.type for one in text_string_to_metric_families(self._pages()[1]) if one.name == family}
        return found

    def _pages(self) -> list[str]:
        """Of the console's port and of the metrics port."""
        found = [self._console.client.get("/metrics"), httpx.get(f"{self._console.metrics}/metrics", trust_env=False)]
        assert all(page.headers["content-type"].startswith("text/plain") for page in found)
        return [page.text for page in found]

    @staticmethod
    def _samples(page: str) -> dict[Sample, float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    folder = tmp_path_factory.mktemp("counting")
    path = folder / "policy.yaml"
    path.write_text(POLICY)
    with running(folder, f"--policy-file={path}") as console:
        yield console, path


@pytest.fixture
def counted(console: tuple[Running, Path]) -> Counted:
    running, path = console
    path.write_text(POLICY)
    return Counted(running, path)


TOGGLES, UPDATES = "trimtab_plugin_toggles_total", "trimtab_policy_updates_total"
SECONDS, ERRORS = "trimtab_api_request_duration_seconds", "trimtab_api_errors_total"


def test_r199_switches_are_counted_by_plugin_phase_and_action(counted: Counted) -> None:
    counted.ask("POST", "plugins/PodState/enable", 200, json={"phases": ["score", "filter"]})
    assert counted.risen(TOGGLES, plugin="PodState", phase="score", action="enable") == 1
    assert counted.risen(TOGGLES, plugin="PodState", phase="filter", action="enable") == 1
    counted.ask("POST", "plugins/PodState/enable", 200, json={"phases": ["score"]})
    assert counted.risen(TOGGLES, plugin="PodState", phase="score", action="enable") == 1, "it was on already"
    counted.ask("POST", "plugins/PodState/disable", 200, json={"phases": ["score"]})
    assert counted.risen(TOGGLES, plugin="PodState", phase="score", action="disable") == 1
    counted.ask("POST", "plugins/PodState/disable?dryRun=All", 200, json={"phases": ["filter"]})
    with pytest.raises(KeyError):
        counted.risen(TOGGLES, plugin="PodState", phase="filter", action="disable")
    assert counted.kind("trimtab_plugin_toggles") == "counter"


def test_r200_updates_are_counted_by_plugin_and_result(counted: Counted) -> None:
    counted.ask("PUT", "plugins/Rescheduler/config", 200, json={"cpuThreshold": 85.0})
    counted.ask("PUT", "plugins/Rescheduler/config", 422, json={"cpuThreshold": -1})
    counted.ask("POST", "plugins/SySched/enable", 200)
    counted.ask("POST", "plugins/made-up/enable", 404)
    assert counted.risen(UPDATES, plugin="Rescheduler", result="success") == 1
    assert counted.risen(UPDATES, plugin="Rescheduler", result="refused") == 1
    assert counted.risen(UPDATES, plugin="SySched", result="success") == 1
    assert counted.risen(UPDATES, plugin="unknown", result="refused") == 1, "nobody can make labels up"
    assert counted.kind("trimtab_policy_updates") == "counter"


def test_r201_answers_are_timed_by_method_path_and_code(counted: Counted) -> None:
    """The path as it is declared: what callers write into it makes no series."""
    counted.ask("POST", "plugins/PodState/enable", 200)
    counted.ask("POST", "plugins/nobody/enable", 404)
    enable = {"method": "POST", "path": "/api/v1/plugins/{plugin_name}/enable"}
    for code in ("200", "404"):
        assert counted.risen(f"{SECONDS}_count", **enable, code=code) == 1
        assert counted.risen(f"{SECONDS}_sum", **enable, code=code) > 0
        assert counted.risen(f"{SECONDS}_bucket", **enable, code=code, le="+Inf") == 1
    assert counted.kind(SECONDS) == "histogram"


def test_r202_restarts_are_counted_once_they_have_begun(counted: Counted) -> None:
    """This console has no cluster; tests/e2e/test_console_auth.py sees it rise."""
    counted.ask("POST", "scheduler/restart", 404)
    assert counted.risen("trimtab_scheduler_restarts_total") == 0
    assert counted.kind("trimtab_scheduler_restarts") == "counter"


def test_r203_errors_are_counted_by_operation_and_have_a_rate_from_the_first_call_on(counted: Counted) -> None:
    counted.ask("POST", "plugins/PodState/enable", 200)
    enable = "/api/v1/plugins/{plugin_name}/enable"
    assert counted.risen(ERRORS, operation=enable) == 0
    counted.ask("POST", "plugins/nobody/enable", 404)
    assert counted.risen(ERRORS, operation=enable) == 0, "what callers do wrong is no error of ours"
    counted.policy.unlink()
    counted.ask("GET", "health", 503)
    assert counted.risen(ERRORS, operation="/api/v1/health") == 1
    assert counted.kind("trimtab_api_errors") == "counter"


def test_r204_both_ports_of_the_process_that_serves_the_api_tell_the_same(counted: Counted) -> None:
    counted.ask("GET", "plugins", 200)
    for family in (TOGGLES, UPDATES, SECONDS, "trimtab_scheduler_restarts_total", ERRORS):
        name = family.removesuffix("_total")
        assert counted.kind(name) in ("counter", "histogram")
    assert counted.risen(f"{SECONDS}_count", method="GET", path="/api/v1/plugins", code="200") == 1
