"""`python -m analytics`: options, log, exit codes. 0 fine, 2 wrong usage, 3 cannot reach what it needs."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import orjson

from analytics import __version__
from analytics.main import Address, CannotStart, Settings, run
from analytics.store.retention import BadRetention, Retention


class JsonLines(logging.Formatter):
    """One JSON object per line (R-221)."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "tool": "scheduler-tools",
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class AddressType(click.ParamType[Address]):
    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
            self.fail(f"{value!r} is not HOST:PORT, for example 127.0.0.1:8080 or [::]:8080", param, ctx)
        return Address(host.strip("[]") or "0.0.0.0", int(port))


class RetentionType(click.ParamType[Retention]):
    name = "TIMES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Retention:
        if isinstance(value, Retention):
            return value
        try:
            return Retention.parse(str(value))
        except BadRetention as why:
            self.fail(str(why), param, ctx)


def _default_listen() -> Address:
    """PORT and HOST, else all interfaces inside a cluster, else loopback."""
    inside = "KUBERNETES_SERVICE_HOST" in os.environ
    host = os.environ.get("HOST") or ("0.0.0.0" if inside else "127.0.0.1")
    port = os.environ.get("PORT") or "8080"
    address: Address = AddressType().convert(f"{host}:{port}", None, None)
    return address


def _default_metrics() -> Address:
    return Address("0.0.0.0" if "KUBERNETES_SERVICE_HOST" in os.environ else "127.0.0.1", 8081)


def _url(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter(f"{value!r} is not an http or https URL")
    return value


def _named(option: str, **more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option that is also the environment variable TRIMTAB_<OPTION>."""
    return click.option(
        f"--{option}",
        envvar=f"TRIMTAB_{option.upper().replace('-', '_')}",
        show_envvar=True,
        show_default=not callable(more.get("default")),
        **more,
    )


@click.command(context_settings={"max_content_width": 110})
@_named("listen", type=AddressType(), default=_default_listen, help="Pages and APIs. [default: 127.0.0.1:8080]")
@_named("metrics", type=AddressType(), default=_default_metrics, help="Metrics and health. [default: 127.0.0.1:8081]")
@_named(
    "journal", type=click.Path(path_type=Path), multiple=True, help="Folder of journals; may be given several times."
)
@_named("store", default="trimtab.duckdb", help="DuckDB file, or postgresql:// URL.")
@_named("extender", default="http://127.0.0.1:8889", callback=_url, help="Admin address of the extender.")
@_named(
    "retention",
    type=RetentionType(),
    default="30d",
    help="How long decisions are kept: 30d, or detail=7d,facts=30d,policy=1y,loss=90d.",
)
@_named(
    "allowed-host", multiple=True, help="Host name under which browsers reach the pages; may be given several times."
)
@_named("log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
@click.version_option(__version__, prog_name="trimtab analytics")
def main(**given: Any) -> None:
    """The sidecar: reads the journal, keeps the store, serves pages and APIs."""
    _log(given["log_level"])
    settings = Settings(
        listen=given["listen"],
        metrics=given["metrics"],
        journals=given["journal"],
        store=given["store"],
        extender=given["extender"],
        retention=given["retention"],
        allowed_hosts=given["allowed_host"],
    )
    try:
        run(settings)
    except CannotStart as why:
        click.echo(f"error: {why}", err=True)
        sys.exit(3)


def _log(level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("analytics").setLevel(level.upper())


if __name__ == "__main__":
    main()
