"""Keeps the gauges of every scheduler fresh, and counts each new decision once."""

from __future__ import annotations

import time
from threading import Event

from analytics.store.analysis import Analysis, Stretch
from analytics.views.analyzer import metrics
from analytics.views.analyzer.analyzer import SchedulerAnalyzer
from analytics.views.analyzer.health import VALUES
from analytics.views.sources import Sources

SCORED_S = 3600.0
"""The score is that of the last hour."""


def watch(sources: Sources, stop: Event) -> None:
    """Until `stop`: one round per interval. Raises StoreError."""
    counted_us = int(time.time() * 1_000_000)
    while not stop.is_set():
        counted_us = refresh(sources, counted_us)
        stop.wait(sources.settings().interval_s)


def refresh(sources: Sources, counted_us: int) -> int:
    """One round; decisions that began before `counted_us` have been counted. Answers where to go on."""
    now_us = int(time.time() * 1_000_000)
    for scheduler in schedulers(sources, now_us):
        analyzer = SchedulerAnalyzer(sources, scheduler)
        label = metrics.label(scheduler)
        score = analyzer.score(analyzer.last(SCORED_S))
        if score is not None:
            metrics.SCORE.labels(label).set(round(score, 2))
        metrics.HEALTH_STATUS.labels(label).set(VALUES[analyzer.analyze_health()["health"]])
        efficiency = analyzer.utilization().efficiency_percent
        if efficiency is not None:
            metrics.EFFICIENCY.labels(label).set(round(efficiency, 2))
        new = Analysis(sources.store).outcomes(Stretch(counted_us, now_us, scheduler))
        metrics.DECISIONS_ANALYZED.labels(label).inc(sum(new.values()))
    return now_us


def schedulers(sources: Sources, now_us: int) -> list[str]:
    """Those that the operator names, and those that decided within the last day; at most as many as labels."""
    seen = [name for name, _ in Analysis(sources.store).schedulers(now_us - 86_400_000_000, now_us)]
    found = list(dict.fromkeys([*sources.settings().schedulers, *seen]))[: metrics.SCHEDULERS_MAX]
    return found or ["default-scheduler"]
