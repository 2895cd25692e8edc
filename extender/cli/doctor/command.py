"""The command: what to look at, and how the lines are shown."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from extender.cli.doctor.chain import CHECKS, examine
from extender.cli.doctor.finding import Finding, Level
from extender.cli.doctor.scene import Where
from extender.cli.output import data, form_options, table
from extender.cli.target import Target, target_options

_FINDINGS = 1
_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red", Level.SKIP: "bright_black"}


class Pair(click.ParamType[tuple[str, str]]):
    """NAMESPACE/NAME."""

    name = "NAMESPACE/NAME"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        namespace, _, name = value.partition("/")
        if not namespace or not name or "/" in name:
            self.fail(f"{value!r} is not NAMESPACE/NAME", param, ctx)
        return namespace, name


@click.command(
    help="""Check the whole chain, from the scheduler's configuration to the journal, and say what to do.

    Exit code 1 when a line says fail; 0 otherwise. Nothing is changed; the scheduler port is asked about one pod that
    does not exist.
    """
)
@target_options
@click.option(
    "--scheduler-config",
    type=click.Path(path_type=Path),
    envvar="TRIMTAB_SCHEDULER_CONFIG",
    help="The scheduler's KubeSchedulerConfiguration.",
)
@click.option(
    "--scheduler-configmap", type=Pair(), envvar="TRIMTAB_SCHEDULER_CONFIGMAP", help="... in a ConfigMap, any key."
)
@click.option(
    "--scheduler-url",
    metavar="URL",
    envvar="TRIMTAB_SCHEDULER_URL",
    help="The extender's scheduler port; default: as that configuration says.",
)
@click.option(
    "--server",
    "console",
    metavar="URL",
    envvar="TRIMTAB_SERVER",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="The sidecar.",
)
@click.option(
    "--service-account",
    "account",
    type=Pair(),
    default="trimtab-system/trimtab",
    show_default=True,
    help="The extender's ServiceAccount.",
)
@click.option(
    "--hold-timeout", type=float, default=75.0, show_default=True, help="As given to the extender, in seconds."
)
@click.option("--bind-timeout", type=float, default=10.0, show_default=True, help="... likewise.")
@click.option("--only", type=click.Choice(list(CHECKS)), multiple=True, help="Only this check; repeatable.")
@form_options
def doctor(
    target: Target,
    scheduler_config: Path | None,
    scheduler_configmap: tuple[str, str] | None,
    scheduler_url: str | None,
    console: str,
    account: tuple[str, str],
    hold_timeout: float,
    bind_timeout: float,
    only: tuple[str, ...],
    output: str,
    *,
    headers: bool,
) -> None:
    if scheduler_config and scheduler_configmap:
        raise click.UsageError("--scheduler-config and --scheduler-configmap exclude each other")
    where = Where(
        target=target,
        scheduler_config=scheduler_config,
        scheduler_configmap=scheduler_configmap,
        scheduler_url=scheduler_url,
        console=console.rstrip("/"),
        account=account,
        hold_timeout_s=hold_timeout,
        bind_timeout_s=bind_timeout,
    )
    found = asyncio.run(examine(where, only))
    click.echo(shown(found, output, headers=headers), nl=False)
    click.echo(summed_up(found), err=True)
    sys.exit(_FINDINGS if any(line.level is Level.FAIL for line in found) else 0)


def shown(found: Sequence[Finding], output: str, *, headers: bool) -> str:
    match output:
        case "json" | "yaml":
            return data([asdict(line) | {"level": line.level.value} for line in found], output)
        case "name":
            return "".join(f"{line.check}\n" for line in found if line.level is Level.FAIL)
        case "wide":
            rows = [[line.level.value, line.check, line.message, line.advice or "-"] for line in found]
            return table(["LEVEL", "CHECK", "FOUND", "WHAT TO DO"], rows, headers=headers)
    return "".join(_line(line) for line in found)


def _line(line: Finding) -> str:
    """A line, and below it what to do; in colour at a terminal that wants it."""
    level = line.level.value.ljust(4)
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        level = click.style(level, fg=_COLOURS[line.level])
    advice = f"{'':20}-> {line.advice}\n" if line.advice else ""
    return f"{level}  {line.check.ljust(12)}  {line.message}\n{advice}"


def summed_up(found: Sequence[Finding]) -> str:
    counted = Counter(line.level for line in found)
    told = ", ".join(f"{counted[level]} {level.value}" for level in Level if counted[level])
    return f"trimtab doctor: {told}"
