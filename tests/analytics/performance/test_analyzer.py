"""R-151 to R-155: what an analysis tells of known courses of things."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest

from analytics.store import Store
from analytics.store.tables import Row, SampleRow
from analytics.views.performance.analyzer import PerformanceAnalyzer
from analytics.views.performance.span import Plan, TimeRange
from analytics.views.sources import Sources
from tests.analytics.performance.a_scheduler import (
    DAY,
    HOUR,
    MINUTE_US,
    NOW_S,
    NOW_US,
    a_store,
    an_analyzer,
    minute,
    minutes,
    node,
    took_effect,
)

CHANCE = random.Random()


@pytest.fixture(autouse=True)
def same_chance() -> None:
    CHANCE.seed(7)


def noisy(level: float, n: int = 5) -> list[float]:
    return [level * math.exp(CHANCE.gauss(0, 0.05)) for _ in range(n)]


def analyzed(rows: list[Row], seconds: float = 3600.0, store: Store | None = None) -> dict[str, Any]:
    if store is None:
        store = a_store(rows)
    else:
        store.write(rows)
    analyzer = an_analyzer(store)
    told = analyzer.analyze(analyzer.last(seconds))
    json.dumps(told, allow_nan=False)
    return told


def about(told: dict[str, Any], name: str, metric: str) -> list[dict[str, Any]]:
    return [each for each in told[name] if each["metric"] == metric]


def test_r152_the_figures_are_those_of_the_range(store: Store) -> None:
    rows = minutes(HOUR, lambda ago: minute(ago, latency_ms=[10.0, 20.0, 30.0], scheduled=9, failed=1))
    rows += minutes(3 * HOUR, lambda ago: minute(ago, latency_ms=[900.0], scheduled=1, failed=9), until=HOUR)
    told = analyzed(rows, store=store)
    assert told["latency_ms"]["average"] == pytest.approx(20.0, rel=1e-3)
    assert told["latency_ms"]["p50"] == pytest.approx(20.0, rel=0.021)
    assert told["latency_ms"]["p99"] == pytest.approx(30.0, rel=0.021)
    assert told["throughput_pods_per_second"] == pytest.approx(9 / 60, rel=1e-3)
    assert told["success_rate"] == 0.9
    low, high = told["success_rate_interval"]
    assert 0.86 < low < 0.9 < high < 0.93
    assert told["attempts"] == {"scheduled": 540, "unschedulable": 60, "error": 0}
    assert [each["phase"] for each in told["by_verb"]] == ["filter"]
    assert [(each["plugin"], each["phase"]) for each in told["by_plugin"]] == [("Fit", "filter")]


def test_an_empty_store_is_told_as_such_and_nothing_is_invented(store: Store) -> None:
    told = analyzed([], store=store)
    assert told["latency_ms"] == {"average": None, "p50": None, "p95": None, "p99": None}
    assert (told["throughput_pods_per_second"], told["success_rate"]) == (0.0, None)
    for name in ("trends", "forecast", "anomalies", "recommendations", "change_points", "capacity", "by_plugin"):
        assert told[name] == [], name
    assert set(told["not_enough"]["trends"]) == set(told["not_enough"]["forecast"]) >= {"latency", "throughput"}
    assert [each["ok"] for each in told["sources"]] == [False, False, False]


@pytest.mark.parametrize(("per_hour", "direction"), [(3.0, "rising"), (-3.0, "falling"), (0.0, "flat")])
def test_r153_a_trend_has_its_direction_slope_and_significance(per_hour: float, direction: str) -> None:
    told = analyzed(minutes(DAY, lambda ago: minute(ago, latency_ms=noisy(100.0 - per_hour * ago / HOUR))))
    (trend,) = about(told, "trends", "latency")
    assert trend["direction"] == direction
    assert trend["change_per_hour"] == pytest.approx(per_hour, abs=0.3)
    assert (trend["p_value"] < 0.01) == (direction != "flat")


def test_r153_a_forecast_has_bounds_its_method_and_the_error_of_its_back_test() -> None:
    def daily(ago: int) -> list[Row]:
        return minute(ago, latency_ms=noisy(50.0 + 20.0 * math.sin(2 * math.pi * ago / DAY), 3))

    told = analyzed(minutes(5 * DAY, lambda ago: daily(ago) if ago % 5 == 0 else []), 24 * 3600.0)
    points = about(told, "forecast", "latency")
    assert len(points) > 20
    assert all(point["low"] <= point["value"] <= point["high"] for point in points)
    assert all(point["time"] >= told["looked_at"]["end"] for point in points)
    (quality,) = about(told, "forecast_quality", "latency")
    assert quality["method"] == "fourier"
    assert quality["error_ratio"] < 0.1
    for point in points:
        ago = (NOW_US - int(np.datetime64(point["time"].rstrip("Z"), "us").astype(int))) / MINUTE_US
        assert point["value"] == pytest.approx(50.0 + 20.0 * math.sin(2 * math.pi * ago / DAY), rel=0.15)


def test_r154_a_spike_is_an_anomaly_with_what_was_expected() -> None:
    told = analyzed(minutes(6 * HOUR, lambda ago: minute(ago, latency_ms=noisy(400.0 if ago == 30 else 20.0))))
    (found,) = about(told, "anomalies", "latency")
    assert found["value"] == pytest.approx(400, rel=0.2)
    assert found["expected"] == pytest.approx(20, rel=0.2)
    assert (found["severity"], found["change"]) == ("critical", None)
    assert found["time"].startswith("2026-01-02T02:34:00")


def test_r154_a_fall_of_the_success_rate_is_judged_by_the_number_of_attempts() -> None:
    """Two of three failing says little where one in ten fails anyway; forty of fifty says all."""
    told = analyzed(
        minutes(
            6 * HOUR,
            lambda ago: (
                minute(ago, scheduled=1, failed=2)
                if ago == 20
                else minute(ago, scheduled=10, failed=40)
                if ago == 40
                else minute(ago, scheduled=45, failed=5)
            ),
        )
    )
    found = about(told, "anomalies", "success_rate")
    assert [(each["value"], each["severity"]) for each in found] == [(0.2, "critical")]
    assert found[0]["expected"] == pytest.approx(0.9, abs=0.02)


def test_r151_a_change_of_level_is_tied_to_the_revision_that_began_before_it(store: Store) -> None:
    rows: list[Row] = [took_effect(20 * HOUR, "41"), took_effect(61, "42")]
    rows += minutes(
        4 * HOUR,
        lambda ago: minute(
            ago, latency_ms=noisy(100.0 if ago > 60 else 131.0), filter_ms=noisy(4.0 if ago > 60 else 35.0),
            plugin_ms=noisy(2.0 if ago > 60 else 33.0), plugin="NodePlacement/filter",
        ),
    )  # fmt: skip
    told = analyzed(rows, 4 * 3600.0, store)
    (found,) = about(told, "change_points", "latency_p99")
    assert (found["revision"], found["tied"], found["worse"]) == ("42", True, True)
    assert found["change_ratio"] == pytest.approx(0.31, abs=0.06)  # buckets are 4 % wide
    percent = round(100 * found["change_ratio"])
    assert found["sentence"] == f"since revision 42 p99 {percent:+d} %"
    assert found["plugins"][0]["plugin"] == "NodePlacement"
    unusual = about(told, "anomalies", "latency_p99")
    assert unusual, "for what was before the change"
    assert {each["change"] for each in unusual} == {found["time"]}, "and ordinary since"
    advice = [each for each in told["recommendations"] if each["id"].startswith("revision.42")]
    assert len(advice) == 1, "one for a revision, about its worst measure"
    assert advice[0]["setting"] == {"where": "policy", "name": "plugins.NodePlacement", "href": "/policy/history"}
    assert advice[0]["evidence"]["change"]["revision"] == "42"


def test_a_change_long_after_a_revision_is_not_laid_at_its_door() -> None:
    rows: list[Row] = [took_effect(2 * HOUR, "42")]
    rows += minutes(4 * HOUR, lambda ago: minute(ago, latency_ms=noisy(100.0 if ago > 60 else 150.0)))
    told = analyzed(rows, 4 * 3600.0)
    (found,) = about(told, "change_points", "latency")
    assert (found["revision"], found["tied"]) == ("42", False)
    assert "1.0 h after revision 42 began" in found["sentence"]
    assert not [each for each in told["recommendations"] if each["id"].startswith("revision")]


def test_a_quiet_course_has_neither_changes_nor_anomalies_nor_advice() -> None:
    rows: list[Row] = [took_effect(60, "42")]
    told = analyzed([*rows, *minutes(6 * HOUR, lambda ago: minute(ago, latency_ms=noisy(20.0), waiting=2.0))])
    assert (told["change_points"], told["anomalies"], told["recommendations"]) == ([], [], [])


def test_days_until_full_come_from_what_is_promised_of_the_nodes(store: Store) -> None:
    """From 60 % to 80 % in four days: all is promised four days later."""
    rows: list[Row] = [node(ago, 0.8 - 0.05 * ago / DAY) for ago in range(4 * DAY, 0, -15)]
    told = analyzed([*rows, *minute(5)], store=store)
    (cpu,) = [each for each in told["capacity"] if each["resource"] == "cpu"]
    assert cpu["requested_ratio"] == pytest.approx(0.8, abs=0.01)
    assert cpu["days_until_full"] == pytest.approx(4.0, abs=0.7)
    assert cpu["earliest_days"] <= cpu["days_until_full"] <= cpu["latest_days"]
    assert cpu["method"] == "fourier"
    (advice,) = [each for each in told["recommendations"] if each["id"] == "full.cpu"]
    assert advice["severity"] == "warning"
    assert advice["evidence"]["days_until_full"] == cpu["days_until_full"]


def test_what_is_steady_is_never_full() -> None:
    told = analyzed([*(node(ago, 0.6) for ago in range(4 * DAY, 0, -15)), *minute(5)])
    assert all(each["days_until_full"] is None for each in told["capacity"])


def test_waiting_pods_are_those_of_the_cluster_and_else_of_kube_scheduler_without_the_gated() -> None:
    def sampled(ago: int) -> list[Row]:
        at = NOW_US - ago * MINUTE_US
        name = "scheduler_pending_pods"
        return [
            SampleRow(at, "kube-scheduler", name, f'{{"queue":"{queue}"}}', 0.0, value)
            for queue, value in (("active", 3.0), ("unschedulable", 4.0), ("gated", 50.0))
        ]

    own = minutes(30, lambda ago: [*minute(ago), *sampled(ago)])
    analyzer = an_analyzer(a_store(own))
    assert set(analyzer.series(analyzer.last(1200))["series"]["pending"]) == {7.0}
    both = an_analyzer(a_store(own, minutes(30, lambda ago: minute(ago, waiting=2.0)[-1:])))
    assert set(both.series(both.last(1200))["series"]["pending"]) == {2.0}


def test_one_scheduler_is_told_apart(store: Store) -> None:
    rows = minutes(HOUR, lambda ago: [*minute(ago), *minute(ago, latency_ms=[500.0], scheduler="other")])
    store.write(rows)
    analyzer = an_analyzer(store, scheduler="other")
    assert analyzer.analyze(analyzer.last(3600))["latency_ms"]["average"] == pytest.approx(500.0)


def test_series_have_even_steps_and_gaps_where_nothing_was_measured(store: Store) -> None:
    rows: list[Row] = [took_effect(30, "42")]
    store.write(rows + minutes(HOUR, lambda ago: minute(ago) if ago % 10 else []))
    analyzer = an_analyzer(store)
    told = analyzer.series(analyzer.last(3600))
    assert told["step_s"] == 60
    lengths = {len(each) for each in (*told["series"].values(), told["times"], told["attempts"], told["pods"])}
    assert lengths == {59}, "from the first minute that is known to the newest that is over"
    assert told["series"]["latency"].count(None) == 5
    assert None not in told["series"]["throughput"], "where nobody is placed the throughput is 0"
    assert [each["revision"] for each in told["revisions"]] == ["42"]


@pytest.mark.parametrize(
    ("days", "step_s", "back_days"), [(1 / 24, 60, 1), (1, 300, 7), (7, 900, 14), (30, 3600, 60), (365, 21600, 365)]
)
def test_steps_grow_with_the_range_and_what_is_usual_is_told_from_before_it(
    days: float, step_s: int, back_days: int
) -> None:
    span = TimeRange(NOW_US - int(days * 86_400e6), NOW_US)
    plan = Plan.of(span, NOW_US, 0)
    assert plan.step_s == step_s
    assert 1000 < plan.steps < 2100
    assert plan.since_us <= NOW_US - back_days * 86_400_000_000 + plan.step_us
    assert plan.until_us <= NOW_US, "a step that is not over is not looked at"
    assert Plan.of(span, NOW_US, None).steps == 0
    assert Plan.of(span, NOW_US, NOW_US + 1).steps == 0


def test_what_is_still_in_the_journal_does_not_look_like_a_standstill() -> None:
    store = a_store(minutes(6 * HOUR, lambda ago: minute(ago) if ago > 30 else []))
    behind = PerformanceAnalyzer(Sources(store, ingest=lambda: {"lag_seconds": 1800.0}), clock=lambda: NOW_S)
    told = behind.analyze(behind.last(3600))
    assert about(told, "anomalies", "throughput") == []
    caught_up = an_analyzer(store)
    assert about(caught_up.analyze(caught_up.last(3600)), "anomalies", "throughput")
