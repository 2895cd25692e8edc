"""The list of commands. Each is imported when it runs, so that `trimtab --help` stays instant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from extender import __version__

# command -> (module, attribute, one line for --help)
COMMANDS = {
    "demo": ("extender.cli.demo", "demo", "A simulated cluster with live traffic, the extender and the console."),
    "extender": ("extender.cli.extender", "extender", "Run the extender: the scheduler verbs and the admin port."),
    "analytics": ("extender.cli.analytics", "analytics", "Run the sidecar: console, APIs and metrics."),
    "policy": ("extender.cli.policy", "policy", "The policy: get, diff, apply, validate, history, rollback, backup."),
    "plugin": (
        "extender.cli.plugin",
        "plugin",
        "Plugins: what is there and where it is on; switch, watch and configure them.",
    ),
    "decisions": (
        "extender.cli.decisions",
        "decisions",
        "What was decided about which pod: list, show, flowchart, compare, export.",
    ),
    "doctor": ("extender.cli.doctor", "doctor", "Check the whole chain, and say what to do."),
    "scheduler": ("extender.cli.scheduler", "scheduler", "Restart kube-scheduler, where somebody asks for it."),
    "why": ("extender.cli.why", "why", "Say why a pod is pending: one cause, the nodes in groups, what to do."),
    "explain": ("extender.cli.explain", "explain", "Say who would decide what about a pod, and why."),
    "kernels": ("extender.cli.kernels", "kernels", "Compile what the extender runs, for an image."),
    "completion": ("extender.cli.completion", "completion", "Print the completion script of a shell."),
    "version": ("extender.cli.version", "version", "Print the version."),
}

USAGE, UNREACHABLE = 2, 3
COMPLETION = "_TRIMTAB_COMPLETE"
ENVIRONMENT = "TRIMTAB"


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _line = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above names commands
        # TRIMTAB_LISTEN, not TRIMTAB_EXTENDER_LISTEN: the prefix is the product's, whatever the command.
        command.context_settings.setdefault("auto_envvar_prefix", ENVIRONMENT)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_module, _attribute, line) in COMMANDS.items()])


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Live scheduling policy for kube-scheduler. Every option is also an environment variable TRIMTAB_<OPTION>. "
    "Without a command, at a terminal: a menu.",
)
@click.version_option(__version__, prog_name="trimtab")
@click.pass_context
def cli(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is not None:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        click.echo(ctx.get_help(), err=True)
        ctx.exit(USAGE)
    from extender.cli.manager import run_with
    from extender.cli.menu import menu

    menu(run_with({}))


def main(args: Sequence[str] | None = None) -> None:
    """Exit codes: 0 fine, 1 findings or "no", 2 usage, 3 cannot reach what it needs."""
    called = "kubectl trimtab" if Path(sys.argv[0]).name == "kubectl-trimtab" else "trimtab"
    sys.exit(cli.main(args=args, prog_name=called, complete_var=COMPLETION, standalone_mode=True))
