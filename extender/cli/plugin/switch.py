"""enable, disable, shadow, config: changes of the policy that are about one plugin."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import click

from extender.cli.change import change_options, profile_option, tell
from extender.cli.completion import complete_phases, complete_plugins
from extender.cli.confirm import confirm, yes_option
from extender.cli.desk import at_desk
from extender.cli.output import form_options
from extender.cli.target import Target, target_options

_name = click.argument("name", shell_complete=complete_plugins)
_phases = click.argument("phases", required=False, shell_complete=complete_phases)


def phases_of(told: str | None) -> list[str] | None:
    """`filter,score`; None: every phase in which the plugin works."""
    return None if told is None else [phase.strip() for phase in told.split(",") if phase.strip()]


def value_of(told: str) -> Any:
    """A number, a boolean, or other JSON where it looks like one; else the text itself."""
    try:
        return json.loads(told, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return told


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


@click.command(help="Switch a plugin on: in PHASES (filter,score), or in every phase in which it works.")
@_name
@_phases
@target_options
@profile_option
@change_options
@form_options
def enable(
    name: str,
    phases: str | None,
    target: Target,
    profile: str | None,
    reason: str,
    output: str,
    *,
    dry_run: bool,
    headers: bool,
) -> None:
    done = at_desk(
        target,
        lambda o: o.desk.enable(
            name, phases_of(phases), profile=profile, actor=o.actor, reason=reason, dry_run=dry_run
        ),
    )
    tell(done, output, headers=headers, dry_run=dry_run)


@click.command(help="Switch a plugin off: in PHASES, or in every phase in which it works.")
@_name
@_phases
@target_options
@profile_option
@change_options
@yes_option
@form_options
def disable(
    name: str,
    phases: str | None,
    target: Target,
    profile: str | None,
    reason: str,
    output: str,
    *,
    dry_run: bool,
    yes: bool,
    headers: bool,
) -> None:
    confirm(f"Disable {name} in {phases or 'every phase'}", yes=yes or dry_run, must=False)
    done = at_desk(
        target,
        lambda o: o.desk.disable(
            name, phases_of(phases), profile=profile, actor=o.actor, reason=reason, dry_run=dry_run
        ),
    )
    tell(done, output, headers=headers, dry_run=dry_run)


@click.command(help="Let a plugin watch only: it runs after each answer, and only its differences are recorded.")
@_name
@_phases
@target_options
@profile_option
@change_options
@form_options
def shadow(
    name: str,
    phases: str | None,
    target: Target,
    profile: str | None,
    reason: str,
    output: str,
    *,
    dry_run: bool,
    headers: bool,
) -> None:
    done = at_desk(
        target,
        lambda o: o.desk.enable(
            name, phases_of(phases), profile=profile, actor=o.actor, reason=reason, dry_run=dry_run, shadow=True
        ),
    )
    tell(done, output, headers=headers, dry_run=dry_run)


@click.command(
    help="""Change arguments of a plugin; those not named stay as they are.

    KEY=VALUE, VALUE being a number, a boolean or JSON where it looks like one, else text; null takes KEY away.
    """
)
@_name
@click.argument("assignments", metavar="KEY=VALUE...", nargs=-1, required=True)
@target_options
@profile_option
@change_options
@form_options
def config(
    name: str,
    assignments: tuple[str, ...],
    target: Target,
    profile: str | None,
    reason: str,
    output: str,
    *,
    dry_run: bool,
    headers: bool,
) -> None:
    args: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, told = assignment.partition("=")
        if not key or not equals:
            raise click.UsageError(f"{assignment!r} is not KEY=VALUE")
        args[key] = value_of(told)
    done = at_desk(
        target,
        lambda o: o.desk.configure(name, args, profile=profile, actor=o.actor, reason=reason, dry_run=dry_run),
    )
    tell(done, output, headers=headers, dry_run=dry_run)
