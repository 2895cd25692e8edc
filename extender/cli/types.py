"""Option types: HOST:PORT and sizes."""

from __future__ import annotations

from typing import Any, NamedTuple

import click

from extender.quantity import QuantityError, value

PORT_MAX = 65535


class Address(NamedTuple):
    host: str
    port: int


class AddressType(click.ParamType[Address]):
    """`127.0.0.1:8888`, `[::1]:8888`, `:8888` (all interfaces) or `8888` (loopback); port 0 picks a free one."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        host, colon, port = str(value).rpartition(":")
        host = host.strip("[]") if host else ("0.0.0.0" if colon else "127.0.0.1")
        if not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
            self.fail(f"{value!r} is not HOST:PORT with a port from 0 to {PORT_MAX}", param, ctx)
        return Address(host, int(port))


ADDRESS = AddressType()


class SizeType(click.ParamType[int]):
    """Bytes, as a Kubernetes quantity: 64Mi, 8Gi, 1048576."""

    name = "SIZE"

    def convert(self, value_: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value_, int):
            return value_
        try:
            size = value(str(value_))
        except QuantityError as wrong:
            self.fail(str(wrong), param, ctx)
        if size <= 0:
            self.fail(f"{value_!r} is not a positive size", param, ctx)
        return size


SIZE = SizeType()
