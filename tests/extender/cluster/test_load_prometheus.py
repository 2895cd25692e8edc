"""Prometheus is asked a few questions; each failure stands alone, and nothing odd in an answer spoils the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from extender.cluster import load_fetch
from extender.cluster.load import LoadMetrics
from extender.cluster.load_feeds import LoadFeeds
from extender.cluster.state import METRICS_STALE_S, ClusterState
from extender.model.events import NodeUpserted
from extender.model.load_source import LoadSource, Provider
from extender.model.node import Node
from extender.model.prometheus import QUERIES, QUERY_NAMES, PrometheusOptions
from tests.extender.cluster.a_server import served

NAME_OF = {query: name for name, query in QUERIES.items()}
Told = dict[str, Any]


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Server:
    """Prometheus's query endpoint; `answers` by the name of the query."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[], web.StreamResponse | Awaitable[web.StreamResponse]]] = {}
        self.headers: list[str] = []

    def says(self, **shares: dict[str, str]) -> None:
        """query_name={node: value}; a query that is not named answers nothing."""
        for name in QUERY_NAMES:
            values = shares.get(name.replace("-", "_"), {})
            self.answers[name] = partial(vector, values)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.path == "/prom/api/v1/query"
        self.headers.append(request.headers.get("Authorization", ""))
        found = self.answers[NAME_OF.get(request.query["query"], request.query["query"])]()
        return found if isinstance(found, web.StreamResponse) else await found


def vector(values: dict[str, str], label: str = "instance") -> web.Response:
    result = [{"metric": {label: node}, "value": [990.1, value]} for node, value in values.items()]
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


class Scene:
    def __init__(self, address: str, server: Server, source: Told, options: PrometheusOptions | None) -> None:
        self.server, self.clock, self.state = server, Clock(), ClusterState()
        for name in ("n1", "n2"):
            self.state.apply(NodeUpserted(Node(name=name)), 0.0)
        asked = LoadSource(provider=Provider.PROMETHEUS, address=address + "/prom", **source)
        feeds = LoadFeeds(self.state, prometheus=options, clock=self.clock)
        self.load = LoadMetrics(self.state, lambda: asked, feeds.open, clock=self.clock)

    def of(self, name: str, column: str) -> float | None:
        nodes, row = self.state.nodes, self.state.nodes.row(name)
        resource = column.split("_", maxsplit=1)[0]
        valid = getattr(nodes, f"load_{resource}_valid")[row]
        return float(getattr(nodes, f"load_{column}")[row]) if valid else None


def play(story: Callable[[Scene], Awaitable[None]], options: PrometheusOptions | None = None, **source: Any) -> None:
    async def run() -> None:
        server = Server()
        async with served(server.handle) as address:
            await story(Scene(address, server, source, options))

    asyncio.run(run())


def test_four_queries_fill_the_columns_in_percent() -> None:
    async def story(scene: Scene) -> None:
        scene.server.says(cpu_avg={"n1": "0.25", "x": "1"}, cpu_std={"n1": "0.05"}, memory_avg={"n1": "0.5"})
        assert await scene.load.poll()
        assert [scene.of("n1", column) for column in ("cpu_pct", "cpu_first_pct", "cpu_avg_pct")] == [25, 25, 25]
        assert (scene.of("n1", "cpu_std_pct"), scene.of("n1", "memory_avg_pct")) == (5, 50)
        assert scene.of("n2", "cpu_pct") is None
        assert scene.state.metrics_end_s == 1000
        assert scene.load.status()["nodes"] == 2

    play(story)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500, text="boom"),
        lambda: web.Response(text="garbage"),
        lambda: web.Response(text="[]"),
        lambda: web.json_response({"status": "success", "data": {"resultType": "vector", "result": [7]}}),
        lambda: web.json_response({"status": "error", "errorType": "bad_data", "error": "parse error"}),
        lambda: web.json_response({"status": "success", "data": {"resultType": "matrix", "result": []}}),
        lambda: asyncio.sleep(30, web.Response()),
    ],
)
def test_one_failing_query_blanks_nothing_and_is_told(answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_fetch, "FETCH_TIMEOUT_S", 0.3)

    async def story(scene: Scene) -> None:
        scene.server.says(cpu_avg={"n1": "0.25"}, memory_avg={"n1": "0.5"})
        scene.server.answers["cpu-avg"] = answer
        assert not await scene.load.poll()
        assert "query cpu-avg" in scene.load.error
        assert scene.of("n1", "memory_avg_pct") == 50
        assert scene.of("n1", "cpu_avg_pct") is None

    play(story)


