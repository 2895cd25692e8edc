"""The list of commands. Each is imported when it runs, so that `trimtab --help` stays instant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from extender import __version__

# command -> (module, attribute, one line for --help)
COMMANDS = {
    "demo": ("extender.cli.demo", "demo", "A simulated cluster with live traffic, the extender and the console."),
    "extender": ("extender.cli.extender", "extender", "Run the extender: the scheduler verbs and the admin port."),
    "analytics": ("extender.cli.analytics", "analytics", "Run the sidecar: console, APIs and metrics."),
    "plugin": ("extender.cli.plugin", "plugin", "Plugins: what is installed, what it reads, where it is on."),
    "explain": ("extender.cli.explain", "explain", "Say who would decide what about a pod, and why."),
    "version": ("extender.cli.version", "version", "Print the version."),
}

UNREACHABLE = 3
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
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Live scheduling policy for kube-scheduler. Every option is also an environment variable TRIMTAB_<OPTION>.",
)
@click.version_option(__version__, prog_name="trimtab")
def cli() -> None:
    pass


def main(args: Sequence[str] | None = None) -> None:
    """Exit codes: 0 fine, 1 findings or "no", 2 usage, 3 cannot reach what it needs."""
    sys.exit(cli.main(args=args, prog_name="trimtab", standalone_mode=True))
