"""How many pods wait, whatever tools are on: the alert on throughput (R-207) is about clusters in which some do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from analytics.cluster import Cluster
from analytics.web.metrics import SCHEDULERS_MAX

OTHER: Final = "other"


class PendingPods(Collector):
    """Counted when they are asked for. Pods behind a scheduling gate do not wait for a scheduler."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("trimtab_pending_pods", "Pods that wait to be placed.", labels=["scheduler"])
        view = self._cluster.view()
        if view.known:
            counts = Counter(pod.scheduler_name for pod in view.pending if not pod.gates)
            named = dict(counts.most_common(SCHEDULERS_MAX))
            family.add_metric(["default-scheduler"], named.pop("default-scheduler", 0))
            for scheduler, count in named.items():
                family.add_metric([scheduler], count)
            if others := counts.total() - sum(count for _, count in counts.most_common(SCHEDULERS_MAX)):
                family.add_metric([OTHER], others)
        yield family
