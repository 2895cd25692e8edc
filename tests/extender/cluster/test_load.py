"""Load metrics come from a service or a file; failures are counted and stale values tell nothing."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from extender.cluster import load_fetch
from extender.cluster.load import LoadMetrics
from extender.cluster.load_feeds import LoadFeeds
from extender.cluster.state import METRICS_STALE_S, ClusterState
from extender.model.events import Event, MetricsReplaced, NodeUpserted
from extender.model.load_source import LoadSource, Provider
from extender.model.node import Node
from tests.extender.cluster.a_server import served


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def a_document(*nodes: str, value: Any = 42.5, **extra: Any) -> dict[str, Any]:
    metrics = [{"type": "CPU", "operator": "AVG", "value": value}, {"type": "Memory", "operator": "AVG", "value": 7}]
    return {"window": {"end": 990}, "data": {"NodeMetricsMap": {n: {"metrics": metrics} for n in nodes}}} | extra


def a_state() -> ClusterState:
    state = ClusterState()
    for name in ("n1", "n2"):
        state.apply(NodeUpserted(Node(name=name)), 0.0)
    return state


def metrics_of(
    state: ClusterState, *, url: str = "", file: Path | None = None, static: bool = False, clock: Clock | None = None
) -> LoadMetrics:
    if url:
        source = LoadSource(provider=Provider.LOAD_WATCHER, address=url)
    else:
        source = LoadSource(provider=Provider.FILE, address=str(file))
    return LoadMetrics(state, lambda: source, LoadFeeds(state).open, static=static, clock=clock or Clock())


def load_of(state: ClusterState, name: str) -> float | None:
    row = state.nodes.row(name)
    return float(state.nodes.load_cpu_pct[row]) if state.nodes.load_cpu_known[row] else None


def with_watcher(answer: Callable[[], web.StreamResponse | Awaitable[web.StreamResponse]], story: Any) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.path == "/base/watcher"
        found = answer()
        return found if isinstance(found, web.StreamResponse) else await found

    async def run() -> None:
        async with served(handle) as address:
            await story(address + "/base")

    asyncio.run(run())


def test_a_service_fills_the_columns() -> None:
    state = a_state()
    heard: list[Any] = []
    state.listeners.append(heard.append)

    async def story(address: str) -> None:
        load = metrics_of(state, url=address)
        assert await load.poll()
        assert (load_of(state, "n1"), load_of(state, "n2")) == (42.5, None)
        assert state.metrics_end_s == 990
        assert load.status()["nodes"] == 2

    with_watcher(lambda: web.json_response(a_document("n1", "elsewhere")), story)
    again = a_state()
    again.apply(MetricsReplaced(msgspec.json.decode(msgspec.json.encode(dict(heard[0].document))), 0.0), 0.0)
    assert load_of(again, "n1") == 42.5, "the event as the journal keeps it says the same"


@pytest.mark.parametrize("many", [3, 4000])
def test_short_and_long_documents_are_read_alike(many: int) -> None:
    state = a_state()

    async def story(address: str) -> None:
        assert await metrics_of(state, url=address).poll()
        assert load_of(state, "n1") == 42.5

    with_watcher(lambda: web.json_response(a_document("n1", *(f"x{i}" for i in range(many)))), story)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(status=302, headers={"Location": "/elsewhere"}),
        lambda: web.Response(text="garbage"),
        lambda: web.Response(text="[]"),
        lambda: web.Response(text=""),
        lambda: web.Response(body=b"\xff\xfe"),
        lambda: web.Response(text='{"data": {"NodeMetricsMap": {"n1": '),
        lambda: web.Response(text="[" * 100_000),
        lambda: asyncio.sleep(30, web.Response()),
        lambda: web.Response(text="x" * 5000),
    ],
)
def test_a_failure_is_told_and_leaves_the_last_values(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_fetch, "FETCH_TIMEOUT_S", 0.2)
    monkeypatch.setattr(load_fetch, "DOCUMENT_BYTES_MAX", 200_000)
    state = a_state()
    answers: list[Any] = [lambda: web.json_response(a_document("n1")), answer]

    async def story(address: str) -> None:
        load = metrics_of(state, url=address)
        assert await load.poll()
        assert not await load.poll()
        assert load.error
        assert load.status()["failures"] == 1
        assert load_of(state, "n1") == 42.5

    with_watcher(lambda: answers.pop(0)(), story)  # noqa: PLW0108 - the next answer for every call


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"12"', "null", "[]"])
def test_a_value_that_is_no_number_spoils_neither_node_nor_document(value: str) -> None:
    state = a_state()
    text = json.dumps(a_document("n1", "n2")).replace("42.5", value, 1)

    async def story(address: str) -> None:
        assert await metrics_of(state, url=address).poll()
        assert load_of(state, "n1") in (None, 0.0)
        assert load_of(state, "n2") == 42.5

    with_watcher(lambda: web.Response(text=text), story)


def test_nobody_there_is_a_failure() -> None:
    load = metrics_of(a_state(), url="http://127.0.0.1:1")
    assert not asyncio.run(load.poll())
    assert "127.0.0.1" in load.error


def test_stale_values_tell_nothing_until_new_ones_come(tmp_path: Path) -> None:
    state, clock, path = a_state(), Clock(), tmp_path / "load.json"
    heard: list[Event] = []
    state.listeners.append(heard.append)
    path.write_text(json.dumps(a_document("n1")))
    load = metrics_of(state, file=path, clock=clock)
    load.check_age()
    assert asyncio.run(load.poll())
    clock.now_s += METRICS_STALE_S
    load.check_age()
    assert load_of(state, "n1") == 42.5
    clock.now_s += 1
    load.check_age()
    load.check_age()
    assert load_of(state, "n1") is None
    assert len(heard) == 2, "blanked once, by an event that a replay sees too"
    path.write_text(json.dumps(a_document("n1", value=50.0)))
    os.utime(path, (2000, 2000))
    assert asyncio.run(load.poll())
    assert load_of(state, "n1") == 50.0


def test_a_static_file_never_grows_stale(tmp_path: Path) -> None:
    state, clock, path = a_state(), Clock(), tmp_path / "load.json"
    path.write_text(json.dumps(a_document("n1")))
    load = metrics_of(state, file=path, static=True, clock=clock)
    asyncio.run(load.poll())
    clock.now_s += 1e6
    load.check_age()
    assert load_of(state, "n1") == 42.5


def test_a_file_is_read_when_it_changes_and_a_broken_one_stays_an_error(tmp_path: Path) -> None:
    state, path = a_state(), tmp_path / "load.json"
    load = metrics_of(state, file=path)
    assert not asyncio.run(load.poll())
    path.write_text(json.dumps(a_document("n1")))
    assert asyncio.run(load.poll())
    assert asyncio.run(load.poll())
    assert state.generation == 3, "two nodes and one document"
    path.write_text("{")
    assert not asyncio.run(load.poll())
    assert not asyncio.run(load.poll())
    assert load.error


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (LoadSource(provider=Provider.LOAD_WATCHER, address="load-watcher:2020"), "http://load-watcher:2020"),
        (LoadSource(provider=Provider.LOAD_WATCHER, address="/watcher"), "no address of a load-watcher"),
        (LoadSource(provider=Provider.PROMETHEUS, address="ftp://p"), "no address of a Prometheus server"),
        (LoadSource(provider=Provider.KUBERNETES), "needs an API server"),
        (LoadSource(provider=Provider.SIGNALFX), "run a load-watcher on it"),
    ],
)
def test_a_source_that_cannot_be_asked_is_an_error_and_no_crash(source: LoadSource, words: str) -> None:
    state = a_state()
    load = LoadMetrics(state, lambda: source, LoadFeeds(state).open, clock=Clock())
    assert not asyncio.run(load.poll())
    assert words in load.status()["error"]


def test_neither_password_nor_token_is_ever_shown() -> None:
    source = LoadSource(provider=Provider.PROMETHEUS, address="http://me:secret@127.0.0.1:1/p", token="hidden")  # noqa: S106
    state = a_state()
    load = LoadMetrics(state, lambda: source, LoadFeeds(state).open, clock=Clock())
    assert not asyncio.run(load.poll())
    told = json.dumps(load.status())
    assert "127.0.0.1:1/p" in told
    assert "secret" not in told
    assert "hidden" not in told


def test_another_source_is_followed_and_none_is_no_failure(tmp_path: Path) -> None:
    state = a_state()
    paths = [tmp_path / "one", tmp_path / "two"]
    for path, value in zip(paths, (10.0, 20.0), strict=True):
        path.write_text(json.dumps(a_document("n1", value=value)))
    sources: list[LoadSource | None] = [LoadSource(provider=Provider.FILE, address=str(path)) for path in paths]
    sources = [None, sources[0], sources[1], None]
    load = LoadMetrics(state, lambda: sources[0], LoadFeeds(state).open, clock=Clock())
    seen = []
    for _ in range(4):
        asyncio.run(load.poll())
        seen.append((load.status()["source"], load_of(state, "n1")))
        sources.pop(0) if len(sources) > 1 else None
    assert seen == [("", None), (f"file {paths[0]}", 10.0), (f"file {paths[1]}", 20.0), ("", 20.0)]
    assert load.status()["failures"] == 0


def test_run_polls_until_cancelled(tmp_path: Path) -> None:
    state, path = a_state(), tmp_path / "load.json"
    path.write_text(json.dumps(a_document("n1")))

    async def run() -> None:
        task = asyncio.create_task(metrics_of(state, file=path).run())
        async with asyncio.timeout(20):
            while load_of(state, "n1") is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
