"""Pods that wait, as a metric: by scheduler, bounded, and nothing where no cluster is known."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.cluster import Cluster, ClusterView
from analytics.web.metrics import SCHEDULERS_MAX
from analytics.web.pending import PendingPods
from extender.model.pod import Pod


def told(pods: Sequence[Pod]) -> dict[str, float]:
    cluster = Cluster.of(ClusterView(at_us=1, known=True, pods={pod.uid: pod for pod in pods}))
    return {sample.labels["scheduler"]: sample.value for m in PendingPods(cluster).collect() for sample in m.samples}


def a_pod(name: str, **more: object) -> Pod:
    return Pod(namespace="a", name=name, uid=name, **more)  # type: ignore[arg-type]


def test_r207_pods_that_wait_are_counted_by_scheduler_and_gated_or_placed_ones_are_not() -> None:
    pods = [
        a_pod("1"), a_pod("2"), a_pod("3", scheduler_name="mine"), a_pod("4", node_name="n"), a_pod("5", gates=("g",)),
    ]  # fmt: skip
    assert told(pods) == {"default-scheduler": 2.0, "mine": 1.0}
    assert told([]) == {"default-scheduler": 0.0}


def test_names_beyond_the_bound_are_one_series_and_no_pod_is_left_out() -> None:
    pods = [a_pod(f"p{n}", scheduler_name=f"s{n}") for n in range(50)]
    counts = told(pods)
    assert len(counts) <= SCHEDULERS_MAX + 2
    assert sum(counts.values()) == 50


def test_nothing_is_said_of_a_cluster_that_nobody_knows() -> None:
    assert [list(family.samples) for family in PendingPods(Cluster.nowhere()).collect()] == [[]]
