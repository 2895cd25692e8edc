"""SIGTERM: whoever is being answered gets the answer, whoever asks how we are is told that we go."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import httpx
import yaml
from aiohttp import web

from tests.extender.cluster.a_server import NODES, PODS, FakeApi, a_node, a_pod, a_status, served
from tests.process.an_extender import Extender, start

ENDS_WITHIN_S = 30.0


def a_kubeconfig(path: Path, server: str) -> Path:
    named = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "x"} | named))
    return path


def test_a_bind_under_way_is_answered_and_probes_and_metrics_stay_until_then(tmp_path: Path) -> None:
    """Broken off half-way, nobody would know whether the pod is bound."""

    async def run() -> None:
        came, goes_on = asyncio.Event(), asyncio.Event()

        async def post(request: web.Request) -> web.StreamResponse:
            if not request.path.endswith("/binding"):
                return a_status(404, "no such kind")
            came.set()
            await goes_on.wait()
            return a_status(201, "")

        cluster = FakeApi()
        cluster.put(NODES, a_node("n1"))
        cluster.put(PODS, a_pod("p"))
        cluster.posts = post
        asked = {"PodName": "p", "PodNamespace": "ns", "PodUID": "uid-p", "Node": "n1"}
        async with served(cluster.handle) as server, httpx.AsyncClient(trust_env=False, timeout=30) as client:
            process = start(tmp_path, "--kubeconfig", str(a_kubeconfig(tmp_path / "config", server)))
            try:
                extender = await asyncio.to_thread(Extender, process, tmp_path / "log")
                bind = asyncio.create_task(client.post(f"{extender.verbs}/bind", json=asked))
                async with asyncio.timeout(ENDS_WITHIN_S):
                    await came.wait()
                    process.send_signal(signal.SIGTERM)
                    while (await client.get(f"{extender.admin}/readyz")).is_success:  # noqa: ASYNC110 - another process
                        await asyncio.sleep(0.01)
                    assert "shutting down" in (await client.get(f"{extender.admin}/readyz")).text
                    assert (await client.get(f"{extender.admin}/livez")).text == "ok"
                    goes_on.set()
                    answer = await bind
                assert (answer.json(), answer.headers["connection"]) == ({"Error": ""}, "close")
                assert await asyncio.to_thread(process.wait, ENDS_WITHIN_S) == 0
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()

    asyncio.run(run())
