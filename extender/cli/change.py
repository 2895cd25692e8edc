"""What every command that changes something takes and tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from extender.cli.output import data, table
from extender.control.desk import Changed

Command = TypeVar("Command", bound=Callable[..., Any])


def change_options(command: Command) -> Command:
    """--reason and --dry-run."""
    command = click.option("--reason", default="", help="Why; it stands in history and audit trail.")(command)
    return click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")(command)


def profile_option(command: Command) -> Command:
    return click.option(
        "--profile", metavar="NAME", help="schedulerName of the profile; default: default-scheduler's, else the first."
    )(command)


def tell(done: Changed, output: str, *, headers: bool, dry_run: bool) -> None:
    """The message and warnings on standard error; what was changed on standard output."""
    click.echo(done.message if done.changed else f"{done.message}: it was so already", err=True)
    for warning in done.warnings:
        click.echo(f"warning: {warning}", err=True)
    if output in ("json", "yaml"):
        click.echo(data(told(done), output), nl=False)
    elif output == "name":
        click.echo(f"revision/{done.revision}")
    elif dry_run:
        click.echo(done.diff.unified, nl=False)
    else:
        effective = "yes" if done.effective else "not yet"
        row = [done.revision, str(done.backup_id) if done.backup_id else "-", effective if done.changed else "-"]
        click.echo(table(["REVISION", "BACKUP", "EFFECTIVE"], [row], headers=headers), nl=False)
        if output == "wide":
            click.echo(done.diff.unified, nl=False)


def told(done: Changed) -> dict[str, Any]:
    """As the API's `data`, with the differences beside it."""
    plain: dict[str, Any] = msgspec.to_builtins(done)
    names = ("plugin", "phases", "config") if done.plugin else ()
    return {
        **{name: plain[name] for name in names},
        **{name: plain[name] for name in ("revision", "hash", "backup_id", "warnings", "effective", "changed")},
        "changes": plain["diff"]["changes"],
    }
