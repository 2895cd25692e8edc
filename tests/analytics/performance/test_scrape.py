"""R-152: kube-scheduler's own figures. Counters are what came to them, whatever becomes of the process."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.store import Store
from analytics.store.performance import Rollups, Which
from analytics.store.tables import SampleRow
from analytics.views.performance.scheduler import scheduler_of
from analytics.views.performance.scrape import CannotLook, Taken, fetch, quantile, samples, taken
from analytics.views.sources import ToolSettings

TEXT = (Path(__file__).parent / "metrics.txt").read_text()
T0_US = 1_767_323_040_000_000
MINUTE_US = 60_000_000
WHICH = Which(T0_US, T0_US + 5 * MINUTE_US)


def looked(text: str, minute: int) -> Taken:
    return taken(text, T0_US + minute * MINUTE_US + 5)


def grown(by: int) -> str:
    """Every counter and bucket of attempts that succeeded is larger by so many."""
    return re.sub(r'(attempts_total\{[^}]*"scheduled"\}) (\d+)', lambda m: f"{m[1]} {int(m[2]) + by}", TEXT)


def value(rows: list[SampleRow], name: str, part: str = "") -> float:
    return sum(row.value for row in rows if row.name == name and part in row.labels)


def test_the_first_look_gives_gauges_and_no_counter_for_nobody_knows_when_it_began() -> None:
    rows = list(samples(looked(TEXT, 0), None))
    assert {row.name for row in rows} == {"scheduler_pending_pods"}
    assert value(rows, "scheduler_pending_pods", "backoff") == 20
    assert {row.at_us for row in rows} == {T0_US}, "the begin of the minute"


def test_what_came_since_the_last_look_is_stored_and_nothing_that_did_not_move() -> None:
    rows = list(samples(looked(grown(30), 1), looked(TEXT, 0)))
    assert value(rows, "scheduler_schedule_attempts_total") == 30
    assert {row.name for row in rows} == {"scheduler_pending_pods", "scheduler_schedule_attempts_total"}


def test_after_a_restart_of_the_scheduler_what_it_shows_is_what_came() -> None:
    rows = list(samples(looked(TEXT, 1), looked(grown(1000), 0)))
    assert value(rows, "scheduler_schedule_attempts_total", '"scheduled"') == 100
    name = "scheduler_scheduling_attempt_duration_seconds_bucket"
    assert {row.upper: row.value for row in rows if row.name == name} == {
        0.001: 10, 0.002: 80, 0.004: 8, float("inf"): 2,
    }, "buckets hold what is in them alone"  # fmt: skip


def test_after_a_long_silence_nothing_is_laid_on_one_minute() -> None:
    rows = list(samples(looked(grown(30), 30), looked(TEXT, 0)))
    assert {row.name for row in rows} == {"scheduler_pending_pods"}


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=20))
def test_counters_add_up_to_all_that_was_counted_over_any_restarts(steps: list[tuple[int, bool]]) -> None:
    """A restart that is looked at before it counts as much again as the process before it is always seen."""
    standing, total, stored, before = 100, 0, 0.0, looked(TEXT, 0)
    for minute, (more, restarts) in enumerate(steps, start=1):
        standing = more % standing if restarts else standing + more
        total += standing if restarts else more
        now = looked(grown(standing - 100), minute)
        if restarts:
            now.counters = {key: each for key, each in now.counters.items() if "attempts_total" in key[0]}
        stored += value(list(samples(now, before)), "scheduler_schedule_attempts_total", '"scheduled"')
        standing = max(standing, 1)
        before = now
    assert stored == pytest.approx(total, abs=len(steps))


@pytest.mark.parametrize("text", ["<html>no metrics</html>", "scheduler_pending_pods{queue=", "\x00", "a b c d e"])
def test_what_is_no_text_of_metrics_is_refused(text: str) -> None:
    with pytest.raises(CannotLook, match="not the text of metrics"):
        taken(text, T0_US)


def test_the_samples_are_told_as_quantiles_queues_and_results(store: Store) -> None:
    rollups = Rollups(store)
    rollups.add(list(samples(looked(TEXT, 1), looked(grown(1000), 0))))
    told = scheduler_of(rollups, WHICH)
    assert told["known"]
    assert told["queues"] == {"active": 1.0, "backoff": 20.0, "gated": 3.0, "unschedulable": 4.0}
    assert told["attempts"] == {"scheduled": 100, "unschedulable": 7}
    assert told["attempt_ms"]["p50"] == pytest.approx(1.5)
    assert told["attempt_ms"]["p99"] == pytest.approx(4.0), "beyond the last bound nobody knows how far"
    assert told["extension_points"] == [{"name": "Filter", "total_ms": 20.0, "p99_ms": 0.1}]
    other = scheduler_of(rollups, Which(WHICH.since_us, WHICH.until_us, "other"))
    assert (other["attempts"], other["queues"]["active"]) == ({}, 1.0), "queues are those of all profiles"
    assert not scheduler_of(rollups, Which(0, 1))["known"]


@given(st.dictionaries(st.integers(1, 1000), st.integers(0, 100), min_size=1), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_that_holds_its_rank(buckets: dict[int, int], q: float) -> None:
    found = quantile({float(bound): float(n) for bound, n in buckets.items()}, q)
    total = sum(buckets.values())
    if total == 0:
        assert found is None
        return
    assert found is not None
    below = sum(n for bound, n in buckets.items() if bound < found * (1 - 1e-12))
    upto = sum(n for bound, n in buckets.items() if bound <= min(b for b in buckets if b >= found * (1 - 1e-12)))
    assert below <= q * total + 1e-3
    assert upto >= q * total - 1e-3


class Answers(BaseHTTPRequestHandler):
    """Who has the token gets the metrics."""

    def do_GET(self) -> None:
        if self.headers.get("authorization") != "Bearer secret":
            self.send_response(403)
            self.end_headers()
            return
        self.send_response(200 if self.path == "/metrics" else 404)
        self.end_headers()
        self.wfile.write(TEXT.encode())

    def log_message(self, *_args: Any) -> None:
        """Nothing to the terminal."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_token_is_read_anew_for_each_look(url: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    settings = ToolSettings(scheduler_metrics=f"{url}/metrics", scheduler_metrics_token=token)
    with pytest.raises(CannotLook, match="token"):
        fetch(settings)
    token.write_text("wrong")
    with pytest.raises(CannotLook, match="HTTP 403: its reader needs the right"):
        fetch(settings)
    token.write_text("secret\n")
    assert fetch(settings) == TEXT


@pytest.mark.parametrize(
    ("path", "said"), [("/other", "HTTP 404: is it the metrics of a kube-scheduler"), ("", "HTTP 404")]
)
def test_another_address_is_told_as_what_it_is(url: str, tmp_path: Path, path: str, said: str) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    with pytest.raises(CannotLook, match=said):
        fetch(ToolSettings(scheduler_metrics=f"{url}{path}", scheduler_metrics_token=token))


def test_nobody_there_and_a_broken_certificate_are_told(tmp_path: Path) -> None:
    with pytest.raises(CannotLook, match=r"127\.0\.0\.1:1"):
        fetch(ToolSettings(scheduler_metrics="http://127.0.0.1:1/metrics"))
    ca = tmp_path / "ca.crt"
    ca.write_text("no certificate")
    with pytest.raises(CannotLook):
        fetch(ToolSettings(scheduler_metrics="https://127.0.0.1:1/metrics", scheduler_metrics_ca=ca))
