"""Ports for programs that must be told theirs before they listen."""

from __future__ import annotations

import itertools
import os
import socket
from pathlib import Path

_LOWEST = 10_240
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _candidates() -> range:
    """Below those that the system gives to connections and to whoever asks for any port: nobody takes one of these
    between our look and the program's start."""
    try:
        first_given = int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first_given = 32_768
    return range(_LOWEST, max(first_given, _LOWEST + 1000))


_ALL = _candidates()
# Two test runs of one machine begin at different places.
_next = itertools.count(os.getpid() * 37)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens; each is given once in a test run, until all were."""
    for _ in _ALL:
        port = _ALL[next(_next) % len(_ALL)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError(f"no free port from {_ALL.start} to {_ALL.stop - 1}")
