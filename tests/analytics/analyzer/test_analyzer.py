"""R-103, R-160 to R-173, R-303, R-306: the analysis without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analytics.cluster import Cluster
from analytics.store.tables import GapRow
from analytics.views.analyzer import metrics
from analytics.views.analyzer.chain import Chain
from analytics.views.analyzer.span import TimeRange, spoken
from analytics.views.declaration import NotValid
from analytics.views.sources import ToolSettings
from tests.analytics.analyzer.a_scheduler import NOW_US, READY, a_cluster, a_store, an_analyzer, attempt

DAY = 86_400


def busy(**more):
    return a_store(*(attempt(n, 60 + n, **more) for n in range(20)))


def names(checks):
    return {check["name"]: check["ok"] for check in checks}


def found(analyzer, kind="performance", seconds=3600):
    return {each["id"]: each for each in analyzer.run(kind, analyzer.last(seconds))["findings"]}


def test_r103_performance_and_paths_can_be_asked_from_code() -> None:
    analyzer = an_analyzer(busy())
    told = analyzer.analyze_performance(analyzer.last(DAY), ("latency", "throughput"))
    assert told["average_latency_ms"] == 20.0
    assert analyzer.analyze_decision_paths(analyzer.last(DAY))[0]["path"] == ["filter", "score", "bind"]


def test_r161_r166_the_three_measures_and_only_those_that_were_chosen() -> None:
    store = a_store(*(attempt(n, 100 - n, rank=1 if n < 5 else 3) for n in range(20)))
    analyzer = an_analyzer(store)
    told = analyzer.analyze_performance(analyzer.last(50))
    assert told["scheduler"] == "default-scheduler"
    assert told["time_range"] == {"start": "2026-01-02T03:03:15.000000Z", "end": "2026-01-02T03:04:05.000000Z"}
    assert told["attempts"] == {"scheduled": 0, "unschedulable": 0, "error": 0, "unknown": 0}
    told = analyzer.analyze_performance(analyzer.last(DAY))
    assert told["success_rate"] == 0.75
    assert told["throughput_pods_per_second"] == 0.15, "15 pods since the oldest record, 100 s ago"
    only = analyzer.analyze_performance(analyzer.last(DAY), ("success_rate",))
    assert "average_latency_ms" not in only
    assert "throughput_pods_per_second" not in only
    assert only["success_rate"] == 0.75


def test_r162_shares_of_the_paths_add_up_to_one() -> None:
    store = a_store(*(attempt(n, 60, rank=n % 3 + 1) for n in range(9)))
    paths = an_analyzer(store).analyze_decision_paths(TimeRange(0, NOW_US))
    assert [(path["outcome"], path["count"]) for path in paths] == [
        ("unschedulable", 3), ("error", 3), ("scheduled", 3),
    ]  # fmt: skip
    assert sum(path["share"] for path in paths) == pytest.approx(1, abs=1e-3)


def test_r163_r168_utilization_has_exact_quantities_and_the_smaller_efficiency() -> None:
    told = an_analyzer(a_store(), a_cluster()).analyze_utilization()
    assert told["cpu"] == {
        "allocatable": "16", "requested": "8", "used": "6", "utilization_ratio": 0.375, "requested_ratio": 0.5,
    }  # fmt: skip
    assert told["memory"]["allocatable"] == "64Gi"
    assert told["memory"]["used"] == "16Gi"
    assert told["efficiency_percent"] == 50.0, "memory: 16 of 32 Gi; cpu would be 75"


def test_r168_without_measurements_nothing_is_said_to_be_used() -> None:
    told = an_analyzer(a_store(), a_cluster(used=None)).analyze_utilization()
    assert (told["cpu"]["used"], told["cpu"]["utilization_ratio"], told["efficiency_percent"]) == (None, None, None)
    nowhere = an_analyzer(a_store(), Cluster.nowhere("no cluster")).analyze_utilization()
    assert (nowhere["known"], nowhere["why_not"], nowhere["cpu"]["allocatable"]) == (False, "no cluster", None)


def test_r196_more_used_than_requested_is_all_of_it() -> None:
    use = an_analyzer(a_store(), a_cluster(requests={"cpu": "1", "memory": "1Gi"})).utilization()
    assert use.efficiency_percent == 100.0


def test_r164_r169_a_scheduler_that_decides_is_healthy() -> None:
    told = an_analyzer(busy()).analyze_health()
    assert (told["scheduler"], told["health"]) == ("default-scheduler", "healthy")
    assert told["checks"][0] == {
        "name": "recent_decisions", "ok": True, "detail": "last decision 60 s ago",
        "phrase": "check.recent_decisions.ago", "values": {"silent": 60.0},
    }  # fmt: skip


def test_r164_pods_that_wait_while_nothing_is_decided_are_unhealthy() -> None:
    silent = a_store(attempt(1, 500))
    waits = an_analyzer(silent, a_cluster(waiting={"p": 300.0, "q": 200.0})).analyze_health()
    assert waits["health"] == "unhealthy"
    assert not names(waits["checks"])["pending_pods"]
    assert "2 pods wait" in next(c["detail"] for c in waits["checks"] if c["name"] == "pending_pods")
    assert an_analyzer(silent, a_cluster()).analyze_health()["health"] == "healthy", "a quiet cluster is well"
    fresh = a_store(attempt(1, 5))
    assert an_analyzer(fresh, a_cluster(waiting={"p": 300.0})).analyze_health()["health"] == "healthy", "it decides"


def test_r164_silence_without_a_cluster_to_ask_is_degraded_and_said_to_be_a_guess() -> None:
    told = an_analyzer(a_store(attempt(1, 5000)), Cluster.nowhere()).analyze_health()
    assert told["health"] == "degraded"
    assert "no cluster to ask" in told["checks"][0]["detail"]


@pytest.mark.parametrize(
    ("chain", "name", "health"),
    [
        (Chain(asked=True, trouble="does not answer"), "extender", "unhealthy"),
        (replace(READY, ready=False, trouble="cluster failed"), "extender", "unhealthy"),
        (replace(READY, refused="profiles[0]: unknown plugin"), "policy", "degraded"),
        (replace(READY, breakers=({"plugin": "Mine", "state": "open", "lastError": "boom"},)), "breakers", "degraded"),
        (replace(READY, lags_s={"pods": 900.0}), "watch_lag", "degraded"),
    ],
)
def test_r164_the_extenders_chain_is_part_of_the_health(chain, name, health) -> None:
    told = an_analyzer(busy(), chain=chain).analyze_health()
    assert told["health"] == health
    failed = [check for check in told["checks"] if not check["ok"]]
    assert [check["name"] for check in failed] == [name]
    assert failed[0]["remedy"]


def test_r164_a_journal_behind_and_records_lost_degrade() -> None:
    store = busy()
    late = an_analyzer(store, ingest=lambda: {"behind_bytes": 1 << 30, "lag_seconds": 5.0, "error": ""})
    assert not names(late.analyze_health()["checks"])["journal"]
    stuck = an_analyzer(store, ingest=lambda: {"behind_bytes": 0, "lag_seconds": 0.0, "error": "disk full"})
    assert [c["detail"] for c in stuck.analyze_health()["checks"] if not c["ok"]] == ["disk full"]
    store.write([GapRow("p", 9, NOW_US - 1000, NOW_US - 2000, NOW_US - 1000, 12, "buffer")])
    lost = an_analyzer(store).analyze_health()
    assert lost["health"] == "degraded"
    assert "12 frames (buffer)" in next(c["detail"] for c in lost["checks"] if c["name"] == "records")


def test_r170_a_run_holds_all_parts_in_their_shapes() -> None:
    analyzer = an_analyzer(busy())
    told = analyzer.run("performance", analyzer.last(3600))
    assert told["performance"] == analyzer.analyze_performance(analyzer.last(3600))
    assert told["decision_paths"] == analyzer.analyze_decision_paths(analyzer.last(3600))
    assert told["utilization"] == analyzer.analyze_utilization()
    assert told["health"] == analyzer.analyze_health()
    assert told["score"]["value"] == 100.0
    assert told["findings"] == []
    with pytest.raises(NotValid, match="must be one of"):
        analyzer.run("everything", analyzer.last(3600))
    with pytest.raises(NotValid, match="latency"):
        analyzer.run("performance", analyzer.last(3600), ["speed"])


def test_r303_failures_name_the_reason_the_plugin_and_the_pods() -> None:
    store = a_store(*(attempt(n, 100 - n, rank=1, pod="stuck") for n in range(12)), attempt(50, 10))
    told = found(an_analyzer(store), "failures")
    assert told["failures.success_rate"]["severity"] == "critical"
    assert "too small" in told["failures.success_rate"]["detail"]
    assert told["failures.success_rate"]["evidence"]["attempts"] == 13
    assert "a/stuck" in told["failures.retries"]["detail"]
    assert next(iter(told)) == "failures.success_rate"


def test_r306_the_bottleneck_is_the_longest_part_and_the_parts_add_up() -> None:
    slow = a_store(*(attempt(n, 60 + n, took_ms=900.0) for n in range(20)))
    analyzer = an_analyzer(slow)
    told = analyzer.run("performance", analyzer.last(3600))
    assert told["bottlenecks"][0]["part"] == "scheduler"
    assert sum(part["share"] for part in told["bottlenecks"]) == pytest.approx(1, abs=1e-3)
    finding = next(each for each in told["findings"] if each["id"] == "performance.latency")
    assert "kube-scheduler" in finding["remedy"]
    retried = a_store(attempt(1, 100, rank=1, pod="p"), attempt(2, 10, pod="p"))
    analyzer = an_analyzer(retried)
    assert analyzer.run("performance", analyzer.last(3600))["bottlenecks"][0]["part"] == "queue"


def test_a_slow_plugin_is_named() -> None:
    told = found(an_analyzer(a_store(*(attempt(n, 60, own_us=200_000.0) for n in range(12)))))
    assert told["performance.plugin.Fit"]["evidence"]["p95_ms"] == 100.0
    assert told["performance.extender.filter"]["severity"] == "warning"


@pytest.mark.parametrize(
    ("cluster", "finding"),
    [
        (a_cluster(requests={"cpu": "7500m", "memory": "1Gi"}), "utilization.full.cpu"),
        (a_cluster(used=(500, 8 << 30)), "utilization.efficiency"),
    ],
)
def test_utilization_is_judged(cluster, finding) -> None:
    assert finding in found(an_analyzer(busy(), cluster), "utilization")


def test_r173_a_scheduler_is_chosen_by_name_then_by_setting_then_by_work() -> None:
    mine = [attempt(n, 60 + n, scheduler="mine") for n in range(5)]
    store = a_store(*mine, attempt(1, 30), attempt(2, 30, rank=1))
    assert an_analyzer(store).scheduler == "mine"
    assert an_analyzer(store, settings=lambda: ToolSettings(schedulers=("other",))).scheduler == "other"
    by_name = an_analyzer(store, scheduler="default-scheduler")
    assert by_name.analyze_performance(by_name.last(3600))["success_rate"] == 0.5
    assert an_analyzer(store, scheduler="mine").analyze_performance(by_name.last(3600))["success_rate"] == 1.0
    assert an_analyzer(a_store()).scheduler == "default-scheduler"


def test_r192_r193_a_run_is_timed_by_type_and_counts_the_decisions_that_it_looked_at() -> None:
    def seen(kind):
        return metrics.ANALYSIS_SECONDS.labels(kind)._sum.get(), counted._value.get()

    counted = metrics.DECISIONS_ANALYZED.labels("default-scheduler")
    analyzer = an_analyzer(busy())
    before = seen("decisions")
    analyzer.run("decisions", analyzer.last(3600))
    after = seen("decisions")
    assert after[0] > before[0]
    assert after[1] - before[1] == 20


def test_an_empty_store_is_analyzed_without_a_score_and_without_a_claim() -> None:
    analyzer = an_analyzer(a_store())
    told = analyzer.run("performance", analyzer.last(3600))
    assert told["score"] == {
        "value": None,
        "parts": {"success": None, "latency": None, "errors": None, "own_time": None},
    }
    assert (told["performance"]["average_latency_ms"], told["performance"]["success_rate"]) == (None, None)
    assert (told["decision_paths"], told["bottlenecks"]) == ([], [])


@pytest.mark.parametrize(("since", "until"), [(5, 5), (6, 5), (0, 400 * DAY * 1_000_000)])
def test_absurd_ranges_are_refused_by_name(since, until) -> None:
    with pytest.raises(NotValid) as wrong:
        TimeRange.of(since, until, NOW_US, "time_range.")
    assert wrong.value.path == "time_range.start"


def test_lengths_of_time_are_told_in_one_unit() -> None:
    assert [spoken(s) for s in (2, 119, 300, 7200, 90_000, 700_000)] == ["2 s", "119 s", "5 min", "2 h", "25 h", "8 d"]
