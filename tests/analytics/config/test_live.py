"""Settings that are followed: from folders and from the API server (R-098)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from analytics.config.configmap import ConfigMapFollower
from analytics.config.live import LiveConfig
from analytics.config.values import Values
from extender.kube import KubeApi


def keys(live: LiveConfig) -> list[str]:
    return [problem.key for problem in live.problems]


def test_later_sources_go_over_earlier_ones_and_absent_keys_have_the_start_values(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    (first / "metrics_interval").write_text("10s\n")
    (first / "log-level").write_text("debug")
    (second / "metrics_interval").write_text("20s")
    live = LiveConfig(Values(interval_s=99.0, output="stderr"), [first, second])
    seen: list[Values] = []
    live.on_change(seen.append)
    live.look()
    assert seen == [Values(interval_s=99.0, output="stderr"), Values(interval_s=20.0, level="debug", output="stderr")]
    live.look()
    assert len(seen) == 2, "nothing has changed"
    (second / "metrics_interval").unlink()
    (first / "metrics_interval").unlink()
    live.look()
    assert live.values.interval_s == 99.0


def test_a_folder_that_goes_away_changes_nothing_and_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "log-level").write_text("debug")
    live = LiveConfig(Values(), [folder])
    live.look()
    (folder / "log-level").unlink()
    folder.rmdir()
    live.look()
    assert live.values.level == "debug"
    assert "stays in effect" in live.problems[0].message
    assert live.status()["problems"][0]["source"] == str(folder)


def test_what_is_no_key_is_told_and_dot_files_are_kubelets(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "log-level").write_bytes(b"\xff")
    (tmp_path / "log-format").write_bytes(b"j" * 70_000)
    live = LiveConfig(Values(), [tmp_path])
    live.look()
    assert keys(live) == ["log-format", "log-level"]
    assert live.values == Values()


def test_each_problem_is_told_once_as_long_as_it_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    live = LiveConfig(Values(), configmaps=["c"])
    with caplog.at_level(logging.WARNING, "analytics"):
        for _ in range(3):
            live.put("c", {"replicas": "many"})
        live.put("c", {"replicas": "2"})
        live.put("c", {"replicas": "many"})
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("c: replicas: 'many' is not a whole number")
    assert told[1].endswith("2 stays in effect")


class _Server:
    """ConfigMaps of an API server: list and watch."""

    def __init__(self) -> None:
        self.version = 5
        self.data: dict[str, str] | None = {"log-level": "debug"}
        self.events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.refuse = 0
        self.lists = 0

    def object(self) -> dict[str, Any]:
        return {"metadata": {"name": "tools", "resourceVersion": str(self.version)}, "data": self.data}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.query["fieldSelector"] == "metadata.name=tools"
        if self.refuse:
            return web.json_response({"message": "no"}, status=self.refuse)
        if "watch" not in request.query:
            self.lists += 1
            items = [] if self.data is None else [self.object()]
            return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "items": items})
        stream = web.StreamResponse()
        await stream.prepare(request)
        while (event := await self.events.get()) is not None:
            await stream.write(json.dumps(event).encode() + b"\n")
        return stream

    def change(self, data: dict[str, str] | None) -> None:
        self.version += 1
        self.data = data
        kind = "DELETED" if data is None else "MODIFIED"
        self.events.put_nowait({"type": kind, "object": self.object()})


async def _until(true: Any) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


@asynccontextmanager
async def _served(server: _Server, tmp_path: Path) -> AsyncIterator[LiveConfig]:
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/ops/configmaps", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config = tmp_path / "kubeconfig"
    config.write_text(
        json.dumps(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": "c",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )  # fmt: skip
    api = await KubeApi.connect(str(config))
    follower = ConfigMapFollower(api, "ops", "tools")
    live = LiveConfig(Values(), configmaps=[follower.source])
    task = asyncio.create_task(follower.run(live))
    try:
        yield live
    finally:
        task.cancel()
        server.events.put_nowait(None)
        await api.close()
        await runner.cleanup()


def test_r098_a_configmap_is_followed_by_a_watch_and_its_absence_gives_no_keys(tmp_path: Path) -> None:
    async def talk() -> None:
        server = _Server()
        async with _served(server, tmp_path) as live:
            await _until(lambda: live.values.level == "debug")
            server.change({"log-level": "loud", "visualizer_enabled": "false"})
            await _until(lambda: live.values.off == {"scheduler-visualizer"})
            assert (live.values.level, keys(live)) == ("debug", ["log-level"])
            server.change(None)
            await _until(lambda: live.values == Values())
            assert live.problems == ()
            server.events.put_nowait({"type": "ERROR", "object": {"code": 410}})
            server.data = {"replicas": "3"}
            await _until(lambda: live.values.replicas == 3)
            assert server.lists == 2, "a watch that is too old begins again with a list"

    asyncio.run(talk())


def test_r098_rights_that_are_missing_are_told_and_it_goes_on_when_they_come(tmp_path: Path) -> None:
    async def talk() -> None:
        server = _Server()
        server.refuse = 403
        async with _served(server, tmp_path) as live:
            await _until(lambda: live.problems)
            assert "grant get, list and watch" in live.problems[0].message
            server.refuse = 0
            await _until(lambda: live.values.level == "debug")
            assert live.problems == ()

    asyncio.run(talk())
