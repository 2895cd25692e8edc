"""The noun and its verbs: list and describe here, those that change the policy in switch.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NoReturn

import click

from extender.cli.output import form_options
from extender.cli.plugin.show import described, listed
from extender.cli.plugin.sources import Told, Unreachable, from_extender, from_installed
from extender.cli.plugin.switch import config, disable, enable, shadow
from extender.cli.root import UNREACHABLE

_NO = 1


def _asked(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say whom to ask."""
    for option in (
        form_options,
        click.option(
            "--offline", is_flag=True, help="Ask no extender: what this installation has, without inputs and policy."
        ),
        click.option(
            "--extender",
            "url",
            envvar="TRIMTAB_EXTENDER",
            metavar="URL",
            default="http://127.0.0.1:8889",
            show_default=True,
            help="Admin address of the extender.",
        ),
    ):
        command = option(command)
    return command


@click.group(help="Plugins: what is installed, what it reads and whether that is there, and in which profile it is on.")
def plugin() -> None:
    pass


@plugin.command("list", help="All plugins with phases, maturity, inputs and the profiles in which they are on.")
@_asked
def list_(url: str, *, offline: bool, output: str, headers: bool) -> None:
    click.echo(listed(_told(url, offline=offline), output, headers=headers), nl=False)


@plugin.command(help="One plugin with its arguments, their defaults and bounds, and its inputs.")
@click.argument("name")
@_asked
def describe(name: str, url: str, *, offline: bool, output: str, headers: bool) -> None:  # noqa: ARG001 - a sheet has none
    found = _find(_told(url, offline=offline), name)
    click.echo(described(found, output), nl=False)


def _told(url: str, *, offline: bool) -> Told:
    if offline:
        told = from_installed()
        for name, why in told.refused.items():
            click.echo(f"trimtab plugin: {name} is left out: {why}", err=True)
        return told
    try:
        return from_extender(url)
    except Unreachable as wrong:
        _fail(f"{wrong}; start the extender, name it with --extender, or ask with --offline", UNREACHABLE)


def _find(told: Told, name: str) -> dict[str, Any]:
    """By name or alias, whatever the case; else the nearest names are told."""
    names = {spelled.lower(): entry for entry in told.plugins for spelled in (entry["name"], *entry["aliases"])}
    found = names.get(name.lower())
    if found is None:
        near = [names[spelled]["name"] for spelled in get_close_matches(name.lower(), names, 3)]
        advice = f"did you mean {', '.join(near)}?" if near else "see trimtab plugin list"
        _fail(f"no plugin {name!r}; {advice}", _NO)
    return found


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"trimtab plugin: {message}", err=True)
    sys.exit(code)


for _command in (enable, disable, shadow, config):
    plugin.add_command(_command)
