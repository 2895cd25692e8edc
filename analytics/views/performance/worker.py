"""Collects, minute by minute: tells the metrics what was scheduled, samples what others say, looks for what is out of
the ordinary, and keeps the roll-ups small."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from threading import Event
from typing import Final

import orjson

from analytics.cluster import ClusterView
from analytics.store.performance import Arrived, Rollups
from analytics.store.tables import SampleRow
from analytics.trends import lasting
from analytics.trends.sketch import value_of
from analytics.views.performance import metrics, scrape
from analytics.views.performance.analyzer import PerformanceAnalyzer
from analytics.views.performance.changes import anomalies_of
from analytics.views.performance.measures import CLUSTER, PENDING
from analytics.views.performance.span import MINUTE_US, TimeRange
from analytics.views.sources import Sources

_LOG: Final = logging.getLogger(__name__)
JUDGED_S: Final = 24 * 3600
"""Range whose steps are judged; what is usual is told from the week before as well (span.py)."""
MERGE_EVERY_S: Final = 600.0
LATE_US: Final = 120_000_000
"""What a batch brings of earlier minutes than that is history that is read again: it is no throughput of now."""
OBSERVED_MAX: Final = 100_000
"""Observations of one bucket and one round: a journal that is read again must not hold the worker for long."""


def watch(sources: Sources, stop: Event) -> None:
    """Until `stop`: one round per interval, and one a minute at least. Raises StoreError."""
    round_ = Round(sources)
    while not stop.is_set():
        round_.take(time.time_ns() // 1000)
        stop.wait(min(sources.settings().interval_s, MINUTE_US / 1e6))


class Round:
    """What the worker remembers from one round to the next."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._rollups = Rollups(sources.store)
        self._seen_us = self._rollups.newest_seen_us()
        self._at_us = 0
        self._sampled_us = 0
        self._before: scrape.Taken | None = None
        self._refused = ""
        self._counted_us: int | None = None
        """Anomalies of steps before that have been counted."""
        self._merged_us = 0

    def take(self, now_us: int) -> None:
        self._tell(now_us)
        minute_us = now_us - now_us % MINUTE_US
        if minute_us != self._sampled_us:  # also where the clock has been set back
            self._sampled_us = minute_us
            rows = [*pending_samples(self._sources.cluster.view(), minute_us), *self._scraped(now_us)]
            if rows:
                self._rollups.add(rows)
            self._judge(now_us)
        if now_us - self._merged_us >= MERGE_EVERY_S * 1e6:
            # Another sidecar tells its metrics of what has not been merged: it has a round a minute.
            self._rollups.merge(min(self._seen_us, now_us - LATE_US))
            self._merged_us = now_us
        self._at_us = now_us

    def _tell(self, now_us: int) -> None:
        upto_us = self._rollups.newest_seen_us()
        seconds = (now_us - self._at_us) / 1e6 if self._at_us else self._sources.settings().interval_s
        recent_us = now_us - int(seconds * 1e6) - LATE_US
        came = self._rollups.arrived(self._seen_us, upto_us)
        recent = came and self._rollups.arrived(self._seen_us, upto_us, recent_us - recent_us % MINUTE_US)
        self._seen_us = max(self._seen_us, upto_us)
        for scheduler, arrived in came.items():
            _observe(metrics.label(scheduler), arrived)
        named = {metrics.label(name) for name in self._sources.settings().schedulers}
        done: Counter[str] = Counter()
        ended: Counter[str] = Counter()
        for scheduler, arrived in (recent or {}).items():
            done[metrics.label(scheduler)] += arrived.outcomes.get("scheduled", 0)
            ended[metrics.label(scheduler)] += sum(arrived.outcomes.values())
        for label in {*named, *metrics.known()}:
            metrics.THROUGHPUT.labels(label).set(round(done[label] / max(seconds, 1e-3), 4))
            if ended[label]:
                metrics.SUCCESS.labels(label).set(round(done[label] / ended[label], 4))

    def _scraped(self, now_us: int) -> Iterator[SampleRow]:
        settings = self._sources.settings()
        if not settings.scheduler_metrics:
            return
        try:
            now = scrape.taken(scrape.fetch(settings), now_us)
        except scrape.CannotLook as why:
            metrics.SCRAPE_FAILURES.inc()
            if str(why) != self._refused:
                _LOG.warning("kube-scheduler's metrics are not known: %s", why)
            self._refused = str(why)
            return
        if self._refused:
            _LOG.info("kube-scheduler's metrics are known again")
        self._refused = ""
        yield from scrape.samples(now, self._before)
        self._before = now

    def _judge(self, now_us: int) -> None:
        """R-154, R-177: each anomaly that lasts is counted once, when its step is over. What was before this program
        began is no news."""
        analyzer = PerformanceAnalyzer(self._sources, clock=lambda: now_us / 1e6)
        plan_step_us = 5 * MINUTE_US
        until_us = now_us - now_us % plan_step_us
        if self._counted_us is None:
            self._counted_us = until_us
        if until_us <= self._counted_us:
            return
        what = analyzer.measured(TimeRange(max(0, until_us - JUDGED_S * 1_000_000), until_us))
        for name, found in anomalies_of(what).items():
            for each in lasting(found, what.plan.step_s):
                if self._counted_us <= each.at_us < until_us:
                    metrics.ANOMALIES.labels(name, each.severity).inc()
                    _LOG.warning(
                        "%s is out of the ordinary: %.4g where %.4g was expected", name, each.value, each.expected
                    )
        self._counted_us = until_us


def pending_samples(view: ClusterView, minute_us: int) -> list[SampleRow]:
    """Pods that wait for each scheduler, by the API server. Pods behind a scheduling gate do not wait for one."""
    if not view.known:
        return []
    counts = Counter(metrics.label(pod.scheduler_name) for pod in view.pending if not pod.gates)
    counts.setdefault(metrics.DEFAULT_SCHEDULER, 0)
    return [
        SampleRow(minute_us, CLUSTER, PENDING, orjson.dumps({"scheduler": name}).decode(), 0.0, float(n))
        for name, n in sorted(counts.items())
    ]


def _observe(label: str, arrived: Arrived) -> None:
    """Each pod at the average of its bucket, which is within 2 % of what it took."""
    histogram = metrics.LATENCY.labels(label)
    for bucket, n, total_us in arrived.bound:
        seconds = (total_us / n if n else float(value_of(bucket))) / 1e6
        for _ in range(min(n, OBSERVED_MAX)):
            histogram.observe(seconds)
