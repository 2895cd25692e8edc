"""R-174 to R-177: what the worker tells the metrics, and what it keeps."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.cluster import Cluster
from analytics.store import Store
from analytics.store.performance import Rollups
from analytics.store.tables import Row
from analytics.views.performance import metrics
from analytics.views.performance.measures import JUDGED
from analytics.views.performance.worker import Round, pending_samples
from analytics.views.sources import Sources, ToolSettings
from tests.analytics.analyzer.a_scheduler import a_cluster
from tests.analytics.performance.a_scheduler import DAY, MINUTE_US, NOW_US, a_store, minute, minutes
from tests.analytics.performance.frames import Taker, attempt


def sampled(collector: Any, name: str = "", **labels: str) -> float:
    """The sum of all samples that have these labels."""
    return sum(
        float(sample.value)
        for family in collector.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
        and (not name or sample.name.endswith(name))
        and all(sample.labels.get(key) == value for key, value in labels.items())
    )


@pytest.fixture
def taker() -> Taker:
    return Taker()


def test_r174_every_pod_that_is_bound_is_observed_once_and_by_scheduler(store: Store, taker: Taker) -> None:
    store.write(taker.rows(attempt(1, NOW_US - 9, scheduler=f"one-{store.engine}"), seen_us=5))
    worker = Round(Sources(store))
    worker.take(NOW_US)
    assert sampled(metrics.LATENCY, "_count", scheduler=f"one-{store.engine}") == 0, (
        "it was there before this program began"
    )
    frames = [
        *attempt(2, NOW_US, scheduler=f"one-{store.engine}"),
        *attempt(3, NOW_US, bind_us=700_000.0, scheduler=f"one-{store.engine}"),
    ]
    store.write(taker.rows(frames, seen_us=6))
    for at in range(3):
        worker.take(NOW_US + 30_000_000 * (1 + at))
    assert sampled(metrics.LATENCY, "_count", scheduler=f"one-{store.engine}") == 2
    assert sampled(metrics.LATENCY, "_bucket", scheduler=f"one-{store.engine}", le="0.5") == 1
    assert sampled(metrics.LATENCY, "_bucket", scheduler=f"one-{store.engine}", le="1.0") == 2
    assert sampled(metrics.LATENCY, "_sum", scheduler=f"one-{store.engine}") == pytest.approx(0.005 + 0.702, rel=0.01)


def test_r174_the_buckets_hold_those_of_the_alerts() -> None:
    assert {0.5, 1.0} <= set(metrics.LATENCY._kwargs["buckets"])


def test_r175_r176_throughput_and_success_are_those_of_the_last_interval(store: Store, taker: Taker) -> None:
    worker = Round(Sources(store))
    worker.take(NOW_US)
    now_us = NOW_US + 30_000_000
    rows = [each for n in range(15) for each in attempt(n, now_us - 10_000_000, scheduler=f"two-{store.engine}")]
    rows += [
        each
        for n in range(15, 20)
        for each in attempt(n, now_us - 9, end="unschedulable", scheduler=f"two-{store.engine}")
    ]
    store.write(taker.rows(rows, seen_us=7))
    worker.take(now_us)
    assert sampled(metrics.THROUGHPUT, scheduler=f"two-{store.engine}") == pytest.approx(15 / 30)
    assert sampled(metrics.SUCCESS, scheduler=f"two-{store.engine}") == 0.75
    worker.take(now_us + 30_000_000)
    assert sampled(metrics.THROUGHPUT, scheduler=f"two-{store.engine}") == 0.0
    assert sampled(metrics.SUCCESS, scheduler=f"two-{store.engine}") == 0.75, "nothing ended: what was known stands"


def test_r175_history_that_is_read_again_is_no_throughput_of_now(store: Store, taker: Taker) -> None:
    worker = Round(Sources(store))
    worker.take(NOW_US)
    old = [each for n in range(50) for each in attempt(n, NOW_US - DAY * MINUTE_US, scheduler=f"old-{store.engine}")]
    store.write(taker.rows(old, seen_us=8))
    worker.take(NOW_US + 30_000_000)
    assert sampled(metrics.THROUGHPUT, scheduler=f"old-{store.engine}") == 0.0
    assert sampled(metrics.LATENCY, "_count", scheduler=f"old-{store.engine}") == 50


def test_r177_every_known_series_is_there_from_the_start() -> None:
    labels = {
        (sample.labels["metric"], sample.labels["severity"])
        for family in metrics.ANOMALIES.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }
    assert labels == {(metric, severity) for metric in JUDGED for severity in ("warning", "critical")}


def test_r154_r177_an_anomaly_that_lasts_is_counted_once_and_a_single_step_is_none() -> None:
    """Steps of five minutes; `unusual` are the minutes in which pods took long."""

    def course(unusual: range) -> list[Row]:
        return minutes(
            2 * DAY,
            lambda ago: minute(ago, latency_ms=[400.0 if ago in unusual else 20.0 + ago % 7]) if ago % 5 == 0 else [],
        )

    for unusual, counted in ((range(30, 35), 0), (range(20, 40), 3)):
        store = a_store(course(unusual))
        worker = Round(Sources(store))
        before = sampled(metrics.ANOMALIES, "_total", metric="latency")
        for ago in range(60, -1, -1):
            worker.take(NOW_US - ago * MINUTE_US)
        assert sampled(metrics.ANOMALIES, "_total", metric="latency") - before == counted
        store.close()


def test_pods_that_wait_are_sampled_once_a_minute(store: Store) -> None:
    worker = Round(Sources(store, a_cluster(waiting={"a": 1.0, "b": 2.0})))
    for at in range(4):
        worker.take(NOW_US + at * 20_000_000)
    rows = store.query("SELECT at_us, source, name, labels, value FROM sample ORDER BY at_us")
    told = ("cluster", "pending_pods", '{"scheduler":"default-scheduler"}', 2.0)
    assert rows == [(NOW_US, *told), (NOW_US + MINUTE_US, *told)]
    assert pending_samples(Cluster.nowhere().view(), NOW_US) == []


def test_a_scheduler_that_does_not_answer_is_counted_and_stops_nothing(store: Store) -> None:
    settings = ToolSettings(scheduler_metrics="http://127.0.0.1:1/metrics")
    worker = Round(Sources(store, a_cluster(), settings=lambda: settings))
    before = sampled(metrics.SCRAPE_FAILURES, "_total")
    worker.take(NOW_US)
    worker.take(NOW_US + MINUTE_US)
    assert sampled(metrics.SCRAPE_FAILURES, "_total") - before == 2
    assert store.query("SELECT count(*) FROM sample")[0][0] == 2


def test_batches_are_merged_only_when_they_have_been_told(store: Store, taker: Taker) -> None:
    worker = Round(Sources(store))
    worker.take(NOW_US)
    for at in range(3):
        store.write(taker.rows(attempt(at, NOW_US + at), seen_us=10 + at))
    worker.take(NOW_US + 700_000_000)
    assert Rollups(store).newest_seen_us() == 12, "the newest batch stays by itself"
    assert store.query("SELECT count(*) FROM minute_latency WHERE kind = 'pod'")[0][0] == 2


def test_names_beyond_the_bound_are_one_label() -> None:
    labels = {metrics.label(f"p-many-{n}") for n in range(100)}
    assert "other" in labels
    assert len(metrics.known()) <= metrics.SCHEDULERS_MAX
