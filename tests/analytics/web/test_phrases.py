"""What the API says in English has its sentences in Chinese, and what stands in them is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from analytics.cluster import ClusterView
from analytics.store.analysis import Latency
from analytics.views.analyzer import findings, health
from analytics.views.analyzer.chain import Chain
from analytics.views.analyzer.utilization import Amounts, Utilization
from analytics.views.performance import recommendations

ROOT = Path(__file__).parents[3]
PHRASES = cast("dict[str, str]", json.loads((ROOT / "analytics" / "ui" / "phrases" / "zh.json").read_text()))
PLUGIN = {"plugin": "P", "phase": "filter", "calls": 9, "total_ms": 99.0, "p95_ms": 9.0, "errors": 1, "faults": 1}
REASON = {"plugin": "P", "reason": "r", "attempts": 3, "nodes": 9}
POD = {"namespace": "a", "pod": "b", "attempts": 9}
OUTCOMES = {"scheduled": 3, "unschedulable": 20, "error": 9, "unknown": 20}
VERB = {"phase": "filter", "calls": 9, "p50_ms": 1.0, "p99_ms": 99.0}


def told(said: dict[str, Any], *parts: str) -> set[str]:
    """The keys of what is said; each has its sentence, and each place in it a value."""
    for part in parts:
        sentence = PHRASES[f"{said['phrase']}.{part}"]
        assert {name for name, _ in re.findall(r"\{(\w+)(:\w+)?\}", sentence)} <= set(said["values"]), said["phrase"]
    return {f"{said['phrase']}.{part}" for part in parts}


def facts(**more: Any) -> health.Facts:
    known: dict[str, Any] = {
        "scheduler": "", "now_us": 10**15, "newest_us": None, "outcomes": OUTCOMES, "latency_p95_s": None, "lost": {},
        "quarantined": 0, "chain": Chain(), "view": ClusterView(0, known=False), "ingest": {"behind_bytes": 3},
    }  # fmt: skip
    return health.Facts(**(known | more))


@pytest.mark.parametrize(
    "one",
    [
        facts(),
        facts(newest_us=10**15, latency_p95_s=9.0, lost={"full": 3}, ingest={"behind_bytes": 3, "lag_seconds": 99.0}),
        facts(newest_us=1, quarantined=2, ingest={"error": "no room"}),
        facts(chain=Chain(asked=True, trouble="gone")),
        facts(chain=Chain(asked=True, reachable=True, ready=True, refused="bad", lags_s={"pods": 999.0})),
        facts(chain=Chain(asked=True, reachable=True, ready=True, leads=False, breakers=({"plugin": "P"},))),
    ],
)
def test_every_check_has_its_sentences(one: health.Facts) -> None:
    checks = health.checks_of(one)
    for check in checks:
        told(check.told(), "detail", *(() if check.ok else ("remedy", "title")))
    assert len(checks) >= 4


FULL = Amounts(allocatable=100, requested=95, used=10, requested_where_used=95, allocatable_where_used=100)
SHARES = {"full": {"cpu": 1.0, "memory": 1.0}, "empty": {"cpu": 0.0, "memory": 0.0}}
USE = Utilization(
    known=True, why_not="", cpu=FULL, memory=FULL, nodes=SHARES, unschedulable=(), not_ready=("n",), pods=3, pending=3
)


@pytest.mark.parametrize("reasons", [[REASON], []])
@pytest.mark.parametrize("slowest", ["queue", "own", "held", "bind", "rest"])
def test_every_finding_has_its_sentences(reasons: list[Any], slowest: str) -> None:
    parts = {f"{name}_ms": 9000.0 if name == slowest else 1.0 for name in ("queue", "own", "held", "bind", "rest")}
    latency = Latency(pods=9, average_ms=9004.0, p50_ms=1.0, p95_ms=9000.0, p99_ms=9000.0, **parts)
    found = findings.findings_of(
        findings.Facts(
            OUTCOMES, latency, [VERB], [PLUGIN], reasons, [{"message": "m"}], [POD], USE, health.checks_of(facts())
        )
    )
    said = [told(each.told(), "title", "detail", "remedy") for each in found]
    assert len(said) >= 9


@pytest.mark.parametrize("reasons", [[REASON], []])
@pytest.mark.parametrize("queue", ["active", "backoff", "unschedulable"])
@pytest.mark.parametrize("days", [0.0, 2.0])
def test_every_recommendation_has_its_sentences(reasons: list[Any], queue: str, days: float) -> None:
    capacity = {"days_until_full": days, "earliest_days": None, "requested_ratio": 0.9}
    found = recommendations.recommendations_of(
        recommendations.Facts(
            outcomes=OUTCOMES, latency_p95_ms=9000.0, own_p95_ms=9000.0 if reasons else 1.0, plugins=[PLUGIN],
            reasons=reasons, capacity=[{"resource": name, **capacity} for name in ("cpu", "memory", "pods")],
            queues={queue: 99.0}, attempt_p99_ms=999.0, points=[{"name": "Filter", "total_ms": 9.0}],
            trends=[{"metric": "latency", "direction": "rising", "change_ratio_per_day": 1.0}],
        )
    )  # fmt: skip
    assert len([told(each.told(), "title", "detail") for each in found]) == 10


def test_no_sentence_is_for_nobody() -> None:
    """Every sentence is of a phrase that the code names, at least by its beginning."""
    views = ROOT / "analytics" / "views"
    code = "".join(path.read_text() for name in ("analyzer", "performance") for path in (views / name).glob("*.py"))
    named = re.findall(r'f?"((?:finding|check|advice|change|source)\.[\w.-]*)', code)
    unused = [
        key for key in PHRASES if not key.startswith("measure.") and not any(key.startswith(phrase) for phrase in named)
    ]
    assert unused == []
