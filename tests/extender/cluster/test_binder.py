"""An empty answer means bound, for certain; everything else is an error that says what happened."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from extender.cluster.binder import TRIES, FileBinder, KubernetesBinder
from extender.cluster.state import ClusterState
from extender.kube import KubeError
from extender.model.events import NodeUpserted, PodUpserted
from extender.model.node import Node
from extender.model.pod import Pod
from tests.extender.cluster.a_server import PODS, Answer, FakeApi, a_pod, a_status, connected


def bind(server: FakeApi, *, uid: str = "uid-p", node: str = "n1", timeout_s: float = 5.0, name: str = "p") -> str:
    async def run() -> str:
        async with connected(server.handle) as api:
            return await KubernetesBinder(api).bind("ns", name, uid, node, timeout_s)

    return asyncio.run(run())


def a_server(post: Answer, node: str = "", uid: str = "", *, pod: bool = True) -> FakeApi:
    server = FakeApi()
    server.posts = post
    if pod:
        server.put(PODS, a_pod("p", node, uid))
    return server


def _says(status: int, message: str = "no") -> Answer:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return a_status(status, message)

    return handle


async def _hangs(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    raise AssertionError


def test_the_binding_names_pod_uid_and_node() -> None:
    seen: list[Any] = []

    async def post(request: web.Request) -> web.StreamResponse:
        seen.append((request.path, json.loads(await request.read())))
        return a_status(201, "")

    assert bind(a_server(post)) == ""
    path, body = seen[0]
    assert path == "/api/v1/namespaces/ns/pods/p/binding"
    assert body["metadata"] == {"namespace": "ns", "name": "p", "uid": "uid-p"}
    assert body["target"] == {"apiVersion": "v1", "kind": "Node", "name": "n1"}


@pytest.mark.parametrize("post", [_says(200), _says(202), _says(409), _says(500), _says(503), _hangs])
def test_an_unclear_outcome_is_settled_by_the_pod_itself(post: Answer) -> None:
    assert bind(a_server(post, "n1"), timeout_s=1.0) == ""
    assert bind(a_server(post, "n2"), timeout_s=1.0) == "pod ns/p is already bound to node n2"
    assert "replaced" in bind(a_server(post, "n1", "other"), timeout_s=1.0)
    assert "is gone" in bind(a_server(post, pod=False), timeout_s=1.0)
    assert bind(a_server(post), timeout_s=1.0) != ""


@pytest.mark.parametrize(
    ("status", "said"), [(404, "is gone"), (403, "create on pods/binding"), (400, "400"), (422, "422"), (429, "429")]
)
def test_a_refusal_is_an_error_even_if_the_pod_is_there(status: int, said: str) -> None:
    assert said in bind(a_server(_says(status), "n1"))


def falters(*answers: Answer) -> tuple[Answer, list[int]]:
    """One answer after the other, the last one for good; and how many have been asked for."""
    asked = [0]

    async def handle(request: web.Request) -> web.StreamResponse:
        asked[0] += 1
        return await answers[min(asked[0], len(answers)) - 1](request)

    return handle, asked


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_fault_that_may_pass_is_tried_again(status: int) -> None:
    post, asked = falters(_says(status), _says(status), _says(201))
    assert bind(a_server(post)) == ""
    assert asked == [3]


def test_a_fault_that_does_not_pass_is_told_in_the_end() -> None:
    post, asked = falters(_says(503))
    assert "503" in bind(a_server(post))
    assert asked == [TRIES]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_refusal_is_not_asked_for_twice(status: int) -> None:
    post, asked = falters(_says(status))
    assert bind(a_server(post)) != ""
    assert asked == [1]


@pytest.mark.parametrize("name", ["../../../nodes/n1", "p?watch=true", "p/log", ""])
def test_no_other_path_can_be_read_by_means_of_a_name(name: str) -> None:
    server = FakeApi()

    async def run() -> None:
        async with connected(server.handle) as api:
            with pytest.raises(KubeError, match="not a Kubernetes name"):
                await KubernetesBinder(api).read_pod("ns", name)

    asyncio.run(run())
    assert server.requests == []


def test_nothing_is_sent_without_time_uid_or_proper_names() -> None:
    server = a_server(_says(201))
    assert "no time" in bind(server, timeout_s=0.0)
    assert "no time" in bind(server, timeout_s=-1.0)
    assert "UID" in bind(server, uid="")
    for odd in ("", "..", "a/b", "A", "p?x=1", "p" * 254, "p\n"):
        assert "not a Kubernetes name" in bind(server, name=odd)
        assert "not a Kubernetes name" in bind(server, node=odd)
    assert not server.requests


def test_an_api_server_that_is_gone_is_an_unknown_outcome() -> None:
    async def run() -> str:
        async with connected(_hangs) as api:
            return await KubernetesBinder(api).bind("ns", "p", "uid-p", "n1", 0.3)

    assert "unknown" in asyncio.run(run())


def test_reading_a_pod() -> None:
    async def run() -> None:
        server = a_server(_says(500), "n1")
        async with connected(server.handle) as api:
            binder = KubernetesBinder(api)
            found = await binder.read_pod("ns", "p")
            assert found is not None
            assert (found.uid, found.node_name) == ("uid-p", "n1")
            assert await binder.read_pod("ns", "absent") is None
            server.objects[PODS]["ns/p"]["spec"] = "odd"
            with pytest.raises(KubeError, match="not a pod"):
                await binder.read_pod("ns", "p")

    asyncio.run(run())


def test_a_cluster_file_binds_in_the_state_alone() -> None:
    state = ClusterState()
    for event in (
        NodeUpserted(Node(name="n1")),
        NodeUpserted(Node(name="n2")),
        PodUpserted(Pod(namespace="ns", name="p", uid="u")),
    ):
        state.apply(event, 0.0)
    binder = FileBinder(state, lambda: 1.0)

    def told(name: str, uid: str, node: str) -> str:
        return asyncio.run(binder.bind("ns", name, uid, node, 1.0))

    assert "not in the cluster file" in told("p", "u", "n9")
    assert "replaced" in told("p", "other", "n1")
    assert told("p", "u", "n1") == ""
    assert state.pods["u"].node_name == "n1"
    assert told("p", "u", "n1") == ""
    assert "already bound to node n1" in told("p", "u", "n2")
    assert told("unheard-of", "u9", "n2") == ""
    assert asyncio.run(binder.read_pod("ns", "p")) == state.pods["u"]
