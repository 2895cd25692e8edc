"""metrics.k8s.io says what nodes use; the share is of their capacity."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from extender.cluster import load_kubernetes
from extender.cluster.load import LoadMetrics
from extender.cluster.load_feeds import LoadFeeds
from extender.cluster.state import ClusterState
from extender.model.events import NodeUpserted
from extender.model.load_source import LoadSource, Provider
from extender.model.node import Node
from tests.extender.cluster.a_server import connected

SOURCE = LoadSource(provider=Provider.KUBERNETES)


def item(name: str, **usage: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "timestamp": "2026-11-22T05:00:00Z", "window": "20s", "usage": usage}


def listed(*items: Any) -> web.Response:
    return web.json_response({"kind": "NodeMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": list(items)})


def polled(
    answer: Callable[[], web.StreamResponse | Awaitable[web.StreamResponse]],
) -> tuple[ClusterState, LoadMetrics]:
    state = ClusterState()
    for name, cpu in (("n1", "4"), ("n2", "0")):
        state.apply(NodeUpserted(Node(name=name, capacity={"cpu": cpu, "memory": "8Gi"})), 0.0)

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.path == "/apis/metrics.k8s.io/v1beta1/nodes"
        found = answer()
        return found if isinstance(found, web.StreamResponse) else await found

    async def run() -> LoadMetrics:
        async with connected(handle) as api:
            clock = lambda: 1000.0  # noqa: E731
            load = LoadMetrics(state, lambda: SOURCE, LoadFeeds(state, api=api, clock=clock).open, clock=clock)
            await load.poll()
            return load

    return state, asyncio.run(run())


def load_of(state: ClusterState, name: str, resource: str) -> float | None:
    nodes, row = state.nodes, state.nodes.row(name)
    known = getattr(nodes, f"load_{resource}_known")[row]
    return float(getattr(nodes, f"load_{resource}_pct")[row]) if known else None


def test_usage_becomes_percent_of_capacity() -> None:
    state, load = polled(lambda: listed(item("n1", cpu="999999999n", memory="2Gi")))
    assert (load_of(state, "n1", "cpu"), load_of(state, "n1", "memory")) == (25, 25)
    row = state.nodes.row("n1")
    assert (state.nodes.load_cpu_first_pct[row], state.nodes.load_cpu_avg_pct[row]) == (25, 25)
    assert state.nodes.load_cpu_std_pct[row] == 0
    assert state.metrics_end_s == 1000
    assert load.status()["source"] == "KubernetesMetricsServer"


def test_a_resource_that_a_node_does_not_have_is_not_measured() -> None:
    state, _load = polled(lambda: listed(item("n2", cpu="1", memory="4Gi")))
    assert (load_of(state, "n2", "cpu"), load_of(state, "n2", "memory")) == (None, 50)


@pytest.mark.parametrize(
    "odd",
    [item("n1"), item("n1", cpu="lots"), item("n1", gpu="1"), {"metadata": {"name": "n1"}, "usage": None}, item("x")],
)
def test_an_odd_entry_spoils_only_itself(odd: Any) -> None:
    state, load = polled(lambda: listed(odd, item("n2", memory="8Gi")))
    assert load.error == ""
    assert load_of(state, "n1", "cpu") is None
    assert load_of(state, "n2", "memory") == 100


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: web.Response(status=404), "install metrics-server"),
        (lambda: web.Response(status=403), "HTTP 403"),
        (lambda: web.Response(text="garbage"), "not what it should answer"),
        (lambda: web.json_response({"items": [7]}), "not what it should answer"),
        (lambda: asyncio.sleep(30, web.Response()), "no answer"),
    ],
)
def test_a_failure_is_told(answer: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_kubernetes, "FETCH_TIMEOUT_S", 0.3)
    state, load = polled(answer)
    assert words in load.error
    assert load.status()["failures"] == 1
    assert load_of(state, "n1", "cpu") is None
