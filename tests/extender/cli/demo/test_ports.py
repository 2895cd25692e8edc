"""Addresses: the usual ones where free, the given ones or a clear refusal."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from extender.cli.demo.ports import USUAL, PortTaken, choose


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(1)
        yield one.getsockname()[1]


def test_a_given_port_that_is_taken_is_refused_by_name(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"console: port {taken} on 127.0.0.1 is taken"):
        choose({"console": f"127.0.0.1:{taken}"})


def test_a_usual_port_that_is_taken_gives_way_to_a_free_one(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setitem(USUAL, "admin", taken)
    assert choose({}).admin != f"127.0.0.1:{taken}"


def test_no_two_programs_get_the_same_port() -> None:
    found = choose({})
    ports = {found.console, found.metrics, found.scheduler, found.admin, found.lab}
    assert len(ports) == 5


def test_the_same_port_given_twice_is_refused() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.raises(PortTaken):
        choose({"console": f"127.0.0.1:{port}", "metrics": f"127.0.0.1:{port}"})
