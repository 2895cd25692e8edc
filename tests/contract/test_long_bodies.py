"""Whole Node objects over the line: long bodies collected in memory that is used again, answers that lie in it."""

from __future__ import annotations

import json
import random
import socket
import ssl
import time
from pathlib import Path

import pytest

from extender.server import body as bodies
from extender.server.app import SchedulerApp, scheduler_app
from extender.server.serve import Tls
from extender.server.verbs import Verbs
from tests.contract.a_server import WAIT_S, running
from tests.contract.a_stand_in import StandInEngine, a_table
from tests.contract.test_connections import SMALL
from tests.contract.test_verb_protocol import SLOW, Line, a_call

NAMES = [f"node-{number:03d}" for number in range(120)]
POD = {"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": {"containers": []}}
CERTIFICATES = Path(__file__).parents[1] / "extender" / "server" / "certificates"


def an_app() -> SchedulerApp:
    return scheduler_app(Verbs(StandInEngine(), a_table(NAMES)))


def a_body(seed: int, count: int = 100, size: int = 8000) -> bytes:
    """Some Node objects, with another text in them for each seed."""
    chance = random.Random(seed)
    text = "".join(chance.choice('ab{}[]:,"\\ é') for _ in range(size))
    items = [{"metadata": {"name": name, "annotations": {"text": text}}} for name in chance.sample(NAMES, count)]
    args = {"Pod": POD, "Nodes": {"metadata": {}, "items": items}, "NodeNames": None}
    return json.dumps(args, separators=(",", ":"), ensure_ascii=False).encode()


def expected(verb: str, body: bytes) -> bytes:
    """The answer of a server that knows nothing and reads plainly, up to the spelling of Node objects."""
    return Verbs(StandInEngine(), a_table(NAMES)).call(verb, body).body


def told(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    return body


class Taken:
    """How many bodies were collected in the room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        take = bodies.Room.take

        def counted(room: bodies.Room, size: int) -> bytearray | None:
            found = take(room, size)
            self.count += found is not None
            return found

        monkeypatch.setattr(bodies.Room, "take", counted)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    return Taken(monkeypatch)


def test_long_bodies_are_answered_as_short_ones_are_call_after_call(taken: Taken) -> None:
    chance = random.Random(5)
    with running(an_app()) as server:
        line = Line(server.port)
        for turn in range(30):
            verb = chance.choice(["filter", "prioritize"])
            body = a_body(turn // 3, chance.choice([1, 2, 60, 100, 120]))
            line.send(a_call(f"/{verb}".encode(), body))
            assert told(line.answer()) == expected(verb, body)
            line.send(a_call(f"/{verb}".encode(), SMALL, chance.choice([b"", SLOW])))
            assert line.answer().startswith(b"HTTP/1.1 200 OK\r\n")
        line.close()
    assert taken.count > 10


def test_it_does_not_matter_how_a_long_body_arrives(taken: Taken) -> None:
    chance = random.Random(6)
    body = a_body(1)
    whole = a_call(b"/filter", body)
    with running(an_app()) as server:
        line = Line(server.port)
        for _ in range(12):
            cuts = sorted(chance.sample(range(len(whole) - len(body), len(whole)), chance.randint(1, 6)))
            line.send(*[whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)])
            assert told(line.answer()) == expected("filter", body)
        line.close()
    # Not each of the 12: a call that is there before all is done behind the last answer finds the room still looked at.
    assert taken.count > 6


def test_an_answer_that_nobody_has_read_yet_is_not_written_over(taken: Taken) -> None:
    """It lies in the room, of which the socket has not taken all, when others send their bodies."""
    slow = a_body(1, size=60_000)
    quick = slow.replace(b"ab", b"ba")  # as long
    with running(an_app()) as server:
        first, second = Line(server.port), Line(server.port)
        first.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        first.send(a_call(b"/filter", slow))
        for _ in range(2):
            second.send(a_call(b"/filter", quick))
            assert told(second.answer()) == expected("filter", quick)
        assert taken.count == 1
        assert told(first.answer()) == expected("filter", slow)
        second.send(a_call(b"/filter", quick))
        assert told(second.answer()) == expected("filter", quick)
        assert taken.count == 2
        first.close()
        second.close()


def test_two_callers_at_once_do_not_share_what_they_send(taken: Taken) -> None:
    first, second = a_body(1), a_body(2)
    one, other = a_call(b"/filter", first), a_call(b"/filter", second)
    half = len(one) // 2
    with running(an_app()) as server:
        lines = [Line(server.port) for _ in range(2)]
        for _ in range(3):
            lines[0].send(one[:half])
            time.sleep(0.02)
            lines[1].send(other)
            assert told(lines[1].answer()) == expected("filter", second)
            lines[0].send(one[half:])
            assert told(lines[0].answer()) == expected("filter", first)
        for line in lines:
            line.close()
    assert taken.count >= 3


def test_a_caller_that_leaves_gives_its_room_back(taken: Taken) -> None:
    whole = a_call(b"/filter", a_body(1))
    with running(an_app()) as server:
        for count in range(1, 4):
            line = Line(server.port)
            line.send(whole[: len(whole) // 2])
            until = time.monotonic() + WAIT_S
            while taken.count < count and time.monotonic() < until:
                time.sleep(0.01)
            line.close()
            time.sleep(0.05)
    assert taken.count == 3


def test_a_long_body_that_is_on_its_way_at_shutdown_is_still_answered(taken: Taken) -> None:
    body = a_body(1)
    whole = a_call(b"/filter", body)
    with running(an_app()) as server:
        line = Line(server.port)
        line.send(whole[:-10])
        time.sleep(0.05)
        server.stop()
        time.sleep(0.05)
        line.send(whole[-10:])
        answer = line.answer()
        assert told(answer) == expected("filter", body)
        assert b"\r\nconnection: close\r\n" in answer
        line.close()
    assert taken.count == 1


def test_a_long_body_over_tls(taken: Taken) -> None:
    context = ssl.create_default_context(cafile=str(CERTIFICATES / "ca.pem"))
    context.check_hostname = False
    tls = Tls(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    with running(an_app(), tls=tls) as server:
        line = Line(server.port)
        line.socket = context.wrap_socket(line.socket)
        for seed in (1, 2, 2):
            for verb in ("filter", "prioritize"):
                body = a_body(seed)
                line.send(a_call(f"/{verb}".encode(), body))
                assert told(line.answer()) == expected(verb, body)
        line.close()
    assert taken.count == 6
