"""R-193 to R-196: the gauges of each scheduler."""

from __future__ import annotations

import time
from typing import Any

from analytics.views.analyzer import metrics
from analytics.views.analyzer.worker import refresh, schedulers
from analytics.views.sources import Sources, ToolSettings
from tests.analytics.analyzer.a_scheduler import NOW_S, a_cluster, a_store, attempt


def value(gauge: Any, scheduler: str) -> float | None:
    found = [s.value for m in gauge.collect() for s in m.samples if s.labels.get("scheduler") == scheduler]
    return found[0] if found else None


def test_r160_r195_a_round_sets_the_gauges_of_every_scheduler_and_counts_each_decision_once() -> None:
    shift = time.time() - NOW_S
    good = [attempt(n, 60 + n - shift, scheduler="w-good") for n in range(10)]
    bad = [attempt(n, 60 + n - shift, rank=1, scheduler="w-bad") for n in range(30)]
    sources = Sources(a_store(*good, *bad), a_cluster(waiting={"p": 1.0}), extender="")
    counted = metrics.DECISIONS_ANALYZED.labels(metrics.label("w-good"))
    before = counted._value.get()
    again = refresh(sources, 0)
    assert counted._value.get() - before == 10
    assert refresh(sources, again) >= again
    assert counted._value.get() - before == 10, "a decision that was counted is not counted again"
    assert value(metrics.SCORE, "w-good") == 100.0
    score = value(metrics.SCORE, "w-bad")
    assert score is not None
    assert score < 50
    assert value(metrics.HEALTH_STATUS, "w-good") == 1.0
    assert value(metrics.EFFICIENCY, "w-good") == 50.0


def test_schedulers_are_those_that_are_named_and_those_that_decided() -> None:
    store = a_store(attempt(1, 60 - (time.time() - NOW_S), scheduler="seen"))
    named = Sources(store, settings=lambda: ToolSettings(schedulers=("mine",)))
    now_us = int(time.time() * 1e6)
    assert schedulers(named, now_us) == ["mine", "seen"]
    assert schedulers(Sources(a_store()), now_us) == ["default-scheduler"]


def test_names_beyond_the_bound_are_one_label() -> None:
    labels = {metrics.label(f"many-{n}") for n in range(100)}
    assert "other" in labels
    assert len(labels) <= metrics.SCHEDULERS_MAX
    assert metrics.label("default-scheduler") == "default-scheduler"
