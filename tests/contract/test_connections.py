"""One connection for as long as the scheduler likes, through the real server, whatever is answered on it."""

from __future__ import annotations

import json
import socket
import time

import pytest

from extender.server.app import SchedulerApp, scheduler_app
from extender.server.serve import KEEP_ALIVE_S
from extender.server.verbs import Verbs
from tests.contract.a_server import WAIT_S, running
from tests.contract.a_stand_in import StandInEngine, a_table, recorded
from tests.contract.protocol import check_filter, check_prioritize, names_sent

CALLS = 2400
LARGE = next(call.body for call in recorded(lambda c: c.case == "scale-5000" and c.verb == "filter"))
SMALL = next(call.body for call in recorded(lambda c: c.case == "minimal" and c.verb == "filter" and c.mode == "names"))
BIND = b'{"PodName":"p","PodNamespace":"ns","PodUID":"u","Node":"n"}'


def an_app(max_body: int = 1 << 20) -> SchedulerApp:
    return scheduler_app(Verbs(StandInEngine(), a_table(names_sent(json.loads(LARGE)))), max_body)


class StrictCaller:
    """Reads an answer as a Go client before 1.27 needs it: by Content-Length, and not a byte more on the line."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""

    def call(self, path: str, body: bytes, method: str = "POST") -> tuple[int, dict[str, str], bytes]:
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        )
        self._socket.sendall(head.encode() + b"Accept-Encoding: gzip\r\n\r\n" + body)
        return self.read()

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def read(self) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._left:
            self._more()
        head, self._left = self._left.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert "transfer-encoding" not in headers
        assert "content-encoding" not in headers
        length = int(headers["content-length"])
        while len(self._left) < length:
            self._more()
        body, self._left = self._left[:length], self._left[length:]
        assert not self._left, "bytes behind the answer"
        return int(first.split(" ")[1]), headers, body

    def closed(self) -> bool:
        return self._socket.recv(1) == b""

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> None:
        found = self._socket.recv(1 << 16)
        assert found, "the server closed the connection"
        self._left += found


def test_thousands_of_calls_share_one_connection() -> None:
    with running(an_app()) as server:
        caller = StrictCaller(server.port)
        large, small = json.loads(LARGE), json.loads(SMALL)
        for turn in range(CALLS // 4):
            status, headers, body = caller.call("/filter", LARGE)
            assert status == 200
            assert "connection" not in headers
            assert caller.call("/prioritize", SMALL)[0] == 200
            assert caller.call("/filter", b"{")[::2] == (400, b"")
            assert caller.call("/bind", BIND)[::2] == (200, b'{"Error":""}')
            if turn == 0:
                check_filter(body, large)
                check_prioritize(caller.call("/prioritize", SMALL)[2], small)
        caller.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/filter", b"garbage", 400),
        ("POST", "/preempt", b"null", 400),
        ("POST", "/nothing", SMALL, 404),
        ("GET", "/filter", b"", 405),
        ("PUT", "/filter", SMALL, 405),
        ("POST", "/filter", b"x" * 200_000, 413),
        ("POST", "/bind", b"x" * 200_000, 413),
    ],
)
def test_a_refusal_leaves_the_connection_as_it_was(method: str, path: str, body: bytes, status: int) -> None:
    with running(an_app(max_body=100_000)) as server:
        caller = StrictCaller(server.port)
        for _ in range(20):
            found, headers, answer = caller.call(path, body, method)
            assert (found, answer) == (status, b"")
            assert headers["x-trimtab-reason"]
            assert "connection" not in headers
            assert caller.call("/filter", SMALL)[0] == 200
        caller.close()


def test_chunked_bodies_are_read_and_bounded() -> None:
    def chunked(*parts: bytes) -> bytes:
        head = b"POST /filter HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"

    with running(an_app(max_body=100_000)) as server:
        caller = StrictCaller(server.port)
        caller.send(chunked(SMALL[:100], SMALL[100:]))
        status, _headers, body = caller.read()
        assert status == 200
        assert body == caller.call("/filter", SMALL)[2]
        caller.send(chunked(*[b"x" * 30_000] * 5))
        assert caller.read()[::2] == (413, b"")
        assert caller.call("/filter", SMALL)[0] == 200
        caller.close()


def test_hundreds_of_connections_at_once_are_answered() -> None:
    with running(an_app()) as server:
        callers = [StrictCaller(server.port) for _ in range(300)]
        for caller in callers:
            caller.send(b"POST /bind HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(BIND), BIND))
        assert all(caller.read()[::2] == (200, b'{"Error":""}') for caller in callers)
        for caller in callers:
            caller.close()


def test_garbage_on_the_line_costs_only_its_own_connection() -> None:
    with running(an_app()) as server:
        for raw in (b"\x16\x03\x01\x02\x00", b"FILTER\r\n\r\n", b"POST /filter HTTP/1.1\r\nContent-Length: -5\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as line:
                line.sendall(raw)
                line.shutdown(socket.SHUT_WR)
                while line.recv(1 << 16):
                    pass
        caller = StrictCaller(server.port)
        assert caller.call("/filter", SMALL)[0] == 200
        caller.close()


def test_a_caller_that_leaves_mid_body_harms_nobody() -> None:
    with running(an_app()) as server:
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S) as line:
                line.sendall(b"POST /filter HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + SMALL)
        caller = StrictCaller(server.port)
        assert caller.call("/filter", SMALL)[0] == 200
        caller.close()


def test_shutdown_asks_callers_to_leave_then_ends() -> None:
    app = an_app()
    with running(app, drain=app.drain, drain_s=3.0) as server:
        caller = StrictCaller(server.port)
        assert "connection" not in caller.call("/filter", SMALL)[1]
        server.stop()
        deadline = time.monotonic() + WAIT_S
        while not app.draining and time.monotonic() < deadline:
            time.sleep(0.01)
        status, headers, body = caller.call("/filter", SMALL)
        assert (status, headers["connection"]) == (200, "close")
        assert body
        assert caller.closed()
        caller.close()


def test_idle_connections_outlive_the_schedulers_own_limit_of_90_seconds() -> None:
    assert KEEP_ALIVE_S > 90


def test_when_the_lead_is_lost_idle_connections_are_closed_and_a_new_one_is_told_to_go_elsewhere() -> None:
    lead: list[str] = []
    engine = StandInEngine()
    closed = lambda: lead[0] if lead else None  # noqa: E731
    app = scheduler_app(Verbs(engine, a_table(names_sent(json.loads(LARGE))), active=closed, elsewhere=closed))
    with running(app) as server:
        idle = StrictCaller(server.port)
        assert idle.call("/filter", SMALL)[0] == 200
        binding = StrictCaller(server.port)
        assert binding.call("/bind", BIND)[0] == 200

        lead.append("another one leads")
        server.run(app.send_away)
        assert idle.closed()
        assert binding.closed()
        for path, body in (("/filter", SMALL), ("/bind", BIND)):
            caller = StrictCaller(server.port)
            status, headers, answer = caller.call(path, body)
            assert (status, answer) == (503, b"")
            assert (headers["content-length"], headers["connection"]) == ("0", "close")
            assert headers["x-trimtab-reason"] == "another one leads"
            assert caller.closed()

        lead.clear()
        assert StrictCaller(server.port).call("/filter", SMALL)[0] == 200
