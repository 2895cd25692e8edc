"""R-155: advice names its evidence and the setting that would change it, and is silent where all is well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from analytics.store.performance import Revision
from analytics.trends import Change
from analytics.views.performance.changes import Found
from analytics.views.performance.recommendations import Facts, recommendations_of

PLUGIN: dict[str, Any] = {
    "plugin": "Fit", "phase": "filter", "calls": 1000, "total_ms": 9000.0, "p95_ms": 12.0, "faults": 0,
}  # fmt: skip
WELL = Facts(
    outcomes={"scheduled": 98, "unschedulable": 2, "error": 0}, latency_p50_ms=10.0, latency_p95_ms=40.0,
    own_p95_ms=1.0, plugins=[PLUGIN | {"p95_ms": 0.1}], queues={"active": 1.0, "backoff": 2.0}, attempt_p99_ms=5.0,
)  # fmt: skip


def since(share: float, revision: str = "42", *, metric: str = "latency", tied: bool = True, at_us: int = 9) -> Found:
    return Found(metric, Change(at_us, 10.0, 10.0 * (1 + share), share), Revision(5, revision, "configmap a/b"), tied)


def told(facts: Facts) -> dict[str, dict[str, Any]]:
    return {each.id: each.told() for each in recommendations_of(facts)}


def test_where_all_is_well_nothing_is_said() -> None:
    assert recommendations_of(WELL) == []
    assert recommendations_of(Facts()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcomes": {"scheduled": 80, "unschedulable": 20}, "reasons": [{"plugin": "Fit", "reason": "full",
          "attempts": 20}]}, ("success_rate", "warning", "policy", "plugins.Fit.args")),
        ({"outcomes": {"scheduled": 4, "unschedulable": 20}}, ("success_rate", "critical", "cluster", "nodes")),
        ({"plugins": [PLUGIN | {"faults": 3}, PLUGIN | {"plugin": "Other"}]},
         ("faults.Fit.filter", "warning", "policy", "plugins.Fit.onFailure")),
        ({"plugins": [PLUGIN]}, ("plugin.Fit", "warning", "policy", "plugins.Fit.deadline")),
        ({"queues": {"backoff": 20.0, "active": 1.0}},
         ("queue.backoff", "info", "kube-scheduler", "podMaxBackoffSeconds")),
        ({"queues": {"active": 20.0}}, ("queue.active", "warning", "kube-scheduler", "percentageOfNodesToScore")),
        ({"queues": {"unschedulable": 20.0, "gated": 900.0}}, ("queue.unschedulable", "warning", "cluster", "nodes")),
        ({"latency_p95_ms": 900.0}, ("latency", "warning", "cluster", "nodes")),
        ({"latency_p95_ms": 900.0, "own_p95_ms": 600.0}, ("latency", "warning", "policy", "plugins")),
        ({"attempt_p99_ms": 300.0, "points": [{"name": "Filter", "total_ms": 90.0, "p99_ms": 200.0},
          {"name": "Score", "total_ms": 10.0, "p99_ms": 1.0}]},
         ("scheduler.Filter", "warning", "kube-scheduler", "percentageOfNodesToScore")),
        ({"capacity": [{"resource": "cpu", "requested_ratio": 0.9, "days_until_full": 2.0, "earliest_days": 1.0}]},
         ("full.cpu", "critical", "cluster", "nodes")),
        ({"trends": [{"metric": "latency", "direction": "rising", "change_ratio_per_day": 0.3}]},
         ("trend.latency", "info", "cluster", "nodes")),
    ],
)  # fmt: skip
def test_r155_each_rule_names_a_setting_and_its_evidence(change: dict[str, Any], said: tuple[str, ...]) -> None:
    found = told(replace(WELL, **change))
    name, severity, where, setting = said
    assert list(found) == [name]
    one = found[name]
    assert (one["severity"], one["setting"]["where"], one["setting"]["name"]) == (severity, where, setting)
    assert one["evidence"]
    assert one["title"]
    assert one["detail"].endswith(".")


@pytest.mark.parametrize(
    "change",
    [
        {"outcomes": {"scheduled": 1, "unschedulable": 9}},
        {"plugins": [PLUGIN, PLUGIN | {"plugin": "Other"}]},
        {"queues": {"gated": 900.0}},
        {"attempt_p99_ms": 300.0, "points": [{"name": name, "total_ms": 50.0, "p99_ms": 1.0} for name in "ab"]},
        {"capacity": [{"resource": "cpu", "requested_ratio": 0.9, "days_until_full": None, "earliest_days": 30.0}]},
        {"capacity": [{"resource": "cpu", "requested_ratio": 0.9, "days_until_full": 20.0, "earliest_days": 9.0}]},
        {"trends": [{"metric": "latency", "direction": "falling", "change_ratio_per_day": -0.3}]},
        {"trends": [{"metric": "throughput", "direction": "falling", "change_ratio_per_day": -0.3}]},
        {"changes": [since(0.05)]},
        {"changes": [since(-0.5)]},
        {"changes": [since(0.5, tied=False)]},
    ],
)
def test_what_is_below_its_threshold_or_gets_better_is_not_told(change: dict[str, Any]) -> None:
    assert told(replace(WELL, **change)) == {}


def test_a_revision_is_told_once_by_its_worst_measure_with_the_plugin_that_moved() -> None:
    worse = [since(0.3), since(1.5, metric="extender_p99", at_us=7), since(0.2, "43")]
    plugins = [{"plugin": "Slow", "phase": "filter", "before_ms": 1.0, "after_ms": 9.0}]
    found = told(replace(WELL, changes=worse, suspects={7: plugins}))
    assert list(found) == ["revision.42.extender_p99", "revision.43.latency"], "the worst first"
    first = found["revision.42.extender_p99"]
    assert (first["severity"], first["setting"]["name"]) == ("critical", "plugins.Slow")
    assert "Slow changed most: p99 1 to 9 ms" in first["detail"]
    assert first["evidence"]["plugins"] == plugins
    assert found["revision.43.latency"]["setting"]["name"] == "revision 43"


def test_a_slow_trend_is_not_told_beside_a_step_that_explains_it() -> None:
    trend = {"metric": "latency", "direction": "rising", "change_ratio_per_day": 0.3}
    assert list(told(replace(WELL, trends=[trend], changes=[since(0.3)]))) == ["revision.42.latency"]
