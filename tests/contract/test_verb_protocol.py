"""The quick way from the line to the verbs and back: whoever looks at the line cannot tell which way was taken."""

from __future__ import annotations

import random
import socket
import time

import pytest

from extender.server import serve
from extender.server.protocol import VerbProtocol
from extender.telemetry.metrics import REGISTRY
from tests.contract.a_server import WAIT_S, running
from tests.contract.a_stand_in import recorded
from tests.contract.test_connections import BIND, LARGE, SMALL, StrictCaller, an_app

QUICK, SLOW = b"", b"X-Slow: 1\r\n"
"""A header that Go's client does not send takes a call the long way."""


def a_call(path: bytes, body: bytes, further: bytes = QUICK) -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %d\r\n%b" % (
        path,
        len(body),
        further,
    )
    return head + b"Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n" + body


class Counting:
    """How many calls went the quick way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        answer = VerbProtocol._answer

        def counted(protocol: VerbProtocol, body: bytes) -> None:
            self.calls += 1
            answer(protocol, body)

        monkeypatch.setattr(VerbProtocol, "_answer", counted)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(monkeypatch)


class Line:
    """A raw connection: all bytes of an answer, as they came."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = b""

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)
            if len(pieces) > 1:
                # Long enough to arrive as a piece of its own, mostly; the answer must not depend on it.
                time.sleep(0.001)

    def answer(self) -> bytes:
        while b"\r\n\r\n" not in self._held:
            self._more()
        head, _, _ = self._held.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        end = len(head) + 4 + length
        while len(self._held) < end:
            self._more()
        found, self._held = self._held[:end], self._held[end:]
        return found

    def is_closed(self) -> bool:
        return not self._held and self.socket.recv(1) == b""

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        found = self.socket.recv(1 << 16)
        assert found, "closed by the server"
        self._held += found


@pytest.mark.parametrize("path", [b"/filter", b"/prioritize", b"/preempt"])
@pytest.mark.parametrize("body", [SMALL, LARGE, b"{", b"null", b" " + SMALL, b"\xff" * 10], ids=len)
def test_both_ways_write_the_same_bytes(path: bytes, body: bytes, quick: Counting) -> None:
    with running(an_app()) as server:
        line = Line(server.port)
        answers = []
        for further in (QUICK, SLOW, QUICK):
            line.send(a_call(path, body, further))
            answers.append(line.answer())
        line.close()
    assert answers[0] == answers[1] == answers[2]
    assert quick.calls == (0 if path == b"/preempt" else 2)


def test_recorded_calls_go_the_quick_way(quick: Counting) -> None:
    calls = recorded(lambda c: c.verb in ("filter", "prioritize"))
    with running(an_app(max_body=16 << 20)) as server:
        line = Line(server.port)
        for call in calls:
            line.send(a_call(f"/{call.verb}".encode(), call.body))
            assert line.answer().startswith(b"HTTP/1.1 200 OK\r\n")
        line.close()
    assert quick.calls == len(calls)


@pytest.mark.parametrize(
    "length", [b"%d", b"000%d", b"+%d", b"%d ", b" %d", b"", b"00000000%d", b"\xb2%d", b"1\r\nContent-Length: %d"]
)
def test_a_head_that_is_known_by_its_neighbours_is_read_as_on_a_fresh_connection(
    length: bytes,
) -> None:
    """Only the digits may differ from a head that was read before; anything else in their place goes the long way."""
    usual = a_call(b"/filter", SMALL)
    digits = b"Content-Length: %d" % len(SMALL)
    odd = usual.replace(digits, b"Content-Length: " + (length % len(SMALL) if b"%d" in length else length))
    with running(an_app()) as server:
        fresh, used = Line(server.port), Line(server.port)
        used.send(usual)
        used.answer()
        used.send(a_call(b"/prioritize", LARGE))
        used.answer()
        answers = []
        for line in (fresh, used):
            line.send(odd)
            answers.append(line.answer())
            line.close()
    assert answers[0] == answers[1]


def test_it_does_not_matter_how_the_bytes_arrive() -> None:
    chance = random.Random(3)
    whole = a_call(b"/filter", SMALL)
    with running(an_app()) as server:
        line = Line(server.port)
        line.send(whole)
        expected = line.answer()
        for _ in range(60):
            cuts = sorted(chance.sample(range(1, len(whole)), chance.randint(1, 4)))
            line.send(*[whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)])
            assert line.answer() == expected
        line.close()


