"""plugin-manager.sh: the commands of R-038 to R-049, on what trimtab itself runs, with the defaults of R-045."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from extender.cli.change import change_options, profile_option, tell
from extender.cli.completion import complete_plugins
from extender.cli.desk import at_desk
from extender.cli.menu import Run, menu
from extender.cli.output import form_options
from extender.cli.plugin.switch import disable, enable, value_of
from extender.cli.policy.command import backup, history, rollback
from extender.cli.scheduler import restart
from extender.cli.states import listed
from extender.cli.target import Target, target_options

NAME = "plugin-manager.sh"
# Below flags and variables: what the users' documents name where nobody says otherwise.
DEFAULTS = {"namespace": "kube-system", "configmap": "rescheduler-config", "deployment": "rescheduler-scheduler"}


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Manage scheduler plugins while the scheduler runs. Without a command: the menu.

    Exit codes: 0 done, 1 refused, 2 wrong usage, 3 cannot reach what it needs. Environment: NAMESPACE (or
    KUBERNETES_NAMESPACE), CONFIGMAP_NAME, SCHEDULER_DEPLOYMENT.
    """,
)
@click.pass_context
def manager(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        menu(run_with(DEFAULTS))


@click.command(help="Change one argument of a plugin: a number, a boolean or JSON where it looks like one, else text.")
@click.argument("name", metavar="PLUGIN_NAME", shell_complete=complete_plugins)
@click.argument("key", metavar="CONFIG_KEY")
@click.argument("value", metavar="CONFIG_VALUE")
@target_options
@profile_option
@change_options
@form_options
def update(
    name: str,
    key: str,
    value: str,
    target: Target,
    profile: str | None,
    reason: str,
    output: str,
    *,
    dry_run: bool,
    headers: bool,
) -> None:
    args = {key: value_of(value)}
    done = at_desk(
        target,
        lambda o: o.desk.configure(name, args, profile=profile, actor=o.actor, reason=reason, dry_run=dry_run),
    )
    tell(done, output, headers=headers, dry_run=dry_run)


@click.command("list", help="Every plugin with its state per phase and its arguments.")
@target_options
@profile_option
@form_options
def list_(target: Target, profile: str | None, output: str, *, headers: bool) -> None:
    told: dict[str, Any] = at_desk(target, lambda o: o.desk.plugins(profile))
    for warning in told.get("warnings", ()):
        click.echo(f"warning: {warning}", err=True)
    click.echo(listed(told, output, headers=headers), nl=False)


@click.command("help", help="This text.")
@click.pass_context
def help_(ctx: click.Context) -> None:
    assert ctx.parent is not None  # noqa: S101 - it is a command of the group
    click.echo(ctx.parent.get_help())


for _command in (enable, disable, update, list_, restart, help_, backup, history, rollback):
    manager.add_command(_command)


def run_with(defaults: Mapping[str, str]) -> Run:
    """What runs one line as from a shell, with these defaults of options, and answers its exit code."""
    by_command = {name: dict(defaults) for name in manager.commands}

    def run(line: Sequence[str]) -> int:
        code: object = 0
        try:
            code = manager(args=list(line), prog_name=NAME, default_map=by_command)
        except SystemExit as ended:
            code = ended.code
        return code if isinstance(code, int) else 0

    return run


def main() -> None:
    """The entry point."""
    sys.exit(run_with(DEFAULTS)(sys.argv[1:]))
