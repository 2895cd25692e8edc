"""Arguments: the known names, sane bounds, and every mistake told with its place."""

from __future__ import annotations

import math
from typing import Any

import pytest

from extender.framework.arguments import args_of
from extender.plugins.rescheduler import PLUGIN
from extender.plugins.rescheduler.args import seconds


def test_the_defaults_are_those_of_the_plugin_it_is_like() -> None:
    args, wrong = args_of(PLUGIN, {})
    assert wrong == []
    assert args is not None
    told = (args.cpu_threshold, args.memory_threshold, args.cpu_score_weight, args.memory_score_weight)  # type: ignore[attr-defined]
    assert told == (80.0, 80.0, 0.6, 0.4)
    assert args.excluded_namespaces == ["kube-system"]  # type: ignore[attr-defined]
    assert seconds(args.rescheduling_interval) == 30.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "given",
    [
        {"cpuThreshold": 85, "memoryThreshold": 90.0},
        {"cpuScoreWeight": 0, "memoryScoreWeight": 0, "loadBalanceBonus": 0},
        {"cpuThreshold": 0, "excludedNamespaces": []},
        {"reschedulingInterval": "1m30s", "cooldown": "0", "minPodAge": "0s"},
        {"thresholds": {"cpu": 20, "pods": 5}, "targetThresholds": {"cpu": 50, "pods": 60}},
        {"useDeviationThresholds": True, "thresholds": {"cpu": 20}, "targetThresholds": {"cpu": 10}},
        {"evictionLimits": {"node": 2}, "evictableNamespaces": {"exclude": ["a"]}},
    ],
)
def test_what_makes_sense_is_taken(given: dict[str, Any]) -> None:
    assert args_of(PLUGIN, given)[1] == []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"cpuThreshold": 100.1}, "cpuThreshold"),
        ({"cpuThreshold": -1}, "cpuThreshold"),
        ({"memoryThreshold": "80"}, "memoryThreshold"),
        ({"cpuThreshold": math.nan}, "cpuThreshold"),
        ({"cpuScoreWeight": 1.1}, "cpuScoreWeight"),
        ({"loadBalanceBonus": 51}, "loadBalanceBonus"),
        ({"reserveThreshold": 0}, "reserveThreshold"),
        ({"excludedNamespaces": ["a", ""]}, "excludedNamespaces[1]"),
        ({"evictableNamespaces": {"exclude": [""]}}, "evictableNamespaces.exclude[0]"),
        ({"evictableNamespaces": {"include": ["a"]}}, "evictableNamespaces.include"),
        ({"evictionLimits": {"owner": 0}}, "evictionLimits.owner"),
        ({"reschedulingInterval": "30"}, "reschedulingInterval"),
        ({"reschedulingInterval": "0s"}, "reschedulingInterval"),
        ({"reschedulingInterval": "25h"}, "reschedulingInterval"),
        ({"cooldown": "soon"}, "cooldown"),
        ({"minPodAge": "-1m"}, "minPodAge"),
        ({"usage": "guessed"}, "usage"),
        ({"enabledStrategies": ["LoadBalancing", "LoadBalancing"]}, "enabledStrategies"),
        ({"enabledStrategies": ["HighNodeUtilization"]}, "enabledStrategies[0]"),
        ({"imbalanceThreshold": 0}, "imbalanceThreshold"),
        ({"thresholds": {"cpu": 20}}, "targetThresholds"),
        ({"targetThresholds": {"cpu": 20}}, "thresholds"),
        ({"thresholds": {"cpu": 51}, "targetThresholds": {"cpu": 50}}, "thresholds.cpu"),
        ({"thresholds": {"cpu": 101}, "targetThresholds": {"cpu": 50}}, "thresholds"),
        ({"cputhreshold": 80}, "cputhreshold"),
    ],
)
def test_what_does_not_is_refused_at_its_place(given: dict[str, Any], path: str) -> None:
    _args, wrong = args_of(PLUGIN, given)
    assert any(where.startswith(path) for where, _why in wrong), wrong


@pytest.mark.parametrize(("text", "length"), [("1h2m3s", 3723.0), ("1.5h", 5400.0), ("250ms", 0.25), ("0", 0.0)])
def test_durations_are_read_as_go_writes_them(text: str, length: float) -> None:
    assert seconds(text) == length
