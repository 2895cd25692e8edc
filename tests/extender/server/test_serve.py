"""Serving: several apps in one loop, stopped from outside; TLS where files are given; clear words where it fails."""

from __future__ import annotations

import asyncio
import http.client
import signal
import socket
import ssl
import warnings
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from extender.server.serve import CannotListen, Tls, serve
from tests.contract.a_server import WAIT_S, running

CERTIFICATES = Path(__file__).parent / "certificates"
SERVER = Tls(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
MUTUAL = Tls(CERTIFICATES / "server.pem", CERTIFICATES / "server.key", CERTIFICATES / "ca.pem")


class Saying:
    """An app that answers every request with one word."""

    def __init__(self, word: bytes) -> None:
        self._word = word

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"%d" % len(self._word))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._word})


def got(port: int, context: ssl.SSLContext | None = None) -> bytes:
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=WAIT_S, context=context)
        if context
        else http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    )
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def trusting(*, certificate: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(CERTIFICATES / "ca.pem"))
    if certificate:
        context.load_cert_chain(CERTIFICATES / "client.pem", CERTIFICATES / "client.key")
    return context


def test_two_apps_share_a_loop_and_end_when_told() -> None:
    async def both() -> list[bytes]:
        stop = asyncio.Event()
        listening: asyncio.Queue[int] = asyncio.Queue()

        def serving(word: bytes) -> asyncio.Task[None]:
            told = serve(
                Saying(word), "127.0.0.1", 0, stop=stop, listening=lambda _host, port: listening.put_nowait(port)
            )
            return asyncio.create_task(told)

        tasks = [serving(b"one"), serving(b"two")]
        ports = [await asyncio.wait_for(listening.get(), WAIT_S) for _ in tasks]
        words = [await asyncio.to_thread(got, port) for port in ports]
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), WAIT_S)
        for port in ports:
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        return words

    assert sorted(asyncio.run(both())) == [b"one", b"two"]


def test_signals_stay_with_their_owner() -> None:
    async def served() -> Any:
        stop = asyncio.Event()
        before = signal.getsignal(signal.SIGTERM)
        during: list[Any] = []
        ready = asyncio.Event()

        def listening(_host: str, _port: int) -> None:
            during.append(signal.getsignal(signal.SIGTERM))
            ready.set()

        task = asyncio.create_task(serve(Saying(b""), "127.0.0.1", 0, stop=stop, listening=listening))
        await ready.wait()
        stop.set()
        await task
        return during == [before]

    assert asyncio.run(served())


def test_an_address_in_use_is_told_with_its_port() -> None:
    with running(Saying(b"")) as server:
        taken = serve(Saying(b""), "127.0.0.1", server.port, stop=asyncio.Event())
        with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{server.port}.*another program"):
            asyncio.run(taken)


def test_an_address_that_is_not_ours_is_told() -> None:
    with pytest.raises(CannotListen, match=r"192\.0\.2\.1:0"):
        asyncio.run(serve(Saying(b""), "192.0.2.1", 0, stop=asyncio.Event()))


@pytest.mark.parametrize(
    "tls",
    [
        Tls(Path("/nowhere/cert.pem"), Path("/nowhere/key.pem")),
        Tls(CERTIFICATES / "README.md", CERTIFICATES / "server.key"),
        Tls(CERTIFICATES / "server.pem", CERTIFICATES / "client.key"),
        Tls(CERTIFICATES / "server.pem", CERTIFICATES / "server.key", CERTIFICATES / "README.md"),
    ],
    ids=["missing", "no certificate", "wrong key", "no authority"],
)
def test_tls_files_that_cannot_be_used_are_told(tls: Tls) -> None:
    with pytest.raises(CannotListen, match="--tls-cert"):
        asyncio.run(serve(Saying(b""), "127.0.0.1", 0, stop=asyncio.Event(), tls=tls))


def test_tls_is_spoken_where_files_are_given() -> None:
    with running(Saying(b"safe"), tls=SERVER) as server:
        assert got(server.port, trusting()) == b"safe"
        with pytest.raises((OSError, http.client.HTTPException)):
            got(server.port)


def test_old_tls_is_refused() -> None:
    old = trusting()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with running(Saying(b"safe"), tls=SERVER) as server, pytest.raises(OSError):
        got(server.port, old)


def test_a_client_authority_admits_only_its_own() -> None:
    with running(Saying(b"safe"), tls=MUTUAL) as server:
        assert got(server.port, trusting(certificate=True)) == b"safe"
        with pytest.raises((OSError, http.client.HTTPException)):
            got(server.port, trusting())