def test_calls_behind_each_other_are_answered_in_order() -> None:
    chance = random.Random(4)
    kinds = [
        (a_call(b"/filter", SMALL), b'{"NodeNames"'),
        (a_call(b"/prioritize", SMALL), b"["),
        (a_call(b"/filter", SMALL, SLOW), b'{"NodeNames"'),
        (a_call(b"/bind", BIND), b'{"Error":""}'),
        (a_call(b"/filter", b"{"), b""),
    ]
    with running(an_app()) as server:
        line = Line(server.port)
        for _ in range(40):
            chosen = [chance.choice(kinds) for _ in range(chance.randint(2, 6))]
            line.send(b"".join(call for call, _begins in chosen))
            for _call, begins in chosen:
                _head, _, body = line.answer().partition(b"\r\n\r\n")
                assert body.startswith(begins)
                assert bool(body) == bool(begins)
        line.close()


def test_a_body_that_looks_like_a_call_is_a_body(quick: Counting) -> None:
    inner = a_call(b"/filter", SMALL)
    outer = a_call(b"/filter", inner, SLOW)
    head, body = outer[: -len(inner)], outer[-len(inner) :]
    with running(an_app()) as server:
        line = Line(server.port)
        line.send(head)
        time.sleep(0.05)
        line.send(body)
        assert line.answer().startswith(b"HTTP/1.1 400 ")
        line.send(inner)
        assert line.answer().startswith(b"HTTP/1.1 200 ")
        line.close()
    assert quick.calls == 1


@pytest.mark.parametrize(
    ("further", "status"),
    [
        (b"Content-Length: 5\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n", b"400"),
        (b"Connection: close\r\n", b"200"),
        (b"content-type: text/plain\r\n", b"200"),
    ],
)
def test_a_head_of_another_kind_is_read_by_the_framework(further: bytes, status: bytes, quick: Counting) -> None:
    with running(an_app()) as server:
        line = Line(server.port)
        line.send(a_call(b"/filter", SMALL, further))
        assert line.answer().split(b" ")[1] == status
        line.close()
    assert quick.calls == 0


def test_a_body_above_the_limit_is_413_and_the_connection_serves_on(quick: Counting) -> None:
    with running(an_app(max_body=len(SMALL))) as server:
        line = Line(server.port)
        line.send(a_call(b"/filter", SMALL + b" "))
        assert line.answer().startswith(b"HTTP/1.1 413 ")
        line.send(a_call(b"/filter", SMALL))
        assert line.answer().startswith(b"HTTP/1.1 200 ")
        line.close()
    assert quick.calls == 1


def test_draining_asks_the_caller_to_leave() -> None:
    app = an_app()
    with running(app) as server:
        line = Line(server.port)
        line.send(a_call(b"/filter", SMALL))
        assert b"connection" not in line.answer().lower()
        app.drain()
        line.send(a_call(b"/filter", SMALL))
        assert b"\r\nconnection: close\r\n" in line.answer()
        assert line.is_closed()
        line.close()


def test_a_call_whose_body_is_on_its_way_at_shutdown_is_still_answered() -> None:
    with running(an_app()) as server:
        line = Line(server.port)
        whole = a_call(b"/filter", SMALL)
        line.send(whole[:-10])
        time.sleep(0.05)
        server.stop()
        time.sleep(0.05)
        line.send(whole[-10:])
        answer = line.answer()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nconnection: close\r\n" in answer
        line.close()


def test_a_caller_that_leaves_before_its_body_is_whole_is_counted() -> None:
    def left() -> float:
        return REGISTRY.get_sample_value("trimtab_client_disconnects_total", {"verb": "filter"}) or 0.0

    before = left()
    with running(an_app()) as server:
        line = Line(server.port)
        line.send(a_call(b"/filter", SMALL)[:-10])
        time.sleep(0.05)
        line.close()
        until = time.monotonic() + WAIT_S
        while left() == before and time.monotonic() < until:
            time.sleep(0.01)
    assert left() == before + 1


def test_a_connection_is_closed_only_when_it_has_been_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "KEEP_ALIVE_S", 1)
    with running(an_app()) as server:
        line = Line(server.port)
        for _ in range(5):
            line.send(a_call(b"/filter", SMALL))
            line.answer()
            time.sleep(0.4)
        assert line.is_closed()
        line.close()


def test_a_caller_that_does_not_read_is_not_served_from_memory_without_end(quick: Counting) -> None:
    calls = 4000  # far more than the sockets of both sides hold
    with running(an_app()) as server:
        line = Line(server.port)
        line.socket.settimeout(0.2)
        whole = a_call(b"/filter", LARGE)
        sent = 0
        try:
            while sent < calls:
                line.socket.sendall(whole)
                sent += 1
        except TimeoutError:
            pass
        line.close()
    # What the sockets' own buffers hold has been answered; the server then stopped reading.
    assert sent < calls
    assert quick.calls < calls


def test_requests_of_a_strict_caller_go_the_quick_way(quick: Counting) -> None:
    with running(an_app()) as server:
        caller = StrictCaller(server.port)
        assert caller.call("/filter", SMALL)[0] == 200
        caller.close()
    assert quick.calls == 1
