"""scheduler-audit-analyzer: `--validate-config` judges the settings and the logs (R-131, R-310)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from analytics.programs.program import NO, OK, CannotAnswer

_ROOM: Final = "analytics.ingest.audit.check"


def flags() -> list[click.Option]:
    return [
        click.Option(
            ["--validate-config"], is_flag=True, help="Judge the settings, each --audit-log and --audit-rules, and end."
        )
    ]


def once(_ctx: click.Context, given: Mapping[str, Any]) -> int | None:
    if not given["validate_config"]:
        return None
    token: Path | None = given["audit_token_file"]
    problems = [] if token is None else _token(token)
    if not given["audit_log"] and token is None:
        problems.append("there is nothing to read: give --audit-log, or --audit-token-file for the webhook")
    problems += _judge()(given["audit_log"], given["audit_rules"])
    for problem in problems:
        click.echo(problem)
    if not problems:
        click.echo(
            f"all is well: {', '.join(map(str, given['audit_log'])) or 'the webhook'} can be read and understood"
        )
    return NO if problems else OK


def _token(path: Path) -> list[str]:
    try:
        return [] if path.read_text().strip() else [f"--audit-token-file {path}: is empty"]
    except (OSError, UnicodeDecodeError) as why:
        return [f"--audit-token-file {path}: {why}"]


def _judge() -> Callable[[Sequence[Path], Path | None], list[str]]:
    """What is wrong with each log and with own rules. Looked up when needed: other programs do without these rooms."""
    try:
        found: Callable[[Sequence[Path], Path | None], list[str]] = import_module(_ROOM).validate_config
    except ModuleNotFoundError as why:
        raise CannotAnswer("this installation lacks the audit analyzer") from why
    return found
