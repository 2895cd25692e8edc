"""trimtab analytics: start the sidecar. It is another program: nothing of it is imported here."""

import os
import sys

import click


@click.command(
    help="Run the sidecar (the same as python -m analytics); its options follow.",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def analytics(args: tuple[str, ...]) -> None:
    os.execv(sys.executable, [sys.executable, "-m", "analytics", *args])  # noqa: S606 - our own interpreter