def test_the_last_answer_of_a_failing_query_stays_until_it_is_too_old() -> None:
    async def story(scene: Scene) -> None:
        scene.server.says(cpu_avg={"n1": "0.25"}, memory_avg={"n1": "0.5"})
        assert await scene.load.poll()
        scene.server.answers["cpu-avg"] = lambda: web.Response(status=503)
        scene.clock.now_s += METRICS_STALE_S
        assert not await scene.load.poll()
        assert scene.of("n1", "cpu_avg_pct") == 25
        assert scene.state.metrics_end_s == 1000, "as old as the load that it says"
        scene.clock.now_s += 1
        assert not await scene.load.poll()
        assert scene.of("n1", "cpu_avg_pct") is None
        assert scene.of("n1", "memory_avg_pct") == 50

    play(story)


def test_when_every_query_fails_nothing_is_new_and_the_load_grows_stale() -> None:
    async def story(scene: Scene) -> None:
        scene.server.says(cpu_avg={"n1": "0.25"})
        assert await scene.load.poll()
        for name in QUERY_NAMES:
            scene.server.answers[name] = lambda: web.Response(status=503)
        assert not await scene.load.poll()
        assert scene.of("n1", "cpu_avg_pct") == 25
        scene.clock.now_s += METRICS_STALE_S + 1
        scene.load.check_age()
        assert scene.of("n1", "cpu_avg_pct") is None
        assert scene.load.status()["stale"]

    play(story)


def test_a_deviation_without_its_average_tells_nothing() -> None:
    async def story(scene: Scene) -> None:
        scene.server.says(cpu_std={"n1": "0.1", "n2": "0.1"}, cpu_avg={"n1": "0.5"})
        assert await scene.load.poll()
        assert scene.of("n1", "cpu_std_pct") == 10
        assert scene.of("n2", "cpu_std_pct") is None

    play(story)


@pytest.mark.parametrize("odd", ["NaN", "+Inf", "-Inf"])
def test_values_that_are_no_numbers_are_left_out(odd: str) -> None:
    async def story(scene: Scene) -> None:
        scene.server.says(cpu_avg={"n1": odd, "n2": "-0.1"})
        assert await scene.load.poll()
        assert scene.of("n1", "cpu_avg_pct") is None
        assert scene.of("n2", "cpu_avg_pct") == -10

    play(story)


def test_queries_and_the_label_of_the_node_can_be_chosen() -> None:
    async def story(scene: Scene) -> None:
        scene.server.answers["mine"] = lambda: vector({"n1": "0.5"}, label="node")
        assert await scene.load.poll()
        assert scene.of("n1", "cpu_avg_pct") == 50
        assert len(scene.server.headers) == 1, "an empty query is not asked"

    play(story, PrometheusOptions({"cpu-avg": "mine", "cpu-std": ""}, "node"))


def test_a_series_without_the_label_is_nobodys() -> None:
    async def story(scene: Scene) -> None:
        scene.server.says()
        scene.server.answers["cpu-avg"] = lambda: vector({"n1": "0.5"}, label="pod")
        assert await scene.load.poll()
        assert scene.load.status()["nodes"] == 0

    play(story)


def test_the_token_is_sent_and_read_anew_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "token"

    async def story(scene: Scene) -> None:
        scene.server.says()
        assert not await scene.load.poll(), "there is no such file yet"
        for token in ("first", "second"):
            path.write_text(token + "\n")
            await scene.load.poll()
        assert scene.server.headers == 4 * ["Bearer first"] + 4 * ["Bearer second"]
        path.write_text("two\nlines")
        assert not await scene.load.poll()
        assert "printable" in scene.load.error

    play(story, token_file=str(path))
    play(lambda scene: says_bearer(scene, "given"), token="given")  # noqa: S106


async def says_bearer(scene: Scene, token: str) -> None:
    scene.server.says()
    assert await scene.load.poll()
    assert set(scene.server.headers) == {f"Bearer {token}"}
