"""Addresses of the demo's programs: the usual ports where they are free, the given ones or nothing."""

from __future__ import annotations

import socket
from dataclasses import dataclass

HOST = "127.0.0.1"
USUAL = {"console": 8080, "metrics": 8081, "scheduler": 8888, "admin": 8889, "lab": 6080}


class PortTaken(Exception):
    """A port that was asked for is in use."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """HOST:PORT of everything that the demo listens on."""

    console: str
    metrics: str
    scheduler: str
    admin: str
    lab: str


def choose(given: dict[str, str]) -> Addresses:
    """`given`: by name, HOST:PORT or an empty string. Raises PortTaken."""
    held: list[socket.socket] = []
    try:
        return Addresses(**{name: _address(name, given.get(name, ""), usual, held) for name, usual in USUAL.items()})
    finally:
        for one in held:
            one.close()


def _address(name: str, given: str, usual: int, held: list[socket.socket]) -> str:
    """The port is held until all are chosen, so that no two get the same."""
    if given:
        host, _, port = given.rpartition(":")
        if not _hold(host or HOST, int(port), held):
            raise PortTaken(
                f"{name}: port {port} on {host or HOST} is taken; give another one, or end what listens there"
            )
        return f"{host or HOST}:{held[-1].getsockname()[1]}"
    if not _hold(HOST, usual, held):
        _hold(HOST, 0, held)
    return f"{HOST}:{held[-1].getsockname()[1]}"


def _hold(host: str, port: int, held: list[socket.socket]) -> bool:
    one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host.strip("[]"), port))
        one.listen(1)
    except OSError:
        one.close()
        return False
    held.append(one)
    return True
