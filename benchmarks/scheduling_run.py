"""One run: a backlog of pods, a fresh kube-scheduler, and the clock from the first binding to the last."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.programs import BenchmarkFailed
from benchmarks.scheduling_figures import CpuTimes, Metrics, cpu_times
from benchmarks.scheduling_load import PODS, create_pods, delete_pods
from benchmarks.scheduling_variants import Helper, Scene, Variant, configuration, helper
from tests.e2e.cluster import Bindings
from tests.e2e.controlplane import Scheduler
from tests.e2e.process import eventually, read_url

ATTEMPT = "scheduler_scheduling_attempt_duration_seconds"
ALGORITHM = "scheduler_scheduling_algorithm_duration_seconds"
PHASE = "scheduler_framework_extension_point_duration_seconds"
PHASES = ("PreFilter", "Filter", "PreScore", "Score")
ATTEMPTS = "scheduler_schedule_attempts_total"
_POLL_S = 0.005
_STUCK_S = 30
_SETTLE_S = 10
_STOP_S = 1
_SKIPPED = "Skipping extender"
"""What kube-scheduler logs when an ignorable extender did not answer."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run showed. Times in milliseconds."""

    pods_per_s: float
    attempt_p50_ms: float
    attempt_p99_ms: float
    algorithm_ms: float
    """Mean of filters, scores and calls of the extender for one pod: the part that goes one pod after the other."""
    calls_ms: float
    """Of these, what is not the scheduler's own plugins: calls of the extender, with their encoding and decoding."""
    cpu_ms_per_pod: dict[str, float]
    """Program -> CPU time between the first binding and the last."""
    others_cpu_share: float
    """What the rest of the machine took of all its cores meanwhile: high means neighbours, so run again."""
    trimtab: dict[str, float]
    """Trimtab's own view, mean of a call; empty for other variants."""


def run(variant: Variant, *, scene: Scene, bindings: Bindings, pods: int, name: str) -> Run:
    """Schedules `pods` pods and deletes them. Raises BenchmarkFailed when anything was not as it should be."""
    create_pods(scene.plane, pods, name)
    with helper(variant, scene, name) as found:
        scheduler = Scheduler(scene.plane, f"kube-scheduler-{name}", configuration(variant, scene.plane, found))
        scheduler.launch()
        try:
            result = _watched(variant, scene, bindings, scheduler, found, pods)
        finally:
            scheduler.terminate(_STOP_S)
    delete_pods(scene.plane)
    return result


def _watched(
    variant: Variant, scene: Scene, bindings: Bindings, scheduler: Scheduler, found: Helper | None, pods: int
) -> Run:
    pids = scene.plane.pids() | {"kube-scheduler": scheduler.pid, "measuring": os.getpid()}
    if found:
        pids["extender"] = found.process.pid
    before = len(bindings.seen)
    begin_s, begin = time.monotonic(), cpu_times(pids)

    def look_again() -> None:
        nonlocal begin_s, begin
        begin_s, begin = time.monotonic(), cpu_times(pids)

    # The last look before the first binding: a small backlog may be bound between two looks.
    _wait_for(before + 1, bindings, scheduler, meanwhile=look_again)
    _wait_for(before + pods, bindings, scheduler)
    end_s, end = time.monotonic(), cpu_times(pids)
    metrics = _settled(scheduler, pods)
    _check(variant, scene, scheduler, metrics, pods)
    attempt = metrics.histogram(ATTEMPT, result="scheduled")
    algorithm_ms = 1000 * metrics.histogram(ALGORITHM).mean
    return Run(
        pods_per_s=(pods - 1) / (bindings.at_s[before + pods - 1] - bindings.at_s[before]),
        attempt_p50_ms=1000 * attempt.quantile(0.5),
        attempt_p99_ms=1000 * attempt.quantile(0.99),
        algorithm_ms=algorithm_ms,
        calls_ms=algorithm_ms - _plugins_ms(metrics, pods),
        cpu_ms_per_pod={p: 1000 * (end.programs[p] - begin.programs[p]) / pods for p in pids},
        others_cpu_share=_others(begin, end) / ((end_s - begin_s) * (os.cpu_count() or 1)),
        trimtab=_asked(variant, found, pods),
    )


