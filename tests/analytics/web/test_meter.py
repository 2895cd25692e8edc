"""The visualizer's metrics follow what the ingest took in."""

from __future__ import annotations

from analytics.ingest.batch import build
from analytics.ingest.known import KnownDecisions
from analytics.web import metrics
from analytics.web.meter import Meter
from extender.record.frames import Decision, Outcome, PodRef
from tests.analytics.web.a_console import T0_US, found
from tests.browser.frames import Cluster


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_r182_r183_r184_r185_ends_and_durations_are_counted_by_scheduler() -> None:
    pod = PodRef("a", "p", "u", scheduler="metered")
    frames = [
        *Cluster(seed=7).decision(T0_US, pod=pod, end="scheduled"),
        *Cluster(seed=8).decision(T0_US, pod=pod, end="unschedulable"),
    ]
    Meter().observe(build(found(frames), KnownDecisions([], lambda _: None), T0_US).taken(T0_US))
    for outcome in ("scheduled", "unschedulable"):
        assert value("scheduler_visualizer_decisions_total", scheduler="metered", outcome=outcome) == 1
    assert value("scheduler_visualizer_filter_duration_seconds_count", scheduler="metered") == 2
    assert value("scheduler_visualizer_score_duration_seconds_count", scheduler="metered") == 1
    assert value("scheduler_visualizer_bind_duration_seconds_count", scheduler="metered") == 1


def test_r185_a_bind_by_another_counts_from_the_score_to_its_being_seen() -> None:
    pod = PodRef("a", "p", "u", scheduler="watched")
    frames = list(Cluster(seed=9).decision(T0_US, pod=pod, end="scheduled"))[:2]
    scored = frames[1]
    assert isinstance(scored, Decision)
    frames.append(
        Outcome(at_us=scored.at_us + 250_000, decision=scored.decision, pod=pod, result="bound", seen_by="watch")
    )
    Meter().observe(build(found(frames), KnownDecisions([], lambda _: None), T0_US).taken(T0_US))
    assert value("scheduler_visualizer_bind_duration_seconds_sum", scheduler="watched") == 0.25


def test_scheduler_names_beyond_the_limit_become_other() -> None:
    before = value("scheduler_visualizer_decisions_total", scheduler="other", outcome="scheduled")
    meter = Meter()
    for at in range(metrics.SCHEDULERS_MAX + 5):
        pod = PodRef("a", "p", f"u{at}", scheduler=f"free-name-{at}")
        frames = list(Cluster(seed=100 + at).decision(T0_US, pod=pod, end="scheduled"))
        meter.observe(build(found(frames), KnownDecisions([], lambda _: None), T0_US).taken(T0_US))
    assert value("scheduler_visualizer_decisions_total", scheduler="other", outcome="scheduled") == before + 6
