"""The sidecar's own watch: whatever the API server does, views come to hold what it has, and trouble is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from analytics.cluster import Cluster, ClusterView, Usage, follower, watching
from analytics.cluster.kinds import EVENTS
from analytics.cluster.usage import METRICS_PATH, POD_METRICS_PATH
from analytics.cluster.watching import Watching
from analytics.tenants.adapters import promises_of
from tests.extender.cluster.a_server import NODES, PODS, FakeApi, a_node, a_pod, a_status, connected, say, served, until
from tests.extender.cluster.a_server import a_stream as stream_of

TENANTS = "/apis/tenancy.trimtab.dev/v1alpha1/tenants"


class Scene:
    def __init__(self, api: FakeApi, cluster: Cluster) -> None:
        self.api, self.cluster = api, cluster

    @property
    def view(self) -> ClusterView:
        return self.cluster.view()

    def names(self) -> tuple[list[str], list[str]]:
        return sorted(self.view.nodes), sorted(pod.name for pod in self.view.pods.values())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "RENEWED_S", 0.01)
    monkeypatch.setattr(follower, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(follower, "ABSENT_RETRY_S", 0.05)


def play(story: Callable[[Scene], Awaitable[None]], api: FakeApi | None = None, **settings: Any) -> None:
    server = api or FakeApi()

    async def run() -> None:
        async with connected(server.handle) as connection:
            cluster = Cluster.nowhere()
            task = asyncio.create_task(Watching(connection, cluster, **settings).run())
            try:
                await story(Scene(server, cluster))
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_what_the_server_has_and_every_change_comes_into_view() -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))
    api.put(PODS, a_pod("p1", "n1"))

    async def story(scene: Scene) -> None:
        await until(lambda: scene.names() == (["n1"], ["p1"]))
        assert scene.view.known
        before = scene.view
        api.put(NODES, a_node("n2"))
        api.put(PODS, a_pod("p2"))
        await until(lambda: scene.names() == (["n1", "n2"], ["p1", "p2"]))
        assert [pod.name for pod in scene.view.pending] == ["p2"]
        assert [pod.name for pod in scene.view.on("n1")] == ["p1"]
        assert scene.view.requested_on("n1").cpu_milli == 100
        api.drop(PODS, "ns/p1")
        await until(lambda: scene.names() == (["n1", "n2"], ["p2"]))
        assert sorted(before.pods) == ["uid-p1"], "a view that somebody holds does not change"

    play(story, api)


def test_lists_come_in_pages() -> None:
    api = FakeApi()
    api.page_most = 3
    for i in range(10):
        api.put(NODES, a_node(f"n{i}"))

    async def story(scene: Scene) -> None:
        await until(lambda: len(scene.view.nodes) == 10)

    play(story, api)


def test_a_server_that_has_forgotten_is_listed_again() -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))

    async def gone(request: web.Request) -> web.StreamResponse:
        out = await stream_of(request)
        api.objects[NODES].clear()
        api.put(NODES, a_node("n2"))
        api.forget()
        await say(out, "ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
        return out

    api.scripts.append((NODES, gone))

    async def story(scene: Scene) -> None:
        await until(lambda: scene.names()[0] == ["n2"])

    play(story, api)


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b'{"type":"ADDED"}\n',
        b'{"type":"ADDED","object":7}\n',
        b'{"type":"ADDED","object":{"metadata":7}}\n',
    ],
)
def test_a_line_that_is_no_event_ends_nothing(line: bytes) -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))

    async def odd(request: web.Request) -> web.StreamResponse:
        out = await stream_of(request)
        await out.write(line)
        return out

    api.scripts.append((NODES, odd))

    async def story(scene: Scene) -> None:
        await until(lambda: scene.names()[0] == ["n1"])
        api.put(NODES, a_node("n2"))
        await until(lambda: scene.names()[0] == ["n1", "n2"])

    play(story, api)


def test_until_everything_is_listed_it_says_what_is_missing() -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))
    api.refuse[PODS] = (403, {})

    async def story(scene: Scene) -> None:
        await until(lambda: "403" in scene.view.why_not)
        assert not scene.view.known
        assert "pods are not listed yet" in scene.view.why_not
        del api.refuse[PODS]
        await until(lambda: scene.view.known)

    play(story, api)


def test_kinds_that_are_absent_are_looked_for_again_and_hinder_nobody() -> None:
    api = FakeApi()

    async def story(scene: Scene) -> None:
        await until(lambda: scene.view.known)
        assert "tenants.tenancy.trimtab.dev" not in scene.view.objects
        api.objects[TENANTS] = {}
        api.put(TENANTS, {"metadata": {"name": "team-a", "managedFields": [{}]}, "spec": {"namespaces": ["a"]}})
        await until(lambda: "team-a" in scene.view.objects.get("tenants.tenancy.trimtab.dev", {}))
        assert "managedFields" not in scene.view.objects["tenants.tenancy.trimtab.dev"]["team-a"]["metadata"]

    play(story, api)


def test_an_object_that_cannot_be_read_is_left_out() -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))
    api.put(NODES, a_node("n2") | {"status": {"allocatable": 7}})

    async def story(scene: Scene) -> None:
        await until(lambda: scene.view.known)
        assert sorted(scene.view.nodes) == ["n1"]

    play(story, api)


def test_what_nodes_use_comes_from_the_metrics_api_where_no_other_source_is_named() -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))
    items = [
        {"metadata": {"name": "n1"}, "usage": {"cpu": "1500000000n", "memory": "2Gi"}},
        {"metadata": {"name": "n2"}, "usage": {"cpu": "odd", "memory": "2Gi"}},
        {"metadata": {"name": "n3"}},
    ]
    api.objects[METRICS_PATH] = {str(at): item for at, item in enumerate(items)}

    async def story(scene: Scene) -> None:
        await until(lambda: "n1" in scene.view.usage)
        used = scene.view.usage["n1"]
        assert (used.cpu_milli, used.memory_bytes) == (1500, 2 << 30)
        assert list(scene.view.usage) == ["n1"]

    play(story, api)


def test_what_pods_use_is_summed_by_namespace_and_unknown_again_when_nobody_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "PODS_MEASURED_S", 0.02)
    api = FakeApi()

    def measured(namespace: Any, *containers: dict[str, str]) -> dict[str, Any]:
        return {"metadata": {"namespace": namespace}, "containers": [{"usage": one} for one in containers]}

    items = [
        measured("a", {"cpu": "100m", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}),
        measured("a", {"cpu": "1n", "memory": "0"}),
        measured("a", {"cpu": "much", "memory": "1Gi"}),
        measured("b"),
        measured(7, {"cpu": "1", "memory": "1"}),
        {"metadata": {}},
    ]
    api.objects[POD_METRICS_PATH] = {str(at): item for at, item in enumerate(items)}

    async def story(scene: Scene) -> None:
        await until(lambda: "a" in scene.view.namespace_usage)
        used = {name: (one.cpu_milli, one.memory_bytes) for name, one in scene.view.namespace_usage.items()}
        assert used == {"a": (1101, 2 << 30), "b": (0, 0)}
        api.refuse[POD_METRICS_PATH] = (503, {})
        await until(lambda: not scene.view.namespace_usage)

    play(story, api, interval_s=lambda: 0.02)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/resourcequotas",
        "/apis/scheduling.x-k8s.io/v1alpha1/elasticquotas",
        "/apis/kueue.x-k8s.io/v1beta1/clusterqueues",
        "/apis/kueue.x-k8s.io/v1beta1/localqueues",
        "/apis/capsule.clastix.io/v1beta2/tenants",
    ],
)
def test_quota_systems_come_and_go_and_their_odd_objects_end_no_watch(path: str) -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))

    def known(scene: Scene) -> set[str]:
        return {name for found in scene.view.objects.values() for name in found}

    async def story(scene: Scene) -> None:
        await until(lambda: scene.view.known)
        assert promises_of(scene.view).served == ()
        api.objects[path] = {}
        api.put(path, {"metadata": {"namespace": "ns", "name": "odd", "labels": 7}, "spec": [], "status": "x"})
        api.put(path, {"metadata": {"namespace": "ns", "name": "nothing"}})
        await until(lambda: known(scene) == {"ns/odd", "ns/nothing"})
        promises = promises_of(scene.view)
        assert {problem.name for problem in promises.problems} <= {"ns/odd"}
        api.put(path, {"metadata": {"namespace": "ns", "name": "later"}, "spec": {}})
        await until(lambda: "ns/later" in known(scene))
        api.drop(path, "ns/odd")
        await until(lambda: "ns/odd" not in known(scene))
        assert promises_of(scene.view).problems == ()

    play(story, api)


def test_without_metrics_it_says_what_to_do() -> None:
    async def story(scene: Scene) -> None:
        await until(lambda: scene.cluster.status()["usage"]["error"])
        assert "install metrics-server" in scene.cluster.status()["usage"]["error"]

    play(story)


def percents(**nodes: tuple[float, float]) -> dict[str, Any]:
    def metrics(cpu: float, memory: float) -> list[dict[str, Any]]:
        return [
            {"type": "CPU", "operator": "Latest", "value": 1.0},
            {"type": "CPU", "operator": "Average", "value": cpu},
            {"type": "Memory", "operator": "Latest", "value": memory},
        ]

    return {"data": {"NodeMetricsMap": {name: {"metrics": metrics(*told)} for name, told in nodes.items()}}}


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("load_watcher", lambda _request: web.json_response(percents(n1=(50.0, 25.0), elsewhere=(1.0, 1.0)))),
        (
            "prometheus",
            lambda request: web.json_response(
                {
                    "status": "success",
                    "data": {
                        "result": [
                            {
                                "metric": {"node": "n1"},
                                "value": [0, "0.5" if "cpu" in request.query["query"] else "0.25"],
                            },
                            {"metric": {}, "value": [0, "1"]},
                        ]
                    },
                }
            ),
        ),
    ],
)
def test_named_sources_tell_shares_of_what_a_node_can_allocate(source: str, answer: Any) -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))

    async def run() -> None:
        async def handle(request: web.Request) -> web.StreamResponse:
            response: web.Response = answer(request)
            return response

        async with served(handle) as address:
            await asyncio.to_thread(
                play, lambda scene: until(lambda: _used(scene) == (2000, 2 << 30)), api, **{source: lambda: address}
            )

    asyncio.run(run())


def _used(scene: Scene) -> tuple[int, int] | None:
    found: Usage | None = scene.view.usage.get("n1")
    return None if found is None else (found.cpu_milli, found.memory_bytes)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="boom", status=500),
        lambda: web.Response(text="[]"),
        lambda: web.json_response({}),
        lambda: web.json_response({"data": {"NodeMetricsMap": [1]}}),
        lambda: web.json_response({"data": {"NodeMetricsMap": {"n1": {"metrics": 7}, "n2": None}}}),
        lambda: a_status(403, "no"),
    ],
)
def test_odd_answers_of_a_source_are_told_and_end_nothing(answer: Any) -> None:
    api = FakeApi()
    api.put(NODES, a_node("n1"))

    async def run() -> None:
        async def handle(_request: web.Request) -> web.StreamResponse:
            response: web.Response = answer()
            return response

        async def story(scene: Scene) -> None:
            await until(lambda: scene.view.known)
            await asyncio.sleep(0.1)
            assert scene.view.usage == {}
            api.put(NODES, a_node("n9"))
            await until(lambda: "n9" in scene.view.nodes)

        async with served(handle) as address:
            await asyncio.to_thread(play, story, api, load_watcher=lambda: address, interval_s=lambda: 0.02)

    asyncio.run(run())


def test_events_that_say_why_a_pod_does_not_run_are_seen_and_all_others_are_not_kept() -> None:
    api = FakeApi()

    def event(name: str, reason: str) -> dict[str, Any]:
        return {
            "metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": "1"},
            "involvedObject": {"kind": "Pod", "uid": "uid-p1"},
            "reason": reason,
            "message": "max node group size reached",
            "lastTimestamp": "2026-01-02T03:04:05Z",
        }

    api.objects[EVENTS.path] = {}
    api.put(EVENTS.path, event("a", "NotTriggerScaleUp"))
    api.put(EVENTS.path, event("b", "Sunrise"))

    async def story(scene: Scene) -> None:
        await until(lambda: bool(scene.view.events))
        assert [(one.reason, one.at_s) for one in scene.view.events_of["uid-p1"]] == [
            ("NotTriggerScaleUp", 1_767_323_045)
        ]

    play(story, api)
