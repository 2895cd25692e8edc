"""Host ports: two pods cannot have the same one on the same address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from extender.model.pod import Pod

Port = tuple[str, str, int]
"""(protocol, host IP, port)"""

_EVERYWHERE = "0.0.0.0"
"""What a port without a host IP is bound to."""


def taken_ports(pods: Iterable[Pod]) -> list[Port]:
    return [port for pod in pods for port in pod.placement.host_ports]


def clash(some: Sequence[Port], others: Sequence[Port]) -> bool:
    """Whether any of the ports cannot be had together with one of the others."""
    return any(_clash(a, b) for a in some for b in others)


def _clash(a: Port, b: Port) -> bool:
    same_address = a[1] == b[1] or _EVERYWHERE in (a[1], b[1])
    return same_address and a[0] == b[0] and a[2] == b[2]
