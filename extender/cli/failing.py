"""How a command ends when it cannot do what it was asked: words on standard error, and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from extender.control.problems import Refused, Unreachable

DONE, NO, USAGE, UNREACHABLE = 0, 1, 2, 3


def fail(message: str, code: int = NO) -> NoReturn:
    click.echo(f"trimtab: {message}", err=True)
    sys.exit(code)


def refused(why: Refused) -> NoReturn:
    """What is wrong, where, and what to do; 3 when somebody could not be reached, else 1."""
    told = [f"{detail.path}: {detail.message}" if detail.path else detail.message for detail in why.details]
    lines = [line for line in told if line not in why.message]
    fail("\n  ".join([why.message, *lines]), UNREACHABLE if isinstance(why, Unreachable) else NO)
