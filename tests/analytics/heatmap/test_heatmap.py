"""R-141 to R-150, R-178 to R-181: how full nodes are, what is wrong with the data, and where room is lost."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.cluster import Cluster, ClusterView, Usage
from analytics.store import Store
from analytics.store.node_samples import MINUTE_US, NodeSamples
from analytics.views.heatmap import metrics
from analytics.views.heatmap.figures import figures_of, sample_of, sampled, spread
from analytics.views.heatmap.fragmentation import Shape, fits
from analytics.views.heatmap.view import work
from analytics.views.sources import Sources
from extender.model.resources import Resources
from extender.record.frames import Decision, NodeRejection, PodRef
from tests.analytics.cluster.clusters import AT_US, GIB, a_node, a_pod, a_view
from tests.analytics.web.a_console import a_client, a_console, a_store

ZONE = "topology.kubernetes.io/zone"
USED = {"n1": Usage(AT_US - 1_000_000, 4100, 14 * GIB), "n3": Usage(AT_US - 300_000_000, 400, GIB)}


def cluster() -> ClusterView:
    """Three nodes: one half full, one cordoned and never measured, one not ready whose measure is old."""
    nodes = [
        a_node("n1", labels={ZONE: "a", "disk": "fast"}),
        a_node("n2", labels={ZONE: "b"}, unschedulable=True),
        a_node("n3", "4", "8Gi", labels={ZONE: "a", "pool": "small"}, ready=False),
    ]
    big, small = {"cpu": "2500m", "memory": "8Gi"}, {"cpu": "500m", "memory": "1Gi"}
    pods = [
        a_pod("team-a/web-0", "n1", big),
        a_pod("team-a/web-1", "n1", big, metadata={"deletionTimestamp": "2026-01-02T03:04:00Z"}),
        a_pod("team-a/web-2", "n2", small),
        a_pod(
            "team-b/waits",
            "",
            small,
            status={"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]},
        ),
    ]
    return a_view(nodes, pods, USED)


def ask(path: str, view: ClusterView | None = None, store: Store | None = None) -> httpx.Response:
    async def asked() -> httpx.Response:
        sources = Sources(store or a_store(), cluster=Cluster.of(view) if view else Cluster.nowhere())
        async with a_client(a_console(sources)) as client:
            return await client.get(path)

    return asyncio.run(asked())


def data(path: str, view: ClusterView | None = None, store: Store | None = None) -> Any:
    answer = ask(path, view, store)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_r148_the_answer_has_the_given_shape() -> None:
    found = data("/api/heatmap", cluster())
    assert set(found) == {"time", "cluster", "nodes", "distribution"}
    assert found["time"] == "2026-01-02T03:04:05.000000Z"
    assert found["cluster"] == {
        "status": "degraded",
        "nodes": 3,
        "ready_nodes": 2,
        "cpu_utilization_ratio": pytest.approx((4100 / 8000 + 400 / 4000) / 2, abs=1e-4),
        "memory_utilization_ratio": pytest.approx((14 / 32 + 1 / 8) / 2, abs=1e-4),
    }
    assert found["nodes"][0] == {
        "name": "n1",
        "ready": True,
        "schedulable": True,
        "cpu": {"allocatable": "8", "requested": "5", "used": "4100m", "utilization_ratio": 0.5125},
        "memory": {"allocatable": "32Gi", "requested": "16Gi", "used": "14Gi", "utilization_ratio": 0.4375},
        "pods": {"allocatable": 110, "running": 2},
    }
    assert found["nodes"][1]["cpu"]["used"] is None
    assert set(found["distribution"]["cpu"]) == {"min", "p50", "p95", "max", "stddev"}


def test_r149_what_is_wrong_with_the_data_is_told_by_node() -> None:
    found = data("/api/heatmap?validate=true", cluster())["validation"]
    assert found == {
        "valid": False,
        "problems": [{"node": "n2", "problem": "no metrics"}, {"node": "n3", "problem": "no metrics for 5 minutes"}],
    }
    sound = a_view([a_node("n1")], usage={"n1": Usage(AT_US, 1, 1)})
    assert data("/api/heatmap?validate=true", sound)["validation"] == {"valid": True, "problems": []}
    odd = a_view([a_node("n1", cpu="0"), a_node("n2", "1")], [a_pod("a/p", "n2", {"cpu": "2"})])
    told = {
        one["node"]: one["problem"]
        for one in reversed(data("/api/heatmap?validate=true", odd)["validation"]["problems"])
    }
    assert told == {"n1": "allocatable CPU or memory is 0", "n2": "more is requested than it can allocate"}


@pytest.mark.parametrize("path", ["/heatmap?format=json", "/?format=json", "/heatmap?format=json&validate=true"])
def test_r147_the_page_answers_json_at_its_own_address(path: str) -> None:
    found = data(path, cluster())
    assert [one["name"] for one in found["nodes"]] == ["n1", "n2", "n3"]
    assert ("validation" in found) == ("validate" in path)


def test_without_a_cluster_it_says_what_to_do() -> None:
    answer = ask("/api/heatmap")
    assert answer.status_code == 404
    assert "--kubeconfig" in answer.json()["message"]
    assert ask("/api/heatmap?validate=perhaps", cluster()).status_code == 422


def test_r142_r145_every_value_of_every_node_and_group() -> None:
    found = data("/api/v1/heatmap", cluster())
    nodes = found["nodes"]
    assert nodes["group"] == ["a", "b", "a"]
    assert nodes["cpu_allocated"] == [0.625, 0.0625, 0.0]
    assert nodes["cpu_used"] == [0.5125, None, 0.1]
    assert nodes["cpu_efficiency"] == [0.82, None, None]
    assert nodes["stranded"][0] == pytest.approx((1 - 2 / 110) - 0.375, abs=1e-4)
    assert nodes["stale"] == [False, True, True]
    assert [one["name"] for one in found["groups"]] == ["a", "b"]
    assert data("/api/v1/heatmap?group=pool", cluster())["nodes"]["group"] == ["", "", "small"]
    assert data("/api/v1/heatmap?group=label:disk", cluster())["nodes"]["group"] == ["fast", "", ""]
    assert data("/api/v1/heatmap?group=none", cluster())["nodes"]["group"] == ["", "", ""]
    refused = ask("/api/v1/heatmap?group=rack", cluster())
    assert (refused.status_code, refused.json()["details"][0]["path"]) == (422, "group")


def test_r141_nodes_that_our_plugins_reject_are_counted() -> None:
    def rejecting(at: int, *nodes: str) -> Decision:
        return Decision(
            at_us=time.time_ns() // 1000 + at, decision=f"d{at}", attempt=1, verb="filter",
            pod=PodRef("ns", f"p{at}", f"u{at}"), code="Unschedulable",
            rejected=[NodeRejection(node, "PodState", "full") for node in nodes],
        )  # fmt: skip

    view = cluster()
    now = ClusterView(time.time_ns() // 1000, known=True, nodes=view.nodes)
    found = data("/api/v1/heatmap", now, a_store([rejecting(1, "n1", "n3"), rejecting(2, "n3")]))
    assert found["nodes"]["rejections"] == [1, 0, 2]


def test_one_node_with_its_pods() -> None:
    found = data("/api/v1/heatmap/nodes/n1", cluster())
    assert [(pod["name"], pod["shape"], pod["terminating"]) for pod in found["placed"]] == [
        ("web-0", "cpu 2500m, memory 8Gi", False),
        ("web-1", "cpu 2500m, memory 8Gi", True),
    ]
    assert (found["zone"], found["pool"]) == ("a", "")
    assert ask("/api/v1/heatmap/nodes/n9", cluster()).status_code == 404


def test_what_still_fits_is_counted_node_by_node_and_what_is_stranded_between_them() -> None:
    nodes = [a_node("n1", "3", "32Gi"), a_node("n2", "3", "2Gi"), a_node("n3", "9", "99Gi", unschedulable=True)]
    pods = [a_pod(f"a/p{i}", "n3", {"cpu": "2", "memory": "4Gi"}) for i in range(2)] + [
        a_pod("b/w", "", {"cpu": "2", "memory": "4Gi"})
    ]
    found = data("/api/v1/heatmap/fragmentation", a_view(nodes, pods))
    (shape,) = found["shapes"]
    assert (shape["pods"], shape["pending"]) == (3, 1)
    # One on n1 (3 of 2 CPUs), none on n2 (2 of 4 Gi); in one piece 6 CPUs and 34 Gi take three.
    assert (shape["fit"], shape["fit_in_one_piece"], shape["stranded"]) == (1, 3, 2)
    assert shape["ended_by"] == {"cpu": 1, "memory": 1}
    assert found["largest"]["memory"] == {"node": "n1", "cpu": "3", "memory": "32Gi"}
    assert found["pending"] == {
        "total": 1,
        "pods": [
            {
                "namespace": "b", "name": "w", "since": "1970-01-01T00:00:00.000000Z", "reason": "", "gated": False,
                "shape": "cpu 2, memory 4Gi", "nominated_node": "",
            }
        ],
    }  # fmt: skip


amounts = st.builds(Resources, st.integers(0, 10**5), st.integers(0, 10**11), st.just(0), st.integers(0, 200))
shapes = st.builds(Shape, st.integers(0, 10**4), st.integers(0, 10**10)).filter(lambda s: s.cpu_milli or s.memory_bytes)


@given(shapes, amounts)
def test_so_many_fit_and_not_one_more(shape: Shape, left: Resources) -> None:
    count, ends = fits(shape, left)

    def room(pods: int) -> bool:
        return (
            pods * shape.cpu_milli <= left.cpu_milli
            and pods * shape.memory_bytes <= left.memory_bytes
            and pods <= left.pods
        )

    assert room(count)
    assert not room(count + 1)
    assert ends in ("cpu", "memory", "pods")


@given(shapes, st.lists(amounts, min_size=1, max_size=5))
def test_one_piece_never_takes_less_than_its_parts(shape: Shape, parts: list[Resources]) -> None:
    whole = Resources()
    for part in parts:
        whole = whole.plus(part)
    assert fits(shape, whole)[0] >= sum(fits(shape, part)[0] for part in parts)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=50))
def test_the_spread_is_in_order(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert found["min"] <= found["p50"] <= found["p95"] <= found["max"]
    assert found["stddev"] >= 0


def test_a_sample_says_what_was_seen() -> None:
    for one in figures_of(cluster()):
        again = sampled(sample_of(one, AT_US), one.labels)
        for value in ("cpu_allocated", "memory_used", "cpu_efficiency", "stranded"):
            assert again.share(value) == one.share(value)
        assert (again.ready, again.schedulable, again.zone) == (one.ready, one.schedulable, one.zone)


def test_history_is_asked_by_time() -> None:
    store = a_store()
    samples = NodeSamples(store)
    nodes = figures_of(cluster())
    for at in (AT_US - 2 * MINUTE_US, AT_US - MINUTE_US):
        samples.add([sample_of(one, at) for one in nodes])
    found = data("/api/v1/heatmap?at=2026-01-02T03:03:30Z", cluster(), store)
    assert (found["time"], found["live"]) == ("2026-01-02T03:03:05.000000Z", False)
    assert found["nodes"]["cpu_used"] == [0.5125, None, 0.1]
    times = data("/api/v1/heatmap/times?since=2026-01-02T00:00:00Z&until=2026-01-03T00:00:00Z", cluster(), store)
    assert times == {"times": ["2026-01-02T03:02:05.000000Z", "2026-01-02T03:03:05.000000Z"]}
    assert ask("/api/v1/heatmap?at=2020-01-01T00:00:00Z", cluster(), store).status_code == 404


def test_r178_r179_r180_r181_metrics_and_samples_follow_the_cluster() -> None:
    view, store, stop = [cluster()], a_store(), threading.Event()
    sources = Sources(store, cluster=Cluster(lambda: view[0], dict))
    builds = _count(metrics.UPDATE)
    runs = iter([None])

    class Once(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if next(runs, "end") == "end":
                stop.set()
                self.set()
            view[0] = a_view([a_node("n1")], usage={"n1": Usage(AT_US, 2000, GIB)})
            return True

    work(sources, Once())
    assert [value for _labels, value in _samples(metrics.NODES)] == [1]
    assert _samples(metrics.CPU) == [({"node": "n1"}, 0.25)]
    assert [labels for labels, _value in _samples(metrics.MEMORY)] == [{"node": "n1"}]
    assert _count(metrics.UPDATE) == builds + 2
    assert len(NodeSamples(store).at(time.time_ns() // 1000)) == 3, "once a minute"


def _samples(metric: Any) -> list[tuple[dict[str, str], float]]:
    return [(sample.labels, sample.value) for family in metric.collect() for sample in family.samples]


def _count(histogram: Any) -> float:
    return float(next(s.value for s in histogram.collect()[0].samples if s.name.endswith("_count")))
