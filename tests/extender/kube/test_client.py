"""Bytes to and from an API server: any status is a value, trouble is a KubeError, nothing hangs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from extender.kube import KubeApi, KubeError, client
from tests.extender.cluster.a_server import Answer, a_stream, connected, served


async def _echo(request: web.Request) -> web.StreamResponse:
    told = {
        "method": request.method,
        "path": request.raw_path,
        "body": (await request.read()).decode(),
        "authorization": request.headers.get("Authorization"),
        "type": request.headers.get("Content-Type"),
    }
    return web.json_response(told, status=int(request.query.get("status", "200")), headers={"X-Some-Header": "yes"})


def test_a_request_carries_query_body_and_type_and_any_status_is_a_value() -> None:
    async def run() -> None:
        async with connected(_echo) as api:
            answer = await api.request(
                "PATCH", "/api/v1/x", query={"status": "409", "a": "b=c&d"}, body=b"{}", content_type="application/y"
            )
            assert answer.status == 409
            assert answer.headers["x-some-header"] == "yes"
            told = json.loads(answer.body)
            assert (told["method"], told["body"], told["type"]) == ("PATCH", "{}", "application/y")
            assert told["path"].startswith("/api/v1/x?")

    asyncio.run(run())


def test_a_redirect_is_a_value_and_is_not_followed() -> None:
    """A POST would become a GET on the way, and a login page that answers 200 a success."""
    seen: list[str] = []

    async def login(request: web.Request) -> web.StreamResponse:
        seen.append(f"{request.method} {request.path}")
        if request.path == "/login":
            return web.Response(text="who are you?")
        return web.Response(status=302, headers={"Location": "/login"})

    async def run() -> None:
        async with connected(login) as api:
            assert (await api.request("POST", "/api/v1/x", body=b"{}")).status == 302
            with pytest.raises(KubeError, match="302"):
                await _collect(api)

    asyncio.run(run())
    assert seen == ["POST /api/v1/x", "GET /w"]


async def _hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    raise AssertionError


async def _cut(request: web.Request) -> web.StreamResponse:
    out = await a_stream(request)
    await out.write(b"half")
    assert request.transport
    request.transport.abort()
    raise asyncio.CancelledError


@pytest.mark.parametrize("bad", [_hang, _cut])
def test_trouble_of_a_request_is_a_kube_error_that_names_the_call(bad: Answer) -> None:
    async def run() -> None:
        async with connected(bad) as api:
            with pytest.raises(KubeError, match="GET /api/v1/x") as raised:
                await api.request("GET", "/api/v1/x", timeout_s=0.2)
            assert raised.value.status is None

    asyncio.run(run())


def test_nobody_listening_is_a_kube_error() -> None:
    async def run() -> None:
        async with served(_echo) as address:
            pass
        api = KubeApi(Configuration(host=address))
        try:
            with pytest.raises(KubeError):
                await api.request("GET", "/")
            with pytest.raises(KubeError):
                await _collect(api)
        finally:
            await api.close()

    asyncio.run(run())


async def _collect(api: KubeApi, read_timeout_s: float = 5.0) -> list[bytes]:
    return [line async for line in api.stream("/w", query={"watch": "true"}, read_timeout_s=read_timeout_s)]


def _pieces(*pieces: bytes, linger_s: float = 0.0) -> Answer:
    async def handle(request: web.Request) -> web.StreamResponse:
        out = await a_stream(request)
        for piece in pieces:
            await out.write(piece)
            await asyncio.sleep(0.01)
        await asyncio.sleep(linger_s)
        return out

    return handle


def test_lines_are_whole_however_they_are_cut_and_an_unfinished_one_is_left_out() -> None:
    async def run() -> list[bytes]:
        async with connected(_pieces(b"on", b"e\ntwo\nthr", b"ee\n", b"\nunfinis", b"hed")) as api:
            return await _collect(api)

    assert asyncio.run(run()) == [b"one", b"two", b"three", b""]


def test_a_silent_stream_is_a_kube_error_after_the_lines_before() -> None:
    async def run() -> None:
        async with connected(_pieces(b"one\n", linger_s=5)) as api:
            with pytest.raises(KubeError, match="silent"):
                await _collect(api, read_timeout_s=0.1)

    asyncio.run(run())


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LINE_BYTES_MAX", 1000)

    async def run() -> None:
        async with connected(_pieces(*[b"x" * 400] * 4)) as api:
            with pytest.raises(KubeError, match="longer than"):
                await _collect(api)

    asyncio.run(run())


def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_BYTES_MAX", 1000)

    async def run() -> None:
        async with connected(_pieces(*[b"x" * 400] * 4)) as api:
            with pytest.raises(KubeError, match="longer than"):
                await api.request("GET", "/")

    asyncio.run(run())


def test_a_refused_stream_tells_status_message_and_when_to_come_back() -> None:
    async def busy(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"message": "later, please"}, status=429, headers={"Retry-After": "7"})

    async def run() -> None:
        async with connected(busy) as api:
            with pytest.raises(KubeError, match="later, please") as raised:
                await _collect(api)
            assert (raised.value.status, raised.value.retry_after_s) == (429, 7.0)

    asyncio.run(run())


def test_watches_do_not_keep_requests_waiting() -> None:
    async def mixed(request: web.Request) -> web.StreamResponse:
        return await (_pieces(b"one\n", linger_s=30) if "watch" in request.query else _echo)(request)

    async def run() -> None:
        async with connected(mixed) as api:
            streams = [
                api.stream("/w", query={"watch": "true"}, read_timeout_s=30) for _ in range(client.REQUESTS_MAX + 9)
            ]
            assert [await anext(stream) for stream in streams] == [b"one"] * len(streams)
            assert (await api.request("GET", "/", timeout_s=5)).status == 200
            for stream in streams:
                await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


def test_a_kubeconfig_gives_address_and_token_and_is_read_again_after_a_401(tmp_path: Path) -> None:
    def config(address: str, token: str) -> str:
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": address}}],
                "users": [{"name": "u", "user": {"token": token}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )

    async def guarded(request: web.Request) -> web.StreamResponse:
        return await _echo(request) if request.headers["Authorization"] == "Bearer new" else web.Response(status=401)

    async def run() -> None:
        async with served(guarded) as address:
            file = tmp_path / "config"
            file.write_text(config(address, "old"))
            api = await KubeApi.connect(str(file))
            api._reloaded_at -= 60
            assert (await api.request("GET", "/")).status == 401
            assert (await api.request("GET", "/")).status == 401, "credentials are not read again for every call"
            file.write_text(config(address, "new"))
            api._reloaded_at -= 60
            assert (await api.request("GET", "/")).status == 401
            assert (await api.request("GET", "/")).status == 200
            await api.close()

    asyncio.run(run())


@pytest.mark.parametrize("text", ["", "[]", "{}", "a: [", '{"current-context": "nowhere"}'])
def test_a_kubeconfig_that_cannot_be_used_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(KubeError, match="--kubeconfig"):
        asyncio.run(KubeApi.connect(str(tmp_path / "config")))
    with pytest.raises(KubeError, match="--kubeconfig"):
        asyncio.run(KubeApi.connect(str(tmp_path / "absent")))


def test_inside_a_pod_without_a_token_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    with pytest.raises(KubeError, match="service account"):
        asyncio.run(KubeApi.connect())


def test_who_may_not_write_reads_only_and_nothing_of_the_rest_is_sent() -> None:
    async def run() -> None:
        seen: list[str] = []

        async def noted(request: web.Request) -> web.StreamResponse:
            seen.append(request.method)
            return web.Response(text="{}")

        why: list[str] = []
        async with connected(noted) as api:
            restrained = api.restrained(lambda: why[0] if why else None)
            assert (await restrained.request("PATCH", "/x", body=b"{}")).status == 200
            why.append("another replica leads")
            for method in ("POST", "PATCH", "PUT", "DELETE"):
                with pytest.raises(KubeError, match="another replica leads"):
                    await restrained.request(method, "/x")
            assert (await restrained.request("GET", "/x")).status == 200
            assert (await api.request("POST", "/x", body=b"{}")).status == 200
        assert seen == ["PATCH", "GET", "POST"]

    asyncio.run(run())
