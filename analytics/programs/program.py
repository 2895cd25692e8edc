"""A command for one tool: the sidecar's own options, a port, and the tool's flags."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import click
from click.core import ParameterSource

from analytics import __version__
from analytics.__main__ import default_listen, serve
from analytics.__main__ import main as sidecar
from analytics.main import Address

OK, NO, UNREACHABLE = 0, 1, 3
PORT_MAX: Final = 65_535
_OWN: Final = frozenset({"listen", "tool", "version"})


class CannotAnswer(Exception):
    """What the answer needs cannot be reached. The text says what, and what to do; the program leaves with 3."""


Once = Callable[[click.Context, Mapping[str, Any]], int | None]
"""What a program does when its flags ask for an answer instead of a server: the exit code; None: serve. Raises
CannotAnswer, UsageError."""


def command_of(
    name: str,
    about: str,
    *,
    port: int,
    metrics_port: bool = True,
    flags: Sequence[click.Option] = (),
    once: Once = lambda _ctx, _given: None,
) -> click.Command:
    """`metrics_port` False: metrics are on the web port alone (R-087). A flag replaces the sidecar's option of the same
    name; one that is called `debug` makes the log detailed."""
    taken = _OWN | {flag.name for flag in flags} | (frozenset() if metrics_port else {"metrics"})
    base = [param for param in sidecar.params if param.name not in taken]

    @click.pass_context
    def run(ctx: click.Context, /, **given: Any) -> None:
        chosen = given.pop("port")
        if chosen is not None:
            given["listen"] = Address(given["listen"].host, chosen)
        try:
            code = once(ctx, given)
        except CannotAnswer as why:
            click.echo(f"error: {why}", err=True)
            sys.exit(UNREACHABLE)
        if code is not None:
            sys.exit(code)
        if given.get("debug"):
            given["log_level"] = "debug"
        own = {flag.name for flag in flags} - {param.name for param in sidecar.params}
        if not metrics_port:
            given["metrics"] = given["listen"]
        serve({key: value for key, value in given.items() if key not in own} | {"tool": (name,)}, name)

    return click.Command(
        name,
        callback=run,
        help=about,
        params=[*flags, _port(port), _listen(port), *base, _version(name)],
        context_settings={"max_content_width": 110},
    )


def given_by_hand(ctx: click.Context, option: str) -> bool:
    """Flag or environment, not a default."""
    return ctx.get_parameter_source(option) not in (ParameterSource.DEFAULT, None)


def _port(port: int) -> click.Option:
    return click.Option(
        ["--port"], type=click.IntRange(0, PORT_MAX), help=f"Port of the page and the API. [default: {port}]"
    )


def _listen(port: int) -> click.Option:
    found = next(param for param in sidecar.params if param.name == "listen")
    return click.Option(
        ["--listen"],
        type=found.type,
        envvar=found.envvar,
        show_envvar=True,
        default=partial(default_listen, port),
        help="The same with the host. [default: 127.0.0.1, inside a cluster all]",
    )


def _version(name: str) -> click.Option:
    def show(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's own form
        if value and not ctx.resilient_parsing:
            click.echo(f"{name} {__version__}")
            ctx.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show the version, and end."
    )
