"""Stores that hold roll-ups of known shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from analytics.cluster import Cluster
from analytics.store import Store
from analytics.store.tables import MinuteCountRow, MinuteLatencyRow, NodeSampleRow, PolicyRow, Row, SampleRow
from analytics.trends.sketch import bucket_of
from analytics.views.performance.analyzer import PerformanceAnalyzer
from analytics.views.sources import Sources

NOW_S = 1_767_323_040.0
"""2026-01-02T03:04:00Z"""
NOW_US = int(NOW_S * 1e6)
MINUTE_US = 60_000_000
HOUR = 60
"""Minutes."""
DAY = 24 * HOUR
SCHEDULER = "default-scheduler"


def minute(
    ago: int,
    *,
    latency_ms: Iterable[float] = (20.0,),
    filter_ms: Iterable[float] = (1.0,),
    plugin_ms: Iterable[float] = (0.5,),
    scheduled: int = 10,
    failed: int = 0,
    waiting: float | None = None,
    scheduler: str = SCHEDULER,
    plugin: str = "Fit/filter",
) -> list[Row]:
    """Roll-ups of the minute that began so many minutes ago."""
    at_us = NOW_US - ago * MINUTE_US
    rows: list[Row] = []
    for kind, name, took in (
        ("pod", "", latency_ms), ("verb", "filter", filter_ms), ("plugin", plugin, plugin_ms),
    ):  # fmt: skip
        values = [1000 * ms for ms in took]
        rows += [
            MinuteLatencyRow(at_us, 1, kind, name, scheduler, bucket, 1, us)
            for bucket, us in zip(bucket_of(values).tolist(), values, strict=True)
        ]
    rows += [
        MinuteCountRow(at_us, 1, "outcome", name, scheduler, n)
        for name, n in (("scheduled", scheduled), ("unschedulable", failed))
        if n
    ]
    if waiting is not None:
        rows.append(SampleRow(at_us, "cluster", "pending_pods", f'{{"scheduler":"{scheduler}"}}', 0.0, waiting))
    return rows


def minutes(count: int, of: Callable[[int], list[Row]], *, until: int = 0) -> list[Row]:
    """`of` every minute from `count` minutes ago to `until` minutes ago."""
    return [row for ago in range(count, until, -1) for row in of(ago)]


def took_effect(ago: int, revision: str) -> PolicyRow:
    at_us = NOW_US - ago * MINUTE_US
    return PolicyRow("p", at_us, at_us, revision, revision, "configmap a/b", "{}", "")


def node(ago: int, requested_share: float, name: str = "node-1") -> NodeSampleRow:
    return NodeSampleRow(
        NOW_US - ago * MINUTE_US, name, ready=True, schedulable=True, cpu_allocatable=10_000,
        cpu_requested=int(10_000 * requested_share), cpu_used=1_000, memory_allocatable=100, memory_requested=10,
        memory_used=10, pods_allocatable=110, pods=5,
    )  # fmt: skip


def a_store(*rows: Iterable[Row]) -> Store:
    store = Store.open(":memory:")
    given = [row for some in rows for row in some]
    if given:
        store.write(given)
    return store


def an_analyzer(store: Store, cluster: Cluster | None = None, scheduler: str = "") -> PerformanceAnalyzer:
    return PerformanceAnalyzer(Sources(store, cluster or Cluster.nowhere()), scheduler, clock=lambda: NOW_S)
