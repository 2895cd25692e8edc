"""Sensitive actions ask first, at a terminal; `--yes` answers for scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from extender.cli.failing import fail

Command = TypeVar("Command", bound=Callable[..., Any])


def yes_option(command: Command) -> Command:
    return click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")(command)


def confirm(action: str, *, yes: bool, must: bool) -> None:
    """`must`: without a terminal, `--yes` is needed. Ends the command when the answer is no."""
    if yes:
        return
    if sys.stdin.isatty():
        if not click.confirm(f"{action}?", err=True):
            fail("not done")
    elif must:
        fail(f"{action}: nobody is here to confirm it; add --yes")
