"""The interactive menu (R-038, R-039). Entries 1 to 7 keep their numbers; new ones come after them.

Each entry runs a command as a line would, so that both do the same. The menu and its questions go to standard error.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

import click

QUIT = "7"
Run = Callable[[Sequence[str]], int]


class Question(NamedTuple):
    words: str
    optional: bool = False


class Entry(NamedTuple):
    words: str
    command: tuple[str, ...]
    """Of plugin-manager.sh; the answers follow it."""
    questions: tuple[Question, ...] = ()


_PLUGIN = Question("Plugin")
_PHASES = Question("Phases, separated by commas (empty: all in which it works)", optional=True)
ENTRIES = {
    "1": Entry("Enable a plugin", ("enable",), (_PLUGIN, _PHASES)),
    "2": Entry("Disable a plugin", ("disable",), (_PLUGIN, _PHASES)),
    "3": Entry("Change a plugin's configuration", ("update",), (_PLUGIN, Question("Key"), Question("Value"))),
    "4": Entry("List plugin states", ("list",)),
    "5": Entry("Restart the scheduler", ("restart",)),
    "6": Entry("Show help", ("help",)),
    QUIT: Entry("Quit", ()),
    "8": Entry("Back up the configuration", ("backup",)),
    "9": Entry("Show the history", ("history",)),
    "10": Entry("Roll back to a revision", ("rollback",), (Question("Number of the revision"),)),
}


def menu(run: Run) -> None:
    """Until 7, or the end of the input. `run`: runs a line of plugin-manager.sh and answers its exit code."""
    while True:
        for number, entry in ENTRIES.items():
            click.echo(f"{number:>3}  {entry.words}", err=True)
        try:
            choice = _asked(Question("Choose"))
            if choice == QUIT:
                return
            if choice not in ENTRIES:
                click.echo(f"{choice!r} is not in the menu", err=True)
                continue
            entry = ENTRIES[choice]
            answers = [_asked(question) for question in entry.questions]
        except (click.Abort, EOFError, KeyboardInterrupt):
            click.echo(err=True)
            return
        line = [*entry.command, *(answer for answer in answers if answer)]
        click.echo(f"> {shlex.join(line)}", err=True)
        if code := run(line):
            click.echo(f"(exit code {code})", err=True)
        click.echo(err=True)


def _asked(question: Question) -> str:
    """Raises EOFError, KeyboardInterrupt or click.Abort when there is nobody to answer."""
    while True:
        click.echo(f"{question.words}: ", err=True, nl=False)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        if line.strip() or question.optional:
            return line.strip()
