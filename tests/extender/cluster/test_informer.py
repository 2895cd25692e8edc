"""Whatever the API server does, the state ends up as the server's objects are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from extender.cluster import backoff, informer
from extender.cluster.feed import KubernetesFeed, _watched_over
from extender.cluster.state import ClusterState
from extender.model.events import PodAssumed
from extender.model.pod import Container, Pod
from tests.extender.cluster.a_server import (
    NODES,
    PODS,
    FakeApi,
    a_node,
    a_pod,
    a_stream,
    bookmark,
    connected,
    say,
    until,
)

QUOTAS = "/apis/scheduling.x-k8s.io/v1alpha1/elasticquotas"


@dataclass(frozen=True)
class AKind:
    group: str = "scheduling.x-k8s.io"
    version: str = "v1alpha1"
    plural: str = "elasticquotas"
    kind: str = "ElasticQuota"
    namespaced: bool = True
    status: bool = False


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_S", 0.005)
    monkeypatch.setattr(backoff, "MOST_S", 0.02)
    monkeypatch.setattr(informer, "ABSENT_RETRY_S", 0.05)
    monkeypatch.setattr(informer, "FORBIDDEN_SETTLES_S", 0.05)


Story = Callable[[FakeApi, ClusterState, KubernetesFeed], Awaitable[None]]


def live(server: FakeApi, story: Story, *kinds: AKind) -> None:
    """Run a feed against the server while the story goes on."""

    async def run() -> None:
        async with connected(server.handle) as api:
            state = ClusterState()
            feed = KubernetesFeed(api, state, kinds)
            task = asyncio.create_task(feed.run())
            try:
                await story(server, state, feed)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def agrees(server: FakeApi, state: ClusterState) -> bool:
    pods = {pod["metadata"]["uid"] for pod in server.objects[PODS].values()}
    nodes = {node["metadata"]["name"] for node in server.objects[NODES].values()}
    return set(state.pods) == pods and {name for name, _ in state.nodes.items()} == nodes


async def all_the_same(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
    """Changes of every sort arrive."""
    await until(lambda: feed.synced and agrees(server, state))
    server.put(NODES, a_node("late"))
    server.put(PODS, a_pod("late", "late"))
    server.drop(PODS, "ns/p0")
    server.put(PODS, a_pod("p1", "late"))
    await until(lambda: agrees(server, state) and state.pods["uid-p1"].node_name == "late")
    assert state.nodes.pod_count[state.nodes.row("late")] == 2


def a_server(pods: int = 7, **knobs: Any) -> FakeApi:
    server = FakeApi()
    for name, value in knobs.items():
        setattr(server, name, value)
    server.put(NODES, a_node("n1"))
    for index in range(pods):
        server.put(PODS, a_pod(f"p{index}"))
    return server


@pytest.mark.parametrize(("pods", "page"), [(7, 500), (7, 3), (7, 7), (240, 500), (2, 1)])
def test_pages_of_any_size_bring_everything(pods: int, page: int) -> None:
    server = a_server(pods, page_most=page)
    live(server, all_the_same)
    assert all(query["fieldSelector"] for query in server.lists(PODS) + server.watches(PODS))


def test_a_server_without_anything_is_synced_too() -> None:
    async def story(_server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced)
        assert not state.pods

    live(FakeApi(), story)


def test_a_streamed_list_replaces_pages() -> None:
    server = a_server(stream_lists="support")
    live(server, all_the_same)
    assert not server.lists(PODS)


def test_a_server_that_ignores_the_wish_for_a_streamed_list_is_asked_for_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informer, "INITIAL_SILENCE_S", 0.05)
    server = a_server(stream_lists="ignore")
    live(server, all_the_same)
    assert server.lists(PODS)


def test_a_streamed_list_that_is_cut_off_again_and_again_falls_back_to_pages() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        await say(await a_stream(request), "ADDED", {"metadata": {"name": "p0", "uid": "uid-p0"}})
        assert request.transport
        request.transport.abort()
        raise asyncio.CancelledError

    server = a_server(stream_lists="support", scripts=[(PODS, cut)] * 2)
    live(server, all_the_same)
    assert server.lists(PODS)


def test_an_expired_continue_token_begins_the_list_again() -> None:
    server = a_server(page_most=2, expire_continue=2)
    live(server, all_the_same)


def test_a_watch_is_taken_up_at_the_last_version_seen_even_after_a_bookmark_only() -> None:
    async def one_bookmark(request: web.Request) -> web.StreamResponse:
        out = await a_stream(request)
        await bookmark(out, 5_000)
        return out

    async def story(server: FakeApi, _state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced and len(server.watches(PODS)) >= 3)
        assert server.watches(PODS)[2]["resourceVersion"] == "5000"
        assert len(server.lists(PODS)) == 1

    live(a_server(scripts=[(PODS, _refused), (PODS, one_bookmark)]), story)


async def _refused(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"message": "no streamed lists"}, status=422)


def _bad_watch(*lines: bytes, abort: bool = False) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        out = await a_stream(request)
        for line in lines:
            await out.write(line)
        if abort and request.transport:
            request.transport.close()
        return out

    return handle


@pytest.mark.parametrize(
    "bad",
    [
        _bad_watch(),
        _bad_watch(abort=True),
        _bad_watch(b'{"type":"ADDED","object":{"metadata":{"name":"cut', abort=True),
        _bad_watch(b'{"type":"ADDED","object":{"metadata":{"name":"cut"'),
        _bad_watch(b"garbage\n"),
        _bad_watch(b"\n\n"),
        _bad_watch(b"[]\n"),
        _bad_watch(b'{"type":"ERROR","object":{"code":500,"message":"etcd"}}\n'),
        _bad_watch(b'{"type":"ERROR","object":7}\n'),
        _bad_watch(b'{"type":"BOOKMARK","object":7}\n'),
        _bad_watch(b'{"type":"SURPRISE","object":{"metadata":{"resourceVersion":"1"}}}\n'),
        _bad_watch(b'{"type":"ADDED","object":{}}\n'),
        _bad_watch(b'{"type":"DELETED","object":null}\n'),
        _bad_watch(b'{"type":"ADDED","object":' + b"[" * 5000 + b"\n"),
        _bad_watch(b'{"type":"MOD\xff\xfe","object":{}}\n'),
    ],
)
def test_a_watch_that_ends_badly_loses_nothing(bad: Any) -> None:
    live(a_server(scripts=[(PODS, _refused), (PODS, bad), (PODS, bad)]), all_the_same)


def test_a_silent_watch_is_given_up_and_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informer, "SILENCE_S", 0.1)

    async def silent(request: web.Request) -> web.StreamResponse:
        out = await a_stream(request)
        await asyncio.sleep(30)
        return out

    live(a_server(scripts=[(PODS, _refused), (PODS, silent)]), all_the_same)


def test_410_means_a_new_list_which_deletes_what_vanished_in_between() -> None:
    async def story(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        lost = _bad_watch(b'{"type":"ERROR","object":{"code":410,"message":"too old"}}\n')
        # The second watch follows the list; only when it is under way does the script below wait for the third.
        await until(lambda: agrees(server, state) and all(len(server.watches(path)) == 2 for path in (PODS, NODES)))
        # Silently: nobody watches what happened.
        server.objects[PODS].pop("ns/p3")
        server.objects[NODES].pop("/n1")
        server.objects[NODES]["/n2"] = a_node("n2")
        server.scripts += [(PODS, lost), (NODES, lost)]
        await _break_watches(feed)
        await until(lambda: agrees(server, state))

    live(a_server(), story)


async def _break_watches(feed: KubernetesFeed) -> None:
    """End every watch from our side and begin again with what the informers remember."""
    for task in feed._tasks:
        task.cancel()
    await asyncio.gather(*feed._tasks, return_exceptions=True)
    feed._tasks = [asyncio.create_task(_watched_over(one)) for one in feed._informers]


def test_a_watch_from_before_compaction_lists_again() -> None:
    async def story(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced and agrees(server, state))
        lists = len(server.lists(PODS))
        server.put(PODS, a_pod("new"))
        server.forget()
        await _break_watches(feed)
        await until(lambda: agrees(server, state) and len(server.lists(PODS)) > lists)

    live(a_server(), story)


def test_a_list_deletes_pods_of_own_binds_that_are_gone() -> None:
    async def story(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced)
        ghost = Pod(namespace="ns", name="ghost", uid="ghost", node_name="n1", containers=(Container(),))
        state.apply(PodAssumed(ghost, 0.0), 0.0)
        for one in feed._informers:
            one.begin_again()
        await _break_watches(feed)
        await until(lambda: agrees(server, state))

    live(a_server(), story)


def test_a_dead_informer_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real, faults = informer.Informer._take, iter([True, True, True])

    def faulty(self: informer.Informer, *what: Any) -> str:
        if next(faults, False):
            raise ZeroDivisionError("ours")
        return real(self, *what)

    monkeypatch.setattr(informer.Informer, "_take", faulty)
    live(a_server(), all_the_same)


@pytest.mark.parametrize(
    "spec",
    [
        {"containers": 7},
        {"priority": "high"},
        {"containers": [{"resources": {"requests": {"cpu": None}}}]},
        {"containers": [{"resources": {"requests": {"cpu": [1]}}}]},
    ],
)
def test_a_pod_that_cannot_be_read_is_left_out_alone(spec: dict[str, Any]) -> None:
    async def story(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced)
        assert set(state.pods) == {f"uid-p{i}" for i in range(7)}
        assert {told["resource"]: told["refused"] for told in feed.status()}["pods"] == 1
        server.put(PODS, a_pod("bad", "n1"))
        await until(lambda: agrees(server, state))
        server.put(PODS, a_pod("bad") | {"spec": spec})
        server.put(PODS, a_pod("after"))
        await until(lambda: "uid-after" in state.pods)
        assert state.pods["uid-bad"].node_name == "n1", "its last good version stays in use"
        server.drop(PODS, "ns/bad")
        await until(lambda: "uid-bad" not in state.pods)

    server = a_server()
    server.put(PODS, a_pod("bad") | {"spec": spec})
    live(server, story)


@pytest.mark.parametrize(
    "odd",
    [
        {"status": None},
        {"status": {}},
        {"status": {"capacity": {"cpu": "1e400", "memory": "-5"}, "allocatable": None}},
        {"status": {"capacity": {"cpu": "", "memory": "lots"}, "allocatable": {"cpu": "1e999999999"}}},
        {"spec": None, "status": {"conditions": []}},
        {"metadata": {"name": "n" * 253, "labels": None}},
    ],
)
def test_an_odd_node_is_taken_as_far_as_it_goes(odd: dict[str, Any]) -> None:
    async def story(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced and agrees(server, state))
        assert len(state.nodes) == 2

    server = a_server()
    server.put(NODES, a_node("odd") | odd)
    live(server, story)


def test_an_absent_kind_does_not_hold_readiness_and_appears_when_it_is_installed() -> None:
    async def story(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced)
        assert not feed.status()[2]["present"]
        server.objects[QUOTAS] = {}
        server.put(QUOTAS, {"metadata": {"name": "q", "namespace": "ns"}, "spec": {"max": {"cpu": "1"}}, "status": {}})
        await until(lambda: state.objects.get("ElasticQuota"))
        assert feed.status()[2]["present"]
        found = state.objects["ElasticQuota"]["ns/q"]
        assert found["spec"] == {"max": {"cpu": "1"}}
        assert "status" not in found
        del server.objects[QUOTAS]
        feed._informers[2]._version = ""
        await _break_watches(feed)
        await until(lambda: not state.objects["ElasticQuota"])

    live(a_server(), story, AKind())


def test_a_status_is_kept_for_those_who_read_it() -> None:
    async def story(server: FakeApi, state: ClusterState, _feed: KubernetesFeed) -> None:
        server.objects[QUOTAS] = {}
        server.put(QUOTAS, {"metadata": {"name": "q", "namespace": "ns"}, "spec": {}, "status": {"used": {"cpu": "1"}}})
        await until(lambda: state.objects.get("ElasticQuota"))
        assert state.objects["ElasticQuota"]["ns/q"]["status"] == {"used": {"cpu": "1"}}

    live(a_server(), story, AKind(status=True), AKind())


def test_a_kind_that_we_may_not_read_counts_as_absent_and_says_so() -> None:
    async def story(_server: FakeApi, _state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced)
        assert "403" in feed.status()[2]["error"]

    live(a_server(refuse={QUOTAS: (403, {})}), story, AKind())


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_core_resources_that_cannot_be_read_keep_the_feed_from_being_synced(status: int) -> None:
    async def story(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.status()[1]["error"])
        assert not feed.synced
        server.refuse.clear()
        await until(lambda: feed.synced and agrees(server, state))
        assert not feed.status()[1]["error"]

    live(a_server(refuse={PODS: (status, {"Retry-After": "0"})}), story)


def test_an_unchanged_object_of_a_second_list_is_no_event() -> None:
    async def story(server: FakeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        await until(lambda: feed.synced and agrees(server, state))
        before, lists = state.generation, len(server.lists(PODS))
        for one in feed._informers:
            one._version = ""
        await _break_watches(feed)
        await until(lambda: len(server.lists(PODS)) > lists and len(server.watches(PODS)) > 2)
        assert state.generation == before

    live(a_server(), story)
