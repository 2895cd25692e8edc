"""The noun and its verbs. All of them ask a console, and none changes anything."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from extender.cli.decisions.console import Console, console_options
from extender.cli.decisions.show import compared, listed, shown
from extender.cli.failing import NO, USAGE, fail
from extender.cli.output import form_options

OUTCOMES = ("scheduled", "unschedulable", "error", "unknown")
FORMATS = ("csv", "json", "parquet")
LIST_MAX = 1000


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which decisions; given to the command by the names of the API's parameters."""
    for option in (
        click.option("--until", metavar="TIME", help="Begun before this time."),
        click.option(
            "--since", metavar="TIME", help="Begun since: 15m, 6h, 7d, or a time such as 2026-01-02T03:04:05Z."
        ),
        click.option("--scheduler", help="The scheduler that asked."),
        click.option("--revision", help="Policy revision."),
        click.option("--reason", help="Part of the reason of a rejection."),
        click.option("--plugin", help="A plugin that rejected at least one node."),
        click.option("--node", help="The node that was chosen."),
        click.option("--outcome", type=click.Choice(OUTCOMES), help="How it ended."),
        click.option("--uid", help="UID of the pod."),
        click.option("--pod", metavar="NAME", help="Part of the pod's name, or NAMESPACE/NAME exactly."),
        click.option("-n", "--namespace", help="One namespace, or several joined by commas. [default: all]"),
    ):
        command = option(command)
    return command


@click.group(help="Decisions: list them, explain one, draw it, compare two, and export them.")
def decisions() -> None:
    pass


@decisions.command("list", help="Decisions, newest first.")
@filter_options
@click.option("--limit", type=click.IntRange(1, LIST_MAX), default=20, show_default=True)
@console_options
@form_options
def list_(console: Console, limit: int, output: str, *, headers: bool, **filters: str | None) -> None:
    view = "full" if output in ("json", "yaml") else "summary"
    told = console.data("/api/decisions", limit=limit, view=view, **filters)
    click.echo(listed(told["decisions"], output, headers=headers), nl=False)
    if "continue" in told and output != "name":
        click.echo(f"{len(told['decisions'])} of {told['total']}; --limit shows more", err=True)


@decisions.command(help="One decision with its phases, plugins, rejections and best nodes.")
@click.argument("decision", metavar="ID")
@console_options
@form_options
def show(console: Console, decision: str, output: str, *, headers: bool) -> None:  # noqa: ARG001 - a sheet has none
    click.echo(shown(console.data(_path(decision)), output), nl=False)


@decisions.command(help="Mermaid text of one decision, of a pod's newest one, or of the flow over many.")
@click.argument("decision", metavar="[ID]", required=False)
@click.option("--pod", metavar="NAMESPACE/NAME", help="The newest decision about this pod.")
@click.option("--since", metavar="TIME", help="The flow over what began since: 15m, 6h, 7d, or a time.")
@console_options
def flowchart(console: Console, decision: str | None, pod: str | None, since: str | None) -> None:
    if sum(given is not None for given in (decision, pod, since)) > 1:
        raise click.UsageError("give an ID, or --pod, or --since: one of them")
    click.echo(console.text("/api/flowchart", id=decision, pod=pod, since=since).rstrip("\n"))


@decisions.command(help="What differs between two decisions, such as two attempts at one pod.")
@click.argument("first", metavar="ID")
@click.argument("second", metavar="ID")
@console_options
@form_options
def compare(console: Console, first: str, second: str, output: str, *, headers: bool) -> None:  # noqa: ARG001 - as above
    click.echo(compared(console.data("/api/v1/decisions/compare", a=first, b=second), output), nl=False)


@decisions.command(
    help="All decisions that match, as a file. Parquet can be taken in again: trimtab analytics --import FILE."
)
@filter_options
@click.option("-f", "--file", "path", default="-", help="Where to; - is standard output.", show_default=True)
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: as the file's name ends, else csv]")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="Refused where more match.")
@console_options
def export(console: Console, path: str, form: str | None, limit: int, **filters: str | None) -> None:
    form = form or next((name for name in FORMATS if path.endswith(f".{name}")), "csv")
    parts = console.parts("/api/v1/decisions/export", format=form, limit=limit, **filters)
    if path == "-":
        if form == "parquet" and sys.stdout.isatty():
            fail("Parquet is no text: name a file with -f, or redirect the output", USAGE)
        out = sys.stdout.buffer
        for part in parts:
            out.write(part)
        out.flush()
        return
    size = _kept(Path(path), parts)
    click.echo(f"{path}: {size} bytes", err=True)


def _kept(path: Path, parts: Iterable[bytes]) -> int:
    """The whole file, or none: one that breaks off leaves what was there before."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as wrong:
        fail(f"cannot write {path}: {wrong.strerror or wrong}", NO)
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
            size = file.tell()
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as wrong:
        fail(f"cannot write {path}: {wrong.strerror or wrong}", NO)
    finally:
        Path(name).unlink(missing_ok=True)
    return size


def _path(decision: str) -> str:
    return f"/api/v1/decisions/{quote(decision, safe='')}"
