"""What commands print: columns, JSON, YAML or names. Data only; messages go to standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

FORMS = ("table", "wide", "json", "yaml", "name")
Command = TypeVar("Command", bound=Callable[..., Any])


def form_options(command: Command) -> Command:
    """-o and --no-headers, given to the command as `output` and `headers`."""
    command = click.option("-o", "--output", type=click.Choice(FORMS), default=FORMS[0], show_default=True)(command)
    return click.option("--no-headers", "headers", flag_value=False, default=True, help="Rows only.")(command)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, three spaces apart, as kubectl prints them; nothing is cut. No rows: empty."""
    if not rows:
        return ""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, headers: bool) -> str:
    return columns([head, *rows] if headers else rows)


def data(value: Any, output: str) -> str:
    """JSON or YAML."""
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))