def _wait_for(
    count: int, bindings: Bindings, scheduler: Scheduler, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Until so many pods were ever seen bound."""
    last, since = len(bindings.seen), time.monotonic()
    while len(bindings.seen) < count:
        if len(bindings.seen) > last:
            last, since = len(bindings.seen), time.monotonic()
        if not scheduler.alive or time.monotonic() > since + _STUCK_S:
            raise BenchmarkFailed(f"{count - last} pods not bound, none for {_STUCK_S} s:\n{scheduler.log_tail()}")
        meanwhile()
        time.sleep(_POLL_S)


def _settled(scheduler: Scheduler, pods: int) -> Metrics:
    """A binding is counted a moment after it can be seen."""
    page = Metrics("")

    def all_counted() -> bool:
        nonlocal page
        page = Metrics(read_url(scheduler.url("/metrics")))
        return page.sum(ATTEMPTS, result="scheduled") >= pods

    eventually(f"{pods} pods in the scheduler's metrics", all_counted, _SETTLE_S, scheduler.log_tail)
    return page


def _check(variant: Variant, scene: Scene, scheduler: Scheduler, metrics: Metrics, pods: int) -> None:
    listed = scene.plane.admin.get(PODS)["items"]
    lost = [pod["metadata"]["name"] for pod in listed if not pod["spec"].get("nodeName")]
    if lost or len(listed) != pods:
        raise BenchmarkFailed(f"{variant.name}: of {pods} pods {len(listed)} are there, without a node: {lost[:5]}")
    if failed := metrics.sum(ATTEMPTS) - metrics.sum(ATTEMPTS, result="scheduled"):
        raise BenchmarkFailed(f"{variant.name}: {failed:.0f} attempts failed:\n{scheduler.log_tail()}")
    if _SKIPPED in scheduler.log.read_text(errors="replace"):
        raise BenchmarkFailed(f"{variant.name}: the extender was skipped, see {scheduler.log}:\n{scheduler.log_tail()}")


def _plugins_ms(metrics: Metrics, pods: int) -> float:
    """Mean per pod of the plugins' phases within the algorithm."""
    return sum(1000 * metrics.sum(f"{PHASE}_sum", extension_point=phase) / pods for phase in PHASES)


def _others(begin: CpuTimes, end: CpuTimes) -> float:
    ours = sum(end.programs.values()) - sum(begin.programs.values())
    return max(0.0, end.machine - begin.machine - ours)


def _asked(variant: Variant, found: Helper | None, pods: int) -> dict[str, float]:
    """Raises BenchmarkFailed unless Trimtab was asked about every pod, knew every node, and its plugins scored."""
    if found is None or found.trimtab is None:
        return {}
    page = Metrics(read_url(f"{found.trimtab.admin}/metrics"))
    figures = {}
    verbs = ("prioritize",) if variant.registration == "scoring.yaml" else ("filter", "prioritize")
    for verb in verbs:
        if (answered := page.sum("trimtab_requests_total", verb=verb, code="200")) != pods:
            raise BenchmarkFailed(f"Trimtab answered {answered:.0f} {verb} calls with 200 for {pods} pods")
        figures[f"{verb}_us"] = 1e6 * page.histogram("trimtab_request_duration_seconds", verb=verb).mean
    figures["names"] = page.sum("trimtab_candidate_nodes_total", verb=verbs[0]) / pods
    for plugin in variant.plugins:
        scored = page.sum("trimtab_plugin_duration_seconds_count", plugin=plugin, phase="score")
        if scored != pods:
            raise BenchmarkFailed(f"Trimtab's {plugin} scored {scored:.0f} of {pods} pods")
    for fault in ("internal_faults", "plugin_failures", "unknown_nodes", "journal_dropped"):
        if count := page.sum(f"trimtab_{fault}_total"):
            raise BenchmarkFailed(f"Trimtab counted {count:.0f} {fault}:\n{found.process.log_tail()}")
    figures["records"] = page.sum("trimtab_journal_records_total")
    return figures
