"""A port that a test gives a program is the program's own: not given twice, not taken by a connection meanwhile."""

from __future__ import annotations

import socket
from contextlib import suppress

from tests.ports import free_port


def test_no_port_is_given_twice_and_none_that_is_taken() -> None:
    first = free_port()
    with socket.socket() as taken:
        with suppress(OSError):  # another program has it: that is as good
            taken.bind(("127.0.0.1", first + 5))
            taken.listen()
        given = [first, *(free_port() for _ in range(200))]
    assert len(set(given)) == len(given)
    assert first + 5 not in given


def test_no_connection_and_no_program_that_takes_any_port_gets_one_of_ours() -> None:
    ours = {free_port() for _ in range(200)}
    theirs = set()
    for _ in range(200):
        with socket.socket() as any_port:
            any_port.bind(("127.0.0.1", 0))
            theirs.add(any_port.getsockname()[1])
    assert max(ours) < min(theirs)
