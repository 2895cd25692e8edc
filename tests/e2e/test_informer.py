"""Feed and binder against a real API server: all arrives, through both kinds of list, and binds are certain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from extender.cluster.binder import KubernetesBinder
from extender.cluster.feed import KubernetesFeed
from extender.cluster.state import ClusterState
from extender.kube import KubeApi
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import ControlPlane

LIMIT_S = 30.0


@dataclass(frozen=True)
class AKind:
    plural: str = "elasticquotas"
    kind: str = "ElasticQuota"
    group: str = "scheduling.x-k8s.io"
    version: str = "v1alpha1"
    namespaced: bool = True
    status: bool = False


KINDS = (AKind(), AKind("nosuchthings", "NoSuchThing"))
Story = Callable[[KubeApi, ClusterState, KubernetesFeed], Awaitable[None]]


def live(plane: ControlPlane, story: Story, *, streams: bool = True) -> None:
    """Run a feed with the administrator's kubeconfig while the story goes on."""
    kubeconfig = str(plane.kubeconfig("informer", plane.admin))

    async def run() -> None:
        api = await KubeApi.connect(kubeconfig)
        state = ClusterState()
        feed = KubernetesFeed(api, state, KINDS)
        for informer in feed._informers:
            informer._streams = streams
        task = asyncio.create_task(feed.run())
        try:
            await until(lambda: feed.synced)
            await story(api, state, feed)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await api.close()

    asyncio.run(run())


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def foreign(pool: Pool, name: str) -> dict[str, object]:
    """A pod that no scheduler takes."""
    return pool.pod(name, schedulerName="nobody")


@pytest.mark.parametrize("streams", [True, False])
def test_everything_arrives_by_streamed_lists_and_by_pages(plane: ControlPlane, pool: Pool, streams: bool) -> None:  # noqa: FBT001
    names = pool.add_nodes([{"cpu": "4", "memory": "8Gi", "pods": "200"}] * 3)
    pool.create([foreign(pool, f"p{i}") for i in range(120)])

    async def story(_api: KubeApi, state: ClusterState, feed: KubernetesFeed) -> None:
        listed = await asyncio.to_thread(pool.pods)
        for pod in listed:
            assert state.pods[pod["metadata"]["uid"]].name == pod["metadata"]["name"]
        assert {state.nodes.capacity_cpu_milli[state.nodes.row(name)] for name in names} == {4000}
        told = {entry["resource"]: entry for entry in feed.status()}
        assert told["elasticquotas.scheduling.x-k8s.io"]["present"]
        assert not told["nosuchthings.scheduling.x-k8s.io"]["present"]
        await asyncio.to_thread(pool.delete, "p0")
        await until(lambda: state.find_pod(listed[0]["metadata"]["namespace"], "p0") is None)
        # The server still streams where it can: the wish was neither refused nor overlooked.
        assert all(informer._streams == streams for informer in feed._informers if informer.present)

    live(plane, story, streams=streams)


def test_a_bind_is_certain(plane: ControlPlane, pool: Pool) -> None:
    first, second = pool.add_nodes([{"cpu": "4", "memory": "8Gi", "pods": "200"}] * 2)
    pool.create([foreign(pool, f"p{i}") for i in range(40)])

    async def story(api: KubeApi, state: ClusterState, _feed: KubernetesFeed) -> None:
        binder = KubernetesBinder(api)
        pods = {pod["metadata"]["name"]: pod["metadata"] for pod in await asyncio.to_thread(pool.pods)}
        one = pods["p0"]
        space, uid = one["namespace"], one["uid"]
        assert await binder.bind(space, "p0", "00000000-0000-0000-0000-000000000000", first, 10) != ""
        assert (await asyncio.to_thread(pool.bound)).get("p0", "") == "", "another UID binds nothing"
        assert await binder.bind(space, "p0", uid, first, 10) == ""
        assert await binder.bind(space, "p0", uid, first, 10) == "", "binding twice to one node is binding once"
        assert await binder.bind(space, "p0", uid, second, 10) == f"pod {space}/p0 is already bound to node {first}"
        assert "is gone" in await binder.bind(space, "absent", uid, first, 10)
        answers = await asyncio.gather(
            *(binder.bind(space, name, meta["uid"], second, 20) for name, meta in pods.items() if name != "p0")
        )
        assert set(answers) == {""}
        await until(lambda: len(state.pods_on(second)) == 39 and len(state.pods_on(first)) == 1)
        found = await binder.read_pod(space, "p1")
        assert found is not None
        assert found.node_name == second
        assert await binder.read_pod(space, "absent") is None

    live(plane, story)
