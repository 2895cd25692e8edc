"""R-283: a value may stand in a Secret; it is read when it is needed, and every refusal says what to do."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from aiohttp import web

from extender.cluster.load import LoadMetrics
from extender.cluster.load_feeds import LoadFeeds
from extender.cluster.load_fetch import Unavailable
from extender.cluster.secrets import Secrets
from extender.cluster.state import ClusterState
from extender.framework.arguments import args_of
from extender.model.events import NodeUpserted
from extender.model.node import Node
from extender.model.secret import SecretKey
from extender.plugins.target_load_packing import PLUGIN
from tests.extender.cluster.a_server import connected, served
from tests.extender.cluster.test_load_prometheus import Server

TOKEN = SecretKey(name="trimtab-plugins", key="prometheus")
PATH = "/api/v1/namespaces/trimtab-system/secrets/trimtab-plugins"


def a_secret(**data: str) -> dict[str, Any]:
    return {"kind": "Secret", "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}}


def read(answer: web.Response | dict[str, Any]) -> str:
    """The value, as an API server with that answer gives it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.path == PATH
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    async def ask() -> str:
        async with connected(handle) as api:
            return await Secrets(api, "trimtab-system").value(TOKEN)

    return asyncio.run(ask())


def test_the_value_is_what_stands_under_the_key() -> None:
    assert read(a_secret(prometheus="s3cret\n", other="x")) == "s3cret"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda: web.json_response({"message": "no"}, status=403), "add its name to Role trimtab-secrets"),
        (lambda: web.json_response({"message": "no"}, status=404), "does not exist in namespace trimtab-system"),
        (lambda: web.json_response({"message": "no"}, status=410), "HTTP 410"),
        (lambda: a_secret(other="s3cret"), "no such key; it has other"),
        (lambda: {"kind": "Secret"}, "no such key; it has none"),
        (lambda: {"data": {"prometheus": "%%%"}}, "it is no text"),
        (lambda: {"data": {"prometheus": "/w=="}}, "it is no text"),
        (lambda: web.Response(text="[]"), "did not answer a Secret"),
    ],
)
def test_what_cannot_be_read_is_told_without_the_value(answer: Any, told: str) -> None:
    with pytest.raises(Unavailable) as refused:
        read(answer())
    assert told in str(refused.value)
    assert "Secret trimtab-plugins, key prometheus" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_without_a_cluster_it_says_so() -> None:
    with pytest.raises(Unavailable, match="no API server"):
        asyncio.run(Secrets(None, "").value(TOKEN))


def test_r280_an_argument_by_reference_reaches_prometheus_and_a_new_value_is_taken_up() -> None:
    values = ["first", "second"]

    async def story() -> list[str]:
        async def secret(_request: web.Request) -> web.StreamResponse:
            return web.json_response(a_secret(prometheus=values.pop(0)))

        server = Server()
        server.says(cpu_avg={"n": "0.5"})
        async with connected(secret) as api, served(server.handle) as address:
            provider = {"type": "Prometheus", "address": f"{address}/prom"}
            reference = {"secretRef": {"name": TOKEN.name, "key": TOKEN.key}}
            args, problems = args_of(PLUGIN, {"metricProvider": {**provider, "token": reference}})
            assert (problems, args is not None) == ([], True)
            assert PLUGIN.load_source is not None
            assert args is not None
            source = PLUGIN.load_source(args)
            state = ClusterState()
            state.apply(NodeUpserted(Node(name="n")), 0.0)
            feeds = LoadFeeds(state, secrets=Secrets(api, "trimtab-system"))
            load = LoadMetrics(state, lambda: source, feeds.open)
            assert await load.poll()
            assert await load.poll()
        return server.headers

    headers = asyncio.run(story())
    assert set(headers[:4]) == {"Bearer first"}
    assert set(headers[4:]) == {"Bearer second"}


@pytest.mark.parametrize(
    ("token", "path"),
    [
        ({"secretRef": {"name": "n"}}, "metricProvider.token.secretRef"),
        ({"secretRef": {"name": "N!", "key": "k"}}, "metricProvider.token.secretRef.name"),
        ({"secretRef": {"name": "n", "key": "../x"}}, "metricProvider.token.secretRef.key"),
        ({"secretRef": {"name": "n", "key": "k", "namespace": "kube-system"}}, "metricProvider.token.secretRef"),
        ({"secret": "x"}, "metricProvider.token"),
        (7, "metricProvider.token"),
    ],
)
def test_a_reference_that_is_none_is_refused_where_it_stands(token: Any, path: str) -> None:
    _args, problems = args_of(PLUGIN, {"metricProvider": {"token": token}})
    assert [at for at, _message in problems] == [path]
